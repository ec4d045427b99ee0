import type { Socket } from "node:net";
import { type BulkLine, type Mover, readingLine } from "./bulk-line.ts";
import type { LoopShare } from "./loop-share.ts";

/** So little is read in no time, in bytes: small requests need no turn of the loop more. */
const SMALL_READ = 16 * 1024;

/**
 * When a connection is read from. The system gives up to 32 pieces of one socket in a row, as long as
 * they are full, and pieces of all sockets in the same turn of the event loop: who has read its quantum
 * stands in a line with the others that have.
 */
export class Reading implements Mover {
  readonly #socket: Socket;
  readonly #share: LoopShare;
  readonly #isHeld: () => boolean;
  readonly #line: BulkLine;
  /** bytes read in this turn, small reads not counted */
  #inTurn = 0;

  /** @param isHeld for other reasons nothing is to be read now */
  constructor(socket: Socket, share: LoopShare, isHeld: () => boolean, line = readingLine) {
    this.#socket = socket;
    this.#share = share;
    this.#isHeld = isHeld;
    this.#line = line;
    socket.once("close", () => line.leave(this));
  }

  /** So many bytes were read, and are done with: looks whether more may come. */
  received(bytes: number): void {
    if (this.#hadItsTurn(bytes)) this.#line.join(this);
    if (this.#line.has(this) || this.#isHeld()) this.#socket.pause();
  }

  /** Not before its turn, and not while it is held. */
  goOn(): void {
    if (this.#line.has(this) || this.#isHeld()) return;
    if (this.#socket.isPaused()) this.#socket.resume();
  }

  quantum(): number {
    return this.#share.readingQuantum();
  }

  /** Reads on: as much as it likes in the turn that comes, so that it is this one's. */
  move(most: number): number {
    this.#inTurn = 0;
    if (this.#isHeld()) return 0;
    this.goOn();
    return most;
  }

  pass(): void {}

  #hadItsTurn(bytes: number): boolean {
    if (bytes < SMALL_READ) return false;
    if (this.#inTurn === 0) setImmediate(this.#nextTurn);
    this.#inTurn += bytes;
    return this.#inTurn >= this.quantum();
  }

  #nextTurn = (): void => {
    this.#inTurn = 0;
  };
}
