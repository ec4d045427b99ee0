import type { Operation, OperationContext } from "./context.ts";
import type { FrameQueue } from "./wire/frames.ts";
import { Reader } from "./wire/reader.ts";

/**
 * What may run beside what. "observe" changes nothing and may overlap other such requests;
 * "serial" waits for all before it and holds back all behind it.
 */
export type Kind = "observe" | "serial";

/** All that the scheduler knows of a request, whose whole frame is at the head of the queue. */
export interface Request {
  readonly kind: Kind;
  /** bytes that the reply may take, where they are many */
  replyRoom?(frames: FrameQueue): number;
  /** The received bytes stay in memory until it is done: only then the client gets credit for them. */
  readonly keepsFrames?: boolean;
  /**
   * Takes the frame off the queue before it returns, and those behind it that are done along with it.
   * Resolves to the replies of all of them; what it throws becomes the STATUS of the first.
   */
  start(context: OperationContext, id: number, frames: FrameQueue): Promise<Buffer>;
}

/** A request that changes nothing. */
export function observe(run: Operation): Request {
  return { kind: "observe", start: whole(run) };
}

/** A request that others may not overlap. */
export function serial(run: Operation): Request {
  return { kind: "serial", start: whole(run) };
}

function whole(run: Operation): Request["start"] {
  return (context, id, frames) => run(context, id, takeFields(frames));
}

/** Takes the request at the head of the queue; the reader is at what follows the id. */
export function takeFields(frames: FrameQueue): Reader {
  return new Reader(frames.takeFrame(), 9);
}
