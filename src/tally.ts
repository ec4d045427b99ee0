/** What has happened in this process, counted for metrics. Words are labels, in a fixed order. */
export type Counted =
  | "connections"
  | `refused ${"address" | "penalty" | "room" | "passwords"}`
  | `logins ${LoginWay} ${"accepted" | "failed" | "refused"}`
  | `bytes ${Direction}`
  | `files ${Direction} ${"done" | "unfinished"}`
  | `failedWrites ${"busy" | "full" | "error"}`
  | "lostRecords";

/** How much there is of something now. */
export type Level =
  | `transfers ${Direction}`
  | `queue ${"passwords" | "checksums" | "files" | "store"}`;

export type Direction = "upload" | "download";

export type LoginWay = "password" | "keyboard-interactive" | "publickey";

/** What is measured, in seconds. */
export type Measured = "write" | "commit";

/** Upper ends of a histogram's buckets, in seconds. */
export const BUCKETS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
];

/** By the words of {@link Counted}, {@link Level}, or "write 3" for a bucket, "write sum". */
export type Totals = Readonly<Record<string, number>>;

/** What a process tells of itself. */
export interface Figures {
  /** only ever more */
  readonly totals: Totals;
  readonly levels: Totals;
  /** rows in `nodes` of workers that are gone, and counted in the totals */
  readonly left: readonly string[];
}

/** Workers that are gone and remembered: a process that asked one of them asks again much sooner. */
const MOST_LEFT = 200;

class Durations {
  /** the last is for what took longer than all of the others */
  readonly counts = new Float64Array(BUCKETS.length + 1);
  sum = 0;

  add(seconds: number): void {
    const at = BUCKETS.findIndex((bound) => seconds <= bound);
    const bucket = at < 0 ? BUCKETS.length : at;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += seconds;
  }
}

/**
 * The counts of a process. Counting costs some nanoseconds, whether anybody asks or not; all else is
 * done by who asks.
 */
export class Tally {
  readonly #counts = new Map<string, number>();
  readonly #levels = new Map<string, number>();
  readonly #measured = { write: new Durations(), commit: new Durations() };
  readonly #left: string[] = [];

  count(what: Counted, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  /** There are so many more, or fewer. */
  level(what: Level, by: number): void {
    this.#levels.set(what, (this.#levels.get(what) ?? 0) + by);
  }

  /** @param milliseconds how long it took */
  measure(what: Measured, milliseconds: number): void {
    this.#measured[what].add(milliseconds / 1_000);
  }

  /** A worker is gone, and these were its totals. */
  absorb(node: string, totals: Totals): void {
    for (const [what, count] of Object.entries(totals)) {
      const [name = "", place = ""] = what.split(" ");
      const durations = name in this.#measured ? this.#measured[name as Measured] : undefined;
      if (durations === undefined) this.#counts.set(what, (this.#counts.get(what) ?? 0) + count);
      else if (place === "sum") durations.sum += count;
      else durations.counts[Number(place)] = (durations.counts[Number(place)] ?? 0) + count;
    }
    this.#left.push(node);
    if (this.#left.length > MOST_LEFT) this.#left.shift();
  }

  get figures(): Figures {
    const totals: Record<string, number> = Object.fromEntries(this.#counts);
    for (const [name, { counts, sum }] of Object.entries(this.#measured)) {
      totals[`${name} sum`] = sum;
      counts.forEach((count, at) => {
        totals[`${name} ${at}`] = count;
      });
    }
    return { totals, levels: Object.fromEntries(this.#levels), left: [...this.#left] };
  }
}

/** This process's. */
export const tally = new Tally();

/** Of several, what each of them counted. */
export function sumOf(all: Iterable<Totals>): Totals {
  const sum: Record<string, number> = {};
  for (const totals of all) {
    for (const [what, count] of Object.entries(totals)) sum[what] = (sum[what] ?? 0) + count;
  }
  return sum;
}
