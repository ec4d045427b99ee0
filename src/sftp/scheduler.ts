import type { ByteChannel } from "../channel.ts";
import { errorName } from "../errors.ts";
import type { SessionMemory } from "../memory/budget.ts";
import type { Turn } from "../turn.ts";
import type { OperationContext } from "./context.ts";
import { requestAt } from "./dispatch.ts";
import { errorReply } from "./replies.ts";
import { ReplyOrder } from "./reply-order.ts";
import type { Kind, Request } from "./request.ts";
import { greet } from "./version.ts";
import { MAX_FRAME, PacketType } from "./wire/constants.ts";
import { FrameQueue } from "./wire/frames.ts";

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
  #turn: Turn;
  #onError: (text: string) => void;
  #frames = new FrameQueue();
  #replies: ReplyOrder;
  #running = 0;
  #phase: Kind | "idle" = "idle";
  #credit = 0;
  #greeted = false;
  #ending: ChannelEnd | undefined;
  #stopped: (() => void) | undefined;
  #done = false;
  #pumpScheduled = false;

  /**
   * @param turn the share of the event loop that all channels of the user have together
   * @param memory what the session may hold for its client: replies count there
   */
  constructor(
    channel: ByteChannel,
    context: OperationContext,
    turn: Turn,
    memory: SessionMemory,
    onError: (text: string) => void,
  ) {
    this.#channel = channel;
    this.#context = context;
    this.#turn = turn;
    this.#onError = onError;
    this.#replies = new ReplyOrder(channel, memory, this.#pump);
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
    this.#turn.forget(this.#pump);
    this.#frames.clear();
    this.#replies.close();
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
      if (steps > 0) this.#context.onActivity();
    } catch (thrown) {
      this.#fail(`internal error: ${errorName(thrown)}`);
    }
    this.#giveCredit();
    this.#replies.flushIfReady();
    this.#settle();
  };

  /** Others come first when this user has had its share of the turn, but only when there is work. */
  #mayGoOn(): boolean {
    return this.#frames.size > 0 && this.#turn.mayGoOn(this.#pump);
  }

  /** Starts the next request. False when there is none, or it has to wait. */
  #step(): boolean {
    const length = this.#frames.nextLength();
    if (length === -1 || this.#ending === "error") return false;
    if (length === 0 || length > MAX_FRAME) {
      return this.#fail(`a frame of ${length} bytes`);
    }
    if (!this.#frames.hasFrame) return false;
    if (!this.#greeted || this.#frames.u8(4) === PacketType.INIT) return this.#greet();
    if (length < 5) return this.#fail("a request without an id");
    const request = requestAt(this.#frames);
    const room = request.replyRoom?.(this.#frames) ?? 0;
    if (!this.#mayStart(request.kind) || !this.#replies.hasRoom(room)) return false;
    this.#start(request, room);
    return true;
  }

  #greet(): boolean {
    if (!this.#replies.hasRoom(0)) return false;
    const frame = this.#frames.takeFrame();
    this.#credit += frame.length;
    const reply = greet(frame, this.#context);
    if (reply === undefined) return this.#fail("no INIT, or a broken one");
    this.#greeted = true;
    this.#replies.fill(this.#replies.open(0), reply);
    return true;
  }

  #mayStart(kind: Kind): boolean {
    return this.#phase === "idle" || (kind !== "serial" && this.#phase === kind);
  }

  #start({ kind, keepsFrames = false, start }: Request, room: number): void {
    const id = this.#frames.u32(5);
    const before = this.#frames.size;
    const replies = start(this.#context, id, this.#frames);
    const taken = before - this.#frames.size;
    if (!keepsFrames) this.#credit += taken;
    const slot = this.#replies.open(room);
    this.#running++;
    this.#phase = kind;
    const complete = (reply: Buffer): void => {
      if (keepsFrames) this.#credit += taken;
      this.#replies.fill(slot, reply);
      this.#end();
    };
    replies.then(complete, (thrown: unknown) => complete(errorReply(id, thrown)));
  }

  #end(): void {
    this.#running--;
    if (this.#running === 0) {
      this.#phase = "idle";
      this.#stopped?.();
    }
    this.wake();
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
    if (this.#ending === undefined || !this.#replies.isEmpty || this.#frames.hasFrame) return;
    this.#replies.flush();
    this.#done = true;
    this.onDone(this.#ending);
  }
}
