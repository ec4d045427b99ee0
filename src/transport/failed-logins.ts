import type { AuditEvent } from "../store/types.ts";

/**
 * So many failed logins are recorded one by one, then three a minute; the rest is counted. Together
 * 6,000 records a day at most: strangers can't push what matters out of the audit trail.
 */
const BURST = 50;
const PER_SECOND = 1 / 20;
const SUMMARY_MS = 60_000;

/** The audit trail of failed logins, bounded so that a flood can't push everything else out. */
export class FailedLogins {
  readonly #record: (event: AuditEvent) => void;
  readonly #now: () => number;
  #tokens = BURST;
  #filledAt: number;
  #untold = 0;
  #count = 0;
  #summary: NodeJS.Timeout | undefined;

  /** @param now milliseconds of a clock that doesn't go back */
  constructor(record: (event: AuditEvent) => void, now: () => number = () => performance.now()) {
    this.#record = record;
    this.#now = now;
    this.#filledAt = now();
  }

  /** @param user escaped for display; @param detail the method, and why when it was not wrong */
  add(user: string, remote: string, detail: string): void {
    this.#count += 1;
    const now = this.#now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#filledAt) / 1000) * PER_SECOND);
    this.#filledAt = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      this.#record({ kind: "login-failed", user, remote, detail });
      return;
    }
    this.#untold += 1;
    this.#summary ??= setTimeout(() => this.flush(), SUMMARY_MS);
  }

  /** All, since the start. */
  get count(): number {
    return this.#count;
  }

  /** Records how many were not recorded one by one. */
  flush(): void {
    clearTimeout(this.#summary);
    this.#summary = undefined;
    if (this.#untold === 0) return;
    this.#record({ kind: "login-failed", detail: `${this.#untold} more failed logins` });
    this.#untold = 0;
  }
}
