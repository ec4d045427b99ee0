import { FileError } from "../errors.ts";
import type { Pace } from "./pace.ts";

/** What one connection may have on its way: as stock sftp has on a short line, and the most, in bytes. */
const SHORT_LINE = 2 * 1024 * 1024;
const LONGEST_LINE = 64 * 1024 * 1024;

/** What a line carries at most, in bytes a millisecond. */
const LINE_SPEED = 640 * 1000;

/** Replies that are waited for, however small the requests are. */
export const MOST_REQUESTS = 1024;

/**
 * How much one file may have on the way while `files` share the connection, in bytes: read requests, or
 * unacknowledged writes. More than the line holds would pile up in the server's memory, and cost it a
 * third more of the processor.
 * @param roundTrip of the line, in milliseconds
 */
export function share(requestSize: number, files: number, roundTrip: number): number {
  const line = Math.max(SHORT_LINE, Math.min(LONGEST_LINE, roundTrip * LINE_SPEED));
  const requests = Math.min(line / Math.max(1, files), MOST_REQUESTS * requestSize);
  return Math.max(requests, requestSize);
}

export interface BulkOptions {
  readonly from: number;
  readonly size: number;
  readonly signal: AbortSignal;
  /** bounds the rate */
  readonly pace?: Pace | undefined;
  /** how many files share the connection now */
  files(): number;
  /** all bytes before this position are where they belong */
  onProgress(position: number): void;
}

export function shortened(path: string): FileError {
  return new FileError(`${path}: became shorter while it was transferred`, "changed");
}
