import {
  MessageChannel,
  type MessagePort,
  receiveMessageOnPort,
  type TransferListItem,
  Worker,
} from "node:worker_threads";
import { CommitInDoubt, DatabaseGone } from "../database-errors.ts";
import type { Address } from "./address.ts";
import { endsLink, type Fault, goneBecause, toError } from "./faults.ts";
import type {
  Answer,
  Asked,
  Limits,
  NewLink,
  News,
  Question,
  ThreadData,
  ToThread,
} from "./protocol.ts";
import { ANSWERS, LINK, PLACES, VERSION } from "./shared.js";

const WORKER = new URL("./worker.js", import.meta.url);

/** Numbers of links that one thread can have. */
const LINKS_A_THREAD = 1_000_000;
/** How long the thread may take to say goodbye to the server, in milliseconds. */
const CLOSING_MS = 500;
/** How long a commit in doubt waits for the server to come back, in milliseconds. */
const DOUBT_MS = 20_000;

/** Statements of a transaction that were sent without waiting for their answers. */
const MAX_SENT = 64;

/** What was sent without waiting. */
export interface Sent {
  readonly id: number;
  readonly link: number;
  changes: number | undefined;
}

interface Doubt {
  readonly transaction: string;
  /** null: that can't be told */
  readonly settle: (committed: boolean | null) => void;
}

/**
 * The thread that speaks to the server, and this process's side of it. A question waits for its
 * answer: that stops the event loop, as a statement of SQLite does, and is bounded by time. While
 * there is no link every question fails at once.
 */
export class Bridge {
  readonly #address: Address;
  readonly #limits: Limits;
  readonly #patienceMs: number;
  readonly #shared = new Int32Array(new SharedArrayBuffer(4 * PLACES));
  #worker!: Worker;
  #answers!: MessagePort;
  /** threads that were started: the last one's number */
  thread = 0;
  #lastId = 0;
  readonly #sent = new Map<number, Sent>();
  #doubt: Doubt | undefined;
  #why: Fault | undefined;
  /** of the last link */
  #epoch = "";
  /** the server never saw the last question */
  #unsent = false;
  #closed = false;
  #opening: { resolve(): void; reject(error: Error): void } | undefined;

  /** @param patienceMs how long a question waits for its answer, in milliseconds */
  constructor(address: Address, limits: Limits, patienceMs: number) {
    this.#address = address;
    this.#limits = limits;
    this.#patienceMs = patienceMs;
  }

