import type { Lane } from "./lane.ts";
import { type Clock, Pacer, realClock, type Whose } from "./pacer.ts";
import type { Shares, Wants } from "./share-keeper.ts";
import { WorkerShares } from "./worker-shares.ts";

/** Bytes a second; null: no limit. */
export interface RateLimits {
  readonly uploadRate: number | null;
  readonly downloadRate: number | null;
}

/** What one session moves. */
export interface SessionPace {
  readonly upload: Lane;
  readonly download: Lane;
  /** Ends what waits, and what comes later, with that error. */
  close(reason: Error): void;
}

/** How often a worker looks at what it uses, in milliseconds, while it uses something. */
const LOOK_MS = 200;

type Direction = "up" | "down";

export interface RatesOptions {
  readonly clock?: Clock;
  /** tells who shares the rates out what this worker wants; absent: this process is the server */
  readonly say?: (wants: Wants) => void;
}

/** The rates of transfers in this process: of its users, and of the server. */
export class Rates {
  readonly #clock: Clock;
  readonly #pacers: Readonly<Record<Direction, Pacer>>;
  readonly #shares: WorkerShares | undefined;
  #lookedAt = 0;
  #forgetLook: (() => void) | undefined;
  #isTelling = false;

  constructor({ clock = realClock, say }: RatesOptions = {}) {
    this.#clock = clock;
    const isWorker = say !== undefined;
    this.#pacers = { up: this.#pacer("up", isWorker), down: this.#pacer("down", isWorker) };
    if (isWorker) this.#shares = new WorkerShares((key) => this.#limitOf(key), say);
  }

  #pacer(direction: Direction, isWorker: boolean): Pacer {
    return new Pacer({
      clock: this.#clock,
      firstShare: (rate) => (isWorker ? 0 : rate),
      onShort: (whose) => this.#ask(`${direction} ${whose}`),
    });
  }

  /** @param limits the user's, which hold unless the user has a session here already */
  session(userId: number, limits: RateLimits): SessionPace {
    const { up, down } = this.#pacers;
    const isFirst = !up.has(userId);
    const [upload, download] = [up.lane(userId), down.lane(userId)];
    if (isFirst) this.setUser(userId, limits);
    const close = (reason: Error): void => {
      upload.close(reason);
      download.close(reason);
    };
    return { upload, download, close };
  }

  /** In force at once, for what waits as well. */
  setUser(userId: number, limits: RateLimits): void {
    this.#set(userId, limits);
  }

  /** Of the whole server; in force at once. */
  setServer(limits: RateLimits): void {
    this.#set("server", limits);
  }

  #set(whose: Whose, { uploadRate, downloadRate }: RateLimits): void {
    this.#pacers.up.setRate(whose, uploadRate);
    this.#pacers.down.setRate(whose, downloadRate);
    this.#shares?.tell();
  }

  /** Of a worker: what it may use from now on. */
  take({ number, shares }: Shares): void {
    this.#shares?.saw(number);
    for (const [key, share] of shares) {
      if (this.#shares?.has(key)) this.#setShare(key, share);
    }
    // Others may be waiting for what this process has less from now on.
    this.#shares?.tell();
  }

  #setShare(key: string, share: number): void {
    const { pacer, whose } = this.#parsed(key);
    pacer.setShare(whose, share);
  }

  #limitOf(key: string) {
    const { pacer, whose } = this.#parsed(key);
    return pacer.limitOf(whose);
  }

  #parsed(key: string): { readonly pacer: Pacer; readonly whose: Whose } {
    const [direction, name = ""] = key.split(" ");
    const pacer = direction === "up" ? this.#pacers.up : this.#pacers.down;
    return { pacer, whose: name === "server" ? "server" : Number(name) };
  }

  #ask(key: string): void {
    if (this.#shares === undefined) return;
    this.#shares.ask(key);
    if (this.#forgetLook === undefined) this.#lookLater();
    if (this.#isTelling) return;
    this.#isTelling = true;
    queueMicrotask(() => {
      this.#isTelling = false;
      this.#shares?.tell();
    });
  }

  #lookLater(): void {
    this.#lookedAt = this.#clock.now();
    this.#forgetLook = this.#clock.after(LOOK_MS, () => this.#look());
  }

  #look(): void {
    this.#forgetLook = undefined;
    const shares = this.#shares;
    if (shares === undefined) return;
    // Who goes on waiting counts in each look.
    this.#pacers.up.review();
    this.#pacers.down.review();
    const idle = shares.look(Math.max(1, this.#clock.now() - this.#lookedAt));
    for (const key of idle) this.#setShare(key, 0);
    shares.tell();
    if (!shares.isEmpty) this.#lookLater();
  }

  /** No timers any more. */
  close(): void {
    this.#forgetLook?.();
    this.#forgetLook = undefined;
  }
}
