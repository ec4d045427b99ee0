import { ONE_MACHINE, sourceOf } from "../auth/addresses.ts";
import type { AuditEvent } from "../store/types.ts";

/** One address is told once in so long, in milliseconds. */
const WINDOW_MS = 10 * 60_000;
/** Addresses told in that time; of others only how many connections there were. */
const MOST_TOLD = 50;

/** A pino logger fits. */
export interface RefusalLog {
  warn(fields: object, text: string): void;
}

/**
 * The audit trail of connections from addresses that may not connect: the first from each, then
 * how many more there were. At most 51 records in ten minutes, however many connections come.
 */
export class RefusedAddresses {
  readonly #record: (event: AuditEvent) => void;
  readonly #log: RefusalLog;
  readonly #told = new Set<string>();
  #untold = 0;
  #window: NodeJS.Timeout | undefined;

  constructor(record: (event: AuditEvent) => void, log: RefusalLog) {
    this.#record = record;
    this.#log = log;
  }

  /** @param why for the audit trail */
  add(address: string | undefined, why: string): void {
    this.#window ??= setTimeout(() => this.flush(), WINDOW_MS).unref();
    const source = sourceOf(address, ONE_MACHINE) || "unknown";
    if (this.#told.has(source) || this.#told.size >= MOST_TOLD) {
      this.#untold += 1;
      return;
    }
    this.#told.add(source);
    this.#record({ kind: "refused-address", remote: source, detail: why });
    this.#log.warn({ source, reason: why }, "address refused");
  }

  /** Records how many were not recorded one by one, and begins anew. */
  flush(): void {
    clearTimeout(this.#window);
    this.#window = undefined;
    this.#told.clear();
    if (this.#untold === 0) return;
    const detail = `${this.#untold} more connections from addresses that may not connect`;
    this.#record({ kind: "refused-address", detail });
    this.#untold = 0;
  }
}
