import { closeSync, openSync } from "node:fs";
import type { Logger } from "pino";
import type { Config } from "../config/types.ts";
import { planDescriptors } from "../session/fitted-limits.ts";
import { descriptors } from "../vfs/descriptors.ts";

/** Running out is told so often at most, in milliseconds. */
const TOLD_EVERY_MS = 60_000;

const EXHAUSTED =
  "no file descriptors left: connections and files are refused; raise the limit (ulimit -n, LimitNOFILE)";

/** Keeps what clients have open within what the process may have open, and tells when that fails. */
export class DescriptorWatch {
  readonly #log: Logger;
  readonly #limit: number;
  /** as they are set */
  readonly #set: Pick<Config, "limits" | "auth">;
  #toldAt = Number.NEGATIVE_INFINITY;

  /** @param limit descriptors that the process may have */
  constructor(log: Logger, limit: number, set: Pick<Config, "limits" | "auth">) {
    this.#log = log;
    this.#limit = limit;
    this.#set = set;
    descriptors.onExhausted = () => this.#exhausted();
  }

  /** At the start, and when the settings have changed. */
  fit(): void {
    const plan = planDescriptors(this.#limit, this.#set);
    descriptors.fit(plan.files);
    if (!plan.isShort) return;
    const { maxSessions, queue, maxUnauthenticated, hashQueue, files } = plan;
    this.#log.warn(
      { descriptors: this.#limit, maxSessions, queue, maxUnauthenticated, hashQueue, files },
      "too few file descriptors for the limits that are set: these hold instead (ulimit -n, LimitNOFILE)",
    );
  }

  /** Connections that may be read why they are refused, at once. */
  get maxRefused(): number {
    return planDescriptors(this.#limit, this.#set).refused;
  }

  /** Connections that can't be accepted are closed by the runtime, which tells nobody. */
  async look(): Promise<void> {
    try {
      closeSync(openSync("/dev/null", "r"));
    } catch (thrown) {
      descriptors.noticed(thrown);
    }
  }

  #exhausted(): void {
    const now = performance.now();
    if (now - this.#toldAt < TOLD_EVERY_MS) return;
    this.#toldAt = now;
    this.#log.error({ descriptors: this.#limit }, EXHAUSTED);
  }
}
