/** Bytes that bulk sends in one turn of the event loop while nobody else wants it soon. */
const ALONE = 512 * 1024;

/** And reads: WRITEs that come together go to the disk as one, and half as many cost less. */
const ALONE_READ = 1024 * 1024;

/** The same while others move little, and so wait for a turn and not for the line. */
const SHARED = 64 * 1024;

/**
 * A read of so much was enough while others move little. Less than SHARED, since a socket's reads are
 * of up to 64 KiB, and one of 60 is no less work.
 */
const SHARED_READ = 32 * 1024;

/** Bytes within {@link MOMENT_MS} up to which a connection moves little. */
const LITTLE = 1024 * 1024;

/** For so long it is remembered that somebody moved little, in milliseconds. */
const MOMENT_MS = 100;

interface Light {
  readonly share: LoopShare | undefined;
  readonly at: number;
}

/** The last two connections that moved little: one of them may be the one that asks. */
let lastLight: Light = { share: undefined, at: Number.NEGATIVE_INFINITY };
let lightBefore: Light = lastLight;

/**
 * What one connection may move in a turn of the event loop. Bulk goes fastest in large pieces, but
 * each piece keeps everybody else waiting: so pieces are small while somebody else moves little.
 */
export class LoopShare {
  /** when the moment began in which `#moved` bytes were moved, and `#before` in the one before */
  #since = Number.NEGATIVE_INFINITY;
  #moved = 0;
  #before = 0;

  /** Bytes that may be sent in this turn. */
  quantum(now = performance.now()): number {
    return this.#isAlone(now) ? ALONE : SHARED;
  }

  /** Bytes after which no more is read in this turn. */
  readingQuantum(now = performance.now()): number {
    return this.#isAlone(now) ? ALONE_READ : SHARED_READ;
  }

  /** This connection moves little: what it has to say doesn't wait for bulk. */
  isLight(now = performance.now()): boolean {
    this.#pass(now);
    return this.#before + this.#moved <= LITTLE;
  }

  /** Bytes were moved, in either direction. */
  moved(bytes: number, now = performance.now()): void {
    this.#pass(now);
    this.#moved += bytes;
    if (this.#before + this.#moved <= LITTLE) this.#noteLight(now);
  }

  #isAlone(now: number): boolean {
    const other = lastLight.share === this ? lightBefore : lastLight;
    return now - other.at >= MOMENT_MS;
  }

  #pass(now: number): void {
    const passed = now - this.#since;
    if (passed <= MOMENT_MS) return;
    this.#before = passed < 2 * MOMENT_MS ? this.#moved : 0;
    this.#since = now;
    this.#moved = 0;
  }

  #noteLight(at: number): void {
    if (lastLight.share !== this) lightBefore = lastLight;
    lastLight = { share: this, at };
  }
}
