import { Worker } from "node:worker_threads";
import type { HashName } from "../types.ts";

/** A thread is told of progress in steps of so many bytes. */
const STEP = 8 * 1024 * 1024;

type Answer =
  | { readonly answer: number; readonly hex: string | undefined }
  | { readonly closed: number };

/** Hashes local files on a thread of its own, which starts with the first file. */
export class LocalHasher {
  #worker: Worker | undefined;
  #nextId = 1;
  readonly #answers = new Map<number, (hex: string | undefined) => void>();
  readonly #closing = new Map<number, () => void>();

  /** The hash of a file that stays open until {@link LocalHash.close} has resolved. */
  open(fd: number, algorithm: HashName): LocalHash {
    const id = this.#nextId++;
    this.#post({ id, fd, algorithm });
    return new LocalHash(id, {
      advance: (upTo) => this.#post({ id, upTo }),
      digest: (upTo) =>
        new Promise((resolve) => {
          const answer = this.#nextId++;
          this.#answers.set(answer, resolve);
          this.#post({ id, upTo, answer });
        }),
      close: () =>
        new Promise((resolve) => {
          this.#closing.set(id, resolve);
          this.#post({ id, close: true });
        }),
    });
  }

  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
    this.#giveUp();
  }

  #post(message: object): void {
    this.#thread().postMessage(message);
  }

  #thread(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    const worker = new Worker(new URL("./hasher.js", import.meta.url));
    worker.on("message", (message: Answer) => this.#answered(message));
    // Without the thread there are no hashes, and nothing is verified that way.
    worker.on("error", () => this.#giveUp());
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #answered(message: Answer): void {
    if ("closed" in message) {
      this.#closing.get(message.closed)?.();
      this.#closing.delete(message.closed);
      return;
    }
    this.#answers.get(message.answer)?.(message.hex);
    this.#answers.delete(message.answer);
  }

  #giveUp(): void {
    for (const resolve of this.#answers.values()) resolve(undefined);
    for (const resolve of this.#closing.values()) resolve();
    this.#answers.clear();
    this.#closing.clear();
  }
}

interface HashCalls {
  advance(upTo: number): void;
  digest(upTo: number): Promise<string | undefined>;
  close(): Promise<void>;
}

/** The hash of one file, from its start on, following what is read or written. */
export class LocalHash {
  readonly id: number;
  readonly #calls: HashCalls;
  #told = 0;

  constructor(id: number, calls: HashCalls) {
    this.id = id;
    this.#calls = calls;
  }

  /** The file is final up to here. */
  follow(position: number): void {
    if (position < this.#told + STEP) return;
    this.#told = position;
    this.#calls.advance(position);
  }

  /** The digest of the first `length` bytes in hex, not fewer than followed; undefined if it failed. */
  digest(length: number): Promise<string | undefined> {
    this.#told = Math.max(this.#told, length);
    return this.#calls.digest(length);
  }

  close(): Promise<void> {
    return this.#calls.close();
  }
}
