import { readv, writev } from "node:fs";
import { promisify } from "node:util";
import { PacketType, StatusCode } from "../../sftp/wire/constants.ts";
import { FileError, RemoteError } from "../errors.ts";
import { giveMemory } from "../remote/memory.ts";
import { failure, type Operations, type RemoteHandle } from "../remote/operations.ts";

/** Read requests on their way, or unacknowledged writes, of all files of a connection, in bytes. */
const ON_THE_WAY = 64 * 1024 * 1024;

/** Replies that are waited for, however small the requests are. */
const MOST_REQUESTS = 1024;

/** Pieces kept that wait for what comes before them; more of them are made to cost memory. */
const MOST_ARRIVED = 16 * MOST_REQUESTS;

/** Requests that are sent together, where so many fit. */
const ASKED_AT_ONCE = 8;

/** One system call takes so many pieces at most (IOV_MAX), and so much data at a time. */
const MOST_PIECES = 1024;
const MOST_AT_ONCE = 4 * 1024 * 1024;

/** What one call reads, in requests. */
const FRAMES_AT_ONCE = 4;

/** WRITE before its data: length, type, id, handle, offset, length of the data. */
const WRITE_HEADER = 25;

const readAt = promisify(readv);

/** How much one file may have on the way while `files` share the connection, in bytes. */
function share(requestSize: number, files: number): number {
  const requests = Math.min(ON_THE_WAY / Math.max(1, files), MOST_REQUESTS * requestSize);
  return Math.max(requests, requestSize);
}

export interface BulkOptions {
  readonly from: number;
  readonly size: number;
  readonly signal: AbortSignal;
  /** how many files share the connection now */
  files(): number;
  /** all bytes before this position are where they belong */
  onProgress(position: number): void;
}

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
    const size = this.#operations.maxRead;
    const most = share(size, this.#options.files());
    const room = Math.min(
      (most - (this.#next - this.#written)) / size,
      MOST_REQUESTS - this.#requests,
    );
    if (room < Math.min(ASKED_AT_ONCE, most / size) && this.#requests > 0) return;
    for (let left = Math.max(1, Math.floor(room)); left > 0 && this.#next < this.#end; left--) {
      const length = Math.min(size, this.#end - this.#next);
      this.#request(this.#next, length);
      this.#next += length;
    }
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
      this.#failed = { error: changed(this.#handle.path) };
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

function changed(path: string): FileError {
  return new FileError(`${path}: became shorter while it was transferred`);
}

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
    this.#chunk = Math.min(operations.maxWrite, Math.max(1, options.size - options.from));
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
    const { from, size } = this.#options;
    let ahead = size > from ? this.#readAhead(from) : undefined;
    for (let next = from; next < size && !this.#stopped(); ) {
      const most = share(this.#chunk, this.#options.files());
      if (next - this.#acknowledged >= most || this.#unacknowledged.length >= MOST_REQUESTS) {
        await this.#progress();
      } else if (!channel.writable) await channel.drained();
      else {
        const batch = await (ahead ?? this.#read(next));
        next = batch.offset + batch.length;
        // The next ones are read while these are encrypted.
        ahead = next < size && batch.length > 0 ? this.#readAhead(next) : undefined;
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
    if (length === 0) this.#failed ??= { error: changed(this.#handle.path) };
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

function writeHeader(frame: Buffer, id: number, handle: Buffer, offset: number, length: number) {
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
