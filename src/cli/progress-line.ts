import { performance } from "node:perf_hooks";
import type { Io } from "./io.ts";

/** How often it is drawn, in milliseconds. */
const EVERY_MS = 200;
const CLEAR = "\r\u001b[K";

/** One line on a terminal that says how far something is; elsewhere nothing. */
export class ProgressLine {
  readonly #io: Pick<Io, "err" | "errTerminal">;
  #drawnAt = 0;
  #isThere = false;

  constructor(io: Pick<Io, "err" | "errTerminal">) {
    this.#io = io;
  }

  /** @param text asked only when it is drawn */
  show(text: () => string): void {
    const now = performance.now();
    if (!this.#io.errTerminal || now - this.#drawnAt < EVERY_MS) return;
    this.#drawnAt = now;
    this.#isThere = true;
    this.#io.err(`${CLEAR}${text()}`);
  }

  /** A line that stays. */
  say(line: string): void {
    this.clear();
    this.#io.err(`${line}\n`);
  }

  clear(): void {
    if (this.#isThere) this.#io.err(CLEAR);
    this.#isThere = false;
  }
}
