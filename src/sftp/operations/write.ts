import { FsError } from "../../errors.ts";
import type { OpenFile } from "../../vfs/types.ts";
import type { OperationContext } from "../context.ts";
import { okReply } from "../replies.ts";
import { type Request, takeFields } from "../request.ts";
import { MAX_FRAME, PacketType } from "../wire/constants.ts";
import type { FrameQueue } from "../wire/frames.ts";
import { joinU64, type Reader } from "../wire/reader.ts";
import { type WritePart, writeParts } from "./write-batch.ts";

/** Bytes of consecutive WRITEs that go to the disk as one; the rest gathers behind. */
const MAX_BATCH = 2 * 1024 * 1024;
const MAX_PARTS = 512;

/** Bytes of a WRITE before its data, with a handle of ours. */
const HEADER = 33;
const HANDLE_BYTES = 8;

/** The fields before the data, and how long that is. */
interface Header {
  readonly id: number;
  readonly handle: number;
  /** bytes; Infinity from 2^53 on */
  readonly position: number;
  readonly length: number;
}

/**
 * WRITE (section 6.4). Its data is not copied, and those behind it that go on where it ends in the
 * file are done along with it.
 */
export const write: Request = { kind: "serial", keepsFrames: true, start };

async function start({ handles }: OperationContext, id: number, frames: FrameQueue) {
  const header = peekHeader(frames);
  if (header === undefined) return refuse(takeFields(frames));
  const first = takePart(frames, header);
  const { file } = handles.file(header.handle);
  if (!file.flags.write) throw new FsError("EBADF", "The handle is not open for writing");
  const end = header.position + header.length;
  if (!file.flags.append && !Number.isSafeInteger(end)) throw new FsError("EFBIG");
  if (header.length === 0) return okReply(id);
  return writeParts(file, [first, ...takeFollowing(frames, file, header)]);
}

/** A WRITE whose fields don't add up, or whose handle was never ours. */
function refuse(request: Reader): never {
  request.handle();
  request.u64();
  request.string();
  throw new FsError("EBADF");
}

/** Of the WRITE at the head of the queue; undefined when that is not one with a handle of ours. */
function peekHeader(frames: FrameQueue): Header | undefined {
  const frameBytes = 4 + frames.nextLength();
  if (frameBytes < HEADER || frameBytes > 4 + MAX_FRAME || frames.u8(4) !== PacketType.WRITE)
    return undefined;
  const length = frames.u32(29);
  if (frames.u32(9) !== HANDLE_BYTES || length > frameBytes - HEADER) return undefined;
  return {
    id: frames.u32(5),
    handle: joinU64(frames.u32(13), frames.u32(17)),
    position: joinU64(frames.u32(21), frames.u32(25)),
    length,
  };
}

function takePart(frames: FrameQueue, { id, position, length }: Header): WritePart {
  const rest = 4 + frames.nextLength() - HEADER - length;
  const slices: Buffer[] = [];
  frames.skip(HEADER);
  frames.takeSlices(length, slices);
  frames.skip(rest);
  return { id, position, length, slices };
}

/** The WRITEs at the head of the queue that go on where the first one ends. */
function takeFollowing(frames: FrameQueue, file: OpenFile, first: Header): WritePart[] {
  const parts: WritePart[] = [];
  const most = Math.min(MAX_BATCH, file.mostAtOnce ?? MAX_BATCH);
  let { length } = first;
  while (frames.hasFrame && parts.length < MAX_PARTS - 1) {
    const next = peekHeader(frames);
    if (next === undefined || next.handle !== first.handle || next.length === 0) break;
    if (length + next.length > most) break;
    // Behind the end is where an append goes, whatever offset the client sent.
    if (!file.flags.append && next.position !== first.position + length) break;
    parts.push(takePart(frames, next));
    length += next.length;
  }
  return parts;
}
