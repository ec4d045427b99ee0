import type { ByteChannel } from "../../channel.ts";
import {
  DATA_HEADER,
  MAX_FRAME,
  PacketType,
  StatusCode,
  VERSION,
} from "../../sftp/wire/constants.ts";
import { Reader } from "../../sftp/wire/reader.ts";
import { Writer } from "../../sftp/wire/writer.ts";
import { masked } from "../../text/safe.ts";
import { RemoteError } from "../errors.ts";
import { takeMemory } from "./memory.ts";

/** A server that owes an answer and sends nothing at all for so long is given up, in milliseconds. */
const SILENCE_MS = 120_000;
const SILENCE_CHECK_MS = 5_000;

/** The id of the question that goes out with INIT; others never get there. */
const FIRST_ID = 0xffffffff;

/**
 * What goes out with the request for the subsystem: INIT (section 4), and the question for the login
 * directory, which every client asks first. Servers answer one after the other.
 */
export const GREETING = Buffer.concat([
  new Writer(PacketType.INIT, 16).u32(VERSION).finish(),
  new Writer(PacketType.REALPATH, 16).u32(FIRST_ID).text(".").finish(),
]);

/** Bytes of a reply before what belongs to its kind: length, type, request id. */
const REPLY_HEADER = 9;

/** What waits to be sent, above which writers are asked to wait, in bytes. */
const QUEUE_BYTES = 2 * 1024 * 1024;

export type Reply =
  | { readonly type: "status"; readonly code: number; readonly text: string }
  | { readonly type: "data"; readonly data: Buffer }
  /** HANDLE, NAME, ATTRS, EXTENDED_REPLY: what follows the request id */
  | { readonly type: number; readonly body: Reader };

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: RemoteError) => void;
}

/**
 * The client's end of one SFTP channel (draft-ietf-secsh-filexfer-02): numbers the requests and
 * finds the request for each reply. Knows no file; how many requests are on their way is the
 * caller's to bound.
 */
export class SftpClientChannel {
  /** by name, what VERSION offered */
  extensions: ReadonlyMap<string, string> = new Map();
  readonly #channel: ByteChannel;
  /** of the frame that is coming in: its start, up to where the body begins */
  readonly #head = Buffer.alloc(DATA_HEADER);
  #headEnd = 0;
  #body: Buffer | undefined;
  #bodyEnd = 0;
  readonly #waiting = new Map<number, Waiting>();
  readonly #patient = new Set<number>();
  readonly #onLost: (reason: string) => void;
  readonly #why: () => RemoteError | undefined;
  #drained: (() => void)[] = [];
  #nextId = 1;
  readonly #first: Promise<Reply>;
  #hello: ((extensions: ReadonlyMap<string, string>) => void) | undefined;
  readonly #version: Promise<ReadonlyMap<string, string>>;
  #lost: RemoteError | undefined;
  #heard = performance.now();
  /** a request that went out while nothing else was on its way */
  #alone: { readonly id: number; readonly at: number } | undefined;
  #roundTrip = Number.POSITIVE_INFINITY;
  #watch: NodeJS.Timeout;

