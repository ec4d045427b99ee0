import { Worker } from "node:worker_threads";
import type { PtySize } from "../channel.ts";
import { DRAIN_BYTES } from "../channel.ts";
import type { Control } from "../control/protocol.ts";
import { Chunks } from "../shell/chunks.ts";
import { ScreenControl } from "./control.ts";
import type { FromScreen, ScreenStart, ToScreen } from "./messages.ts";

/** How soon it is looked again whether the client has read on, in milliseconds. */
const RETRY_MS = 100;

/** A window that is pulled, or a client that floods, is followed this often, in milliseconds. */
const RESIZE_MS = 40;

/** Of the thread's JavaScript heap, in MiB: beyond it that screen ends, and nothing else. */
const MAX_HEAP = 96;

export interface ScreenOptions {
  /** what draws it, run in a thread of its own */
  readonly program: URL;
  readonly start: ScreenStart;
  readonly control: Control;
  /** asked before each call; false: it is refused */
  readonly allowed: () => Promise<boolean>;
  /** the client's terminal */
  readonly terminal: {
    readonly queuedBytes: number;
    write(data: Buffer, released: (data: Buffer) => void): void;
    /** the client may send so many bytes more */
    consume(bytes: number): void;
  };
  readonly onShell: (user: string) => void;
  /** The screen is over: left by the admin, or ended by an error. Called at most once. */
  readonly onEnd: (error?: unknown) => void;
  /** told of errors in the program itself */
  readonly onError: (error: unknown) => void;
}

/** The screen of one admin, drawn by a thread. */
export class Screen {
  readonly #options: ScreenOptions;
  readonly #worker: Worker;
  readonly #control: ScreenControl;
  readonly #waiting = new Chunks();
  /** bytes of keys the thread has not taken yet */
  #underWay = 0;
  #sent = 0;
  #retry: NodeJS.Timeout | undefined;
  #size: PtySize;
  #resizing: NodeJS.Timeout | undefined;
  #ended = false;
  #gone: Promise<unknown> | undefined;
  /** what the client's terminal was told last */
  #otherScreen = false;
  #cursorHidden = false;

  constructor(options: ScreenOptions) {
    const { program, start, control, allowed, onError } = options;
    this.#options = options;
    this.#size = start;
    const send: ConstructorParameters<typeof ScreenControl>[0]["send"] = (line) =>
      this.#post({ type: "control", line });
    this.#control = new ScreenControl({ control, allowed, send, onError });
    this.#worker = new Worker(program, {
      workerData: start,
      // Nothing of the server's own terminal and secrets.
      env: { TERM: start.term, LANG: "C.UTF-8", ...(!start.colour && { NO_COLOR: "1" }) },
      execArgv: [],
      stdin: false,
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP },
    });
    this.#worker.stdout.resume();
    this.#worker.stderr.resume();
    this.#worker.on("message", (message: FromScreen) => this.#receive(message));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", () => this.#end(new Error("the thread ended")));
  }

  /** Keys of the client, as they come. */
  input(data: Buffer): void {
    this.#waiting.push(data);
    if (this.#underWay === 0) this.#pass();
  }

  resize({ columns, rows }: PtySize): void {
    this.#size = { columns, rows };
    this.#resizing ??= setTimeout(() => {
      this.#resizing = undefined;
      this.#post({ type: "resize", ...this.#size });
    }, RESIZE_MS);
  }

  shellEnded(error?: string): void {
    this.#post({ type: "shell-ended", ...(error !== undefined && { error }) });
  }

  /** What puts the client's terminal in order; empty when it is. */
  restoration(): string {
    const parts = [
      this.#otherScreen || this.#cursorHidden ? RESET_MODES : "",
      this.#otherScreen ? "\x1b[?1049l" : "",
    ];
    this.#otherScreen = false;
    this.#cursorHidden = false;
    return parts.join("");
  }

  /** Ends the thread. `onEnd` is not called for it. */
  async close(): Promise<void> {
    this.#gone ??= this.#close();
    await this.#gone;
  }

  #close(): Promise<unknown> {
    this.#ended = true;
    clearTimeout(this.#retry);
    clearTimeout(this.#resizing);
    this.#control.close();
    return this.#worker.terminate();
  }

  #receive(message: FromScreen): void {
    if (this.#ended) return;
    switch (message.type) {
      case "output":
        this.#output(Buffer.from(message.data));
        break;
      case "taken":
        this.#options.terminal.consume(this.#underWay);
        this.#underWay = 0;
        this.#pass();
        break;
      case "control":
        this.#control.receive(message.line);
        break;
      case "seen":
        this.#control.seen(message.id);
        break;
      case "shell":
        this.#options.onShell(message.user);
        break;
      case "closed":
        this.#end();
        break;
    }
  }

  #pass(): void {
    const data = this.#waiting.shift();
    if (data === undefined || this.#ended) return;
    this.#underWay = data.length;
    this.#post({ type: "input", data });
  }

  #output(data: Buffer): void {
    this.#otherScreen = switched(data, "\x1b[?1049h", "\x1b[?1049l") ?? this.#otherScreen;
    this.#cursorHidden = switched(data, "\x1b[?25l", "\x1b[?25h") ?? this.#cursorHidden;
    this.#options.terminal.write(data, () => {
      this.#sent += data.length;
      this.#giveCredit();
    });
  }

  /** The thread may draw on when the bytes are not merely in another queue of the connection. */
  #giveCredit(): void {
    if (this.#ended || this.#sent === 0 || this.#retry !== undefined) return;
    if (this.#options.terminal.queuedBytes <= DRAIN_BYTES) {
      this.#post({ type: "sent", bytes: this.#sent });
      this.#sent = 0;
      return;
    }
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#giveCredit();
    }, RETRY_MS);
  }

  #post(message: ToScreen): void {
    if (!this.#ended) this.#worker.postMessage(message);
  }

  #end(error?: unknown): void {
    if (this.#ended) return;
    this.close().catch(this.#options.onError);
    this.#options.onEnd(error);
  }
}

/** No mouse reports, ordinary keys and character set, visible cursor, no colours. */
const RESET_MODES =
  "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1005l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?1l\x1b>\x0f\x1b[?25h\x1b[0m";

/** Which of two sequences comes last in the data; undefined when there is neither. */
function switched(data: Buffer, on: string, off: string): boolean | undefined {
  const last = data.lastIndexOf(on);
  const lastOff = data.lastIndexOf(off);
  return last === lastOff ? undefined : last > lastOff;
}
