import { Worker } from "node:worker_threads";
import { FsError, toFsError } from "../errors.ts";
import { tally } from "../tally.ts";
import type { DigestAlgorithm } from "./types.ts";

/** Bytes hashed before another user's task may come first. */
export const SLICE = 8 * 1024 * 1024;

/** The next part of a task's work: bytes of a file, or bytes themselves. */
export interface Piece {
  readonly algorithms: readonly DigestAlgorithm[];
  /** the same for all pieces of a task; 0: one digest of all */
  readonly blockSize: number;
  /** ignored with `data` */
  readonly fd: number;
  readonly from: number;
  readonly to: number;
  /** given away with the memory it is in */
  readonly data?: Uint8Array<ArrayBuffer>;
  /** these algorithms get nothing more */
  readonly last: boolean;
}

export interface HashedPiece {
  /** bytes hashed */
  readonly bytes: number;
  /** the file ended before the piece did: the digests are those of what there was */
  readonly ended: boolean;
  /** in the order of the piece's algorithms, after its last piece */
  readonly digests?: readonly Uint8Array[];
}

/** Something to hash, piece by piece in one thread. */
export interface Task {
  /** whose turn it takes */
  readonly user: number;
  /** The next piece; undefined while there is none. Asked again after `done` and {@link Pool.wake}. */
  next(): Piece | undefined;
  /** The piece is done. Returns true when the task is over. */
  done(outcome: HashedPiece): boolean;
  /** It was not done, and the task is over. */
  failed(error: FsError): void;
}

/** What the main thread and a worker say to each other. */
export interface WorkerRequest extends Piece {
  readonly task: number;
}

export interface WorkerReply extends Partial<HashedPiece> {
  readonly task: number;
  readonly code?: string;
}

export interface WorkerOptions {
  readonly nice: number;
  /** one number: the task that must not go on reading */
  readonly cancelled: Int32Array;
}

interface Lane {
  readonly worker: Worker;
  readonly cancelled: Int32Array;
  running: Entry | undefined;
  /** what it works on comes from a file */
  reading: boolean;
}

interface Entry {
  readonly id: number;
  readonly task: Task;
  /** where its hashes are, once it has begun */
  lane: Lane | undefined;
  running: boolean;
}

export interface PoolOptions {
  readonly workers: number;
  /** priority of the threads (setpriority(2)): 0 to 19, the last */
  readonly nice: number;
  /** tasks at once, of all users and of one */
  readonly queue: number;
  readonly queuePerUser: number;
}

const WORKER = new URL("./worker.js", import.meta.url);

