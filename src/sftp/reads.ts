import { DATA_HEADER, PacketType } from "./constants.ts";
import type { FileHandle } from "./handles.ts";
import { eofReply } from "./replies.ts";

/** {@link FileHandle.expectedEnd} before the first read. */
export const UNKNOWN_END = -1;

/** What a first large READ gets at once: most files of a directory tree are smaller. */
const PROBE = 32 * 1024;

/** READs up to this allocate what they ask for. */
const PLAIN = 64 * 1024;

/**
 * Reads straight into the reply frame, behind its header. The reply has the whole length unless the
 * file ends before it (EOF at or past the end).
 * Clients ask for 255 KiB of every file, so the frame is first made as long as the file seems to
 * be; a guess that proves too short is followed by one more read.
 */
export function read(
  handle: FileHandle,
  id: number,
  position: number,
  length: number,
): Promise<Buffer> {
  const size = guess(handle, position, length);
  const frame = allocate(size);
  return handle.file.read(frame, DATA_HEADER, size, position).then((count) => {
    if (count < size) {
      handle.expectedEnd = position + count;
      return count === 0 ? eofReply(id) : dataReply(frame, id, count);
    }
    if (size === length) return dataReply(frame, id, count);
    handle.expectedEnd = Number.POSITIVE_INFINITY;
    return readRest(handle, id, position, length, frame.subarray(DATA_HEADER));
  });
}

async function readRest(
  handle: FileHandle,
  id: number,
  position: number,
  length: number,
  start: Buffer,
): Promise<Buffer> {
  const frame = allocate(length);
  frame.set(start, DATA_HEADER);
  const missing = length - start.length;
  const offset = DATA_HEADER + start.length;
  const count = await handle.file.read(frame, offset, missing, position + start.length);
  return dataReply(frame, id, start.length + count);
}

function guess(handle: FileHandle, position: number, length: number): number {
  const end = handle.expectedEnd;
  if (length <= PLAIN || end === Number.POSITIVE_INFINITY) return length;
  if (end === UNKNOWN_END) return PROBE;
  // One byte more than expected: reading less than that proves the end.
  return Math.min(length, Math.max(end - position, 0) + 1);
}

function allocate(data: number): Buffer {
  const length = DATA_HEADER + data;
  // The shared pool would keep 8 KiB alive for a large frame's neighbour; and nothing is zeroed.
  return length > 4096 ? Buffer.allocUnsafeSlow(length) : Buffer.allocUnsafe(length);
}

/** Completes the frame's header for `count` bytes of data that lie behind it. */
export function dataReply(frame: Buffer, id: number, count: number): Buffer {
  const length = DATA_HEADER + count;
  const reply = length === frame.length ? frame : shorten(frame, length);
  reply.writeUInt32BE(length - 4, 0);
  reply[4] = PacketType.DATA;
  reply.writeUInt32BE(id, 5);
  reply.writeUInt32BE(count, 9);
  return reply;
}

/** The start of a frame. A short reply that waits to be sent must not keep a long one alive. */
function shorten(frame: Buffer, length: number): Buffer {
  const start = frame.subarray(0, length);
  return length * 2 < frame.length ? Buffer.from(start) : start;
}

/** The answer to a READ of no bytes. */
export function emptyData(id: number): Buffer {
  return dataReply(Buffer.allocUnsafe(DATA_HEADER), id, 0);
}
