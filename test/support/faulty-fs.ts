/** What a call may fail with; `short`: a read or a write moves half of what it was asked for. */
export const FAULTS = ["EIO", "ENOSPC", "EMFILE", "EINTR", "short"] as const;

export type Fault = (typeof FAULTS)[number];

type Call = (...args: unknown[]) => unknown;
type Module = Record<string, unknown>;

/** They answer `false` to any error, and so can't fail. */
const NEVER = new Set(["existsSync"]);

/** Reads and writes, with the place of what tells how long they are. */
const LENGTHS: Record<string, number> = {
  read: 3,
  readSync: 3,
  write: 3,
  writeSync: 3,
  writev: 1,
  writevSync: 1,
};

const WITH_CALLBACKS = ["close", "fsync", "ftruncate", "read", "write", "writev", "readv", "open"];

/**
 * Calls of this process to node:fs, of which one is to fail: what `vi.mock` puts in its place. A
 * `close` that fails has closed all the same, as Linux has it.
 */
class FaultyFs {
  /** calls since {@link arm} that could fail */
  count = 0;
  /** what failed; undefined when nothing did */
  failed: string | undefined;
  #fault: Fault = "EIO";
  #failAt = 0;
  #armed = false;

  /** From now on the Nth call fails, once. */
  arm(fault: Fault, n: number): void {
    Object.assign(this, { count: 0, failed: undefined });
    this.#fault = fault;
    this.#failAt = n;
    this.#armed = true;
  }

  disarm(): void {
    this.#armed = false;
  }

  /** Goes on after {@link disarm}, with the same count. */
  rearm(): void {
    this.#armed = true;
  }

  /** node:fs, with calls that fail. */
  callbacksAndSync(real: Module): Module {
    const broken = this.#each(
      real,
      (name) => name.endsWith("Sync"),
      (name, call) => this.#sync(name, call),
    );
    const late = this.#each(
      real,
      (name) => WITH_CALLBACKS.includes(name),
      (name, call) => this.#withCallback(name, call),
    );
    const all = { ...real, ...broken, ...late };
    return { ...all, default: all };
  }

  /** node:fs/promises, with calls that fail. */
  promises(real: Module): Module {
    const broken = this.#each(
      real,
      () => true,
      (name, call) => this.#promise(name, call),
    );
    return { ...real, ...broken, default: { ...real, ...broken } };
  }

  #each(
    real: Module,
    has: (name: string) => boolean,
    make: (name: string, call: Call) => Call,
  ): Module {
    return Object.fromEntries(
      Object.entries(real)
        .filter(([name, value]) => typeof value === "function" && has(name) && !NEVER.has(name))
        .map(([name, value]) => [name, make(name, value as Call)]),
    );
  }

  #sync(name: string, call: Call): Call {
    return (...args) => {
      if (!this.#isDue(name)) return this.#opened(call(...args));
      if (this.#fault === "short") return call(...halved(name, args));
      if (name === "closeSync") call(...args);
      throw this.#error(name);
    };
  }

  #withCallback(name: string, call: Call): Call {
    return (...args) => {
      if (!this.#isDue(name)) return call(...args);
      if (this.#fault === "short") return call(...halved(name, args));
      const done = args.at(-1) as (error: Error) => void;
      const fail = (): void => done(this.#error(name));
      if (name === "close") call(...args.slice(0, -1), fail);
      else setImmediate(fail);
      return undefined;
    };
  }

  #promise(name: string, call: Call): Call {
    return (...args) => (this.#isDue(name) ? Promise.reject(this.#error(name)) : call(...args));
  }

  /** A directory is read by methods of its own. */
  #opened(result: unknown): unknown {
    const directory = result as { readSync?: Call; closeSync?: Call } | null | undefined;
    if (typeof directory?.readSync !== "function") return result;
    for (const name of ["readSync", "closeSync"] as const) {
      const call = directory[name]?.bind(directory) as Call;
      directory[name] = this.#sync(name === "readSync" ? "getdents" : "closeSync", call);
    }
    return result;
  }

  #isDue(name: string): boolean {
    if (!this.#armed || (this.#fault === "short" && LENGTHS[name] === undefined)) return false;
    this.count += 1;
    if (this.count !== this.#failAt) return false;
    this.failed = name;
    return true;
  }

  #error(name: string): Error {
    const syscall = name.replace(/Sync$/, "");
    const text = `${this.#fault}: a fault, ${syscall} '/host/path'`;
    return Object.assign(new Error(text), { code: this.#fault, syscall, errno: -1 });
  }
}

/** The arguments for half as much, of one byte at least. */
function halved(name: string, args: unknown[]): unknown[] {
  const at = LENGTHS[name] as number;
  const copy = [...args];
  const asked = copy[at];
  const data = copy[1];
  if (typeof asked === "number") copy[at] = Math.ceil(asked / 2);
  else if (asked === undefined && Buffer.isBuffer(data))
    copy[1] = data.subarray(0, Math.ceil(data.length / 2));
  else if (Array.isArray(asked)) copy[at] = firstHalf(asked as Buffer[]);
  return copy;
}

function firstHalf(slices: readonly Buffer[]): Buffer[] {
  const whole = slices.reduce((sum, slice) => sum + slice.length, 0);
  return [Buffer.concat(slices).subarray(0, Math.ceil(whole / 2))];
}

export const faultyFs = new FaultyFs();
