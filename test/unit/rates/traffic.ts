import type { Lane } from "../../../src/rates/lane.ts";
import type { FakeClock } from "../../support/fake-clock.ts";

const WINDOW_MS = 5_000;

/** What moved when. */
export class Traffic {
  readonly #clock: FakeClock;
  readonly moved: { readonly at: number; readonly bytes: number }[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  note(bytes: number): void {
    this.moved.push({ at: this.#clock.now(), bytes });
  }

  /** @param since milliseconds */
  total(since = 0): number {
    return this.moved.reduce((sum, { at, bytes }) => (at >= since ? sum + bytes : sum), 0);
  }

  /** The most that moved within any 5 seconds, in bytes a second. */
  get fastest(): number {
    let first = 0;
    let sum = 0;
    let most = 0;
    for (const { at, bytes } of this.moved) {
      sum += bytes;
      for (let one = this.moved[first]; one !== undefined && one.at <= at - WINDOW_MS; ) {
        sum -= one.bytes;
        first += 1;
        one = this.moved[first];
      }
      most = Math.max(most, sum);
    }
    return (most * 1000) / WINDOW_MS;
  }
}

/** Moves one request through a lane. Rejects when it is ended. */
export async function move(lane: Lane, bytes: number, ...noted: Traffic[]): Promise<void> {
  if (!lane.isLimited) {
    for (const traffic of noted) traffic.note(bytes);
    return;
  }
  const passage = lane.enter(bytes);
  while (passage.left > 0) {
    const piece = await passage.next();
    for (const traffic of noted) traffic.note(piece);
  }
}

/** Requests one after the other, as many at once as `depth`, until the lane is closed. */
export function keepMoving(lane: Lane, bytes: number, depth: number, ...noted: Traffic[]): void {
  const one = async (): Promise<void> => {
    for (;;) {
      await move(lane, bytes, ...noted);
      // A lane without a limit would never let go.
      if (!lane.isLimited) await new Promise((resolve) => setImmediate(resolve));
    }
  };
  for (let index = 0; index < depth; index += 1) one().catch(() => {});
}
