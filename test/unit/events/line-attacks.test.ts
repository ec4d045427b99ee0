import { expect, test } from "vitest";
import { Line } from "../../../src/events/line.ts";
import { failed, type Outcome } from "../../../src/events/types.ts";
import type { FailedAttempt, QueuedEvent, ReceiverState } from "../../../src/store/events.ts";
import { receiver } from "./world.ts";

/** A queue in memory, as the store has it. */
class Queue {
  readonly waiting: QueuedEvent[];
  readonly arrived: number[] = [];
  state: ReceiverState;

  constructor(count: number) {
    this.waiting = Array.from({ length: count }, (_, index) => ({
      id: index + 1,
      receiver: "ci",
      sequence: index + 1,
      tries: 0,
      event: JSON.stringify({ id: `${index + 1}` }),
    }));
    this.state = { name: "ci", queued: count, failures: 0, nextAt: 0 } as ReceiverState;
  }

  async due(_name: string, _now: number, limit: number): Promise<QueuedEvent[]> {
    return this.waiting.slice(0, limit);
  }

  async list(): Promise<ReceiverState[]> {
    return [this.state];
  }

  async succeeded(_name: string, ids: readonly number[]): Promise<void> {
    this.arrived.push(...ids);
    this.#gone(ids);
    this.state = { ...this.state, failures: 0, nextAt: 0 };
  }

  async failed({ id }: QueuedEvent, { nextAt, eventNextAt }: FailedAttempt): Promise<void> {
    if (eventNextAt > 0) this.#gone([id]);
    this.state = { ...this.state, failures: 1, nextAt };
  }

  #gone(ids: readonly number[]): void {
    for (const id of ids) {
      const at = this.waiting.findIndex((one) => one.id === id);
      this.waiting.splice(at, 1);
    }
    this.state = { ...this.state, queued: this.waiting.length };
  }
}

test("attack: who causes many events that are refused does not hold up those of others", async () => {
  const queue = new Queue(50);
  let settle: { resolve(): void; reject(error: unknown): void } = { resolve() {}, reject() {} };
  const isOver = new Promise<void>((resolve, reject) => {
    settle = { resolve, reject };
  });
  const send = async (id: string): Promise<Outcome> => {
    if (id !== "50") return failed("ended with 1", true);
    settle.resolve();
    return { ok: true, text: "ended with 0" };
  };
  const line = new Line({
    receiver: receiver(),
    sender: { send, close: () => {} },
    store: queue,
    tried: () => {},
    unnoted: (error) => settle.reject(error),
  });
  line.fill(queue.state);
  // Not held up: without another look, and with no pause.
  await isOver;
  await line.close(60_000);
  expect(queue.arrived).toEqual([50]);
});
