import { visible } from "../../text/safe.ts";
import { FileError, RemoteError } from "../errors.ts";
import type { ClientConnection } from "../remote/remote.ts";
import type { TransferEvent, TransferJob, TransferSummary } from "../types.ts";
import { getFile } from "./get-file.ts";
import { isLost, type TransferContext, type TransferEnd } from "./job.ts";
import type { Journal } from "./journal.ts";
import { LocalHasher } from "./local-hash.ts";
import { putFile } from "./put-file.ts";
import { type Found, walkLocal, walkRemote } from "./walk.ts";

export interface JobOptions {
  readonly journal: Journal;
  /** ends the job; what was transferred so far is kept */
  readonly signal: AbortSignal;
  onEvent(event: TransferEvent): void;
}

/** What is under way when the person gives up may take so long to end, in milliseconds. */
const GIVE_UP_MS = 3_000;

/** The walk runs ahead of the transfers by so many files. */
const AHEAD = 10_000;

/** A file is given up when so many connections in a row ended without a byte of progress. */
const FRUITLESS = 5;

/** How often the totals are told while they grow, in milliseconds. */
const TOTALS_EVERY_MS = 200;

/** A progress event for a file at most so often, in milliseconds. */
const PROGRESS_EVERY_MS = 50;

type Work = Extract<Found, { readonly type: "get" | "put" }>;

/**
 * Runs a job: `parallel` files at once, one that fails doesn't stop the others. Rejects with
 * FileError or RemoteError only for what concerns the whole job: its target, or the connection.
 */
export async function runJob(
  connection: ClientConnection,
  job: TransferJob,
  options: JobOptions,
): Promise<TransferSummary> {
  const hasher = new LocalHasher();
  const run = new Run(connection, job, options, hasher);
  const before = connection.onReconnect;
  connection.onReconnect = (event) => {
    before(event);
    options.onEvent(event);
  };
  try {
    return await run.run();
  } finally {
    connection.onReconnect = before;
    await hasher.end();
  }
}

class Run {
  readonly #context: TransferContext;
  readonly #emit: (event: TransferEvent) => void;
  readonly #begin = performance.now();
  readonly #queue: { readonly work: Work; readonly file: number }[] = [];
  readonly #later: (() => Promise<void>)[] = [];
  #waiting: (() => void)[] = [];
  #room: () => void = () => {};
  #walked = false;
  #over = false;
  #fatal: { readonly error: unknown } | undefined;
  #files = 0;
  #bytes = 0;
  #totalsAt = 0;
  #active = 0;
  #done = 0;
  #doneBytes = 0;
  #failed = 0;
  #skipped = 0;

  constructor(
    connection: ClientConnection,
    job: TransferJob,
    { journal, signal, onEvent }: JobOptions,
    hasher: LocalHasher,
  ) {
    this.#emit = (event) => {
      if (!this.#over) onEvent(event);
    };
    const active = (): number => this.#active;
    this.#context = { connection, journal, hasher, job, signal, emit: this.#emit, active };
  }

