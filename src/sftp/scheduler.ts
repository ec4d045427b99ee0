import type { ByteChannel } from "../channel.ts";
import { errorName, FsError } from "../errors.ts";
import type { OpenFile } from "../vfs/types.ts";
import type { Kind, OperationContext, Request } from "./context.ts";
import { type DataRequest, peekTransfer } from "./data-request.ts";
import { peekExtension } from "./extensions/table.ts";
import { emptyData, read } from "./reads.ts";
import { eofReply, errorReply, okReply, unsupportedReply } from "./replies.ts";
import { ReplyOutput } from "./reply-output.ts";
import { REQUESTS } from "./requests.ts";
import { greet } from "./version.ts";
import { FRAME_SLACK, MAX_DATA, MAX_PACKET, PacketType } from "./wire/constants.ts";
import { frameRoom, recycle } from "./wire/frame-memory.ts";
import { FrameQueue } from "./wire/frames.ts";
import { MalformedError, Reader } from "./wire/reader.ts";
import { isWhole, WriteBatch } from "./writes.ts";

/** Requests started and not answered yet, at most. */
const MAX_SLOTS = 64;
/** Bytes of replies being made, held back for order, or not yet with the kernel, at most. */
const MAX_REPLY_BYTES = 4 * 1024 * 1024;

/** The place of one reply in the order of requests. */
interface Slot {
  reply: Buffer | undefined;
  /** bytes counted against MAX_REPLY_BYTES, and taken from the session's memory */
  held: number;
}

/** How a channel's requests end: the client has no more, or broke the protocol. */
export type ChannelEnd = "eof" | "error";

/**
 * Runs requests so that their effects and replies are as if done one by one in arrival order.
 * Requests that change nothing overlap each other; every other request waits for all before it, but
 * WRITEs that follow each other in a file are done as one: two at once could reach the disk in the
 * other order, and a crash between them leave a hole that a client resumes behind. Received frames
 * stay unparsed until there is room for their work and their reply, in this channel and in the
 * session's share of the server's memory; so memory is bounded by the client's window and that share.
 */
export class Scheduler {
  /** Called once, when everything that was started has been answered. */
  onDone: (outcome: ChannelEnd) => void = () => {};

  #channel: ByteChannel;
  #context: OperationContext;
  #onActivity: () => void;
  #onError: (text: string) => void;
  #frames = new FrameQueue();
  #outbox: ReplyOutput;
  #slots: Slot[] = [];
  #held = 0;
  #running = 0;
  #phase: Kind | "idle" = "idle";
  #credit = 0;
  #greeted = false;
  #ending: ChannelEnd | undefined;
  #stopped: (() => void) | undefined;
  #done = false;
  #pumpScheduled = false;

  constructor(
    channel: ByteChannel,
    context: OperationContext,
    onActivity: () => void,
    onError: (text: string) => void,
  ) {
    this.#channel = channel;
    this.#context = context;
    this.#onActivity = onActivity;
    this.#onError = onError;
    this.#outbox = new ReplyOutput(channel);
  }

