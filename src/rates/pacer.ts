import { SMALL_BYTES } from "./bucket.ts";
import { Lane, type LaneOwner, type Passage } from "./lane.ts";
import { Limit } from "./limit.ts";

/** Time as the pacer sees it, in milliseconds of a clock that doesn't go back. */
export interface Clock {
  now(): number;
  /** Calls once after so long. @returns forgets it */
  after(milliseconds: number, act: () => void): () => void;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after(milliseconds, act) {
    const timer = setTimeout(act, milliseconds);
    return () => clearTimeout(timer);
  },
};

/** Those who wait are looked at so often at most, in milliseconds: nobody's piece is shorter. */
const SHORTEST_WAIT_MS = 2;

/** Whose limit it is: a user's number, or the server's. */
export type Whose = number | "server";

/**
 * Who is next: the one with the lowest tag. Who is served has the bytes added to the tag, and who was
 * away does not get what the others had meanwhile.
 */
interface Tagged {
  tag: number;
}

/** A user with the lanes of the user's sessions. */
class UserLine implements Tagged {
  limit: Limit | undefined;
  readonly lanes = new Set<Lane>();
  /** lanes that have somebody waiting for a piece */
  readonly asking = new Set<Lane>();
  tag = 0;
  /** the tag of the lane that was served last, before it was */
  now = 0;
}

/** A user whose turn it may be, with what would move. */
interface Candidate {
  readonly user: UserLine;
  readonly lane: Lane;
  readonly passage: Passage;
  readonly bytes: number;
}

export interface PacerOptions {
  readonly clock?: Clock;
  /** of a rate, what this process may use until it is told otherwise; by itself all of it */
  readonly firstShare?: (rate: number) => number;
  /** somebody waits for a limit of which this process has nothing */
  readonly onShort?: (whose: Whose) => void;
}

/**
 * Lets bytes move in one direction by the users' rates and the server's. Users take turns, and so do
 * the sessions of a user, by pieces of 20 ms of the rate.
 */
export class Pacer implements LaneOwner {
  readonly #clock: Clock;
  readonly #firstShare: (rate: number) => number;
  readonly #onShort: (whose: Whose) => void;
  readonly #users = new Map<number, UserLine>();
  /** users who have a lane that waits */
  readonly #asking = new Set<UserLine>();
  /** the tag of the user who was served last, before that */
  #now = 0;
  #server: Limit | undefined;
  #forgetTimer: (() => void) | undefined;
  #isServing = false;

  constructor({ clock = realClock, firstShare = same, onShort = () => {} }: PacerOptions = {}) {
    this.#clock = clock;
    this.#firstShare = firstShare;
    this.#onShort = onShort;
  }

  /** A lane for a session of the user; close it with the session. */
  lane(userId: number): Lane {
    const user = this.#users.get(userId) ?? new UserLine();
    this.#users.set(userId, user);
    const lane = new Lane(userId, this);
    user.lanes.add(lane);
    this.#mark(user);
    return lane;
  }

  /** Whether the user has a session here. */
  has(userId: number): boolean {
    return this.#users.has(userId);
  }

  /** The limit that is set; undefined: none, or nobody has a session here. */
  limitOf(whose: Whose): Limit | undefined {
    return whose === "server" ? this.#server : this.#users.get(whose)?.limit;
  }

