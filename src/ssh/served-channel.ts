import type { SshChannel } from "./channel.ts";
import type { ChannelEnd, Protocol, RawChannel } from "./internals.ts";

/** How a client opened a channel (RFC 4254 section 5.1). */
export interface Opening {
  /** the client's number of it, and ours */
  readonly theirs: number;
  readonly ours: number;
  /** bytes of data the client takes: at once, and in a packet */
  readonly window: number;
  readonly packetSize: number;
  /** what the client may send, in bytes; taken from its user's memory */
  readonly granted: number;
}

/**
 * The server's end of a session channel on the wire: who has said EOF and CLOSE. Before a program
 * is started on it, it is all there is of the channel.
 */
export class ServedChannel implements RawChannel {
  readonly incoming: ChannelEnd;
  readonly outgoing: ChannelEnd;
  _waitWindow = false;
  _chunkcb: (() => void) | undefined;
  readonly #protocol: Protocol;
  readonly #onGone: () => void;
  /** of the memory that nobody else gives back, in bytes */
  #window: number;
  /** carries the program's bytes once there is one */
  #channel: SshChannel | undefined;
  /** the client waits for the answer to its last request */
  #isAsked = false;

  /** @param onGone both ends have said CLOSE: the number is free */
  constructor(opening: Opening, protocol: Protocol, onGone: () => void) {
    const { ours, theirs, window, packetSize, granted } = opening;
    this.incoming = { id: ours, window: granted, packetSize, state: "open" };
    this.outgoing = { id: theirs, window, packetSize, state: "open" };
    this.#window = granted;
    this.#protocol = protocol;
    this.#onGone = onGone;
  }

  /** What the client sends before a program runs is dropped, as OpenSSH's server does. */
  push: (data: Buffer | null) => boolean = (data) => {
    if (data !== null) this.regrant(data.length);
    return true;
  };

  /** What the client was granted, in bytes; the caller gives it back. Again: nothing. */
  takeWindow(): number {
    const window = this.#window;
    this.#window = 0;
    return window;
  }

  /** @param channel made from this: it has taken over `push` */
  carry(channel: SshChannel): void {
    this.#channel = channel;
  }

  /** The program has set its callbacks: it hears of what came before it. */
  begun(): void {
    if (this.incoming.state === "eof") this.push(null);
  }

  received(data: Buffer): void {
    if (this.incoming.state === "open") this.push(data);
  }

  /** Gives back what the client's window lost to bytes that nobody reads. */
  regrant(bytes: number): void {
    if (bytes > 0 && this.outgoing.state !== "closing") {
      this.#protocol.channelWindowAdjust(this.outgoing.id, bytes);
    }
  }

  ended(): void {
    if (this.incoming.state !== "open") return;
    this.incoming.state = "eof";
    this.push(null);
  }

  widened(bytes: number): void {
    this.outgoing.window += bytes;
    if (!this._waitWindow) return;
    this._waitWindow = false;
    this._chunkcb?.();
  }

  /** A request came. */
  asked(wantsReply: boolean): void {
    this.#isAsked = wantsReply;
  }

  /** Answers the last request if that was not done and is wanted. */
  answer(isDone: boolean): void {
    if (!this.#isAsked || this.outgoing.state === "closing") return;
    this.#isAsked = false;
    if (isDone) this.#protocol.channelSuccess(this.outgoing.id);
    else this.#protocol.channelFailure(this.outgoing.id);
  }

  /** The client's CLOSE came. @param hangUp a terminal was there: its program ends at once */
  closed(hangUp: boolean): void {
    if (this.incoming.state === "closed") return;
    this.incoming.state = "closed";
    if (this.outgoing.state === "closing") this.#onGone();
    else if (this.#channel === undefined) this.close();
    else if (hangUp) this.#channel.interrupt("HUP");
    else this.#channel.abandonedByPeer();
  }

  /** The connection is gone. */
  lost(): void {
    this.#channel?.closedByPeer();
  }

  eof(): void {
    if (this.outgoing.state !== "open") return;
    this.outgoing.state = "eof";
    this.#protocol.channelEOF(this.outgoing.id);
  }

  close(): void {
    if (this.outgoing.state === "closing") return;
    this.outgoing.state = "closing";
    this.#protocol.channelClose(this.outgoing.id);
    if (this.incoming.state === "closed") this.#onGone();
  }
}
