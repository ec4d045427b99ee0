import type { FrameQueue } from "./wire/frames.ts";
import { joinU64 } from "./wire/reader.ts";

/** READ and WRITE begin alike: id, handle, offset, length (draft-ietf-secsh-filexfer-02, 6.4). */
export interface DataRequest {
  readonly id: number;
  readonly handle: number;
  /** bytes; Infinity from 2^53 on */
  readonly position: number;
  /** bytes of data asked for, or that follow */
  readonly length: number;
  /** bytes of the whole frame, its length field included */
  readonly frameBytes: number;
}

/** Bytes of a WRITE before its data, with a handle of ours. */
export const TRANSFER_HEADER = 33;

const HANDLE_BYTES = 8;

/**
 * The fields of the READ or WRITE at the head of the queue, which stays there: it may have to wait.
 * Undefined when it is malformed or its handle can't be one of ours.
 */
export function peekTransfer(frames: FrameQueue): DataRequest | undefined {
  const frameBytes = 4 + frames.nextLength();
  if (frameBytes < TRANSFER_HEADER || frames.u32(9) !== HANDLE_BYTES) return undefined;
  return {
    id: frames.u32(5),
    handle: joinU64(frames.u32(13), frames.u32(17)),
    position: joinU64(frames.u32(21), frames.u32(25)),
    length: frames.u32(29),
    frameBytes,
  };
}
