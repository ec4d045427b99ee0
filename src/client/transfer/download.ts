import { writev } from "node:fs";
import { RemoteError } from "../errors.ts";
import { giveMemory } from "../remote/memory.ts";
import type { Operations, RemoteHandle } from "../remote/operations.ts";
import { type BulkOptions, MOST_REQUESTS, share, shortened } from "./bulk.ts";

/** Pieces kept that wait for what comes before them; more of them are made to cost memory. */
const MOST_ARRIVED = 16 * MOST_REQUESTS;

/** Requests that are sent together, where so many fit. */
const ASKED_AT_ONCE = 8;

/** One system call takes so many pieces at most (IOV_MAX), and so much data at a time. */
const MOST_PIECES = 1024;
const MOST_AT_ONCE = 4 * 1024 * 1024;

/** The bytes of one file, from the server to the disk: asked for ahead, written in order. */
class Download {
  readonly #operations: Operations;
  readonly #handle: RemoteHandle;
  readonly #fd: number;
  readonly #options: BulkOptions;
  readonly #arrived = new Map<number, Buffer>();
  readonly #done: (error?: unknown) => void;
  #end: number;
  #next: number;
  #written: number;
  #requests = 0;
  #writing = false;
  /** until more may be asked for */
  #timer: NodeJS.Timeout | undefined;
  #failed: { readonly error: unknown } | undefined;

  constructor(
    operations: Operations,
    handle: RemoteHandle,
    fd: number,
    options: BulkOptions,
    done: (error?: unknown) => void,
  ) {
    this.#operations = operations;
    this.#handle = handle;
    this.#fd = fd;
    this.#options = options;
    this.#done = done;
    this.#end = options.size;
    this.#next = options.from;
    this.#written = options.from;
  }

  step(): void {
    if (this.#options.signal.aborted) this.#failed ??= { error: this.#options.signal.reason };
    if (this.#failed === undefined && this.#next < this.#end) this.#ask();
    this.#write();
    // Who gives up doesn't wait for a server that may be gone.
    if (this.#writing || (this.#requests > 0 && !this.#options.signal.aborted)) return;
    if (this.#failed !== undefined) this.#done(this.#failed.error);
    else if (this.#written >= this.#end) this.#done();
  }

  /** Asks for more, several requests at once: each sent alone costs a system call on both sides. */
  #ask(): void {
    const { pace } = this.#options;
    const size = pace?.piece(this.#operations.maxRead) ?? this.#operations.maxRead;
    const { roundTrip } = this.#operations.channel;
    const most = share(size, this.#options.files(), roundTrip);
    const room = Math.min(
      (most - (this.#next - this.#written)) / size,
      MOST_REQUESTS - this.#requests,
    );
    if (room < Math.min(ASKED_AT_ONCE, most / size) && this.#requests > 0) return;
    for (let left = Math.max(1, Math.floor(room)); left > 0 && this.#next < this.#end; left--) {
      const length = Math.min(size, this.#end - this.#next);
      if (pace !== undefined && pace.wait > 0) {
        this.#pause(pace.wait);
        return;
      }
      pace?.take(length);
      this.#request(this.#next, length);
      this.#next += length;
    }
  }

  #pause(ms: number): void {
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.step();
    }, ms);
  }

  #request(offset: number, length: number): void {
    this.#requests++;
    this.#operations.read(this.#handle, offset, length).then(
      (data) => {
        this.#requests--;
        this.#got(offset, length, data);
        this.step();
      },
      (error: unknown) => {
        this.#requests--;
        this.#failed ??= { error };
        this.step();
      },
    );
  }

  #got(offset: number, length: number, data: Buffer | undefined): void {
    const { channel } = this.#operations;
    if (this.#failed !== undefined) return;
    if (data === undefined || data.length === 0) {
      this.#failed = { error: shortened(this.#handle.path) };
    } else if (data.length > length) {
      channel.fail("the server sent more than it was asked for");
      this.#failed = { error: new RemoteError(this.#handle.path, "too much data", { lost: true }) };
    } else {
      const got = data.length;
      this.#arrived.set(offset, data);
      if (this.#arrived.size > MOST_ARRIVED) {
        channel.fail("the server answers in too many small pieces");
      }
      if (got < length) this.#request(offset + got, length - got);
    }
  }

  /** Writes what continues the file, in one call at a time: a crash leaves no hole. */
  #write(): void {
    if (this.#writing) return;
    const pieces: Buffer[] = [];
    let length = 0;
    for (;;) {
      const data = this.#arrived.get(this.#written + length);
      if (data === undefined || length > MOST_AT_ONCE || pieces.length >= MOST_PIECES) break;
      this.#arrived.delete(this.#written + length);
      pieces.push(data);
      length += data.length;
    }
    if (length === 0) return;
    this.#writing = true;
    writeAll(this.#fd, pieces, length, this.#written, (error) => {
      this.#writing = false;
      for (const piece of pieces) giveMemory(piece);
      if (error !== null) this.#failed ??= { error };
      else {
        this.#written += length;
        this.#options.onProgress(this.#written);
      }
      this.step();
    });
  }
}

/** Writes all slices, also where the system takes them in parts. */
function writeAll(
  fd: number,
  slices: Buffer[],
  length: number,
  position: number,
  done: (error: NodeJS.ErrnoException | null) => void,
): void {
  writev(fd, slices, position, (error, written) => {
    if (error !== null || written === length) return done(error);
    const rest = Buffer.concat(slices).subarray(written);
    writeAll(fd, [rest], rest.length, position + written, done);
  });
}

/** Reads the file from `from` to `size` into the local one. Rejects with the first error. */
export function download(
  operations: Operations,
  handle: RemoteHandle,
  fd: number,
  options: BulkOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    const stop = (): void => transfer.step();
    let over = false;
    const done = (error?: unknown): void => {
      if (over) return;
      over = true;
      signal.removeEventListener("abort", stop);
      if (error === undefined) resolve();
      else reject(error);
    };
    const transfer = new Download(operations, handle, fd, options, done);
    signal.addEventListener("abort", stop);
    transfer.step();
  });
}
