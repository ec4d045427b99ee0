import type { ByteString } from "./path.ts";

/**
 * The first so many of a directory's names in order, behind one that was the last before: in bounded
 * memory a large directory is gone through in several passes.
 */
export class FirstNames {
  readonly #most: number;
  readonly #after: ByteString | undefined;
  #names: ByteString[] = [];
  /** there were more */
  more = false;

  constructor(most: number, after: ByteString | undefined) {
    this.#most = most;
    this.#after = after;
  }

  add(name: ByteString): void {
    if (this.#after !== undefined && name <= this.#after) return;
    this.#names.push(name);
    if (this.#names.length >= 2 * this.#most) this.#cut();
  }

  /** In the order of their bytes. */
  take(): ByteString[] {
    this.#cut();
    return this.#names;
  }

  #cut(): void {
    this.#names.sort();
    this.more ||= this.#names.length > this.#most;
    this.#names = this.#names.slice(0, this.#most);
  }
}

/** Names of directories that a walk holds in all. */
const HELD = 128 * 1024;

/** What each further directory may hold in any case: a deeper tree takes its maker more directories. */
const LEAST = 256;

interface Level {
  names: ByteString[];
  /** the next of them */
  at: number;
  more: boolean;
}

/** The directories that a walk still has to go into, from where it began to where it is. */
export class Descent {
  readonly #levels: Level[] = [];
  #held = 0;

  get depth(): number {
    return this.#levels.length;
  }

  /** What takes the names of directories in the one that is gone into, or read again. */
  names(): FirstNames {
    const most = Math.max(LEAST, Math.floor((HELD - this.#held) / 2));
    return new FirstNames(most, undefined);
  }

  /** The same for the names behind those that were gone into, where the directory has more. */
  namesBehind(): FirstNames | undefined {
    const level = this.#levels.at(-1);
    if (!level?.more) return undefined;
    this.#held -= level.names.length;
    return new FirstNames(level.names.length, level.names.at(-1));
  }

  down(found: FirstNames): void {
    this.#levels.push({ names: [], at: 0, more: false });
    this.again(found);
  }

  /** The directory where the walk is was read again. */
  again(found: FirstNames): void {
    const level = this.#levels.at(-1) as Level;
    level.names = found.take();
    level.at = 0;
    level.more = found.more;
    this.#held += level.names.length;
  }

  /** The next directory to go into from where the walk is. */
  next(): ByteString | undefined {
    const level = this.#levels.at(-1);
    if (level === undefined) return undefined;
    level.at += 1;
    return level.names[level.at - 1];
  }

  up(): void {
    this.#held -= this.#levels.pop()?.names.length ?? 0;
  }
}
