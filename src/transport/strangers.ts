import type { Socket } from "node:net";
import { ONE_MACHINE, sourceOf } from "../auth/addresses.ts";

/** A connection that has not logged in. */
export interface Stranger {
  /** True while it waits for this server: its key or password is being checked. */
  readonly busy: boolean;
  /** True while it is in the queue of passwords to be hashed, which is bounded apart. */
  readonly hashing: boolean;
  /** Ends it with a text for the client's user. */
  disconnect(text: string): void;
}

/** A newcomer whose address would then hold as many as any other leaves them so long, in ms. */
const PATIENCE_MS = 2_000;

const TEXT = "Too many connections that have not logged in: try again later";

interface Place {
  readonly stranger: Stranger;
  readonly socket: Socket;
  readonly source: string;
  readonly since: number;
}

/**
 * The places for connections that have not logged in. When all are taken a newcomer gets that of
 * the connection that has kept us waiting longest, of the address that holds most: somebody who
 * only connects and says nothing can't lock the others out. Those whose password is hashed or waits
 * for that take no place here: the queue of hashes has its own bounds, and who guesses passwords
 * can't keep out those who log in with keys.
 */
export class Strangers {
  readonly #max: () => number;
  readonly #now: () => number;
  /** in the order they came */
  readonly #places = new Set<Place>();

  /**
   * @param max how many places there are; a function: as of now
   * @param now milliseconds of a clock that doesn't go back
   */
  constructor(max: number | (() => number), now: () => number = () => performance.now()) {
    this.#max = typeof max === "number" ? () => max : max;
    this.#now = now;
  }

  /** True when there is room for one more from this address, which may have been made. */
  hasRoom(address: string | undefined): boolean {
    const newcomer = sourceOf(address, ONE_MACHINE);
    // Passwords that were wrong come back from the queue: there may be more than there are places.
    for (let taken = this.#taken(); taken.length >= this.#max(); taken = this.#taken()) {
      const loser = this.#loser(taken, newcomer);
      if (loser === undefined) return false;
      loser.stranger.disconnect(TEXT);
      // It doesn't get the time to read the text that others get: there may be very many.
      loser.socket.destroySoon();
      this.#places.delete(loser);
    }
    return true;
  }

  #taken(): Place[] {
    return [...this.#places].filter(({ stranger }) => !stranger.hashing);
  }

  /** @returns to be called when it has logged in or is gone */
  add(stranger: Stranger, socket: Socket): () => void {
    const source = sourceOf(socket.remoteAddress, ONE_MACHINE);
    const place = { stranger, socket, source, since: this.#now() };
    this.#places.add(place);
    return () => this.#places.delete(place);
  }

  #loser(taken: readonly Place[], newcomer: string): Place | undefined {
    const counts = new Map<string, number>();
    for (const { source } of taken) counts.set(source, (counts.get(source) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const patience = (counts.get(newcomer) ?? 0) + 1 >= most ? PATIENCE_MS : 0;
    const before = this.#now() - patience;
    for (const place of taken) {
      if (place.stranger.busy || counts.get(place.source) !== most) continue;
      if (place.since <= before) return place;
    }
    return undefined;
  }
}
