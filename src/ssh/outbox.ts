import type { Socket } from "node:net";
import type { SessionMemory } from "../memory/budget.ts";
import { type BulkLine, type Mover, sendingLine } from "./bulk-line.ts";
import { LoopShare } from "./loop-share.ts";
import { freePacket } from "./packet-memory.ts";

/** What a packet takes besides its bytes, at least: small ones cost more than what is in them. */
const PACKET_COST = 256;

/** Something with bytes to send at the end of the turn. */
export interface Sender {
  /**
   * Sends what can be sent now. One that could send more calls {@link Outbox.ready} again.
   * @param most bytes after which it is others' turn
   * @returns bytes sent
   */
  flush(most: number): number;
  /** Some bytes of the connection have reached the kernel. */
  progress(): void;
}

interface Batch {
  packets: number;
  /** of its bytes, those that the session's memory was charged with */
  charged: number;
  /** those whose memory is free once they are written */
  readonly lent: Buffer[];
}

/**
 * The way out of one connection. What is written at once leaves in one system call. Of a connection
 * that moves little that is what one callback of the event loop and all its promises have written:
 * an answer doesn't wait for those who come later in the turn. Bulk is written at the end of turns,
 * in a line with that of others; the socket is never corked beyond the turn.
 */
export class Outbox implements Mover {
  /** called when the kernel has taken what was written in some turn */
  onWritten: () => void = () => {};
  readonly #socket: Socket;
  readonly #senders = new Set<Sender>();
  readonly #ready = new Set<Sender>();
  readonly #share: LoopShare;
  readonly #line: BulkLine;
  /** it is about to leave, before the loop goes on */
  #isLeaving = false;
  #corked = false;
  #bytes = 0;
  #wroteAt = 0;
  /** what was written in this turn */
  #batch: Batch = emptyBatch();
  /** those that the kernel does not have yet */
  readonly #batches = new Set<Batch>();
  #packets = 0;
  #memory: SessionMemory | undefined;

  /** Takes over `socket.write`, which ssh2 calls for every packet. */
  constructor(socket: Socket, share = new LoopShare(), line = sendingLine) {
    this.#share = share;
    this.#line = line;
    this.#socket = socket;
    const write = socket.write.bind(socket) as (data: Buffer, done?: () => void) => boolean;
    socket.write = (data: Buffer | string | Uint8Array): boolean => {
      this.#bytes += data.length;
      this.#packets += 1;
      if (this.#corked) {
        this.#count(data.length);
        return write(data as Buffer);
      }
      this.#corked = true;
      this.#wroteAt = performance.now();
      socket.cork();
      this.#schedule();
      const batch = emptyBatch();
      this.#batch = batch;
      this.#batches.add(batch);
      this.#count(data.length);
      return write(data as Buffer, () => this.#written(batch));
    };
    // The system looks at nothing of it any more.
    socket.once("close", () => {
      this.#line.leave(this);
      for (const batch of this.#batches) this.#settle(batch);
    });
  }

  /** From now on what is written counts there until the kernel has it. */
  chargeTo(memory: SessionMemory): void {
    this.#memory = memory;
  }

  /** Bytes handed to the socket so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** When something was last written, by performance.now(). */
  get wroteAt(): number {
    return this.#wroteAt;
  }

  /** Bytes the kernel has not taken yet. */
  get pending(): number {
    return this.#socket.writableLength;
  }

  /** Packets the kernel has not taken yet: small ones cost more memory than their bytes. */
  get pendingPackets(): number {
    return this.#packets;
  }

  /** The packet was written in this turn, and nobody needs it when the kernel has it. */
  lend(packet: Buffer): void {
    this.#batch.lent.push(packet);
  }

  add(sender: Sender): void {
    this.#senders.add(sender);
  }

  remove(sender: Sender): void {
    this.#senders.delete(sender);
    this.#ready.delete(sender);
  }

  /** Calls `sender.flush` when what is being done is done, or when it is the turn of this bulk. */
  ready(sender: Sender): void {
    this.#ready.add(sender);
    this.#schedule();
  }

  /** Calls `flush` of every sender: a key exchange is over. */
  wake(): void {
    for (const sender of this.#senders) this.ready(sender);
  }

  quantum(): number {
    return this.#share.quantum();
  }

  move(most: number): number {
    // What is left joins the line below: nothing sends more in this turn.
    this.#isLeaving = true;
    let sent = 0;
    try {
      for (const sender of this.#ready) {
        if (sent >= most) break;
        this.#ready.delete(sender);
        sent += sender.flush(most - sent);
      }
    } catch (error) {
      // A timer's exception would end the process; this ends the connection.
      this.#socket.destroy(error as Error);
    } finally {
      this.#isLeaving = false;
      this.pass();
      // Before the login nobody makes the pieces of others small.
      if (this.#memory !== undefined) this.#share.moved(sent);
      if (this.#ready.size > 0 && !this.#socket.destroyed) this.#line.join(this);
    }
    return sent;
  }

  /** What is written already leaves. */
  pass(): void {
    if (!this.#corked) return;
    this.#corked = false;
    this.#socket.uncork();
  }

  #schedule(): void {
    if (this.#isLeaving || this.#line.has(this)) return;
    if (!this.#share.isLight()) {
      this.#line.join(this);
      return;
    }
    this.#isLeaving = true;
    // Ticks come before promises go on, but one asked for by a promise comes when none can go on.
    queueMicrotask(() => process.nextTick(this.#leave));
  }

  #leave = (): void => {
    this.move(this.quantum());
  };

  #count(bytes: number): void {
    this.#batch.packets += 1;
    if (this.#memory === undefined) return;
    this.#batch.charged += bytes + PACKET_COST;
    this.#memory.force(bytes + PACKET_COST);
  }

  #written(batch: Batch): void {
    this.#settle(batch);
    this.onWritten();
    for (const sender of this.#senders) sender.progress();
  }

  #settle(batch: Batch): void {
    if (!this.#batches.delete(batch)) return;
    this.#packets -= batch.packets;
    this.#memory?.give(batch.charged);
    for (const packet of batch.lent) freePacket(packet);
  }
}

function emptyBatch(): Batch {
  return { packets: 0, charged: 0, lent: [] };
}
