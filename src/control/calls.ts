import { ControlError, type ExitCode } from "./errors.ts";
import type {
  ClientLine,
  Control,
  Method,
  Params,
  Result,
  ServerLine,
  Subscription,
  Topic,
  TopicEvent,
  TopicParams,
} from "./protocol.ts";

interface Call {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

interface Follower {
  onEvent(event: unknown): void;
  onEnd(why: string): void;
}

/** What is called and subscribed to over one line to the server. */
export type NumberedLine = Extract<ClientLine, { readonly id: number }>;

/**
 * Control at the other end of a line to the server: a socket, or the port of a thread. Answers and
 * events find their callers by number.
 */
export class ControlCalls implements Control {
  readonly closed: Promise<string>;
  readonly #send: (line: NumberedLine) => void;
  readonly #calls = new Map<number, Call>();
  readonly #followers = new Map<number, Follower>();
  #lastId = 0;
  #why: string | undefined;
  #onClosed: (why: string) => void = () => {};

  constructor(send: (line: NumberedLine) => void) {
    this.#send = send;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  get isEnded(): boolean {
    return this.#why !== undefined;
  }

  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    return new Promise((resolve, reject) => {
      if (this.#why !== undefined) return reject(new ControlError(this.#why));
      const id = this.#nextId();
      this.#calls.set(id, { resolve: (result) => resolve(result as Result<M>), reject });
      this.#send({ id, call: method, params });
    });
  }

  subscribe<T extends Topic>(
    topic: T,
    params: TopicParams<T>,
    onEvent: (event: TopicEvent<T>) => void,
    onEnd: (why: string) => void = () => {},
  ): Subscription {
    const id = this.#nextId();
    if (!this.isEnded) {
      this.#followers.set(id, { onEvent: (event) => onEvent(event as TopicEvent<T>), onEnd });
      this.#send({ id, subscribe: topic, params });
    }
    return {
      close: () => {
        if (this.#followers.delete(id)) this.#send({ id, unsubscribe: true });
      },
    };
  }

  /** Takes what the server says. */
  take(line: ServerLine): void {
    if ("event" in line) {
      this.#followers.get(line.id)?.onEvent(line.event);
      return;
    }
    const call = this.#calls.get(line.id);
    this.#calls.delete(line.id);
    if ("result" in line) call?.resolve(line.result);
    else this.#failed(line.id, call, line.error);
  }

  #failed(
    id: number,
    call: Call | undefined,
    { message, exitCode }: { readonly message: string; readonly exitCode: number },
  ): void {
    call?.reject(new ControlError(message, exitCode as ExitCode));
    const follower = this.#followers.get(id);
    this.#followers.delete(id);
    follower?.onEnd(message);
  }

  close(): void {
    this.end("closed");
  }

  /** Ends it for this reason. Again: does nothing. */
  end(why: string): void {
    if (this.isEnded) return;
    this.#why = why;
    for (const { reject } of this.#calls.values()) reject(new ControlError(why));
    this.#calls.clear();
    this.#followers.clear();
    this.#onClosed(why);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}