/**
 * Threads that hash, fair between users: in turn each gets a slice of work, on its oldest task that
 * can go on. Threads are started when they are needed.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #lanes: Lane[] = [];
  /** in the order of whose turn it is */
  readonly #users = new Map<number, Entry[]>();
  readonly #entries = new Map<Task, Entry>();
  #lastId = 0;
  #closed = false;
  #bytesRead = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Tasks that are not over. */
  get size(): number {
    return this.#entries.size;
  }

  /** Bytes of files hashed so far. */
  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** @throws FsError EBUSY when too many are waiting */
  add(task: Task): void {
    const { queue, queuePerUser } = this.#options;
    const own = this.#users.get(task.user) ?? [];
    if (this.#closed || this.#entries.size >= queue || own.length >= queuePerUser) {
      throw new FsError("EBUSY", "Too many checksums are being computed: try again later");
    }
    this.#lastId += 1;
    const entry: Entry = { id: this.#lastId, task, lane: undefined, running: false };
    own.push(entry);
    this.#users.set(task.user, own);
    this.#entries.set(task, entry);
    tally.level("queue checksums", 1);
    this.wake();
  }

  /** Forgets a task. A thread that reads for it stops at its next chunk. */
  remove(task: Task): void {
    const entry = this.#entries.get(task);
    if (entry === undefined) return;
    this.#drop(entry);
    if (entry.lane === undefined) return;
    if (entry.running) Atomics.store(entry.lane.cancelled, 0, entry.id);
    entry.lane.worker.postMessage({ forget: entry.id });
  }

  /** Looks for work: a task that had none may have some now. */
  wake(): void {
    for (const lane of this.#lanes) if (lane.running === undefined) this.#give(lane);
    while (this.#lanes.length < this.#options.workers && this.#find(undefined) !== undefined) {
      this.#give(this.#start());
    }
  }

  /** Ends the threads; what is left fails. */
  async close(): Promise<void> {
    this.#closed = true;
    const left = [...this.#entries.values()];
    for (const entry of left) this.#drop(entry);
    const lanes = this.#lanes.splice(0);
    await Promise.all(lanes.map(({ worker }) => worker.terminate()));
    for (const { task } of left) task.failed(new FsError("EBUSY", "The server is stopping"));
  }

  #start(): Lane {
    const cancelled = new Int32Array(new SharedArrayBuffer(4));
    const workerData: WorkerOptions = { nice: this.#options.nice, cancelled };
    const worker = new Worker(WORKER, { workerData, execArgv: [] });
    const lane: Lane = { worker, cancelled, running: undefined, reading: false };
    this.#lanes.push(lane);
    worker.unref();
    worker.on("message", (reply: WorkerReply) => this.#finished(lane, reply));
    worker.once("error", () => this.#broken(lane));
    return lane;
  }

  #give(lane: Lane): void {
    const found = this.#find(lane);
    if (found === undefined) return;
    const { entry, piece } = found;
    const { user } = entry.task;
    const own = this.#users.get(user) as Entry[];
    // To the end of the line.
    this.#users.delete(user);
    this.#users.set(user, own);
    entry.lane = lane;
    entry.running = true;
    lane.running = entry;
    lane.reading = piece.data === undefined;
    const request: WorkerRequest = { task: entry.id, ...piece };
    lane.worker.postMessage(request, piece.data === undefined ? [] : [piece.data.buffer]);
  }

  /** The next piece for a thread: undefined stands for one that has begun no task. */
  #find(lane: Lane | undefined): { entry: Entry; piece: Piece } | undefined {
    for (const own of this.#users.values()) {
      for (const entry of own) {
        if (entry.running || (entry.lane !== undefined && entry.lane !== lane)) continue;
        const piece = entry.task.next();
        if (piece !== undefined) return { entry, piece };
      }
    }
    return undefined;
  }

  #finished(lane: Lane, { task: id, code, ...outcome }: WorkerReply): void {
    const entry = lane.running;
    lane.running = undefined;
    if (lane.reading) this.#bytesRead += outcome.bytes ?? 0;
    if (entry !== undefined && entry.id === id && this.#entries.get(entry.task) === entry) {
      entry.running = false;
      const over = this.#report(entry.task, code, outcome as HashedPiece);
      if (over) this.#forget(lane, entry);
    }
    this.wake();
  }

  #report(task: Task, code: string | undefined, outcome: HashedPiece): boolean {
    if (code === undefined) return task.done(outcome);
    task.failed(toFsError({ code }));
    return true;
  }

  #forget(lane: Lane, entry: Entry): void {
    this.#drop(entry);
    lane.worker.postMessage({ forget: entry.id });
  }

  #drop(entry: Entry): void {
    const { task } = entry;
    if (this.#entries.delete(task)) tally.level("queue checksums", -1);
    const own = this.#users.get(task.user)?.filter((one) => one !== entry) ?? [];
    if (own.length === 0) this.#users.delete(task.user);
    else this.#users.set(task.user, own);
  }

  /** A thread that ended by an error: its tasks can't go on, the others get a new thread. */
  #broken(lane: Lane): void {
    const at = this.#lanes.indexOf(lane);
    if (at >= 0) this.#lanes.splice(at, 1);
    for (const entry of [...this.#entries.values()]) {
      if (entry.lane !== lane) continue;
      this.#drop(entry);
      entry.task.failed(new FsError("EIO"));
    }
    if (!this.#closed) this.wake();
  }
}
