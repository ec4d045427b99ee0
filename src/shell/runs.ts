import type { DirectoryEntry } from "../vfs/types.ts";
import type { Call } from "./call.ts";

export type Compare = (a: DirectoryEntry, b: DirectoryEntry) => number;

/** Sorted at once, without keeping the event loop for long. */
const RUN = 4_096;

/** Entries that are sorted in parts, so that others have their turn in between. */
export class Runs {
  readonly #compare: Compare;
  readonly #sorted: DirectoryEntry[][] = [];
  #newest: DirectoryEntry[] = [];
  length = 0;

  constructor(compare: Compare) {
    this.#compare = compare;
  }

  add(entry: DirectoryEntry): void {
    this.#newest.push(entry);
    this.length += 1;
    if (this.#newest.length === RUN) this.#endRun();
  }

  /** The first `count` of them alone. */
  async first(count: number, call: Pick<Call, "step">): Promise<Runs> {
    const kept = new Runs(this.#compare);
    for (const entry of this.inOrder()) {
      if (kept.length === count) break;
      await call.step();
      kept.add(entry);
    }
    return kept;
  }

  *inOrder(): Generator<DirectoryEntry, void, void> {
    this.#endRun();
    const heads = new Heads(this.#compare);
    for (const run of this.#sorted) heads.add({ run, at: 0 });
    for (let head = heads.first; head !== undefined; head = heads.first) {
      yield head.run[head.at] as DirectoryEntry;
      head.at += 1;
      heads.moved();
    }
  }

  #endRun(): void {
    if (this.#newest.length === 0) return;
    this.#sorted.push(this.#newest.sort(this.#compare));
    this.#newest = [];
  }
}

/** Where reading a run has come to. */
interface Head {
  readonly run: readonly DirectoryEntry[];
  at: number;
}

/** A binary heap of runs: the one whose next entry is the smallest is the first. */
class Heads {
  readonly #compare: Compare;
  readonly #heap: Head[] = [];

  constructor(compare: Compare) {
    this.#compare = compare;
  }

  get first(): Head | undefined {
    return this.#heap[0];
  }

  add(head: Head): void {
    this.#heap.push(head);
    for (let at = this.#heap.length - 1; at > 0; ) {
      const above = (at - 1) >> 1;
      if (!this.#isBefore(at, above)) return;
      this.#swap(at, above);
      at = above;
    }
  }

  /** The first one is at its next entry, or at its end. */
  moved(): void {
    const [first] = this.#heap;
    if (first !== undefined && first.at === first.run.length) {
      this.#swap(0, this.#heap.length - 1);
      this.#heap.pop();
    }
    for (let at = 0; ; ) {
      let least = at;
      for (const below of [2 * at + 1, 2 * at + 2]) {
        if (below < this.#heap.length && this.#isBefore(below, least)) least = below;
      }
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const [one, other] = [this.#heap[a] as Head, this.#heap[b] as Head];
    const difference = this.#compare(
      one.run[one.at] as DirectoryEntry,
      other.run[other.at] as DirectoryEntry,
    );
    return difference < 0;
  }

  #swap(a: number, b: number): void {
    const kept = this.#heap[a] as Head;
    this.#heap[a] = this.#heap[b] as Head;
    this.#heap[b] = kept;
  }
}
