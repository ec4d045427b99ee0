import { uptime } from "node:os";
import { FsError } from "../errors.ts";

/** Where several machines use one database: what tells this one from others, and how long it may be silent. */
export interface MachineOptions {
  /** the same for processes that see each other in /proc */
  readonly machine: string;
  /** what people call it */
  readonly host: string;
  /** how long after its last sign of life a process may write, in milliseconds */
  readonly leaseMs: number;
}

/** In milliseconds. */
export interface Clocks {
  /** stands still while the machine is suspended */
  monotonic(): number;
  /** somebody may set it */
  wall(): number;
  /** since the boot, suspended or not; asking takes a system call or more */
  uptime(): number;
}

const CLOCKS: Clocks = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
  uptime: () => uptime() * 1_000,
};

/** Where a sign of life failed the next one is tried so soon, in milliseconds. */
const SOON_MS = 500;

/**
 * That part of the lease is left unused: what was handed to the disk just before still gets there,
 * and clocks of two machines don't go at quite the same rate.
 */
const MARGIN = 1 / 4;
/** Signs of life in a lease. */
const SIGNS = 3;

/** What clients read meanwhile. */
export const LOST_TOUCH = "This server has lost touch with the database: log in again in a moment";

export function lostTouch(): FsError {
  return new FsError("EIO", LOST_TOUCH);
}

/** What others are told who wait for this process's life to change. */
export interface LifeEvents {
  /** It may not write any more, for now: what is under way has to end. */
  lapsed?(): void;
  /** It may write again, and nobody took over what it has. */
  resumed?(): void;
  /** Others took over what it had: nothing of that may be used any more. */
  ended?(): void;
}

/**
 * Whether this process may still write. Others take over what it has when its row in `nodes` was not
 * renewed for the length of the lease, by the database's clock. So it stops before: it counts from
 * the moment before it asked the database, by its own clocks, and one of them goes on while the
 * machine is suspended.
 */
export class Life {
  /** undefined: one machine alone, whose processes are looked for in /proc */
  readonly options: MachineOptions | undefined;
  readonly #clocks: Clocks;
  readonly #events: LifeEvents[] = [];
  /** until when it may write */
  #monotonic = Number.NEGATIVE_INFINITY;
  #wall = Number.NEGATIVE_INFINITY;
  #uptime = Number.NEGATIVE_INFINITY;
  /** since when it was never without touch, by the monotonic clock */
  #since = Number.NEGATIVE_INFINITY;
  #isEnded = false;
  #isLapsed = false;
  #isClosed = false;
  #renewing: NodeJS.Timeout | undefined;
  #watching: NodeJS.Timeout | undefined;

  constructor(options: MachineOptions | undefined, clocks: Clocks = CLOCKS) {
    this.options = options;
    this.#clocks = clocks;
  }

  get mayWrite(): boolean {
    if (this.options === undefined) return true;
    if (this.#isEnded) return false;
    const { monotonic, wall, uptime } = this.#clocks;
    if (monotonic() >= this.#monotonic) return false;
    // Either the machine was suspended, or its clock was set.
    return wall() < this.#wall || uptime() < this.#uptime;
  }

  /** Others took over what it had. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** @throws FsError EIO when it may not write */
  check(): void {
    if (!this.mayWrite) throw lostTouch();
  }

  /**
   * Whether this process may judge others: after the database was away all have the same right to
   * come back, and those that are early must not take over from the late.
   */
  get isSteady(): boolean {
    const { options } = this;
    if (options === undefined) return true;
    return this.mayWrite && this.#clocks.monotonic() - this.#since >= options.leaseMs;
  }

  /**
   * Gives a sign of life.
   * @param say writes it; false: others took over
   */
  renew(say: () => boolean): void {
    const { options } = this;
    if (options === undefined) return;
    const { monotonic, wall, uptime } = this.#clocks;
    const [from, at, up] = [monotonic(), wall(), uptime()];
    // Who was late is told before it may write again.
    this.look();
    if (!say()) {
      this.#end();
      return;
    }
    const length = options.leaseMs * (1 - MARGIN);
    const wasLost = this.#isLapsed;
    if (wasLost) this.#since = from;
    this.#monotonic = from + length;
    this.#wall = at + length;
    this.#uptime = up + length;
    this.#isLapsed = false;
    this.#watch();
    if (wasLost) for (const { resumed } of this.#events) resumed?.();
  }

  /** The row was made anew: nothing of what it had is its any more. */
  beginAnew(say: () => boolean): void {
    this.#isEnded = false;
    this.#isLapsed = true;
    this.renew(say);
  }

  /** Tells those who asked when it may not write any more. */
  look(): void {
    const neverDid = this.#monotonic === Number.NEGATIVE_INFINITY;
    if (neverDid || this.mayWrite || this.#isLapsed || this.#isEnded) return;
    this.#isLapsed = true;
    for (const { lapsed } of this.#events) lapsed?.();
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    for (const { ended } of this.#events) ended?.();
  }

  on(events: LifeEvents): void {
    this.#events.push(events);
  }

  /** Gives signs of life from now on. @param failed is told what `say` throws */
  keep(say: () => boolean, failed: (error: unknown) => void): void {
    const { options } = this;
    if (options === undefined) return;
    const usual = options.leaseMs / SIGNS;
    const next = (milliseconds: number): void => {
      if (this.#isClosed) return;
      this.#renewing = setTimeout(() => next(attempt()), milliseconds).unref();
    };
    const attempt = (): number => {
      try {
        if (!this.#isEnded) this.renew(say);
        return usual;
      } catch (error) {
        failed(error);
        return Math.min(SOON_MS, usual);
      }
    };
    next(usual);
  }

  #watch(): void {
    clearTimeout(this.#watching);
    const left = this.#monotonic - this.#clocks.monotonic();
    this.#watching = setTimeout(() => this.look(), Math.max(0, left) + 1).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#renewing);
    clearTimeout(this.#watching);
  }
}
