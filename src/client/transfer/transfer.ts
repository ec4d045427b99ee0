import { setMaxListeners } from "node:events";
import { visible } from "../../text/safe.ts";
import { EndedError, FileError, failureCode, RemoteError } from "../errors.ts";
import type { ClientConnection } from "../remote/remote.ts";
import type { HashName, TransferEvent, TransferJob, TransferSummary } from "../types.ts";
import { Exclusion } from "./exclude.ts";
import { getFile } from "./get-file.ts";
import { isLost, type TransferContext, type TransferEnd } from "./job.ts";
import type { Journal } from "./journal.ts";
import { LocalPlaces } from "./local.ts";
import { LocalHasher } from "./local-hash.ts";
import { Pace } from "./pace.ts";
import { planned } from "./plan.ts";
import { putFile } from "./put-file.ts";
import { getSmall, isSmall, putSmall } from "./small.ts";
import type { Found } from "./walk.ts";
import { walkLocal } from "./walk-local.ts";
import { walkRemote } from "./walk-remote.ts";

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

/** Small files on their way for each large one: they wait for answers most of the time. */
const SMALL_FOR_LARGE = 16;

/** Small files on their way at most; servers allow a few hundred open ones in a channel. */
const MOST_SMALL = 96;

/** A file is given up when so many connections in a row ended without a byte of progress. */
const FRUITLESS = 5;

/** How often the totals are told while they grow, in milliseconds. */
const TOTALS_EVERY_MS = 200;

/** A progress event for a file at most so often, in milliseconds. */
const PROGRESS_EVERY_MS = 50;

export type Work = Extract<Found, { readonly type: "get" | "put" }>;
type Surplus = Extract<Found, { readonly type: "surplus" }>;

