import type { Space, TransferEvent, TransferSummary } from "../../../client/types.ts";
import { safeJson } from "../../../text/safe.ts";
import type { Output } from "./output.ts";
import type { Reporter } from "./reporter.ts";

/** Between two `progress` events of one file. */
const STEP_MS = 100;

/** One event a line, for scripts: nothing else is written to standard output. */
export class JsonReporter implements Reporter {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #told = new Map<number, number>();

  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
  }

  event(event: TransferEvent): void {
    if (event.type === "progress" && !this.#isDue(event.file)) return;
    if (event.type === "done" || event.type === "failed") this.#told.delete(event.file);
    this.#write(event.type === "done" ? wholeMs(event) : event);
  }

  /** People's lines have no place here. */
  notice(): void {}

  space(when: "before" | "after", space: Space | undefined): void {
    const { totalBytes = null, freeBytes = null } = space ?? {};
    this.#write({ type: "space", when, totalBytes, freeBytes });
  }

  summary(summary: TransferSummary): void {
    this.#write({ type: "summary", ...wholeMs(summary) });
  }

  stop(): void {}

  #isDue(file: number): boolean {
    const now = this.#now();
    const last = this.#told.get(file);
    if (last !== undefined && now - last < STEP_MS) return false;
    this.#told.set(file, now);
    return true;
  }

  #write(value: object): void {
    this.#output.out(`${safeJson(value)}\n`);
  }
}

function wholeMs<T extends { readonly durationMs: number }>(value: T): T {
  return { ...value, durationMs: Math.round(value.durationMs) };
}
