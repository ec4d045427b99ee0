import { FsError } from "../../errors.ts";
import type { OpenFile } from "../../vfs/types.ts";
import type { Operation } from "../context.ts";
import { type FileHandle, UNKNOWN_END } from "../handles.ts";
import { eofReply } from "../replies.ts";
import { observe, type Request } from "../request.ts";
import { DATA_HEADER, MAX_DATA, PacketType } from "../wire/constants.ts";
import { frameMemory, frameRoom, recycle } from "../wire/frame-memory.ts";
import type { FrameQueue } from "../wire/frames.ts";

/** What a first large READ of a file of unknown size gets at once: most are smaller. */
const PROBE = 32 * 1024;

/** READs up to this allocate what they ask for, where the size is not known. */
const PLAIN = 64 * 1024;

/** Where a READ with a handle of ours says how many bytes it wants. */
const LENGTH_AT = 29;

/** READ (section 6.4). The reply has the whole length unless the file ends before it. */
const run: Operation = async ({ handles }, id, request) => {
  const number = request.handle();
  const position = request.u64();
  const length = Math.min(request.u32(), MAX_DATA);
  const handle = handles.file(number);
  if (!handle.file.flags.read) throw new FsError("EBADF", "The handle is not open for reading");
  if (length === 0) return dataReply(Buffer.allocUnsafe(DATA_HEADER), id, 0);
  if (!Number.isSafeInteger(position + length)) return eofReply(id);
  // Not awaited: what awaits would keep the request's frame in memory, for which there is credit.
  return readData(handle, id, position, length);
};

export const read: Request = { ...observe(run), replyRoom };

function replyRoom(frames: FrameQueue): number {
  if (frames.nextLength() < LENGTH_AT) return 0;
  return frameRoom(Math.min(frames.u32(LENGTH_AT), MAX_DATA));
}

/**
 * Reads straight into the reply frame, behind its header. Clients ask for 255 KiB of every file, so
 * the first attempt asks for as much as the file seems to have; a guess that proves too short is
 * followed by one more read.
 */
async function readData(
  handle: FileHandle,
  id: number,
  position: number,
  length: number,
): Promise<Buffer> {
  const size = guess(handle, position, length);
  const frame = frameMemory(size);
  const count = await readInto(frame, 0, handle.file, size, position);
  if (count < size) handle.expectedEnd = position + count;
  if (count < size || size === length) return reply(frame, id, count);
  handle.expectedEnd = Number.POSITIVE_INFINITY;
  const longer = frameMemory(length);
  longer.set(frame.subarray(DATA_HEADER, DATA_HEADER + size), DATA_HEADER);
  recycle(frame);
  const more = await readInto(longer, size, handle.file, length - size, position + size);
  return reply(longer, id, size + more);
}

/** Reads behind the `have` bytes of data that are in the frame, which is recycled when that fails. */
async function readInto(
  frame: Buffer,
  have: number,
  file: OpenFile,
  length: number,
  position: number,
): Promise<number> {
  try {
    return await file.read(frame, DATA_HEADER + have, length, position);
  } catch (thrown) {
    recycle(frame);
    throw thrown;
  }
}

function guess(handle: FileHandle, position: number, length: number): number {
  const end = handle.expectedEnd;
  if (end === Number.POSITIVE_INFINITY) return length;
  if (end === UNKNOWN_END) return length <= PLAIN ? length : PROBE;
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
