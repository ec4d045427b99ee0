import { read, write } from "node:fs";
import { promisify } from "node:util";
import { RemoteError } from "../errors.ts";
import type { Operations, RemoteHandle } from "../remote/operations.ts";

// Files whose size is told as 0 although they have content, as those of /proc: the end is where
// nothing more comes. One piece at a time, for they are small and made while they are read.

const readSome = promisify(read);
const writeSome = promisify(write);

export interface UnsizedOptions {
  readonly signal: AbortSignal;
  onProgress(position: number): void;
}

/** Reads the remote file to its end into the local one. @returns its bytes */
export async function downloadToEnd(
  operations: Operations,
  handle: RemoteHandle,
  fd: number,
  { signal, onProgress }: UnsizedOptions,
): Promise<number> {
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const data = await operations.read(handle, at, operations.maxRead);
    if (data === undefined || data.length === 0) return at;
    const { length } = data;
    if (length > operations.maxRead) {
      operations.channel.fail("the server sent more than it was asked for");
      throw new RemoteError(handle.path, "too much data", { lost: true });
    }
    for (let done = 0; done < length; ) {
      done += (await writeSome(fd, data, done, length - done, at + done)).bytesWritten;
    }
    at += length;
    onProgress(at);
  }
}

/** Sends the local file, from where it stands to its end. @returns its bytes */
export async function uploadToEnd(
  operations: Operations,
  handle: RemoteHandle,
  fd: number,
  { signal, onProgress }: UnsizedOptions,
): Promise<number> {
  const piece = Buffer.allocUnsafe(operations.maxWrite);
  for (let at = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await readSome(fd, piece, 0, piece.length, null);
    if (bytesRead === 0) return at;
    await operations.write(handle, at, piece.subarray(0, bytesRead));
    at += bytesRead;
    onProgress(at);
  }
}
