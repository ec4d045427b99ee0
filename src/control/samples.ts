import type { ServerCounts } from "./host.ts";
import type { Sample } from "./protocol.ts";

const KEPT = 600;
const SECOND_MS = 1_000;

/** The last ten minutes in seconds. */
export class Samples {
  readonly #counts: () => ServerCounts;
  readonly #sessions: () => Promise<number>;
  readonly #onError: (error: unknown) => void;
  readonly #timer: NodeJS.Timeout;
  readonly #kept: Sample[] = [];
  #before: ServerCounts;
  #taking: Promise<void> | undefined;

  /** @param sessions how many are open now */
  constructor(
    counts: () => ServerCounts,
    sessions: () => Promise<number>,
    onError: (error: unknown) => void,
  ) {
    this.#counts = counts;
    this.#sessions = sessions;
    this.#onError = onError;
    this.#before = { ...counts() };
    this.#timer = setInterval(() => void this.take(), SECOND_MS);
  }

  /** Oldest first. */
  get all(): readonly Sample[] {
    return this.#kept;
  }

  /** Counts what happened since the last call, which was a second ago. */
  take(): Promise<void> {
    this.#taking ??= this.#take()
      .catch(this.#onError)
      .finally(() => {
        this.#taking = undefined;
      });
    return this.#taking;
  }

  async #take(): Promise<void> {
    const sessions = await this.#sessions();
    const now = { ...this.#counts() };
    const before = this.#before;
    this.#before = now;
    this.#kept.push({
      at: Date.now(),
      bytesIn: now.bytesIn - before.bytesIn,
      bytesOut: now.bytesOut - before.bytesOut,
      sessions,
      logins: now.logins - before.logins,
      refusals: now.refusals + now.failedLogins - before.refusals - before.failedLogins,
    });
    if (this.#kept.length > KEPT) this.#kept.shift();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#taking;
  }
}
