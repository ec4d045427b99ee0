import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { tally } from "../tally.ts";
import {
  type FromWorker,
  NO_COUNTS,
  NO_DELAY,
  type Others,
  type Report,
  type ServerFacts,
  type ToWorker,
  WORKERS_VERSION,
} from "./messages.ts";
import { startOfWorker } from "./share.ts";

/** What a worker may take to end beyond the time that it was given, in milliseconds. */
const OVERDUE_MS = 15_000;

/** A worker that has had a connection so long without a word takes no others, in milliseconds. */
const SILENT_MS = 2_000;

/** What transfers get when the time for draining is over, in milliseconds: as at any stop. */
const LAST_MS = 8_000;

/** A program that serves as a worker. */
export interface WorkerProgram {
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How a worker ended. */
export interface WorkerEnd {
  /** false: it left things to be put in order */
  readonly clean: boolean;
  /** why it could not start, for people; undefined: it did not say */
  readonly reason: string | undefined;
  /** such as "exit code 1" or "SIGKILL" */
  readonly how: string;
}

/** What becomes of a worker. */
export interface WorkerHandlers {
  ready(worker: WorkerProcess): void;
  said(worker: WorkerProcess, message: FromWorker): void;
  ended(worker: WorkerProcess, end: WorkerEnd): void;
}

/** A worker, as its supervisor knows it. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly #handlers: WorkerHandlers;
  /** resolves when the process is gone */
  readonly gone: Promise<WorkerEnd>;
  /** milliseconds of a clock that doesn't go back */
  readonly startedAt = performance.now();
  #connections = 0;
  /** when it got a connection since which it has said nothing */
  #askedAt: number | undefined;
  /** what it is told next, as soon as it has the last */
  #others: Others | undefined;
  #isTelling = false;
  #report: Report = {
    counts: NO_COUNTS,
    sessions: 0,
    transfers: 0,
    loopDelay: NO_DELAY,
  };
  #isReady = false;
  #isLeaving = false;
  #reason: string | undefined;
  #overdue: NodeJS.Timeout | undefined;
  #draining: NodeJS.Timeout | undefined;

  constructor({ file, args, env }: WorkerProgram, facts: ServerFacts, handlers: WorkerHandlers) {
    this.#handlers = handlers;
    this.#child = fork(file, [...args], {
      ...startOfWorker(facts.workers, env),
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    } as Parameters<typeof fork>[2]);
    this.gone = this.#watch();
    this.send({ kind: "begin", version: WORKERS_VERSION, facts });
  }

  /** 0 when it could not be started at all. */
  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** that it was given, and that are not gone */
  get connections(): number {
    return this.#connections;
  }

  joined(): void {
    this.#connections += 1;
  }

  left(): void {
    this.#connections -= 1;
    if (this.#draining !== undefined && this.#connections === 0) this.stop(0);
  }

  /** as it told last */
  get report(): Report {
    return this.#report;
  }

  /** It takes connections. */
  get isServing(): boolean {
    return this.#isReady && !this.#isLeaving;
  }

  /** False while it hangs: it does not even take what it is given. */
  get answers(): boolean {
    return this.#askedAt === undefined || performance.now() - this.#askedAt < SILENT_MS;
  }

  /** It gets no more connections, and ends. */
  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  #watch(): Promise<WorkerEnd> {
    this.#child.on("message", (message) => this.#take(message as FromWorker));
    return new Promise((resolve) => {
      const end = (how: string, clean: boolean): void => {
        clearTimeout(this.#overdue);
        clearTimeout(this.#draining);
        this.#isLeaving = true;
        const ended: WorkerEnd = { clean, reason: this.#reason, how };
        this.#handlers.ended(this, ended);
        resolve(ended);
      };
      this.#child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`, code === 0));
      this.#child.on("error", (error) => {
        // Failing to send is told to who sends.
        if (this.#child.pid === undefined) end(error.message, false);
      });
    });
  }

  #take(message: FromWorker): void {
    this.#askedAt = undefined;
    if (message.kind === "ready") {
      this.#isReady = true;
      this.#handlers.ready(this);
    } else if (message.kind === "failed") this.#reason = message.text;
    else if (message.kind === "leaving") this.#isLeaving = true;
    else if (message.kind === "counted") tally.absorb(message.node, message.totals);
    else if (message.kind === "report") {
      this.#report = message;
    } else this.#handlers.said(this, message);
  }

  /** What can't be sent is dropped: the process is ending then. */
  send(message: ToWorker): void {
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  /** One that hangs gets the last word only, when it goes on: its line does not fill. */
  tellOthers(others: Others): void {
    this.#others = others;
    if (!this.#isTelling) this.#tellNext();
  }

  #tellNext(): void {
    const others = this.#others;
    this.#others = undefined;
    this.#isTelling = others !== undefined && this.#child.connected;
    if (others === undefined || !this.#isTelling) return;
    this.#child.send({ kind: "others", others }, () => this.#tellNext());
  }

  /**
   * Gives it a socket, unread. Ours stays open, for the caller to close when the worker has said that
   * it took it: node leaves one open for ever that it sent to a process that died before.
   * @param failed called when it can't be sent
   */
  pass(message: ToWorker, socket: Socket, failed: () => void): void {
    this.#askedAt ??= performance.now();
    const sent = (error: Error | null): void => {
      if (error !== null) failed();
    };
    if (this.#child.connected) this.#child.send(message, socket, { keepOpen: true }, sent);
    else failed();
  }

  /** Gives it no more connections. It ends when those it has are gone, or after that time. */
  drain(milliseconds: number): void {
    this.#isLeaving = true;
    if (this.#connections === 0) this.stop(0);
    else this.#draining = setTimeout(() => this.stop(LAST_MS), milliseconds);
  }

  /** Gives it no more connections; transfers get `graceMs` milliseconds. Again: the shorter time holds. */
  stop(graceMs: number): void {
    this.#isLeaving = true;
    this.send({ kind: "stop", graceMs });
    clearTimeout(this.#draining);
    this.#draining = undefined;
    clearTimeout(this.#overdue);
    this.#overdue = setTimeout(() => this.kill(), graceMs + OVERDUE_MS);
  }

  /** Ends it at once, whatever its threads do. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }
}
