import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";

const MAX_LINES = 1000;
const MAX_LINE = 4096;

/**
 * The lines typed in earlier sessions, in a file that others can't read. What can't be written is
 * done without: a history is no reason to fail.
 */
export class History {
  /** newest first, as node:readline wants it */
  readonly lines: string[];
  readonly #file: string;

  constructor(file: string) {
    this.#file = file;
    const all = read(file);
    const kept = all.slice(-MAX_LINES);
    this.lines = kept.toReversed();
    if (kept.length < all.length) this.#replace(kept);
  }

  /** Lines that begin with a blank are not kept, as in shells. */
  add(line: string): void {
    if (/^\s|^$/.test(line) || line.length > MAX_LINE || line === read(this.#file).at(-1)) return;
    try {
      mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
      appendFileSync(this.#file, `${line}\n`, { mode: 0o600 });
      chmodSync(this.#file, 0o600);
    } catch {}
  }

  #replace(lines: readonly string[]): void {
    const next = `${this.#file}.${process.pid}`;
    try {
      writeFileSync(next, lines.map((line) => `${line}\n`).join(""), { mode: 0o600 });
      renameSync(next, this.#file);
    } catch {}
  }
}

function read(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(0, -1);
  } catch {
    return [];
  }
}
