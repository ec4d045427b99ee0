import type { FileHandle } from "./handles.ts";
import { eofReply } from "./replies.ts";
import { DATA_HEADER, PacketType } from "./wire/constants.ts";
import { frameMemory, recycle } from "./wire/frame-memory.ts";

/** {@link FileHandle.expectedEnd} before the first read. */
export const UNKNOWN_END = -1;

/** What a first large READ gets at once: most files of a directory tree are smaller. */
const PROBE = 32 * 1024;

/** READs up to this allocate what they ask for. */
const PLAIN = 64 * 1024;

/**
 * Reads straight into the reply frame, behind its header. The reply has the whole length unless the
 * file ends before it (EOF at or past the end).
 * Clients ask for 255 KiB of every file, so the first attempt asks for as much as the file seems to
 * have; a guess that proves too short is followed by one more read.
 */
export function read(
  handle: FileHandle,
  id: number,
  position: number,
  length: number,
): Promise<Buffer> {
  const size = guess(handle, position, length);
  const frame = frameMemory(size);
  return handle.file.read(frame, DATA_HEADER, size, position).then(
    (count) => {
      if (count === size && size < length) {
        handle.expectedEnd = Number.POSITIVE_INFINITY;
        return readRest(handle, id, position, length, frame, size);
      }
      if (count < size) handle.expectedEnd = position + count;
      return reply(frame, id, count);
    },
    (thrown) => {
      recycle(frame);
      throw thrown;
    },
  );
}

/** Reads what is missing behind the first `have` bytes in `start`. */
async function readRest(
  handle: FileHandle,
  id: number,
  position: number,
  length: number,
  start: Buffer,
  have: number,
): Promise<Buffer> {
  const frame = frameMemory(length);
  frame.set(start.subarray(DATA_HEADER, DATA_HEADER + have), DATA_HEADER);
  recycle(start);
  const offset = DATA_HEADER + have;
  try {
    const count = await handle.file.read(frame, offset, length - have, position + have);
    return reply(frame, id, have + count);
  } catch (thrown) {
    recycle(frame);
    throw thrown;
  }
}

function guess(handle: FileHandle, position: number, length: number): number {
  const end = handle.expectedEnd;
  if (length <= PLAIN || end === Number.POSITIVE_INFINITY) return length;
  if (end === UNKNOWN_END) return PROBE;
  // One byte more than expected: reading less than that proves the end.
  return Math.min(length, Math.max(end - position, 0) + 1);
}

/** The reply with the first `count` bytes of data in `frame`. */
function reply(frame: Buffer, id: number, count: number): Buffer {
  if (count === 0) {
    recycle(frame);
    return eofReply(id);
  }
  const data = dataReply(frame, id, count);
  if (data.length * 2 >= frame.length) return data;
  // A short reply that waits to be sent must not keep a long buffer.
  const copy = Buffer.from(data);
  recycle(frame);
  return copy;
}

function dataReply(frame: Buffer, id: number, count: number): Buffer {
  const length = DATA_HEADER + count;
  frame.writeUInt32BE(length - 4, 0);
  frame[4] = PacketType.DATA;
  frame.writeUInt32BE(id, 5);
  frame.writeUInt32BE(count, 9);
  return length === frame.length ? frame : frame.subarray(0, length);
}

/** The answer to a READ of no bytes. */
export function emptyData(id: number): Buffer {
  return dataReply(Buffer.allocUnsafe(DATA_HEADER), id, 0);
}
