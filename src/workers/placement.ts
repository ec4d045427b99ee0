/** Where connections can go. */
export interface Place {
  /** connections that it has */
  readonly connections: number;
}

/** A worker with more than so many times the connections of another one is the busiest. */
const TIMES = 2;
/** and so many more than that, so that few connections are no reason to part */
const MORE = 4;

/**
 * Where connections go: to the worker that has fewest. Those of one address stay together, so that a
 * client's parallel connections meet in one process, unless that one is clearly the busiest.
 */
export class Placement<P extends Place> {
  /** where the last one of an address went, as long as it has connections */
  readonly #lastOf = new Map<string, { place: P; connections: number }>();

  /** @returns undefined when there are no places */
  choose(places: readonly P[], address: string): P | undefined {
    const fewest = places.reduce<P | undefined>(
      (best, place) => (best === undefined || place.connections < best.connections ? place : best),
      undefined,
    );
    const last = this.#lastOf.get(address)?.place;
    if (fewest === undefined || last === undefined || !places.includes(last)) return fewest;
    return last.connections > fewest.connections * TIMES + MORE ? fewest : last;
  }

  joined(address: string, place: P): void {
    const connections = (this.#lastOf.get(address)?.connections ?? 0) + 1;
    this.#lastOf.set(address, { place, connections });
  }

  left(address: string): void {
    const last = this.#lastOf.get(address);
    if (last === undefined) return;
    last.connections -= 1;
    if (last.connections === 0) this.#lastOf.delete(address);
  }
}
