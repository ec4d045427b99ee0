import type { Socket } from "node:net";
import { ControlError, EXIT } from "./errors.ts";
import { LineNotUtf8, LineReader } from "./lines.ts";
import { LocalControl } from "./local.ts";
import { type ParsedLine, parseLine } from "./params.ts";
import type { Hello, Method, ServerLine, Topic } from "./protocol.ts";
import type { ControlService } from "./service.ts";
import { Subscriptions } from "./subscriptions.ts";

/** A file of many public keys fits, and nothing much longer is ever sent. */
const MAX_LINE = 256 * 1024;
const MAX_CALLS = 8;
const MAX_SUBSCRIPTIONS = 64;
/** Bytes not read yet above which events wait, of states only the newest. */
const EVENTS_WAIT = 64 * 1024;
/** Bytes not read yet above which nothing more is answered. */
const ANSWERS_WAIT = 1024 * 1024;
/** Records of the audit trail that wait for a program that reads slowly. */
const MAX_RECORDS = 5_000;
/** Who takes nothing for so long is gone. */
const STALLED_MS = 60_000;

/** One program that controls the server over the socket. Whatever it does costs bounded memory. */
export class ControlConnection {
  readonly #socket: Socket;
  readonly #service: ControlService;
  readonly #reader = new LineReader(MAX_LINE);
  readonly #subscriptions: Subscriptions;
  #control: LocalControl;
  /** what is left of the bytes read last */
  #lines: Iterator<string> | undefined;
  #calls = 0;
  #ended = false;

  constructor(socket: Socket, service: ControlService) {
    this.#socket = socket;
    this.#service = service;
    this.#control = new LocalControl(service, "control socket");
    this.#subscriptions = new Subscriptions({
      max: MAX_SUBSCRIPTIONS,
      maxRecords: MAX_RECORDS,
      send: (id, event) => this.send({ id, event }),
      hasRoom: () => !this.#ended && socket.writableLength < EVENTS_WAIT,
      onTooMany: (id) =>
        this.#fail(id, new ControlError("records came faster than they were read")),
    });
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
    this.#subscriptions.close();
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
    else this.#subscriptions.remove(line.id);
  }

  #introduce(actor: string): void {
    if (this.#calls > 0 || this.#subscriptions.size > 0) return;
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
    try {
      const begin = this.#subscriptions.add(id, subscribe as Topic);
      // The control looks at both.
      begin((tell) => this.#control.subscribe(subscribe as Topic, params as never, tell));
    } catch (error) {
      this.#fail(id, error);
    }
  }

  #drained(): void {
    this.#subscriptions.flush();
    this.#continue();
  }
}