  receive(chunk: Buffer): void {
    if (this.#done || this.#ending !== undefined) return;
    this.#frames.push(chunk);
    this.wake();
  }

  /** The client sent EOF: what was received is still done and answered. */
  finish(): void {
    this.#ending ??= "eof";
    this.wake();
  }

  /** Starts nothing more; resolves when what was running has ended. Replies are dropped. */
  stop(): Promise<void> {
    this.#done = true;
    this.#context.turn.forget(this.#pump);
    this.#context.memory.forget(this.#pump);
    this.#frames.clear();
    for (const { reply, held } of this.#slots) if (reply !== undefined) this.#drop(reply, held);
    this.#slots = [];
    if (this.#running === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#stopped = resolve;
    });
  }

  /** Looks for work in a moment, so that all chunks of one read from the socket are seen at once. */
  wake(): void {
    if (this.#pumpScheduled || this.#done) return;
    this.#pumpScheduled = true;
    queueMicrotask(this.#pump);
  }

  #pump = (): void => {
    this.#pumpScheduled = false;
    if (this.#done) return;
    try {
      let steps = 0;
      while (this.#mayGoOn() && this.#step()) steps++;
      if (steps > 0) this.#onActivity();
    } catch (thrown) {
      this.#fail(`internal error: ${errorName(thrown)}`);
    }
    this.#giveCredit();
    if (this.#outbox.ready) this.#outbox.flush();
    this.#settle();
  };

  /** Others come first when this user has had its share of the turn; nobody waits for nothing. */
  #mayGoOn(): boolean {
    return this.#frames.size > 0 && this.#context.turn.mayGoOn(this.#pump);
  }

  /** Starts the next request. False when there is none, or it has to wait. */
  #step(): boolean {
    const length = this.#frames.nextLength();
    if (length === -1 || this.#ending === "error") return false;
    if (length === 0 || length > MAX_PACKET + FRAME_SLACK) {
      return this.#fail(`a frame of ${length} bytes`);
    }
    if (this.#frames.size < 4 + length || !this.#hasRoom(0)) return false;
    const type = this.#frames.u8(4);
    if (!this.#greeted || type === PacketType.INIT) return this.#greet(length);
    if (length < 5) return this.#fail("a request without an id");
    if (type === PacketType.WRITE) return this.#startWrite();
    if (type === PacketType.READ) return this.#startRead();
    return this.#startRequest(type);
  }

  #hasRoom(bytes: number): boolean {
    if (this.#slots.length >= MAX_SLOTS) return false;
    const waiting = this.#held + this.#outbox.bytes + this.#channel.queuedBytes;
    if (waiting + bytes > MAX_REPLY_BYTES) return false;
    const { memory } = this.#context;
    if (memory.mayTake(bytes)) return true;
    memory.wait(this.#pump, bytes);
    return false;
  }

  #greet(length: number): boolean {
    const reply = greet(this.#takeFrame(length), this.#context);
    if (reply === undefined) return this.#fail("no INIT, or a broken one");
    this.#greeted = true;
    this.#answer(reply);
    return true;
  }

  #startRequest(type: number): boolean {
    const request = REQUESTS.get(type);
    const { kind, held } =
      type === PacketType.EXTENDED ? peekExtension(this.#frames) : plain(request);
    if (!this.#mayStart(kind) || !this.#hasRoom(held)) return false;
    const frame = this.#takeFrame(this.#frames.nextLength());
    const id = frame.readUInt32BE(5);
    if (request === undefined) this.#answer(unsupportedReply(id));
    else this.#run(kind, id, held, request.run(this.#context, id, new Reader(frame, 9)));
    return true;
  }

  #startRead(): boolean {
    if (!this.#mayStart("observe")) return false;
    const transfer = peekTransfer(this.#frames);
    if (transfer === undefined) return this.#refuseTransfer();
    const length = Math.min(transfer.length, MAX_DATA);
    const room = frameRoom(length);
    if (!this.#hasRoom(room)) return false;
    const { id, position } = transfer;
    this.#frames.skip(transfer.frameBytes);
    this.#credit += transfer.frameBytes;
    const handle = this.#context.handles.get(transfer.handle);
    if (handle?.kind !== "file") this.#answer(errorReply(id, new FsError("EBADF")));
    else if (!handle.file.flags.read) this.#answer(errorReply(id, notOpenFor("reading")));
    else if (length === 0) this.#answer(emptyData(id));
    else if (!Number.isSafeInteger(position + length)) this.#answer(eofReply(id));
    else this.#run("observe", id, room, read(handle, id, position, length));
    return true;
  }

  #startWrite(): boolean {
    if (!this.#mayStart("serial")) return false;
    const transfer = peekTransfer(this.#frames);
    if (transfer === undefined || !isWhole(transfer)) return this.#refuseTransfer();
    const handle = this.#context.handles.get(transfer.handle);
    const file = handle?.kind === "file" ? handle.file : undefined;
    const refusal = writeRefusal(file, transfer);
    if (file === undefined || refusal !== undefined || transfer.length === 0) {
      const { id } = transfer;
      this.#frames.skip(transfer.frameBytes);
      this.#credit += transfer.frameBytes;
      this.#answer(refusal === undefined ? okReply(id) : errorReply(id, refusal));
      return true;
    }
    this.#runWrite(new WriteBatch(file, this.#frames, transfer));
    return true;
  }

  #runWrite(batch: WriteBatch): void {
    const slot = this.#begin("serial", 0);
    const done = (reply: Buffer): void => {
      this.#credit += batch.frameBytes;
      this.#complete(slot, reply);
    };
    // A file that throws at once must not leave the slot open: the channel would never end.
    const run = async (): Promise<Buffer> => batch.run();
    run().then(done, (thrown: unknown) => done(batch.refusal(thrown)));
  }

  #mayStart(kind: Kind): boolean {
    return this.#phase === "idle" || (kind !== "serial" && this.#phase === kind);
  }

  /** A READ or WRITE whose fields don't add up, or whose handle was never ours. */
  #refuseTransfer(): boolean {
    const frame = this.#takeFrame(this.#frames.nextLength());
    const request = new Reader(frame, 9);
    let error: Error = new FsError("EBADF");
    try {
      request.handle();
      request.u64();
      if (frame[4] === PacketType.WRITE) request.string();
      else request.u32();
    } catch {
      error = new MalformedError();
    }
    this.#answer(errorReply(frame.readUInt32BE(5), error));
    return true;
  }

  #takeFrame(length: number): Buffer {
    this.#credit += 4 + length;
    return this.#frames.take(4 + length);
  }

  /** @param held bytes the reply may take */
  #run(kind: Kind, id: number, held: number, reply: Promise<Buffer>): void {
    const slot = this.#begin(kind, held);
    reply.then(
      (frame) => this.#complete(slot, frame),
      (thrown: unknown) => this.#complete(slot, errorReply(id, thrown)),
    );
  }

  #begin(kind: Kind, held: number): Slot {
    const slot: Slot = { reply: undefined, held };
    this.#slots.push(slot);
    this.#hold(held);
    this.#running++;
    this.#phase = kind;
    return slot;
  }

  #complete(slot: Slot, reply: Buffer): void {
    this.#running--;
    if (this.#running === 0) this.#phase = "idle";
    if (this.#done) {
      this.#drop(reply, slot.held);
      if (this.#running === 0) this.#stopped?.();
      return;
    }
    this.#hold(reply.length - slot.held);
    slot.held = reply.length;
    slot.reply = reply;
    if (slot === this.#slots[0]) this.#emit();
    this.wake();
  }

  /** A reply that needed no work takes its place in the order all the same. */
  #answer(reply: Buffer): void {
    this.#slots.push({ reply, held: reply.length });
    this.#hold(reply.length);
    this.#emit();
  }

  #hold(bytes: number): void {
    this.#held += bytes;
    if (bytes < 0) this.#context.memory.give(-bytes);
    else this.#context.memory.force(bytes);
  }

  /** Nobody gets the reply any more. */
  #drop(reply: Buffer, held: number): void {
    recycle(reply);
    this.#hold(-held);
  }

  #emit(): void {
    for (let slot = this.#slots[0]; slot?.reply !== undefined; slot = this.#slots[0]) {
      this.#slots.shift();
      this.#outbox.put(slot.reply);
      this.#hold(-slot.held);
    }
  }

  #giveCredit(): void {
    if (this.#credit === 0) return;
    const bytes = this.#credit;
    this.#credit = 0;
    this.#channel.consume(bytes);
  }

  /** Ends this channel, and only this one, once what was started has been answered. */
  #fail(text: string): false {
    if (this.#ending !== "error") this.#onError(text);
    this.#ending = "error";
    this.#frames.clear();
    return false;
  }

  #settle(): void {
    if (this.#ending === undefined || this.#running > 0 || this.#slots.length > 0) return;
    if (this.#hasWholeFrame()) return;
    this.#outbox.flush();
    this.#done = true;
    this.#context.memory.forget(this.#pump);
    this.onDone(this.#ending);
  }

  #hasWholeFrame(): boolean {
    const length = this.#frames.nextLength();
    return length !== -1 && this.#frames.size >= 4 + length;
  }
}

function plain(request: Request | undefined): { readonly kind: Kind; readonly held: number } {
  return { kind: request?.kind ?? "observe", held: 0 };
}

function writeRefusal(file: OpenFile | undefined, transfer: DataRequest): FsError | undefined {
  if (file === undefined) return new FsError("EBADF");
  if (!file.flags.write) return notOpenFor("writing");
  if (file.flags.append) return undefined;
  if (!Number.isSafeInteger(transfer.position + transfer.length)) return new FsError("EFBIG");
  return undefined;
}

function notOpenFor(what: string): FsError {
  return new FsError("EBADF", `The handle is not open for ${what}`);
}
