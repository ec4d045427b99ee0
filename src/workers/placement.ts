/** Where connections can go. */
export interface Place {
  /** connections that it has */
  readonly connections: number;
}

/** A worker with more than so many times the connections of another one is the busiest. */
const TIMES = 2;
/** and so many more than that, so that few connections are no reason to part */
const MORE = 4;

/** For so long an address goes where it was before, in milliseconds. */
const REMEMBERED_MS = 60_000;
/** As many addresses without connections as are remembered. */
const MAX_REMEMBERED = 10_000;

interface Last<P> {
  readonly place: P;
  readonly connections: number;
}

/**
 * Where connections go: to the worker that has fewest. Those of one address stay together, so that a
 * client's parallel connections meet in one process, and one that comes again soon meets the home
 * that this process still holds; unless that one is clearly the busiest.
 */
export class Placement<P extends Place> {
  /** where the last one of an address went, as long as it has connections */
  readonly #lastOf = new Map<string, Last<P>>();
  /** the same of addresses that left, in that order */
  readonly #left = new Map<string, { readonly place: P; readonly at: number }>();

  /** @returns undefined when there are no places */
  choose(places: readonly P[], address: string, now = performance.now()): P | undefined {
    const fewest = places.reduce<P | undefined>(
      (best, place) => (best === undefined || place.connections < best.connections ? place : best),
      undefined,
    );
    const last = this.#lastOf.get(address)?.place ?? this.#recent(address, now);
    if (fewest === undefined || last === undefined || !places.includes(last)) return fewest;
    return last.connections > fewest.connections * TIMES + MORE ? fewest : last;
  }

  joined(address: string, place: P): void {
    const connections = (this.#lastOf.get(address)?.connections ?? 0) + 1;
    this.#lastOf.set(address, { place, connections });
    this.#left.delete(address);
  }

  left(address: string, now = performance.now()): void {
    const last = this.#lastOf.get(address);
    if (last === undefined) return;
    const { place, connections } = last;
    if (connections > 1) this.#lastOf.set(address, { place, connections: connections - 1 });
    else {
      this.#lastOf.delete(address);
      this.#left.set(address, { place, at: now });
      this.#forget(now);
    }
  }

  #recent(address: string, now: number): P | undefined {
    const left = this.#left.get(address);
    return left !== undefined && now - left.at <= REMEMBERED_MS ? left.place : undefined;
  }

  /** Those that are too old, or too many. */
  #forget(now: number): void {
    for (const [address, { at }] of this.#left) {
      if (this.#left.size <= MAX_REMEMBERED && now - at <= REMEMBERED_MS) return;
      this.#left.delete(address);
    }
  }
}
