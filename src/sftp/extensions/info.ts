import { FsError } from "../../errors.ts";
import type { FileSystemStat, Owner } from "../../vfs/types.ts";
import type { Operation } from "../context.ts";
import { MAX_DATA, MAX_PACKET, PacketType } from "../wire/constants.ts";
import { MalformedError } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

/** limits@openssh.com (OpenSSH PROTOCOL, 4.8): bytes a packet, a READ, a WRITE; open handles. */
export const limits: Operation = async ({ handles }, id) => {
  return new Writer(PacketType.EXTENDED_REPLY)
    .u32(id)
    .u64(MAX_PACKET)
    .u64(MAX_DATA)
    .u64(MAX_DATA)
    .u64(handles.max)
    .finish();
};

/** statvfs@openssh.com (OpenSSH PROTOCOL, 4.4): the quota of the home or folder that it is in. */
export const statvfs: Operation = async ({ fs }, id, request) => {
  const path = request.path();
  await fs.stat(path);
  return statvfsReply(id, await fs.fileSystemStat(await fs.realPath(path)));
};

export const fstatvfs: Operation = async ({ fs, handles }, id, request) => {
  const open = handles.get(request.handle());
  if (open === undefined) throw new FsError("EBADF");
  const { path } = open.kind === "file" ? open.file : open.directory;
  return statvfsReply(id, await fs.fileSystemStat(path));
};

const ST_RDONLY = 1n;
const ST_NOSUID = 2n;

function statvfsReply(id: number, stat: FileSystemStat): Buffer {
  return new Writer(PacketType.EXTENDED_REPLY)
    .u32(id)
    .u64(stat.bsize)
    .u64(stat.frsize)
    .u64(stat.blocks)
    .u64(stat.bfree)
    .u64(stat.bavail)
    .u64(stat.files)
    .u64(stat.ffree)
    .u64(stat.favail)
    .u64(stat.fsid)
    .u64(stat.readOnly ? ST_RDONLY | ST_NOSUID : ST_NOSUID)
    .u64(stat.namemax)
    .finish();
}

/** Ids one request may ask for, so that the reply stays far below a packet. */
const MAX_IDS = 2048;

/**
 * users-groups-by-id@openssh.com (OpenSSH PROTOCOL, 4.12): only the virtual owner has a name, every
 * other id gets an empty one.
 */
export const usersGroupsById: Operation = async ({ fs }, id, request) => {
  const users = request.string();
  const groups = request.string();
  const { owner } = fs;
  return new Writer(PacketType.EXTENDED_REPLY)
    .u32(id)
    .string(names(users, owner.uid, owner.user))
    .string(names(groups, owner.gid, owner.group))
    .finish();
};

function names(ids: Buffer, known: Owner["uid"], name: string): Buffer {
  if (ids.length % 4 !== 0) throw new MalformedError();
  if (ids.length / 4 > MAX_IDS) throw new FsError("EINVAL");
  const text = Buffer.from(name, "utf8");
  const found = Buffer.concat([Buffer.alloc(4), text]);
  found.writeUInt32BE(text.length);
  const missing = Buffer.alloc(4);
  const out: Buffer[] = [];
  for (let at = 0; at < ids.length; at += 4) {
    out.push(ids.readUInt32BE(at) === known ? found : missing);
  }
  return Buffer.concat(out);
}
