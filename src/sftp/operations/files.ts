import type { DigestAlgorithm } from "../../digests/types.ts";
import { FsError } from "../../errors.ts";
import type { OpenFlags } from "../../vfs/types.ts";
import type { Operation } from "../context.ts";
import { alongNamed } from "../extensions/check-file.ts";
import { UNKNOWN_END } from "../handles.ts";
import { attrsReply, handleReply, okReply } from "../replies.ts";
import { readAttrs, toChange } from "../wire/attrs.ts";
import { CHECK_ALONG, OpenFlag } from "../wire/constants.ts";

/** Flags bit by bit; one that asks for neither reading nor writing reads, as O_RDONLY is 0. */
export function toOpenFlags(bits: number): OpenFlags {
  const write = (bits & OpenFlag.WRITE) !== 0;
  return {
    read: (bits & OpenFlag.READ) !== 0 || !write,
    write,
    append: (bits & OpenFlag.APPEND) !== 0,
    create: (bits & OpenFlag.CREAT) !== 0,
    truncate: (bits & OpenFlag.TRUNC) !== 0,
    exclusive: (bits & OpenFlag.EXCL) !== 0,
  };
}

/**
 * OPEN (section 6.3). Of the attributes only the permissions of a file that gets created count:
 * WinSCP sends the whole size, sshfs a type and permissions of 0 with every plain open. The size is
 * what is told of an upload that breaks off. An extended attribute says which checksum will be asked
 * for ({@link CHECK_ALONG}).
 */
export const open: Operation = async ({ fs, handles }, id, request) => {
  const path = request.path();
  const flags = toOpenFlags(request.u32());
  let along: DigestAlgorithm | undefined;
  const { permissions, size } = readAttrs(request, (type, data) => {
    if (type.toString("latin1") === CHECK_ALONG) along = alongNamed(data);
  });
  handles.reserve();
  const mode = permissions === undefined ? undefined : permissions & 0o777;
  const file = await fs.open(path, flags, mode);
  if (size !== undefined && size > 0 && flags.write) file.expect?.(size);
  if (along !== undefined && flags.write) file.checkAlong?.(along);
  return handleReply(
    id,
    handles.add({ kind: "file", file, expectedEnd: file.sizeAtFirst ?? UNKNOWN_END }),
  );
};

export const close: Operation = async ({ handles }, id, request) => {
  await handles.close(request.handle());
  return okReply(id);
};

export const fstat: Operation = async ({ fs, handles }, id, request) => {
  const { file } = handles.file(request.handle());
  return attrsReply(id, await file.stat(), fs.owner);
};

export const fsetstat: Operation = async ({ handles }, id, request) => {
  const handle = handles.file(request.handle());
  const change = toChange(readAttrs(request));
  if (change.size !== undefined && !handle.file.flags.write) throw new FsError("EBADF");
  await handle.file.setStat(change);
  return okReply(id);
};
