import type { Control, Method, Result } from "../src/control/protocol.ts";
import { type Display, openDisplay } from "./display.ts";
import type { Frame } from "./frame.ts";
import { type Input, InputDecoder } from "./input.ts";
import { readKeyFile } from "./key-file.ts";
import {
  type CallEffect,
  type CallsEffect,
  type Effect,
  initialModel,
  type Message,
  type Model,
} from "./model.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { AdminOptions, AdminScreen } from "./types.ts";
import { update } from "./update.ts";
import { draw } from "./views/screen.ts";
import { wanted } from "./wanted.ts";

const TICK_MS = 1_000;
/** After this long an Escape that nothing followed is the key; a paste without an end, ended. */
const KEY_MS = 150;
const PASTE_MS = 3_000;
const RECONNECT_MS = 500;
const RECONNECT_MAX_MS = 5_000;

/** Larger terminals get a picture of this size: what they say about themselves isn't trusted. */
const MAX_COLUMNS = 500;
const MAX_ROWS = 200;

export function startScreen(options: AdminOptions): AdminScreen {
  const runtime = new Runtime(options);
  return { closed: runtime.closed, close: () => runtime.end() };
}

/** Keeps the model, lets messages change it one after the other, and does what they lead to. */
class Runtime {
  readonly closed: Promise<void>;
  readonly #options: AdminOptions;
  readonly #display: Display;
  readonly #decoder = new InputDecoder();
  readonly #subscriptions: Subscriptions;
  readonly #messages: Message[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  /** dialogs of those whose calls go on */
  readonly #batches = new Set<number>();
  #model: Model;
  #control: Control;
  #frame: Frame | undefined;
  #inputTimer: NodeJS.Timeout | undefined;
  #drawing: NodeJS.Immediate | undefined;
  #busy = false;
  #away = false;
  #ended = false;
  #resolveClosed = () => {};

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#control = options.control;
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    const { terminal, who, keyFiles = false, from = "", openShell } = options;
    const size = this.#size();
    const shell = openShell !== undefined;
    this.#model = initialModel({ ...size, now: Date.now(), who, keyFiles, from, shell });
    this.#display = openDisplay(terminal, size, () => this.#schedule());
    this.#subscriptions = new Subscriptions((message) => this.#dispatch(message));
    terminal.onResize(() => this.#resized());
    this.#listen();
    const tick = setInterval(() => this.#dispatch({ type: "tick", now: Date.now() }), TICK_MS);
    this.#timers.add(tick);
    this.#watch(options.control);
    this.#subscriptions.follow(this.#control, wanted(this.#model));
    this.#schedule();
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#unlisten();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    clearImmediate(this.#drawing);
    this.#subscriptions.close();
    this.#control.close();
    if (!this.#away) this.#display.leave();
    this.#display.close();
    this.#resolveClosed();
  }

  #size(): { columns: number; rows: number } {
    const { columns, rows } = this.#options.terminal.size();
    const bounded = (value: number, max: number) =>
      Math.min(max, Math.max(1, Number.isFinite(value) ? Math.floor(value) : 1));
    return { columns: bounded(columns, MAX_COLUMNS), rows: bounded(rows, MAX_ROWS) };
  }

  readonly #onBytes = (bytes: Buffer | string) => this.#received(this.#decoder.push(bytes));
  readonly #onInputEnd = () => this.end();

  #listen(): void {
    const { input, output } = this.#options.terminal;
    input.on("data", this.#onBytes);
    input.on("end", this.#onInputEnd);
    input.on("close", this.#onInputEnd);
    output.on("error", this.#onInputEnd);
    input.resume();
  }

  #unlisten(): void {
    const { input, output } = this.#options.terminal;
    input.removeListener("data", this.#onBytes);
    input.removeListener("end", this.#onInputEnd);
    input.removeListener("close", this.#onInputEnd);
    output.removeListener("error", this.#onInputEnd);
    this.#cancel(this.#inputTimer);
  }

  #after(ms: number, run: () => void): NodeJS.Timeout {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
    return timer;
  }

  #cancel(timer: NodeJS.Timeout | undefined): void {
    if (timer === undefined) return;
    clearTimeout(timer);
    this.#timers.delete(timer);
  }

  #received(inputs: readonly Input[]): void {
    for (const input of inputs) {
      if (input.type === "click") this.#clicked(input.x, input.y);
      else this.#dispatch(input);
    }
    this.#cancel(this.#inputTimer);
    const { waiting } = this.#decoder;
    if (waiting === null || this.#ended) return;
    const ms = waiting === "paste" ? PASTE_MS : KEY_MS;
    this.#inputTimer = this.#after(ms, () => this.#received(this.#decoder.flush()));
  }

  #clicked(x: number, y: number): void {
    const target = this.#frame?.at(x, y);
    if (target !== undefined) this.#dispatch({ type: "target", target });
  }

  #resized(): void {
    if (this.#ended || this.#away) return;
    const size = this.#size();
    // Also when it is the same size: terminals forget what they show.
    this.#display.resize(size.columns, size.rows);
    this.#dispatch({ type: "resize", ...size });
  }

  #dispatch(message: Message): void {
    if (this.#ended) return;
    this.#messages.push(message);
    // Messages that come of a message wait for their turn.
    if (this.#busy) return;
    this.#busy = true;
    try {
      for (let next = this.#messages.shift(); next !== undefined; next = this.#messages.shift()) {
        this.#take(next);
      }
    } finally {
      this.#busy = false;
      this.#schedule();
    }
  }

  #take(message: Message): void {
    if (this.#ended) return;
    const { model, effects } = update(this.#model, message);
    this.#model = model;
    if (model.link.up) this.#subscriptions.follow(this.#control, wanted(model));
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: Effect): void {
    switch (effect.kind) {
      case "call":
        void this.#call(effect);
        return;
      case "calls":
        void this.#calls(effect);
        return;
      case "stop-calls":
        this.#batches.delete(effect.dialog);
        return;
      case "read-key":
        void this.#readKey(effect.path, effect.dialog);
        return;
      case "shell":
        void this.#shell(effect.user);
        return;
      case "copy":
        if (!this.#away) this.#display.copy(effect.text);
        return;
      case "redraw":
        this.#display.resize(this.#model.columns, this.#model.rows);
        return;
      case "quit":
        this.end();
    }
  }

  async #call(effect: CallEffect): Promise<void> {
    const { method, params, dialog, notice, next } = effect;
    try {
      const result = (await this.#control.call(method, params as never)) as Result<Method>;
      const more = next === undefined ? {} : { next };
      this.#dispatch({
        type: "result",
        method,
        params,
        result,
        dialog,
        notice,
        ...more,
      } as Message);
    } catch (thrown) {
      this.#dispatch({ type: "failed", dialog, message: messageOf(thrown) });
    }
  }

  /** One after the other: what fails for one keeps no other from it. */
  async #calls({ calls, dialog }: CallsEffect): Promise<void> {
    this.#batches.add(dialog);
    for (const call of calls) {
      if (this.#ended || !this.#batches.has(dialog)) break;
      const { method, params } = call.call;
      const why = await this.#control.call(method, params as never).then(() => null, messageOf);
      this.#dispatch({ type: "call-done", dialog, call, why });
    }
    this.#batches.delete(dialog);
    this.#dispatch({ type: "calls-ended", dialog });
  }

  async #readKey(path: string, dialog: number): Promise<void> {
    try {
      const allowed = this.#options.keyFiles === true;
      const text = allowed ? await readKeyFile(path) : "";
      this.#dispatch({ type: "key-file", dialog, text });
    } catch (thrown) {
      this.#dispatch({ type: "failed", dialog, message: messageOf(thrown) });
    }
  }

  /** Lends the terminal to the shell. */
  async #shell(user: string): Promise<void> {
    const { openShell } = this.#options;
    if (openShell === undefined || this.#away) return;
    this.#away = true;
    this.#unlisten();
    this.#display.leave();
    try {
      await openShell(user);
    } catch (thrown) {
      this.#dispatch({ type: "failed", dialog: 0, message: messageOf(thrown) });
    }
    this.#away = false;
    if (this.#ended) return;
    this.#display.enter();
    this.#listen();
    this.#resized();
  }

  #watch(control: Control): void {
    control.closed.then(
      (reason) => this.#lost(control, reason),
      () => this.#lost(control, "the connection failed"),
    );
  }

  #lost(control: Control, reason: string): void {
    if (this.#ended || control !== this.#control) return;
    if (this.#options.reconnect === undefined) {
      this.end();
      return;
    }
    this.#subscriptions.close();
    this.#dispatch({ type: "lost", reason });
    this.#retry(RECONNECT_MS);
  }

  #retry(ms: number): void {
    this.#after(ms, () => void this.#reconnect(Math.min(ms * 2, RECONNECT_MAX_MS)));
  }

  async #reconnect(next: number): Promise<void> {
    try {
      const control = await this.#options.reconnect?.();
      if (control === undefined) return;
      if (this.#ended) {
        control.close();
        return;
      }
      this.#control = control;
      this.#watch(control);
      this.#dispatch({ type: "found" });
    } catch (thrown) {
      if (this.#ended) return;
      if (isClear(thrown)) this.#dispatch({ type: "lost", reason: thrown.message });
      this.#retry(next);
    }
  }

  #schedule(): void {
    if (this.#ended || this.#away || this.#drawing !== undefined) return;
    this.#drawing = setImmediate(() => {
      this.#drawing = undefined;
      if (this.#ended || this.#away) return;
      const frame = draw(this.#model);
      // A terminal that is behind gets the newest picture when it has caught up.
      if (this.#display.draw(frame)) this.#frame = frame;
    });
  }
}

/** What control says in one clear line; anything else without its details. */
function messageOf(thrown: unknown): string {
  if (isClear(thrown)) return thrown.message;
  return "that failed for a reason nobody foresaw; the server's log may say more";
}

function isClear(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === "ControlError";
}
