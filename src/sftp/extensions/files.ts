import { FsError } from "../../errors.ts";
import type { OpenFile } from "../../vfs/types.ts";
import type { Operation } from "../context.ts";
import { eofReply, okReply } from "../replies.ts";

/** fsync@openssh.com (OpenSSH PROTOCOL, 4.6). */
export const fsync: Operation = async ({ handles }, id, request) => {
  await handles.file(request.handle()).file.sync();
  return okReply(id);
};

/**
 * copy-data (draft-ietf-secsh-filexfer-extensions-00, section 7): a length of 0 copies to the end
 * of the source; a source that ends before the length asked is answered with EOF.
 */
export const copyData: Operation = async ({ fs, handles }, id, request) => {
  const source = handles.file(request.handle()).file;
  const from = request.u64();
  const length = request.u64();
  const target = handles.file(request.handle()).file;
  const to = request.u64();
  if (!source.flags.read || !target.flags.write) throw new FsError("EBADF");
  if (target.flags.append) throw new FsError("EINVAL");
  if (!Number.isSafeInteger(to)) throw new FsError("EFBIG");
  if (!Number.isSafeInteger(from)) return length === 0 ? okReply(id) : eofReply(id);
  const wanted = Number.isSafeInteger(from + length) ? length : 0;
  if (source.inode === target.inode) await refuseOverlap(source, from, wanted, to);
  const copied = await fs.copy(source, from, wanted, target, to);
  return length !== 0 && copied < length ? eofReply(id) : okReply(id);
};

/** Copying a range of a file onto itself has no answer that does not depend on the buffer size. */
async function refuseOverlap(file: OpenFile, from: number, length: number, to: number) {
  const { size } = await file.stat();
  const end = length === 0 ? size : Math.min(size, from + length);
  if (end > from && to < end && from < to + (end - from)) {
    throw new FsError("EINVAL");
  }
}
