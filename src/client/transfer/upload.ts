import { readv } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { PacketType, StatusCode } from "../../sftp/wire/constants.ts";
import { failure, type Operations, type RemoteHandle } from "../remote/operations.ts";
import { type BulkOptions, MOST_REQUESTS, share, shortened } from "./bulk.ts";

/** What one call reads, in requests. */
const FRAMES_AT_ONCE = 4;

/** WRITE before its data: length, type, id, handle, offset, length of the data; without the handle. */
export const WRITE_HEADER = 25;

const readAt = promisify(readv);

/** Frames with data from the disk; fewer bytes than they hold at the end of the file. */
interface Batch {
  readonly frames: Buffer[];
  readonly offset: number;
  readonly length: number;
}

/** The bytes of one file, from the disk to the server: sent ahead, acknowledged in order. */
class Upload {
  readonly #operations: Operations;
  readonly #handle: RemoteHandle;
  readonly #fd: number;
  readonly #options: BulkOptions;
  readonly #frames: Buffer[] = [];
  readonly #release = (frame: Buffer): void => {
    this.#frames.push(Buffer.from(frame.buffer, frame.byteOffset, this.#header + this.#chunk));
  };
  readonly #header: number;
  readonly #chunk: number;
  /** ends of the writes on their way, in order; true once acknowledged */
  readonly #unacknowledged: { readonly end: number; done: boolean }[] = [];
  #acknowledged: number;
  #failed: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(operations: Operations, handle: RemoteHandle, fd: number, options: BulkOptions) {
    this.#operations = operations;
    this.#handle = handle;
    this.#fd = fd;
    this.#options = options;
    this.#header = WRITE_HEADER + handle.id.length;
    const most = options.pace?.piece(operations.maxWrite) ?? operations.maxWrite;
    this.#chunk = Math.min(most, Math.max(1, options.size - options.from));
    this.#acknowledged = options.from;
  }

  async run(): Promise<void> {
    const { signal } = this.#options;
    const stop = (): void => this.#wake();
    signal.addEventListener("abort", stop);
    await this.#run().finally(() => signal.removeEventListener("abort", stop));
  }

  async #run(): Promise<void> {
    const { channel } = this.#operations;
    const { from, size, pace, signal } = this.#options;
    let ahead = size > from ? this.#readAhead(from) : undefined;
    for (let next = from; next < size && !this.#stopped(); ) {
      const most = share(this.#chunk, this.#options.files(), channel.roundTrip);
      if (next - this.#acknowledged >= most || this.#unacknowledged.length >= MOST_REQUESTS) {
        await this.#progress();
      } else if (!channel.writable) await channel.drained();
      else if (pace !== undefined && pace.wait > 0) {
        await sleep(pace.wait, undefined, { signal }).catch(() => {});
      } else {
        const batch = await (ahead ?? this.#read(next));
        next = batch.offset + batch.length;
        // The next ones are read while these are encrypted.
        ahead = next < size && batch.length > 0 ? this.#readAhead(next) : undefined;
        pace?.take(batch.length);
        this.#send(batch);
      }
    }
    // The file must not be closed under a read that is under way.
    await ahead?.catch(() => {});
    // Who gives up doesn't wait for a server that may be gone.
    while (this.#unacknowledged.length > 0 && !this.#stoppedByPerson()) await this.#progress();
    if (this.#failed !== undefined) throw this.#failed.error;
  }

  #stopped(): boolean {
    const { signal } = this.#options;
    if (signal.aborted) this.#failed ??= { error: signal.reason };
    return this.#failed !== undefined;
  }

  #stoppedByPerson(): boolean {
    return this.#stopped() && this.#options.signal.aborted;
  }

  #progress(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** A failure is seen by who awaits it, and not before. */
  #readAhead(offset: number): Promise<Batch> {
    const batch = this.#read(offset);
    batch.catch(() => {});
    return batch;
  }

  /** Reads up to some frames at once: each call waits for a thread. */
  async #read(offset: number): Promise<Batch> {
    const left = this.#options.size - offset;
    const count = Math.max(1, Math.min(FRAMES_AT_ONCE, Math.ceil(left / this.#chunk)));
    const frames: Buffer[] = [];
    const views: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const length = Math.min(this.#chunk, left - i * this.#chunk);
      const frame = this.#frames.pop() ?? Buffer.allocUnsafeSlow(this.#header + this.#chunk);
      frames.push(frame);
      views.push(frame.subarray(this.#header, this.#header + length));
    }
    const { bytesRead } = await readAt(this.#fd, views, offset);
    return { frames, offset, length: bytesRead };
  }

  #send({ frames, offset, length }: Batch): number {
    for (let sent = 0; sent < length; sent += this.#chunk) {
      const frame = frames[sent / this.#chunk] as Buffer;
      this.#write(frame, offset + sent, Math.min(this.#chunk, length - sent));
    }
    for (const frame of frames.slice(Math.ceil(length / this.#chunk))) this.#frames.push(frame);
    if (length === 0) this.#failed ??= { error: shortened(this.#handle.path) };
    return length;
  }

  #write(frame: Buffer, offset: number, length: number): void {
    const id = this.#operations.channel.id();
    writeHeader(frame, id, this.#handle.id, offset, length);
    const write = { end: offset + length, done: false };
    this.#unacknowledged.push(write);
    const whole = frame.subarray(0, this.#header + length);
    this.#operations.channel.send(id, whole, this.#release).then(
      (reply) => {
        if (!("code" in reply) || reply.code !== StatusCode.OK) {
          this.#failed ??= { error: failure(this.#handle.path, reply) };
        }
        this.#answered(write);
      },
      (error: unknown) => {
        this.#failed ??= { error };
        this.#answered(write);
      },
    );
  }

  #answered(write: { done: boolean }): void {
    write.done = true;
    let end = this.#acknowledged;
    while (this.#unacknowledged[0]?.done) end = this.#unacknowledged.shift()?.end ?? end;
    if (this.#failed === undefined && end > this.#acknowledged) {
      this.#acknowledged = end;
      this.#options.onProgress(end);
    }
    this.#wake();
  }
}

/** Writes what stands before the data of a WRITE. */
export function writeHeader(
  frame: Buffer,
  id: number,
  handle: Buffer,
  offset: number,
  length: number,
): void {
  let at = frame.writeUInt32BE(21 + handle.length + length, 0);
  at = frame.writeUInt8(PacketType.WRITE, at);
  at = frame.writeUInt32BE(id, at);
  at = frame.writeUInt32BE(handle.length, at);
  frame.set(handle, at);
  at += handle.length;
  at = frame.writeUInt32BE(Math.floor(offset / 0x100000000), at);
  at = frame.writeUInt32BE(offset >>> 0, at);
  frame.writeUInt32BE(length, at);
}

/** Sends the local file from `from` to `size`. Rejects with the first error, all requests answered. */
export function upload(
  operations: Operations,
  handle: RemoteHandle,
  fd: number,
  options: BulkOptions,
): Promise<void> {
  return new Upload(operations, handle, fd, options).run();
}