  /** Bytes a second; null: no limit. In force at once, also for what waits. */
  setRate(whose: Whose, rate: number | null): void {
    const now = this.#clock.now();
    if (whose === "server") {
      this.#server = this.#changed(this.#server, whose, rate, now);
      for (const user of this.#users.values()) this.#mark(user);
    } else {
      const user = this.#users.get(whose);
      if (user === undefined) return;
      user.limit = this.#changed(user.limit, whose, rate, now);
      this.#mark(user);
    }
    this.#serve();
  }

  #changed(limit: Limit | undefined, whose: Whose, rate: number | null, now: number) {
    if (rate === null) return undefined;
    const share = this.#firstShare(rate);
    if (limit === undefined) return new Limit(rate, share, now, () => this.#onShort(whose));
    const isAll = share === rate;
    limit.rate = rate;
    limit.bucket.setRate(isAll ? rate : Math.min(limit.bucket.rate, rate), now);
    limit.bucket.forgive();
    return limit;
  }

  /** What this process may use of a rate from now on, in bytes a second. */
  setShare(whose: Whose, share: number): void {
    const limit = this.limitOf(whose);
    if (limit === undefined) return;
    limit.bucket.setRate(Math.min(share, limit.rate), this.#clock.now());
    this.#serve();
  }

  /** Looks who still waits, and for what. */
  review(): void {
    this.#serve();
  }

  #mark({ limit, lanes }: UserLine): void {
    const isLimited = limit !== undefined || this.#server !== undefined;
    for (const lane of lanes) lane.isLimited = isLimited;
  }

  asks(lane: Lane): void {
    const user = this.#users.get(lane.userId);
    if (user === undefined) return;
    this.#sort(user, lane);
    this.#serve();
  }

  goesAhead(lane: Lane, bytes: number): boolean {
    const now = this.#clock.now();
    const user = this.#users.get(lane.userId);
    if (user === undefined || this.#hasHadMore(user, lane)) return false;
    const limits = this.#limitsOf(user);
    if (!limits.every(({ bucket }) => bucket.mayGoAhead(bytes, now))) return false;
    this.#count(user, lane, bytes, now, true);
    return true;
  }

  /**
   * Whether another session of the user waits that had less. What goes ahead counts to the user's turn:
   * so many requests of a byte would use that up, and the other one never had any of it.
   */
  #hasHadMore(user: UserLine, lane: Lane): boolean {
    const first = lowest(user.asking);
    return (
      first !== undefined &&
      first !== lane &&
      lane.tag > first.tag + this.#pieceOf(user, SMALL_BYTES)
    );
  }

  pieceOf({ userId }: Lane): number {
    return this.#pieceOf(this.#users.get(userId), Number.POSITIVE_INFINITY);
  }

  gaveBack(lane: Lane, bytes: number): void {
    const now = this.#clock.now();
    for (const { bucket } of this.#limitsOf(this.#users.get(lane.userId))) {
      bucket.giveBack(bytes, now);
    }
  }

  left(lane: Lane): void {
    const user = this.#users.get(lane.userId);
    if (user === undefined) return;
    user.lanes.delete(lane);
    user.asking.delete(lane);
    for (const limit of this.#limitsOf(user)) limit.left(lane);
    if (user.asking.size === 0) this.#asking.delete(user);
    if (user.lanes.size === 0) this.#users.delete(lane.userId);
    this.#serve();
  }

  #limitsOf(user: UserLine | undefined): Limit[] {
    return [user?.limit, this.#server].filter((limit) => limit !== undefined);
  }

  /** Gives out what may move now, and comes back when more may. */
  #serve(): void {
    // Who is served may ask for the next piece at once: that is seen below.
    if (this.#isServing) return;
    this.#isServing = true;
    const now = this.#clock.now();
    let wait = Number.POSITIVE_INFINITY;
    try {
      wait = this.#giveOut(now);
    } finally {
      this.#isServing = false;
    }
    this.#forgetTimer?.();
    this.#forgetTimer = undefined;
    if (wait === Number.POSITIVE_INFINITY) return;
    this.#forgetTimer = this.#clock.after(Math.max(SHORTEST_WAIT_MS, Math.ceil(wait)), () => {
      this.#forgetTimer = undefined;
      this.#serve();
    });
  }

  /** @returns milliseconds until somebody who waits can be served */
  #giveOut(now: number): number {
    for (;;) {
      let wait = Number.POSITIVE_INFINITY;
      let next: Candidate | undefined;
      for (const user of this.#asking) {
        const one = this.#candidate(user);
        if (one === undefined) continue;
        const own = user.limit?.bucket.waitFor(one.bytes, now) ?? 0;
        if (own > 0) user.limit?.short(one.lane);
        if (own > 0) wait = Math.min(wait, own);
        else if (next === undefined || user.tag < next.user.tag) next = one;
      }
      if (next === undefined) return wait;
      const forServer = this.#server?.bucket.waitFor(next.bytes, now) ?? 0;
      if (forServer > 0) {
        // Nobody else gets what this one waits for.
        this.#server?.short(next.lane);
        return Math.min(wait, forServer);
      }
      this.#grant(next, now);
    }
  }

  #candidate(user: UserLine): Candidate | undefined {
    const lane = lowest(user.asking);
    const passage = lane?.asking;
    if (lane === undefined || passage === undefined) return undefined;
    return { user, lane, passage, bytes: this.#pieceOf(user, passage.left) };
  }

  #pieceOf(user: UserLine | undefined, left: number): number {
    return this.#limitsOf(user).reduce((least, { bucket }) => Math.min(least, bucket.piece), left);
  }

  #grant({ user, lane, passage, bytes }: Candidate, now: number): void {
    this.#count(user, lane, bytes, now);
    lane.serve(passage, bytes);
    this.#sort(user, lane);
  }

  /** @param isAhead its turn it is not */
  #count(user: UserLine, lane: Lane, bytes: number, now: number, isAhead = false): void {
    for (const limit of this.#limitsOf(user)) {
      limit.bucket.take(bytes, now, isAhead);
      limit.took(bytes, lane);
    }
    if (!isAhead) {
      // Who had to wait for a limit of the user's own has at most a piece to catch up.
      this.#now = Math.max(this.#now, user.tag);
      user.tag = Math.max(user.tag, this.#now - (this.#server?.bucket.piece ?? 0));
      user.now = Math.max(user.now, lane.tag);
    }
    user.tag += bytes;
    lane.tag += bytes;
  }

  /** Whether the lane, and the user, still wait. */
  #sort(user: UserLine, lane: Lane): void {
    if (lane.asking === undefined) user.asking.delete(lane);
    else if (!user.asking.has(lane)) {
      lane.tag = Math.max(lane.tag, user.now);
      user.asking.add(lane);
    }
    if (user.asking.size === 0) this.#asking.delete(user);
    else if (!this.#asking.has(user)) {
      user.tag = Math.max(user.tag, this.#now);
      this.#asking.add(user);
    }
  }
}

function lowest<T extends Tagged>(all: Iterable<T>): T | undefined {
  let best: T | undefined;
  for (const one of all) if (best === undefined || one.tag < best.tag) best = one;
  return best;
}

function same(rate: number): number {
  return rate;
}