  async run(): Promise<TransferSummary> {
    const { job, signal } = this.#context;
    const workers = Array.from({ length: Math.max(1, job.parallel) }, () => this.#work());
    const all = Promise.all([this.#walk(), ...workers]);
    const given = givenUp(signal);
    await Promise.race([all, given.promise]).finally(given.stop);
    all.catch(() => {});
    this.#over = true;
    if (this.#fatal !== undefined) throw this.#fatal.error;
    if (!signal.aborted) for (const run of this.#later) await run().catch(() => {});
    return {
      files: this.#done,
      failed: this.#failed,
      skipped: this.#skipped,
      bytes: this.#doneBytes,
      durationMs: performance.now() - this.#begin,
    };
  }

  async #walk(): Promise<void> {
    const { job, signal } = this.#context;
    const walk = job.direction === "up" ? walkLocal : walkRemote;
    try {
      for await (const found of walk(this.#context)) {
        if (signal.aborted || this.#fatal !== undefined) break;
        this.#found(found);
        if (this.#queue.length >= AHEAD)
          await new Promise<void>((go) => {
            this.#room = go;
          });
      }
      this.#totals(true);
    } catch (error) {
      this.#fatal ??= { error };
    } finally {
      this.#walked = true;
      this.#wake();
    }
  }

  #found(found: Found): void {
    if (found.type === "later") {
      this.#later.push(found.run);
      return;
    }
    const file = ++this.#files;
    if (found.type === "skipped") {
      this.#skipped++;
      this.#emit({ type: "skipped", file, source: found.source, reason: found.reason });
    } else if (found.type === "failed") {
      this.#fail(file, found.source, found.message);
    } else {
      this.#bytes += sizeOf(found);
      this.#queue.push({ work: found, file });
      this.#totals(false);
      this.#wake();
    }
  }

  #totals(final: boolean): void {
    const now = performance.now();
    if (!final && this.#totalsAt !== 0 && now - this.#totalsAt < TOTALS_EVERY_MS) return;
    this.#totalsAt = now;
    this.#emit({ type: "totals", files: this.#files, bytes: this.#bytes, final });
  }

  #fail(
    file: number,
    source: string,
    message: string,
    work?: { readonly resumable: boolean; readonly size: number },
  ): void {
    this.#failed++;
    this.#emit({ type: "failed", file, source, message, resumable: false, ...work });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  async #work(): Promise<void> {
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined) {
        if (this.#walked) return;
        await new Promise<void>((go) => this.#waiting.push(go));
        continue;
      }
      this.#room();
      if (this.#fatal !== undefined || this.#context.signal.aborted) continue;
      this.#active++;
      try {
        await this.#transfer(next.work, next.file);
      } finally {
        this.#active--;
      }
    }
  }

  async #transfer(work: Work, file: number): Promise<void> {
    const { source } = work.item;
    const begin = performance.now();
    try {
      const outcome = await this.#untilDone(work, file);
      if (outcome.type === "skipped") {
        this.#skipped++;
        this.#emit({ ...outcome, file, source, size: sizeOf(work) });
        return;
      }
      this.#done++;
      this.#doneBytes += outcome.bytes;
      this.#emit({ ...outcome, file, durationMs: performance.now() - begin });
    } catch (error) {
      await this.#gaveUp(work, file, error);
    }
  }

  /** Once more after each lost connection, as long as there is progress. */
  async #untilDone(work: Work, file: number): Promise<TransferEnd> {
    const { signal } = this.#context;
    for (let fruitless = 0; ; ) {
      let moved = false;
      let last = 0;
      const emit = (event: TransferEvent): void => {
        if (event.type === "progress") {
          const now = performance.now();
          moved = true;
          if (event.bytes < event.size && now - last < PROGRESS_EVERY_MS) return;
          last = now;
        }
        this.#emit(event);
      };
      const context = { ...this.#context, emit };
      try {
        signal.throwIfAborted();
        return work.type === "put"
          ? await putFile(context, { ...work.item, file })
          : await getFile(context, { ...work.item, file });
      } catch (error) {
        fruitless = moved ? 0 : fruitless + 1;
        if (!isLost(error) || signal.aborted || fruitless >= FRUITLESS) throw error;
        // One that can't be made anew is the end of the job, not of each file in turn.
        await this.#context.connection.live().catch((gone: unknown) => {
          this.#fatal ??= { error: gone };
          throw gone;
        });
      }
    }
  }

  async #gaveUp(work: Work, file: number, error: unknown): Promise<void> {
    const { connection, journal, job, signal } = this.#context;
    const { source, target } = work.item;
    const entry = await journal.find({
      direction: job.direction,
      server: connection.server,
      source,
      target,
    });
    const why = signal.aborted ? `${source}: cancelled` : messageOf(error, source);
    this.#fail(file, source, why, { resumable: entry !== undefined, size: sizeOf(work) });
  }
}

/** As the walk saw it, in bytes. */
function sizeOf(work: Work): number {
  return work.type === "put" ? work.item.size : work.item.attrs.size;
}

/** Resolves some time after the person gave up: a server that is gone is not waited for. */
function givenUp(signal: AbortSignal): { promise: Promise<void>; stop: () => void } {
  let timer: NodeJS.Timeout | undefined;
  let begin = (): void => {};
  const promise = new Promise<void>((resolve) => {
    begin = () => {
      timer = setTimeout(resolve, GIVE_UP_MS);
    };
  });
  if (signal.aborted) begin();
  else signal.addEventListener("abort", begin, { once: true });
  const stop = (): void => {
    clearTimeout(timer);
    signal.removeEventListener("abort", begin);
  };
  return { promise, stop };
}

/** One line with the file's name. */
function messageOf(error: unknown, source: string): string {
  if (error instanceof FileError) return oneLine(error.message);
  const { message, name } = error instanceof Error ? error : new Error("failed");
  if (name === "MalformedError") return oneLine(`${source}: the server's answer can't be read`);
  const named = error instanceof RemoteError && message.includes("/");
  return oneLine(named ? message : `${source}: ${message}`);
}

function oneLine(text: string): string {
  return visible(text.replace(/\s+/g, " "));
}