  /**
   * @param channel on which GREETING was sent
   * @param onLost it can't be used any more
   * @param why gives the error for all calls once the connection is gone, when that is known
   */
  constructor(
    channel: ByteChannel,
    onLost: (reason: string) => void,
    why: () => RemoteError | undefined = () => undefined,
  ) {
    this.#why = why;
    this.#channel = channel;
    this.#onLost = onLost;
    channel.onData = (chunk) => this.#receive(chunk);
    channel.onEnd = () => this.fail("the server closed the connection");
    channel.onClose = () => this.fail("the connection was lost");
    channel.onDrain = () => this.#wake();
    this.#version = new Promise((resolve, reject) => {
      this.#hello = resolve;
      this.#waiting.set(0, { resolve: () => {}, reject });
    });
    this.#version.catch(() => {});
    this.#first = new Promise((resolve, reject) => {
      this.#waiting.set(FIRST_ID, { resolve, reject });
    });
    this.#first.catch(() => {});
    this.#watch = setInterval(() => this.#checkSilence(), SILENCE_CHECK_MS);
    this.#watch.unref();
  }

  /**
   * Waits for VERSION, the answer to INIT (section 4). Rejects with RemoteError.
   * @returns what comes of the question for the login directory
   */
  async start(): Promise<{ readonly first: Promise<Reply> }> {
    this.extensions = await this.#version;
    this.#waiting.delete(0);
    return { first: this.#first };
  }

  get lost(): boolean {
    return this.#lost !== undefined;
  }

  /** True while more may be queued for sending. */
  get writable(): boolean {
    return this.#channel.queuedBytes < QUEUE_BYTES;
  }

  /**
   * The shortest time to an answer of a request that was alone on its way, in milliseconds; infinite
   * while there was none. It has what the server did, too: the line may be shorter.
   */
  get roundTrip(): number {
    return this.#roundTrip;
  }

  /** Resolves when more may be queued for sending, or everything is over. */
  drained(): Promise<void> {
    if (this.writable || this.lost) return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** A request id, for frames made elsewhere. */
  id(): number {
    const id = this.#nextId;
    this.#nextId = id + 1 === FIRST_ID ? 1 : id + 1;
    return id;
  }

  /**
   * Sends a whole frame that carries `id`.
   * @param released called when the frame's memory may be used again
   * @param patient the answer may take as long as it takes (a checksum)
   */
  send(
    id: number,
    frame: Buffer,
    released?: (frame: Buffer) => void,
    patient = false,
  ): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#lost !== undefined) return reject(this.#lost);
      if (this.#waiting.size === 0) {
        this.#heard = performance.now();
        this.#alone = { id, at: this.#heard };
      }
      this.#waiting.set(id, { resolve, reject });
      if (patient) this.#patient.add(id);
      this.#channel.write(frame, released);
    });
  }

  close(): void {
    this.fail("the connection was closed");
  }

  /** Ends the channel and rejects everything that waits. */
  fail(reason: string): void {
    if (this.#lost !== undefined) return;
    this.#lost = this.#why() ?? new RemoteError(undefined, reason, { lost: true });
    clearInterval(this.#watch);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
    this.#body = undefined;
    this.#wake();
    this.#channel.destroy();
    this.#onLost(reason);
  }

  #wake(): void {
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
  }

  #checkSilence(): void {
    if (this.#waiting.size <= this.#patient.size) return;
    if (performance.now() - this.#heard > SILENCE_MS) this.fail("the server does not answer");
  }

  /** Copies what comes in to where it stays: the packets it came in are free at once. */
  #receive(chunk: Buffer): void {
    this.#heard = performance.now();
    try {
      for (let at = 0; at < chunk.length && this.#lost === undefined; ) {
        at = this.#body === undefined ? this.#fillHead(chunk, at) : this.#fillBody(chunk, at);
      }
    } catch {
      this.fail("the server sent a reply that can't be read");
    }
  }

  #fillHead(chunk: Buffer, at: number): number {
    const head = this.#head;
    const isData = this.#headEnd > 4 && head[4] === PacketType.DATA;
    const wanted =
      (this.#headEnd < REPLY_HEADER || !isData ? REPLY_HEADER : DATA_HEADER) - this.#headEnd;
    const length = Math.min(wanted, chunk.length - at);
    chunk.copy(head, this.#headEnd, at, at + length);
    this.#headEnd += length;
    if (this.#headEnd >= REPLY_HEADER) this.#begin();
    return at + length;
  }

  /** The head is there, or needs four bytes more. */
  #begin(): void {
    const head = this.#head;
    const frame = 4 + head.readUInt32BE(0);
    if (frame < REPLY_HEADER || frame > MAX_FRAME) {
      this.fail("the server does not speak SFTP");
      return;
    }
    if (head[4] === PacketType.DATA) {
      if (this.#headEnd < DATA_HEADER) return;
      if (head.readUInt32BE(9) !== frame - DATA_HEADER) throw new Error("length");
      this.#body = takeMemory(frame - DATA_HEADER);
    } else this.#body = Buffer.allocUnsafe(frame - REPLY_HEADER);
    this.#bodyEnd = 0;
    if (this.#body.length === 0) this.#frame(this.#body);
  }

  #fillBody(chunk: Buffer, at: number): number {
    const body = this.#body as Buffer;
    const length = Math.min(body.length - this.#bodyEnd, chunk.length - at);
    chunk.copy(body, this.#bodyEnd, at, at + length);
    this.#bodyEnd += length;
    if (this.#bodyEnd === body.length) this.#frame(body);
    return at + length;
  }

  #frame(body: Buffer): void {
    const type = this.#head[4] as number;
    const id = this.#head.readUInt32BE(5);
    const headed = this.#headEnd;
    this.#body = undefined;
    this.#headEnd = 0;
    // Callers bound what they ask for, so data is held at our own cost: the window never stands still.
    this.#channel.consume(headed + body.length);
    if (type === PacketType.VERSION) {
      this.#hears(id, body);
      return;
    }
    const waiting = this.#waiting.get(id);
    if (waiting === undefined || id === 0) {
      this.fail("the server answers what nobody asked");
      return;
    }
    const reply = this.#reply(type, body);
    this.#waiting.delete(id);
    this.#patient.delete(id);
    if (id === this.#alone?.id) this.#measure(this.#alone.at);
    waiting.resolve(reply);
  }

  #measure(sentAt: number): void {
    this.#roundTrip = Math.min(this.#roundTrip, performance.now() - sentAt);
    this.#alone = undefined;
  }

  /** @throws MalformedError, while the request still waits and is rejected with all others */
  #reply(type: number, body: Buffer): Reply {
    if (type === PacketType.DATA) return { type: "data", data: body };
    const reader = new Reader(body);
    if (type !== PacketType.STATUS) return { type, body: reader };
    const code = reader.u32();
    // The text is missing in replies of some old servers.
    const text = reader.remaining >= 4 ? reader.string().toString("utf8") : "";
    return { type: "status", code, text };
  }

  /** In VERSION the version stands where other replies have the request's id. */
  #hears(version: number, body: Buffer): void {
    if (version !== VERSION || this.#hello === undefined) {
      this.fail("the server does not speak SFTP version 3");
      return;
    }
    const reader = new Reader(body);
    const extensions = new Map<string, string>();
    while (reader.remaining > 0) {
      extensions.set(reader.string().toString("latin1"), reader.string().toString("latin1"));
    }
    this.#hello(extensions);
    this.#hello = undefined;
  }
}

const TEXTS: Readonly<Record<number, string>> = {
  [StatusCode.EOF]: "end of file",
  [StatusCode.NO_SUCH_FILE]: "no such file or directory",
  [StatusCode.PERMISSION_DENIED]: "permission denied",
  [StatusCode.FAILURE]: "the server refuses it",
  [StatusCode.BAD_MESSAGE]: "the server can't read the request",
  [StatusCode.OP_UNSUPPORTED]: "the server can't do this",
};

/** Texts that only repeat the code's name. */
const BARE =
  /^(failure|no such file( or directory)?|permission denied|end of file|bad message|operation unsupported|success|unknown status)?\.?$/i;

/** A STATUS that isn't OK, as an error with the path; the server's own text where it says more. */
export function statusError(path: string | undefined, code: number, text: string): RemoteError {
  const said = masked(text.replace(/\s+/g, " "), " ").trim().slice(0, 300);
  const reason = BARE.test(said) ? (TEXTS[code] ?? `the server answers status ${code}`) : said;
  return new RemoteError(path, reason, { status: code });
}
