import { type Attrs, readAttrs } from "../../src/sftp/wire/attrs.ts";
import { PacketType } from "../../src/sftp/wire/constants.ts";
import { Reader } from "../../src/sftp/wire/reader.ts";
import type { Command } from "./openssh-sftp-server-commands.ts";
import type { ClientAttrs } from "./sftp-client-packets.ts";

/** What stands for the bytes of a WRITE: the letter x. */
const FILL = 0x78;

/** Times of the recording are written as this one: seconds since 1970. */
const MOMENT = 1_700_000_000;
const DAY = 86_400;

/** The number of a handle that the server gave out. */
type SlotOf = (handle: Buffer) => number;
type Decoder = (reader: Reader, slotOf: SlotOf) => Command;

/** Names that a client makes by chance are alike in all recordings. */
function path(reader: Reader): string {
  const name = reader.string().toString("latin1");
  return name.replace(/\.[0-9a-z]{8}\.partial$/, ".chance.partial");
}

function time(seconds: number): number {
  return Math.abs(seconds - Date.now() / 1000) < DAY ? MOMENT : seconds;
}

function attrs(reader: Reader): ClientAttrs {
  const { size, owner, permissions, times }: Attrs = readAttrs(reader);
  return {
    ...(size === undefined ? {} : { size }),
    ...(owner === undefined ? {} : { owner: [owner.uid, owner.gid] }),
    ...(permissions === undefined ? {} : { permissions }),
    ...(times === undefined ? {} : { times: [time(times.atime), time(times.mtime)] }),
  };
}

function ids(reader: Reader): number[] {
  const list = new Reader(reader.string());
  const found: number[] = [];
  while (list.remaining > 0) found.push(list.u32());
  return found;
}

const DECODERS: Readonly<Record<number, Decoder>> = {
  [PacketType.OPEN]: (r) => ({ op: "open", path: path(r), flags: r.u32(), attrs: attrs(r) }),
  [PacketType.CLOSE]: (r, slotOf) => ({ op: "close", slot: slotOf(r.string()) }),
  [PacketType.READ]: (r, slotOf) => {
    const slot = slotOf(r.string());
    return { op: "read", slot, position: r.u64(), length: r.u32() };
  },
  [PacketType.WRITE]: (r, slotOf) => {
    const slot = slotOf(r.string());
    return { op: "write", slot, position: r.u64(), length: r.u32(), fill: FILL };
  },
  [PacketType.LSTAT]: (r) => ({ op: "lstat", path: path(r) }),
  [PacketType.STAT]: (r) => ({ op: "stat", path: path(r) }),
  [PacketType.FSTAT]: (r, slotOf) => ({ op: "fstat", slot: slotOf(r.string()) }),
  [PacketType.SETSTAT]: (r) => ({ op: "setstat", path: path(r), attrs: attrs(r) }),
  [PacketType.FSETSTAT]: (r, slotOf) => {
    return { op: "fsetstat", slot: slotOf(r.string()), attrs: attrs(r) };
  },
  [PacketType.OPENDIR]: (r) => ({ op: "opendir", path: path(r) }),
  [PacketType.READDIR]: (r, slotOf) => ({ op: "readdir", slot: slotOf(r.string()) }),
  [PacketType.REMOVE]: (r) => ({ op: "remove", path: path(r) }),
  [PacketType.MKDIR]: (r) => ({ op: "mkdir", path: path(r), attrs: attrs(r) }),
  [PacketType.RMDIR]: (r) => ({ op: "rmdir", path: path(r) }),
  [PacketType.REALPATH]: (r) => ({ op: "realpath", path: path(r) }),
  [PacketType.RENAME]: (r) => ({ op: "rename", path: path(r), to: path(r) }),
  [PacketType.READLINK]: (r) => ({ op: "readlink", path: path(r) }),
  [PacketType.SYMLINK]: (r) => ({ op: "symlink", target: path(r), path: path(r) }),
};

const EXTENDED: Readonly<Record<string, Decoder>> = {
  "posix-rename@openssh.com": (r) => ({ op: "posixRename", path: path(r), to: path(r) }),
  "hardlink@openssh.com": (r) => ({ op: "hardlink", path: path(r), to: path(r) }),
  "fsync@openssh.com": (r, slotOf) => ({ op: "fsync", slot: slotOf(r.string()) }),
  "lsetstat@openssh.com": (r) => ({ op: "lsetstat", path: path(r), attrs: attrs(r) }),
  "expand-path@openssh.com": (r) => ({ op: "expandPath", path: path(r) }),
  "statvfs@openssh.com": (r) => ({ op: "statvfs", path: path(r) }),
  "fstatvfs@openssh.com": (r, slotOf) => ({ op: "fstatvfs", slot: slotOf(r.string()) }),
  "limits@openssh.com": () => ({ op: "limits" }),
  "users-groups-by-id@openssh.com": (r) => ({ op: "usersGroups", uids: ids(r), gids: ids(r) }),
  "home-directory": (r) => ({ op: "homeDirectory", user: path(r) }),
};

/**
 * The request of a frame, with the number of a handle as its slot.
 * @throws Error for one that recordings have no form for
 */
export function decode(frame: Buffer, slotOf: SlotOf): Command {
  const reader = new Reader(frame, 9);
  const type = frame.readUInt8(4);
  const name = type === PacketType.EXTENDED ? reader.string().toString() : undefined;
  const decoder = name === undefined ? DECODERS[type] : EXTENDED[name];
  if (decoder === undefined) throw new Error(`no form for the request ${name ?? type}`);
  return decoder(reader, slotOf);
}
