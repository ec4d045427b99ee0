import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { tally } from "../tally.ts";
import type { Connection, Lock } from "./connection.ts";
import { CommitInDoubt, DatabaseGone } from "./database-errors.ts";

/** How long a write waits for the lock that another process holds, in milliseconds. */
const PATIENCE_MS = 5_000;

/** Another server process holds the lock for microseconds: so long it is asked for in every turn. */
const SOON_MS = 2;
/** A program that holds it longer is asked at such intervals, in milliseconds. */
const RETRY_MS = 10;

/** Transactions that waited and are done in one turn of the event loop. */
const WRITES_A_TURN = 8;

/** Another program holds the database's lock. `code` is SQLite's. */
export class DatabaseBusy extends Error {
  override readonly name = "DatabaseBusy";
  readonly code = "SQLITE_BUSY";

  constructor() {
    super("the database is busy: another program holds its lock");
  }
}

/** Room that is kept for the database on a full disk. */
export interface Spare {
  /** Gives some of it back to the disk; false when nothing is left. */
  release(): boolean;
}

export interface WriteOptions<T> {
  /** Called in the same turn, once the transaction is through. */
  readonly booked?: (result: T) => void;
  /** how long to wait for another process's lock, in milliseconds; 0: not at all */
  readonly patienceMs?: number;
  /** can wait for a disk that is full: uses nothing of what is kept for such a time */
  readonly deferrable?: boolean;
  /** what it keeps others from meanwhile */
  readonly lock?: Lock;
}

interface Waiting {
  readonly lock: Lock;
  /** false: the lock is taken */
  readonly attempt: () => boolean;
  readonly reject: (error: unknown) => void;
  readonly until: number;
}

/**
 * The one door to the database for writing. SQLite has one lock for all writers of all processes,
 * and its own way to wait for it stops the event loop. Here a write that finds the lock taken
 * waits in line while reads, downloads and everything else go on.
 */
export class Writes {
  readonly #connection: Connection;
  readonly #spare: Spare | undefined;
  readonly #hasOneLock: boolean;
  /** in the order they came */
  readonly #line: Waiting[] = [];
  #serving: Promise<void> | undefined;

  /** @param spare what to fall back on when the database's disk is full */
  constructor(connection: Connection, spare?: Spare) {
    this.#connection = connection;
    this.#spare = spare;
    this.#hasOneLock = connection.engine === "sqlite";
  }

  /**
   * Runs `act` in an immediate transaction: at once, within this call, when the lock is free, else
   * after the writes that wait already. `act` is synchronous. It runs again, from its beginning,
   * when the disk was full and room could be made: what it does outside of the database must bear
   * that; so it does when another transaction was in PostgreSQL's way. Rejects with what `act` throws,
   * with {@link DatabaseBusy}, {@link DatabaseGone}, or the database's error.
   */
  run<T>(act: () => T, options: WriteOptions<T> = {}): Promise<T> {
    const { patienceMs = PATIENCE_MS } = options;
    const lock = this.#hasOneLock ? "instance" : (options.lock ?? "instance");
    return new Promise((resolve, reject) => {
      const attempt = (): boolean => this.#attempt(act, options, resolve, reject);
      if (!this.#line.some((waiting) => waiting.lock === lock) && attempt()) return;
      if (patienceMs === 0) return reject(new DatabaseBusy());
      tally.level("queue store", 1);
      this.#line.push({ lock, attempt, reject, until: performance.now() + patienceMs });
      this.#serving ??= this.#serve().finally(() => {
        this.#serving = undefined;
      });
    });
  }

  /** False when another process holds the lock: nothing was done. */
  #attempt<T>(
    act: () => T,
    options: WriteOptions<T>,
    resolve: (result: T | Promise<T>) => void,
    reject: (error: unknown) => void,
  ): boolean {
    try {
      resolve(this.#transact(act, options));
    } catch (thrown) {
      if (thrown instanceof DatabaseBusy) return false;
      countFailure(thrown);
      reject(thrown);
    }
    return true;
  }

  #transact<T>(
    act: () => T,
    { booked, deferrable = false, lock = "instance" }: WriteOptions<T>,
  ): T | Promise<T> {
    for (;;) {
      try {
        if (!this.#connection.begin(lock)) throw new DatabaseBusy();
        const begun = performance.now();
        const result = act();
        const written = performance.now();
        const doubt = this.#commit();
        tally.measure("write", written - begun);
        tally.measure("commit", performance.now() - written);
        if (doubt !== undefined) return afterDoubt(doubt, result, booked);
        booked?.(result);
        return result;
      } catch (thrown) {
        this.#connection.rollback();
        if (deferrable || !isDiskFull(thrown) || !this.#spare?.release()) throw thrown;
      }
    }
  }

  /** When the database was lost meanwhile: whether it was committed, once that is known. */
  #commit(): Promise<boolean> | undefined {
    try {
      this.#connection.commit();
      return undefined;
    } catch (thrown) {
      if (thrown instanceof CommitInDoubt) return thrown.outcome;
      throw thrown;
    }
  }

  /** Until nobody waits any more. */
  async #serve(): Promise<void> {
    let since = performance.now();
    while (this.#line.length > 0) {
      const now = performance.now();
      if (this.#serveSome()) since = now;
      else this.#giveUp(now);
      if (now - since < SOON_MS) await turn();
      else await sleep(RETRY_MS);
    }
  }

  /** In the order they came, but past those whose lock is taken. False when there are such. */
  #serveSome(): boolean {
    const taken = new Set<Lock>();
    let done = 0;
    while (done < WRITES_A_TURN) {
      const next = this.#line.find(({ lock }) => !taken.has(lock));
      if (next === undefined) break;
      if (next.attempt()) {
        this.#line.splice(this.#line.indexOf(next), 1);
        tally.level("queue store", -1);
        done += 1;
      } else taken.add(next.lock);
    }
    return taken.size === 0;
  }

  #giveUp(now: number): void {
    const late = this.#line.filter(({ until }) => until <= now);
    if (late.length === 0) return;
    this.#line.splice(0, this.#line.length, ...this.#line.filter(({ until }) => until > now));
    tally.level("queue store", -late.length);
    for (const { reject } of late) {
      tally.count("failedWrites busy");
      reject(new DatabaseBusy());
    }
  }
}

/** Nothing else uses the database until the doubt is over: what follows in memory has its order. */
async function afterDoubt<T>(
  doubt: Promise<boolean>,
  result: T,
  booked: ((result: T) => void) | undefined,
): Promise<T> {
  if (!(await doubt)) throw new DatabaseGone();
  booked?.(result);
  return result;
}

/** What `act` itself throws is no failure of the database. */
function countFailure(thrown: unknown): void {
  const { code } = thrown as { code?: unknown };
  if (isDiskFull(thrown)) tally.count("failedWrites full");
  else if (typeof code === "string" && /^(SQLITE_(?!CONSTRAINT)|POSTGRES_|DATABASE_)/.test(code)) {
    tally.count("failedWrites error");
  }
}

/** True for what SQLite, or a file beside the database, says of a disk without room. */
export function isDiskFull(thrown: unknown): boolean {
  const { code } = thrown as { code?: unknown };
  return code === "SQLITE_FULL" || code === "SQLITE_IOERR_SHMSIZE";
}
