/** Somebody who waits until it may take `bytes`. */
interface Waiting {
  readonly session: SessionMemory;
  readonly bytes: number;
}

/** What a user's memory needs of the budget. */
interface Pool {
  readonly left: number;
  /** bytes of its share that a user's replies leave to new channels */
  readonly reserve: number;
  /** the bytes that are taken, or with a minus sign given back */
  move(bytes: number): void;
  /** this user has somebody waiting */
  waits(user: UserMemory): void;
}

/** Replies can wait, and so leave this part of it all: a channel that finds nothing is refused. */
const RESERVE = 1 / 8;

/**
 * The memory that the sessions of a process may hold together for their clients, in bytes: windows,
 * replies, and what is on its way out.
 *
 * No user holds more than what is left for the others after it. So one alone has half of it at most,
 * two have a third each, and whoever comes next finds as much as each of them has.
 */
export class MemoryBudget {
  readonly bytes: number;
  #used = 0;
  readonly #waiting = new Set<UserMemory>();
  #isScheduled = false;
  readonly #pool: Pool;

  /** @param bytes to be shared */
  constructor(bytes: number) {
    this.bytes = bytes;
    const left = (): number => this.left;
    this.#pool = {
      get left() {
        return left();
      },
      reserve: Math.floor(bytes * RESERVE),
      move: (moved) => this.#move(moved),
      waits: (user) => void this.#waiting.add(user),
    };
  }

  get used(): number {
    return this.#used;
  }

  /** Below zero where sessions hold what each may always have. */
  get left(): number {
    return this.bytes - this.#used;
  }

  /** The account of one user: one for all of its sessions. */
  user(): UserMemory {
    return new UserMemory(this.#pool);
  }

  #move(bytes: number): void {
    this.#used += bytes;
    if (bytes >= 0 || this.#waiting.size === 0 || this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#serve());
  }

  /** Users are served in the order in which they began to wait. */
  #serve(): void {
    this.#isScheduled = false;
    for (const user of [...this.#waiting]) if (!user.serve()) this.#waiting.delete(user);
  }
}

/** What one user holds, in all sessions together. */
export class UserMemory {
  readonly #pool: Pool;
  #used = 0;
  /** by what is called when it is its turn, in the order of arrival */
  readonly #waiting = new Map<() => void, Waiting>();
  #isServing = false;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  get used(): number {
    return this.#used;
  }

  /** What the user may still take, in bytes; below zero when it holds more than its share. */
  get left(): number {
    return Math.floor((this.#pool.left - this.#used) / 2);
  }

  /** The account of one session. */
  session(): SessionMemory {
    return new SessionMemory(this);
  }

  /** All of `bytes` or nothing. */
  take(bytes: number): boolean {
    if (bytes > this.left) return false;
    this.force(bytes);
    return true;
  }

  /** Whether it is a session's turn to take them: those who wait come first. */
  isTurnFor(bytes: number): boolean {
    return this.#hasRoomFor(bytes) && (this.#waiting.size === 0 || this.#isServing);
  }

  /** Takes bytes that are held already, whether there is room or not. */
  force(bytes: number): void {
    this.#used += bytes;
    this.#pool.move(bytes);
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.#pool.move(-bytes);
  }

  wait(resume: () => void, waiting: Waiting): void {
    this.#waiting.set(resume, waiting);
    this.#pool.waits(this);
  }

  forget(resume: () => void): void {
    this.#waiting.delete(resume);
  }

  /** Calls those whose turn it is. False when nobody waits any more. */
  serve(): boolean {
    this.#isServing = true;
    let isBlocked = false;
    try {
      for (const [resume, { session, bytes }] of [...this.#waiting]) {
        // A session that wants much is overtaken only by sessions that hold nothing.
        isBlocked ||= !this.#hasRoomFor(bytes);
        if (session.used > 0 && isBlocked) continue;
        if (this.#waiting.delete(resume)) resume();
      }
    } finally {
      this.#isServing = false;
    }
    return this.#waiting.size > 0;
  }

  #hasRoomFor(bytes: number): boolean {
    return bytes <= this.left - this.#pool.reserve;
  }
}

/** What one session holds. One that holds nothing always gets what it asks for, and so goes on. */
export class SessionMemory {
  readonly user: UserMemory;
  #used = 0;

  constructor(user: UserMemory) {
    this.user = user;
  }

  get used(): number {
    return this.#used;
  }

  mayTake(bytes: number): boolean {
    return this.#used === 0 || this.user.isTurnFor(bytes);
  }

  /** All of `bytes` or nothing. */
  take(bytes: number): boolean {
    if (!this.mayTake(bytes)) return false;
    this.force(bytes);
    return true;
  }

  /** Takes bytes that are held already, whether there is room or not. */
  force(bytes: number): void {
    this.#used += bytes;
    this.user.force(bytes);
  }

  give(bytes: number): void {
    this.#used -= bytes;
    this.user.give(bytes);
  }

  /** Calls `resume` once, in a later turn, when it may take `bytes`. Again: that counts instead. */
  wait(resume: () => void, bytes: number): void {
    this.user.wait(resume, { session: this, bytes });
  }

  /** It does not wait any more. */
  forget(resume: () => void): void {
    this.user.forget(resume);
  }
}

/** Memory without a bound that matters, for one who shares it with nobody. */
export function plentyOfMemory(): SessionMemory {
  return new MemoryBudget(Number.MAX_SAFE_INTEGER).user().session();
}
