import type { ChangeStore } from "../store/changes.ts";
import type { Change } from "../store/types.ts";

/** How soon a change made by another process is noticed, in milliseconds. */
const POLL_MS = 100;
/** The same where another process may wait for what this one has. */
const WANTED_POLL_MS = 25;

/** @param isWanted whether this process has something that others may ask it for */
export function pollMs(isWanted: boolean): number {
  return isWanted ? WANTED_POLL_MS : POLL_MS;
}

/** Tells what other processes of the instance changed, in order. */
export class ChangeWatcher {
  readonly #changes: Pick<ChangeStore, "poll" | "since" | "latestId">;
  readonly #apply: (change: Change) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  readonly #every: () => number;
  #last = 0;
  #timer: NodeJS.Timeout | undefined;
  #reading: Promise<void> | undefined;
  /** the last reading failed: what is new was not told */
  #retry = false;

  constructor(
    changes: Pick<ChangeStore, "poll" | "since" | "latestId">,
    apply: (change: Change) => Promise<void>,
    onError: (error: unknown) => void,
    every = (): number => POLL_MS,
  ) {
    this.#every = every;
    this.#changes = changes;
    this.#apply = apply;
    this.#onError = onError;
  }

  /** What was changed before this call is not told. */
  async start(): Promise<void> {
    this.#last = await this.#changes.latestId();
    this.#lookLater();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#reading;
  }

  /** Applies what is new now, also what this process itself changed. */
  async check(): Promise<void> {
    // One that is under way may have read the table before the caller's change was in it.
    await this.#reading;
    await this.#readNow();
  }

  #readNow(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  /** How soon is asked each time: it depends on what this process has that others may want. */
  #lookLater(): void {
    this.#timer = setTimeout(() => {
      this.#lookLater();
      this.#look();
    }, this.#every());
  }

  #look(): void {
    try {
      if (this.#reading !== undefined) return;
      if (this.#changes.poll() || this.#retry) void this.#readNow();
    } catch (error) {
      this.#onError(error);
    }
  }

  async #read(): Promise<void> {
    this.#retry = false;
    try {
      const changes = await this.#changes.since(this.#last);
      for (const change of changes) {
        this.#last = change.id;
        await this.#apply(change);
      }
      // A database that took over from a lost one may have lost the last of them, and counts from there.
      if (changes.length === 0) this.#last = Math.min(this.#last, await this.#changes.latestId());
    } catch (error) {
      this.#retry = true;
      this.#onError(error);
    }
  }
}
