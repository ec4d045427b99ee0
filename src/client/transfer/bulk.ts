import { FileError } from "../errors.ts";
import type { Pace } from "./pace.ts";

/** Read requests on their way, or unacknowledged writes, of all files of a connection, in bytes. */
const ON_THE_WAY = 64 * 1024 * 1024;

/** Replies that are waited for, however small the requests are. */
export const MOST_REQUESTS = 1024;

/** How much one file may have on the way while `files` share the connection, in bytes. */
export function share(requestSize: number, files: number): number {
  const requests = Math.min(ON_THE_WAY / Math.max(1, files), MOST_REQUESTS * requestSize);
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
