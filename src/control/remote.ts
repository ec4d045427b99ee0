import type {
  Control,
  Method,
  Params,
  Result,
  Subscription,
  Topic,
  TopicEvent,
  TopicParams,
} from "./protocol.ts";
import { type Callee, callThrough, type RelayStore } from "./relay.ts";

/** What a call may take, in milliseconds: a kick or new workers take their time. */
const PATIENCE_MS = 30_000;
/** How often what is followed is asked for, in milliseconds. */
const FOLLOW_MS = 1_000;

/** What can be followed by asking for it again and again. */
const POLLED = { overview: "overview", stopping: "stopping" } as const satisfies {
  readonly [T in Topic]?: Method;
};

export interface RemoteOptions {
  /** who acts, for the audit trail */
  readonly actor: string;
  /** how long an answer is waited for, in milliseconds */
  readonly patienceMs?: number;
  /** how often what is followed is asked for, in milliseconds */
  readonly followMs?: number;
}

/** Control of a server of another machine, through the store. */
export class RemoteControl implements Control {
  readonly closed: Promise<string>;
  readonly #store: RelayStore;
  readonly #to: Callee;
  readonly #options: RemoteOptions;
  readonly #closing = new AbortController();

  constructor(store: RelayStore, to: Callee, options: RemoteOptions) {
    this.#store = store;
    this.#to = to;
    this.#options = options;
    const { signal } = this.#closing;
    this.closed = new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve("closed")),
    );
  }

  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const { actor, patienceMs = PATIENCE_MS } = this.#options;
    const { signal } = this.#closing;
    return callThrough(this.#store, this.#to, method, params, { actor, patienceMs, signal });
  }

  subscribe<T extends Topic>(
    topic: T,
    _params: TopicParams<T>,
    onEvent: (event: TopicEvent<T>) => void,
    onEnd: (why: string) => void = () => {},
  ): Subscription {
    const method = (POLLED as { readonly [name in Topic]?: Method })[topic];
    const ending = new AbortController();
    if (method === undefined) queueMicrotask(() => onEnd(`${topic} is not followed elsewhere`));
    else {
      const signal = AbortSignal.any([ending.signal, this.#closing.signal]);
      this.#follow(method, (event) => onEvent(event as TopicEvent<T>), signal).catch(
        (thrown: unknown) => {
          if (!signal.aborted) onEnd((thrown as Error).message);
        },
      );
    }
    return { close: () => ending.abort() };
  }

  /** Tells the state at once, then each change. */
  async #follow(
    method: Method,
    tell: (event: unknown) => void,
    signal: AbortSignal,
  ): Promise<void> {
    let last = "";
    while (!signal.aborted) {
      const event = await this.call(method, {} as Params<Method>);
      const text = JSON.stringify(event);
      if (signal.aborted) return;
      if (text !== last) tell(event);
      last = text;
      await pause(this.#options.followMs ?? FOLLOW_MS, signal);
    }
  }

  close(): void {
    this.#closing.abort();
  }
}

/** Ends early when nobody follows any more; keeps no process running. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}
