import { Readable } from "node:stream";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type {
  Control,
  Method,
  Params,
  Result,
  ServerLine,
  Subscription,
  Topic,
  TopicEvent,
  TopicParams,
} from "../src/control/protocol.ts";
import type { FromScreen, ScreenStart, ToScreen } from "../src/screens/messages.ts";
import { openAdmin } from "./main.ts";
import { ScreenOutput } from "./screen-output.ts";

// The thread that draws one admin's screen for a client of the server, so that nothing that goes
// wrong with it reaches another screen or the server.

type Post = (message: FromScreen) => void;

/** Control at the other end of the port. The server asks anew who is allowed what, at each call. */
class PortControl implements Control {
  readonly closed = new Promise<string>(() => {});
  readonly #post: Post;
  readonly #calls = new Map<number, { resolve(result: unknown): void; reject(e: Error): void }>();
  readonly #followers = new Map<
    number,
    { onEvent(event: unknown): void; onEnd(why: string): void }
  >();
  #lastId = 0;

  constructor(post: Post) {
    this.#post = post;
  }

  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    const id = this.#nextId();
    return new Promise((resolve, reject) => {
      this.#calls.set(id, { resolve: resolve as (result: unknown) => void, reject });
      this.#post({ type: "control", line: { id, call: method, params } });
    });
  }

  subscribe<T extends Topic>(
    topic: T,
    params: TopicParams<T>,
    onEvent: (event: TopicEvent<T>) => void,
    onEnd: (why: string) => void = () => {},
  ): Subscription {
    const id = this.#nextId();
    this.#followers.set(id, { onEvent: onEvent as (event: unknown) => void, onEnd });
    this.#post({ type: "control", line: { id, subscribe: topic, params } });
    return {
      close: () => {
        if (this.#followers.delete(id)) {
          this.#post({ type: "control", line: { id, unsubscribe: true } });
        }
      },
    };
  }

  close(): void {}

  receive(line: ServerLine): void {
    if ("event" in line) {
      this.#followers.get(line.id)?.onEvent(line.event);
      this.#post({ type: "seen", id: line.id });
      return;
    }
    const call = this.#calls.get(line.id);
    this.#calls.delete(line.id);
    if ("error" in line) {
      const follower = this.#followers.get(line.id);
      this.#followers.delete(line.id);
      call?.reject(new ToldError(line.error.message, line.error.exitCode));
      follower?.onEnd(line.error.message);
    } else call?.resolve(line.result);
  }

  #nextId(): number {
    this.#lastId += 1;
    return this.#lastId;
  }
}

/** A ControlError of the server. */
class ToldError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.name = "ControlError";
    this.exitCode = exitCode;
  }
}

/** Draws the screen until it is closed; the server ends the thread. */
function run(port: MessagePort, start: ScreenStart): void {
  const post: Post = (message) => port.postMessage(message);
  const input = new Readable({ read() {} });
  const output = new ScreenOutput(start, post);
  const control = new PortControl(post);
  const listeners = new Set<() => void>();
  const resized = (): void => {
    for (const listener of listeners) listener();
  };
  output.onSkipped = resized;
  let shell: { resolve(): void; reject(error: Error): void } | undefined;

  const receive: { [K in ToScreen["type"]]: (message: ToScreen & { type: K }) => void } = {
    input({ data }) {
      input.push(Buffer.from(data));
      setImmediate(() => post({ type: "taken" }));
    },
    resize({ columns, rows }) {
      output.columns = columns;
      output.rows = rows;
      resized();
    },
    sent: ({ bytes }) => output.sent(bytes),
    control: ({ line }) => control.receive(line),
    "shell-ended"({ error }) {
      if (error === undefined) shell?.resolve();
      else shell?.reject(new ToldError(error, 1));
      shell = undefined;
    },
  };
  port.on("message", (message: ToScreen) => {
    (receive[message.type] as (message: ToScreen) => void)(message);
  });

  const screen = openAdmin({
    control,
    who: start.who,
    keyFiles: false,
    terminal: {
      input,
      output,
      term: start.term,
      colour: start.colour,
      size: () => ({ columns: output.columns, rows: output.rows }),
      onResize: (listener) => void listeners.add(listener),
    },
    async openShell(user) {
      await output.drained();
      await new Promise<void>((resolve, reject) => {
        shell = { resolve, reject };
        post({ type: "shell", user });
      });
    },
  });
  void screen.closed.then(() => output.drained()).then(() => post({ type: "closed" }));
}

if (parentPort !== null) run(parentPort, workerData as ScreenStart);