/** Files that were found and wait for their turn. */
interface Lane {
  readonly queue: { readonly work: Work; readonly file: number }[];
  /** workers with nothing to do */
  waiting: (() => void)[];
}

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
  options.journal.look();
  // Each file under way listens.
  setMaxListeners(0, options.signal);
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
  readonly #large: Lane = { queue: [], waiting: [] };
  readonly #small: Lane = { queue: [], waiting: [] };
  readonly #later: (() => Promise<void>)[] = [];
  readonly #surplus: Surplus[] = [];
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
  #deleted = 0;
  #verified = 0;
  #hash: HashName | undefined;

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
    const exclusion = new Exclusion(job.exclude ?? []);
    const pace = job.limitRate === undefined ? undefined : new Pace(job.limitRate);
    const places = new LocalPlaces();
    const given = { connection, journal, hasher, job, signal, exclusion, pace, places };
    this.#context = { ...given, emit: this.#emit, active };
  }

  async run(): Promise<TransferSummary> {
    const { job, signal } = this.#context;
    const parallel = Math.max(1, job.parallel);
    const small = Math.min(MOST_SMALL, parallel * SMALL_FOR_LARGE);
    const all = Promise.all([
      this.#walk(),
      ...Array.from({ length: parallel }, () => this.#work(this.#large)),
      ...Array.from({ length: small }, () => this.#work(this.#small)),
    ]);
    const given = givenUp(signal);
    await Promise.race([all, given.promise]).finally(given.stop);
    all.catch(() => {}).finally(() => this.#context.places.close());
    if (this.#fatal === undefined && !signal.aborted) await this.#tidy();
    this.#over = true;
    if (this.#fatal !== undefined) throw this.#fatal.error;
    return {
      files: this.#done,
      failed: this.#failed,
      skipped: this.#skipped,
      ...(job.verify && { verified: this.#verified }),
      ...(this.#hash !== undefined && { hash: this.#hash }),
      ...(this.#deleted > 0 && { deleted: this.#deleted }),
      bytes: this.#doneBytes,
      durationMs: performance.now() - this.#begin,
    };
  }

  /** What comes last. Nothing is removed where a part of the source was not seen, or did not arrive. */
  async #tidy(): Promise<void> {
    if (this.#failed === 0) for (const one of this.#surplus) await this.#remove(one);
    for (const run of this.#later) await run().catch(() => {});
  }

  async #remove({ target, run }: Surplus): Promise<void> {
    const { job, signal } = this.#context;
    if (signal.aborted || this.#fatal !== undefined) return;
    if (job.dryRun) return this.#emit({ type: "planned", file: 0, action: "delete", target });
    try {
      if (!(await run())) return;
      this.#deleted++;
      this.#emit({ type: "deleted", target });
    } catch (error) {
      this.#fail(++this.#files, target, error);
    }
  }

  async #walk(): Promise<void> {
    const { job, signal } = this.#context;
    const walk = job.direction === "up" ? walkLocal : walkRemote;
    try {
      for await (const found of walk(this.#context)) {
        if (signal.aborted || this.#fatal !== undefined) break;
        this.#found(found);
        while (this.#large.queue.length + this.#small.queue.length >= AHEAD)
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
    if (found.type === "surplus") {
      this.#surplus.push(found);
      return;
    }
    const file = ++this.#files;
    if (found.type === "skipped") {
      this.#skipped++;
      this.#bytes += found.size ?? 0;
      this.#emit({ ...found, file });
    } else if (found.type === "failed") {
      this.#fail(file, found.source, found.error);
    } else {
      this.#bytes += sizeOf(found);
      const lane = isSmall(found, this.#context) ? this.#small : this.#large;
      lane.queue.push({ work: found, file });
      this.#totals(false);
      lane.waiting.pop()?.();
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
    error: unknown,
    work?: { readonly resumable: boolean; readonly size: number },
  ): void {
    // With the session the job is over, and not only this file.
    if (error instanceof EndedError) this.#fatal ??= { error };
    this.#failed++;
    const why = { code: failureCode(error), message: messageOf(error, source) };
    this.#emit({ type: "failed", file, source, ...why, resumable: false, ...work });
  }

  #wake(): void {
    for (const lane of [this.#large, this.#small]) {
      for (const go of lane.waiting.splice(0)) go();
    }
  }

  async #work(lane: Lane): Promise<void> {
    for (;;) {
      const next = lane.queue.shift();
      if (next === undefined) {
        if (this.#walked) return;
        await new Promise<void>((go) => lane.waiting.push(go));
        continue;
      }
      this.#room();
      if (this.#fatal !== undefined || this.#context.signal.aborted) continue;
      const large = lane === this.#large ? 1 : 0;
      this.#active += large;
      try {
        await this.#transfer(next.work, next.file);
      } finally {
        this.#active -= large;
      }
    }
  }

  async #transfer(work: Work, file: number): Promise<void> {
    const { source } = work.item;
    const begin = performance.now();
    try {
      if (this.#context.job.dryRun) return this.#emit(await planned(this.#context, work, file));
      const outcome = await this.#untilDone(work, file);
      if (outcome.type === "skipped") {
        this.#skipped++;
        this.#emit({ ...outcome, file, source, size: sizeOf(work) });
        return;
      }
      this.#done++;
      this.#doneBytes += outcome.bytes;
      this.#verified += outcome.hash === undefined ? 0 : 1;
      this.#hash ??= outcome.hash?.name;
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
        return await transferFile(context, work, file);
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
    const why = signal.aborted ? new FileError(`${source}: cancelled`, "cancelled") : error;
    this.#fail(file, source, why, { resumable: entry !== undefined, size: sizeOf(work) });
  }
}

/** Small ones go the short way, where nothing speaks against it. */
async function transferFile(
  context: TransferContext,
  work: Work,
  file: number,
): Promise<TransferEnd> {
  if (work.type === "put") {
    const item = { ...work.item, file };
    const end = isSmall(work, context) ? await putSmall(context, item) : undefined;
    return end ?? putFile(context, item);
  }
  const item = { ...work.item, file };
  const end = isSmall(work, context) ? await getSmall(context, item) : undefined;
  return end ?? getFile(context, item);
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
