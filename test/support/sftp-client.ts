import type { Duplex } from "node:stream";
import { PacketType } from "../../src/sftp/wire/constants.ts";
import type { MemoryChannel } from "./memory-channel.ts";
import { type ClientAttrs, frame, Reply, Requests, u32 } from "./sftp-client-packets.ts";

/** Bytes in both directions: what the packet client speaks over. */
export interface Wire {
  write(data: Buffer): void;
  /** sends EOF */
  end(): void;
  onData: (chunk: Buffer) => void;
  onClose: () => void;
}

/** An ssh2 channel, a child's pipes, a socket. */
export function duplexWire(stream: Duplex): Wire {
  const wire: Wire = {
    write: (data) => void stream.write(data),
    end: () => void stream.end(),
    onData: () => {},
    onClose: () => {},
  };
  stream.on("data", (chunk: Buffer) => wire.onData(chunk));
  stream.on("close", () => wire.onClose());
  stream.on("error", () => wire.onClose());
  return wire;
}

export function memoryWire(channel: MemoryChannel): Wire {
  const wire: Wire = {
    write: (data) => channel.send(data),
    end: () => channel.sendEof(),
    onData: () => {},
    onClose: () => {},
  };
  channel.clientData = (chunk) => wire.onData(chunk);
  channel.clientClose = () => wire.onClose();
  return wire;
}

/** A client of single packets: sends frames as they are, gives replies in arrival order. */
export class SftpClient {
  readonly requests = new Requests();
  /** resolves when the channel is closed */
  readonly closed: Promise<void>;
  /** replies that arrived so far */
  received = 0;

  #wire: Wire;
  #chunks: Buffer[] = [];
  #size = 0;
  #replies: Reply[] = [];
  #waiting: { resolve: (reply: Reply) => void; reject: (error: Error) => void }[] = [];
  #isClosed = false;

  constructor(wire: Wire) {
    this.#wire = wire;
    wire.onData = (chunk) => this.#receive(chunk);
    this.closed = new Promise((resolve) => {
      wire.onClose = () => {
        this.#isClosed = true;
        for (const { reject } of this.#waiting.splice(0)) reject(new Error("channel closed"));
        resolve();
      };
    });
  }

  /** Sends INIT and gives the VERSION's number and extensions. */
  async init(version = 3): Promise<{ version: number; extensions: Map<string, string> }> {
    this.send(frame(PacketType.INIT, u32(version)));
    const reply = await this.reply();
    if (reply.type !== PacketType.VERSION) throw new Error(`VERSION expected, got ${reply.type}`);
    const extensions = new Map<string, string>();
    for (let at = 9; at < reply.frame.length; ) {
      const pair = [0, 1].map(() => {
        const length = reply.frame.readUInt32BE(at);
        at += 4 + length;
        return reply.frame.toString("utf8", at - length, at);
      });
      extensions.set(pair[0] as string, pair[1] as string);
    }
    return { version: reply.frame.readUInt32BE(5), extensions };
  }

  /** Sends frames in one write. */
  send(...frames: Buffer[]): void {
    this.#wire.write(frames.length === 1 ? (frames[0] as Buffer) : Buffer.concat(frames));
  }

  end(): void {
    this.#wire.end();
  }

  /** The next reply in arrival order; rejects when the channel closes before it. */
  reply(): Promise<Reply> {
    const reply = this.#replies.shift();
    if (reply !== undefined) return Promise.resolve(reply);
    if (this.#isClosed) return Promise.reject(new Error("channel closed"));
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Sends requests in one write and gives their replies, which must come in the same order. */
  async all(...requests: Buffer[]): Promise<Reply[]> {
    this.send(...requests);
    const replies: Reply[] = [];
    for (const request of requests) {
      const reply = await this.reply();
      if (reply.id !== request.readUInt32BE(5)) throw new Error("a reply out of order");
      replies.push(reply);
    }
    return replies;
  }

  async call(request: Buffer): Promise<Reply> {
    return (await this.all(request))[0] as Reply;
  }

  /** @returns the handle */
  async open(path: string | Buffer, flags: number, with_: ClientAttrs = {}): Promise<Buffer> {
    return (await this.call(this.requests.open(path, flags, with_))).handle;
  }

  /** @throws when the answer isn't OK */
  async ok(...requests: Buffer[]): Promise<void> {
    for (const reply of await this.all(...requests)) {
      if (reply.code !== 0) throw new Error(`STATUS ${reply.code} ${reply.text}`);
    }
  }

  /** Makes a file of `data`. */
  async put(path: string | Buffer, data: Buffer | string): Promise<void> {
    const handle = await this.open(path, 0x1a);
    const raw = Buffer.from(data);
    for (let at = 0; at < raw.length; at += 32768) {
      await this.ok(this.requests.write(handle, at, raw.subarray(at, at + 32768)));
    }
    await this.ok(this.requests.close(handle));
  }

  /** The whole file. */
  async get(path: string | Buffer): Promise<Buffer> {
    const handle = await this.open(path, 0x01);
    const parts: Buffer[] = [];
    for (let at = 0; ; ) {
      const reply = await this.call(this.requests.read(handle, at, 32768));
      if (reply.type === PacketType.STATUS) break;
      parts.push(reply.data);
      at += reply.data.length;
    }
    await this.ok(this.requests.close(handle));
    return Buffer.concat(parts);
  }

  #receive(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= 4) {
      const first = this.#chunks[0] as Buffer;
      const whole = first.length >= 4 ? first : Buffer.concat(this.#chunks);
      const length = 4 + whole.readUInt32BE(0);
      if (this.#size < length) return;
      const all = whole.length >= length ? whole : Buffer.concat(this.#chunks);
      this.#deliver(new Reply(all.subarray(0, length)));
      const kept = all === first ? this.#chunks.slice(1) : [];
      const rest = all.subarray(length);
      this.#chunks = rest.length > 0 ? [rest, ...kept] : kept;
      this.#size -= length;
    }
  }

  #deliver(reply: Reply): void {
    this.received++;
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting.resolve(reply);
    else this.#replies.push(reply);
  }
}
