import type { Socket } from "node:net";
import type { AuditRecord } from "../store/types.ts";
import { ControlError, EXIT } from "./errors.ts";
import { LineNotUtf8, LineReader } from "./lines.ts";
import { LocalControl } from "./local.ts";
import { type ParsedLine, parseLine } from "./params.ts";
import type { Hello, Method, ServerLine, Subscription, Topic } from "./protocol.ts";
import type { ControlService } from "./service.ts";

/** A file of many public keys fits, and nothing much longer is ever sent. */
const MAX_LINE = 256 * 1024;
const MAX_CALLS = 8;
const MAX_SUBSCRIPTIONS = 64;
/** Bytes not read yet above which events wait, of states only the newest. */
const EVENTS_WAIT = 64 * 1024;
/** Bytes not read yet above which nothing more is answered. */
const ANSWERS_WAIT = 1024 * 1024;
/** Records of the audit trail that wait for who reads slowly. */
const MAX_RECORDS = 5_000;
/** Who takes nothing for so long is gone. */
const STALLED_MS = 60_000;

interface Followed {
  readonly topic: Topic;
  subscription: Subscription | undefined;
  waiting: { event: unknown } | undefined;
}

/** One program that controls the server over the socket. Whatever it does costs bounded memory. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #service: ControlService;
  readonly #reader = new LineReader(MAX_LINE);
  readonly #followed = new Map<number, Followed>();
  #control: LocalControl;
  /** what is left of the bytes read last */
  #lines: Iterator<string> | undefined;
  #calls = 0;
  #ended = false;

  constructor(socket: Socket, service: ControlService) {
    this.#socket = socket;
    this.#service = service;
    this.#control = new LocalControl(service, "control socket");
    socket.on("error", () => {});
    socket.on("data", (chunk) => this.#input(chunk));
    socket.on("drain", () => this.#drained());
    socket.on("close", () => this.#close());
    socket.setTimeout(STALLED_MS, () => {
      if (socket.writableLength > 0) socket.destroy();
    });
  }

  send(line: ServerLine | Hello): void {
    if (!this.#ended) this.#socket.write(`${JSON.stringify(line)}\n`);
  }

  /** The server stops: what was sent is still delivered, for a moment. */
  end(): void {
    this.#close();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), 1_000).unref();
  }

  #close(): void {
    this.#ended = true;
    this.#followed.clear();
    this.#control.close();
  }

  #input(chunk: Buffer): void {
    if (this.#ended) return;
    this.#socket.pause();
    this.#lines = this.#reader.push(chunk);
    this.#continue();
  }

  /** Takes lines as long as there is room for their answers. */
  #continue(): void {
    try {
      while (this.#lines !== undefined && !this.#ended) {
        if (this.#calls >= MAX_CALLS || this.#socket.writableLength > ANSWERS_WAIT) return;
        const next = this.#lines.next();
        if (next.done !== true) this.#take(next.value);
        else {
          this.#lines = undefined;
          this.#socket.resume();
        }
      }
    } catch (error) {
      this.#refuse(error instanceof LineNotUtf8 ? error.message : "the line is too long");
    }
  }

  /** Nothing that follows can be understood. */
  #refuse(message: string): void {
    this.send({ id: 0, error: { message, exitCode: EXIT.usage } });
    this.end();
  }

  #take(text: string): void {
    const line = parseLine(text);
    if (line === undefined) this.#refuse("that is no line of the control protocol");
    else if ("actor" in line) this.#introduce(line.actor);
    else if ("call" in line) this.#call(line);
    else if ("subscribe" in line) this.#subscribe(line);
    else this.#unsubscribe(line.id);
  }

  #unsubscribe(id: number): void {
    this.#followed.get(id)?.subscription?.close();
    this.#followed.delete(id);
  }

  #introduce(actor: string): void {
    if (this.#calls > 0 || this.#followed.size > 0) return;
    this.#control.close();
    this.#control = new LocalControl(this.#service, actor);
  }

  #call({ id, call, params }: Extract<ParsedLine, { call: string }>): void {
    this.#calls += 1;
    // The control looks at both.
    this.#control
      .call(call as Method, params as never)
      .then(
        (result) => this.send({ id, result }),
        (error: unknown) => this.#fail(id, error),
      )
      .finally(() => {
        this.#calls -= 1;
        this.#continue();
      });
  }

  #fail(id: number, error: unknown): void {
    const known = error instanceof ControlError ? error : new ControlError("unexpected error");
    this.send({ id, error: { message: known.message, exitCode: known.exitCode } });
  }

  #subscribe({ id, subscribe, params }: Extract<ParsedLine, { subscribe: string }>): void {
    const followed: Followed = {
      topic: subscribe as Topic,
      subscription: undefined,
      waiting: undefined,
    };
    try {
      if (this.#followed.has(id)) throw new ControlError(`subscription ${id} is there already`);
      if (this.#followed.size >= MAX_SUBSCRIPTIONS)
        throw new ControlError("too many subscriptions");
      this.#followed.set(id, followed);
      followed.subscription = this.#control.subscribe(followed.topic, params as never, (event) =>
        this.#event(id, followed, event),
      );
    } catch (error) {
      if (this.#followed.get(id) === followed) this.#followed.delete(id);
      this.#fail(id, error);
    }
  }

  #event(id: number, followed: Followed, event: unknown): void {
    if (this.#ended || this.#followed.get(id) !== followed) return;
    if (this.#socket.writableLength < EVENTS_WAIT && followed.waiting === undefined) {
      this.send({ id, event });
    } else if (followed.topic !== "log") {
      followed.waiting = { event };
    } else {
      this.#keepRecords(id, followed, event as AuditRecord[]);
    }
  }

  /** Each record is news: too many that wait end the subscription. */
  #keepRecords(id: number, followed: Followed, records: readonly AuditRecord[]): void {
    const waiting = (followed.waiting?.event ?? []) as readonly AuditRecord[];
    if (waiting.length + records.length <= MAX_RECORDS) {
      followed.waiting = { event: [...waiting, ...records] };
      return;
    }
    followed.subscription?.close();
    this.#followed.delete(id);
    this.#fail(id, new ControlError("records came faster than they were read"));
  }

  #drained(): void {
    for (const [id, followed] of this.#followed) {
      if (this.#socket.writableLength >= EVENTS_WAIT) return;
      const { waiting } = followed;
      followed.waiting = undefined;
      if (waiting !== undefined) this.send({ id, event: waiting.event });
    }
    this.#continue();
  }
}
