import type { Logger } from "pino";
import { errorName } from "../errors.ts";
import { CALL_BOUNDS, type StoredCall } from "../store/calls.ts";
import { ControlError, EXIT } from "./errors.ts";
import { isActor, isMethod } from "./params.ts";
import type { Control, Params } from "./protocol.ts";
import type { RelayedAnswer, RelayStore } from "./relay.ts";
import { isRelayed } from "./relayed.ts";

/** Calls at work at once; the others wait in their rows. */
const MAX_CALLS = 8;
/** How often rows are read though nobody told of any, in milliseconds. */
const LOOK_MS = 1_000;
/** After a failure, in milliseconds. */
const REST_MS = 5_000;

export interface CallDeskOptions {
  readonly store: RelayStore;
  readonly log: Logger;
  /** the server's control, for one who acts */
  readonly control: (actor: string) => Control;
}

/** Answers what processes of other machines ask this one. */
export class CallDesk {
  readonly #options: CallDeskOptions;
  readonly #working = new Map<string, Promise<void>>();
  /** answers that the database did not take: what was asked is not done again */
  readonly #answers = new Map<string, string>();
  /** the database's version when nothing was left waiting */
  #seen: number | undefined;
  /** when it is looked again though nobody told */
  #next = 0;
  /** until when the database is left alone */
  #resting = 0;

  constructor(options: CallDeskOptions) {
    this.#options = options;
  }

  /**
   * Begins what there is room for, when somebody wrote something. Rejects with the database's error,
   * and leaves it alone for a while.
   */
  async look(): Promise<void> {
    const { calls } = this.#options.store;
    const { version } = calls;
    const now = performance.now();
    if (now < this.#resting || (version === this.#seen && now < this.#next)) return;
    this.#resting = now + REST_MS;
    const waiting = await calls.waiting();
    this.#resting = 0;
    this.#forget(waiting);
    const fresh = waiting.filter(({ id }) => !this.#working.has(id));
    const free = Math.max(0, MAX_CALLS - this.#working.size);
    for (const call of fresh.slice(0, free)) this.#begin(call);
    this.#seen = fresh.length > free ? undefined : version;
    this.#next = now + LOOK_MS;
  }

  /** Resolves when nothing is at work any more. */
  async settled(): Promise<void> {
    await Promise.all(this.#working.values());
  }

  #begin(call: StoredCall): void {
    const work = this.#work(call)
      .catch((error: unknown) => {
        this.#options.log.error({ error: errorName(error) }, "call not answered");
      })
      .finally(() => this.#working.delete(call.id));
    this.#working.set(call.id, work);
  }

  async #work(call: StoredCall): Promise<void> {
    const { store } = this.#options;
    const nodes = await store.nodes.list();
    // Nobody waits for it, and its row goes with who asked.
    if (!nodes.some(({ id, alive }) => id === call.from && alive)) return;
    const known = this.#answers.get(call.id);
    const answer = known ?? fitting(call, JSON.stringify(await this.#answer(call)));
    this.#answers.set(call.id, answer);
    await store.calls.answer(call.id, answer);
    this.#answers.delete(call.id);
  }

  /** Answers that nobody waits for any more. */
  #forget(waiting: readonly StoredCall[]): void {
    for (const id of this.#answers.keys()) {
      if (!this.#working.has(id) && !waiting.some((call) => call.id === id))
        this.#answers.delete(id);
    }
  }

  async #answer({ actor, method, params }: StoredCall): Promise<RelayedAnswer> {
    try {
      if (!isMethod(method) || !isRelayed(method)) {
        throw new ControlError("the server does no such thing for another machine", EXIT.usage);
      }
      if (!isActor(actor)) throw new ControlError("who asks is not said", EXIT.usage);
      const control = this.#options.control(actor);
      try {
        // The control looks at them.
        return { result: await control.call(method, parsed(params) as Params<typeof method>) };
      } finally {
        control.close();
      }
    } catch (thrown) {
      return { error: toError(thrown) };
    }
  }
}

function parsed(params: string): unknown {
  try {
    if (Buffer.byteLength(params) <= CALL_BOUNDS.paramsBytes) return JSON.parse(params);
  } catch {
    // It is no JSON.
  }
  throw new ControlError("the parameters can't be read", EXIT.usage);
}

function fitting({ method }: StoredCall, answer: string): string {
  if (Buffer.byteLength(answer) <= CALL_BOUNDS.answerBytes) return answer;
  const message = `${method}: the answer is too long for another machine`;
  return JSON.stringify({ error: toError(new ControlError(message)) });
}

function toError(thrown: unknown): { message: string; exitCode: number } {
  const known = thrown instanceof ControlError ? thrown : new ControlError("unexpected error");
  return { message: known.message, exitCode: known.exitCode };
}