  /** Resolves with the first link; rejects with {@link DatabaseGone} when there is no way to one. */
  open(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#opening = { resolve, reject };
      this.#start();
    });
  }

  /** The link that can be used now. @throws DatabaseGone when there is none */
  get link(): number {
    const link = Atomics.load(this.#shared, LINK);
    if (link === 0) throw this.#why === undefined ? new DatabaseGone() : goneBecause(this.#why);
    return link;
  }

  /** Moves when another process has told of a change, and with each new link. */
  get version(): number {
    return Atomics.load(this.#shared, VERSION);
  }

  /**
   * @param link which must still be the one
   * @param patienceMs instead of the usual
   * @param posted called once the thread has the question, whatever it answers
   * @throws DatabaseGone, DatabaseBusy, PostgresError
   */
  ask(
    link: number,
    asked: Asked,
    patienceMs = this.#patienceMs,
    posted: () => void = () => {},
  ): Answer {
    return this.#take(this.#send(link, asked, posted), link, patienceMs);
  }

  /**
   * Asks, and goes on without the answer: what fails in it is thrown by the next question that waits.
   * @param posted as of {@link ask}
   * @throws DatabaseGone
   */
  send(link: number, asked: Asked, posted: () => void = () => {}): Sent {
    if (this.#sent.size >= MAX_SENT) this.#take(this.#lastId, link, this.#patienceMs);
    const sent = { id: this.#send(link, asked, posted), link, changes: undefined };
    this.#sent.set(sent.id, sent);
    return sent;
  }

  /** How many rows it changed. @throws as {@link ask} */
  changesOf(sent: Sent): number {
    if (this.#sent.has(sent.id)) this.#take(sent.id, sent.link, this.#patienceMs);
    // What was rolled back changed nothing.
    return sent.changes ?? 0;
  }

  #send(link: number, asked: Asked, posted: () => void): number {
    if (Atomics.load(this.#shared, LINK) !== link) throw new DatabaseGone();
    this.#lastId += 1;
    this.#post({ ...asked, id: this.#lastId, link } as Question);
    posted();
    return this.#lastId;
  }

  #take(id: number, link: number, patienceMs: number): Answer {
    const answer = this.#wait(id, patienceMs);
    this.#unsent = answer?.unsent ?? false;
    if (answer === undefined) throw this.#giveUp(link, { code: "TIMEOUT", message: "no answer" });
    if (answer.gone !== undefined) throw this.#giveUp(link, answer.gone);
    if (answer.fault === undefined) return answer;
    if (endsLink(answer.fault.code)) throw this.#giveUp(link, answer.fault);
    throw toError(answer.fault);
  }

  /**
   * Commits a transaction.
   * @throws CommitInDoubt when the link is lost meanwhile; DatabaseGone when it was before
   */
  commit(link: number, transaction: string, notify: boolean): void {
    this.#unsent = true;
    try {
      this.ask(link, { kind: "commit", transaction, notify });
    } catch (thrown) {
      if (!(thrown instanceof DatabaseGone) || this.#unsent) throw thrown;
      this.#post({ kind: "drop", link, transaction });
      throw new CommitInDoubt(this.#settled(transaction));
    } finally {
      this.#sent.clear();
    }
  }

  /** Ends a transaction of that link, without waiting. */
  rollback(link: number): void {
    this.#sent.clear();
    if (Atomics.load(this.#shared, LINK) === link) this.#post({ kind: "rollback", link });
  }

  forget(statements: readonly number[]): void {
    if (!this.#closed) this.#post({ kind: "forget", statements });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#post({ kind: "close" });
    this.#wait(0, CLOSING_MS);
    Atomics.store(this.#shared, LINK, 0);
    this.#doubt?.settle(null);
    void this.#worker.terminate();
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  #wait(id: number, patienceMs: number): Answer | undefined {
    const until = performance.now() + patienceMs;
    for (;;) {
      // Read first: an answer that comes behind moves it, and the wait below is over at once.
      const seen = Atomics.load(this.#shared, ANSWERS);
      const received = receiveMessageOnPort(this.#answers) as { message: Answer } | undefined;
      if (received !== undefined) {
        if (this.#isFor(id, received.message)) return received.message;
        continue;
      }
      const left = until - performance.now();
      if (left <= 0) return undefined;
      Atomics.wait(this.#shared, ANSWERS, seen, left);
    }
  }

  /** Whether the question gets this answer: its own, or what failed of those sent before it. */
  #isFor(id: number, answer: Answer): boolean {
    const sent = this.#sent.get(answer.id);
    this.#sent.delete(answer.id);
    if (sent !== undefined) sent.changes = answer.changes;
    if (answer.id === id) return true;
    // Without a `sent` it belongs to what was rolled back.
    return sent !== undefined && (answer.fault ?? answer.gone) !== undefined;
  }

  /** The link is of no use; the thread makes another one. */
  #giveUp(link: number, fault: Fault): DatabaseGone {
    Atomics.compareExchange(this.#shared, LINK, link, 0);
    this.#why = fault;
    this.#post({ kind: "drop", link, transaction: undefined });
    return goneBecause(fault);
  }

  #settled(transaction: string): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#worker.ref();
      const timer = setTimeout(() => settle(null), DOUBT_MS);
      const settle = (committed: boolean | null): void => {
        clearTimeout(timer);
        this.#doubt = undefined;
        this.#worker.unref();
        if (committed === null) reject(new DatabaseGone("what became of a commit is not known"));
        else resolve(committed);
      };
      this.#doubt = { transaction, settle };
    });
  }

  #start(): void {
    this.thread += 1;
    const { port1, port2 } = new MessageChannel();
    const workerData: ThreadData & { answers: MessagePort } = {
      address: this.#address,
      shared: this.#shared,
      limits: this.#limits,
      firstLink: (this.thread - 1) * LINKS_A_THREAD,
      inDoubt: this.#doubt?.transaction,
      lastEpoch: this.#epoch,
      answers: port2,
    };
    this.#answers = port1;
    this.#worker = new Worker(WORKER, {
      workerData,
      transferList: [port2 as unknown as TransferListItem],
      execArgv: [],
      // pg reads settings from it.
      env: {},
    });
    this.#worker.on("message", (news: News) => this.#hear(news));
    this.#worker.on("error", () => {});
    this.#worker.once("exit", () => this.#ended());
  }

  #hear(news: News): void {
    if (news.kind === "down") {
      this.#why = news.fault;
      this.#opened((waiting) => waiting.reject(goneBecause(news.fault)));
      return;
    }
    if (this.#closed || !this.#isSettled(news)) return;
    this.#why = undefined;
    this.#epoch = news.epoch;
    Atomics.store(this.#shared, LINK, news.link);
    this.#opened((waiting) => waiting.resolve());
  }

  /**
   * Settles what is in doubt before anything else can use the link: what follows a commit in memory
   * is done in its order. False when the thread had made the link before it heard of the doubt.
   */
  #isSettled({ link, settled }: NewLink): boolean {
    const doubt = this.#doubt;
    if (doubt === undefined) return true;
    const { transaction } = doubt;
    if (settled?.transaction === transaction) doubt.settle(settled.committed);
    else this.#post({ kind: "drop", link, transaction });
    return settled?.transaction === transaction;
  }

  /** From now on the thread keeps no process alive. */
  #opened(tell: (waiting: { resolve(): void; reject(error: Error): void }) => void): void {
    if (this.#opening === undefined) return;
    this.#worker.unref();
    tell(this.#opening);
    this.#opening = undefined;
  }

  /** It doesn't end by itself; whatever it was, the next one may do better. */
  #ended(): void {
    Atomics.store(this.#shared, LINK, 0);
    if (this.#closed) return;
    this.#opened((waiting) => waiting.reject(new DatabaseGone()));
    setTimeout(() => {
      if (this.#closed) return;
      this.#start();
      if (this.#doubt === undefined) this.#worker.unref();
    }, 1_000).unref();
  }
}
