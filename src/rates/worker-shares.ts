import type { Limit, Use } from "./limit.ts";
import type { Want, Wants } from "./share-keeper.ts";

/** A rate that was not used at so many looks is given back. */
const UNUSED_LOOKS = 5;
/** What is used may grow: a worker wants so many times as much. */
const GROWTH = 1.25;

interface State {
  weight: number;
  wanted: number | null;
  /** looks since it was used */
  unused: number;
}

/** What a worker wants of the rates, by what was used of them. */
export class WorkerShares {
  readonly #limitOf: (key: string) => Limit | undefined;
  readonly #say: (wants: Wants) => void;
  readonly #states = new Map<string, State>();
  #seen = 0;
  #said = JSON.stringify([0, []]);

  constructor(limitOf: (key: string) => Limit | undefined, say: (wants: Wants) => void) {
    this.#limitOf = limitOf;
    this.#say = say;
  }

  has(key: string): boolean {
    return this.#states.has(key);
  }

  get isEmpty(): boolean {
    return this.#states.size === 0;
  }

  /** Somebody waits for a rate of which this process has nothing. */
  ask(key: string): void {
    if (!this.has(key)) this.#states.set(key, { weight: 1, wanted: null, unused: 0 });
  }

  /** The shares of that number are in force. */
  saw(number: number): void {
    this.#seen = number;
  }

  /**
   * Looks at what was used since the last look.
   * @returns the rates that nobody uses any more: no share of them is wanted from now on
   */
  look(milliseconds: number): readonly string[] {
    const idle: string[] = [];
    for (const [key, state] of this.#states) {
      note(state, this.#limitOf(key)?.use(), milliseconds);
      if (state.unused >= UNUSED_LOOKS) idle.push(key);
    }
    for (const key of idle) this.#states.delete(key);
    return idle;
  }

  /** Says what is wanted, if that is new. What has no limit any more is not wanted. */
  tell(): void {
    const wants = [...this.#states].flatMap(([key, state]) => this.#want(key, state));
    const text = JSON.stringify([this.#seen, wants]);
    if (text === this.#said) return;
    this.#said = text;
    this.#say({ seen: this.#seen, wants });
  }

  #want(key: string, { weight, wanted }: State): Want[] {
    const limit = this.#limitOf(key);
    if (limit === undefined) {
      this.#states.delete(key);
      return [];
    }
    return [{ key, rate: limit.rate, share: limit.bucket.rate, weight, wanted }];
  }
}

function note(state: State, use: Use | undefined, milliseconds: number): void {
  if (use === undefined || (use.bytes === 0 && !use.isShort)) {
    state.unused += 1;
    state.wanted = 0;
    return;
  }
  state.unused = 0;
  state.weight = Math.max(1, use.lanes);
  const used = (use.bytes * 1000) / milliseconds;
  state.wanted = use.isShort ? null : Math.ceil(used * GROWTH);
}
