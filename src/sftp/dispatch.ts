import { extensionAt } from "./extensions/table.ts";
import * as directories from "./operations/directories.ts";
import * as files from "./operations/files.ts";
import * as paths from "./operations/paths.ts";
import { read } from "./operations/read.ts";
import { write } from "./operations/write.ts";
import { unsupportedReply } from "./replies.ts";
import { observe, type Request, serial } from "./request.ts";
import { PacketType } from "./wire/constants.ts";
import type { FrameQueue } from "./wire/frames.ts";

/** Every request by its type, but INIT, which begins a session, and EXTENDED, which has a table. */
const REQUESTS: ReadonlyMap<number, Request> = new Map<number, Request>([
  [PacketType.OPEN, serial(files.open)],
  [PacketType.CLOSE, serial(files.close)],
  [PacketType.READ, read],
  [PacketType.WRITE, write],
  [PacketType.LSTAT, observe(paths.lstat)],
  [PacketType.FSTAT, observe(files.fstat)],
  [PacketType.SETSTAT, serial(paths.setstat)],
  [PacketType.FSETSTAT, serial(files.fsetstat)],
  [PacketType.OPENDIR, serial(directories.opendir)],
  [PacketType.READDIR, serial(directories.readdir)],
  [PacketType.REMOVE, serial(paths.remove)],
  [PacketType.MKDIR, serial(directories.mkdir)],
  [PacketType.RMDIR, serial(directories.rmdir)],
  [PacketType.REALPATH, observe(paths.realpath)],
  [PacketType.STAT, observe(paths.stat)],
  [PacketType.RENAME, serial(paths.rename)],
  [PacketType.READLINK, observe(paths.readlink)],
  [PacketType.SYMLINK, serial(paths.symlink)],
]);

const UNSUPPORTED = observe(async (_context, id) => unsupportedReply(id));

/** The request at the head of the queue, which is there as a whole. */
export function requestAt(frames: FrameQueue): Request {
  const type = frames.u8(4);
  if (type === PacketType.EXTENDED) return extensionAt(frames);
  return REQUESTS.get(type) ?? UNSUPPORTED;
}
