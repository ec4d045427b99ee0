import { randomBytes } from "node:crypto";
import {
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { isThere, livingProcess } from "../../processes.ts";
import { shortHash } from "../names.ts";
import type { Direction, JournalEntry } from "../types.ts";

/** What names a transfer: the same command finds what an earlier one left. */
export interface JournalKey {
  readonly direction: Direction;
  readonly server: string;
  /** absolute on its side */
  readonly source: string;
  readonly target: string;
}

/** What is recorded of a transfer, besides what names it. */
export interface JournalState {
  readonly size: number;
  readonly mtime: number;
  readonly offset: number;
  /** the name beside the target that holds it; undefined: the target itself */
  readonly part?: string;
  readonly preserve: boolean;
}

const ID = /^[0-9a-f]{12}$/;
/** A larger file is not one of ours. */
const MAX_ENTRY = 64 * 1024;

/** Unfinished transfers of one user, a file each, so that no process rewrites another's. */
export class Journal {
  readonly #directory: string;
  /** what could not be written is known to this process at least */
  readonly #unwritten = new Map<string, JournalEntry>();

  #salt: string | undefined;
  #before: ReadonlySet<string> = new Set();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Oldest first. What can't be read is left out. */
  async list(server?: string): Promise<JournalEntry[]> {
    const entries = this.#names().flatMap((name) => {
      const entry = name.endsWith(".json") ? this.#read(name.slice(0, -5)) : undefined;
      return entry === undefined || (server !== undefined && entry.server !== server)
        ? []
        : [entry];
    });
    return entries.sort((a, b) => a.updatedAt - b.updatedAt);
  }

  async find(key: JournalKey): Promise<JournalEntry | undefined> {
    const id = transferId(key);
    return this.#read(id) ?? this.#unwritten.get(id);
  }

  /** Looks which entries there are, for `knew`. */
  look(): void {
    this.#before = new Set([...this.#names(), ...[...this.#unwritten.keys()].map(entryName)]);
  }

  /**
   * Whether there was an entry at the last look. Small files make none, and to look at the disk for each
   * of them costs more than its checksum.
   */
  knew(key: JournalKey): boolean {
    return this.#before.size > 0 && this.#before.has(entryName(transferId(key)));
  }

  /** Drops an entry; what was transferred stays where it is. False when there is none. */
  async forget(id: string): Promise<boolean> {
    if (!ID.test(id) || this.#read(id) === undefined) return false;
    rmSync(this.#file(id), { force: true });
    this.#unwritten.delete(id);
    return true;
  }

  /**
   * Takes a transfer for this process. Nobody else gets it, or another one with the same target,
   * until {@link Claim.release}, or until this process is gone.
   * @returns the process that has it instead, when it is alive
   */
  async claim(key: JournalKey): Promise<Claim | number> {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const id = transferId(key);
    this.#tidy(id);
    const lock = join(this.#directory, `${lockId(key)}.lock`);
    const own = join(this.#directory, `${id}.${process.pid}.${counter++}.tmp`);
    writeNew(own, processName(process.pid) ?? `${process.pid}`);
    try {
      for (;;) {
        if (tryLink(own, lock)) return this.#claimed(key, lock);
        const holder = readText(lock);
        const pid = Number.parseInt(holder ?? "", 10);
        if (holder !== undefined && pid > 0 && processName(pid) === holder) return pid;
        // Of those who see a dead holder one gets to rename its lock; what it got is looked at again.
        takeAway(lock, `${own}.old`, holder);
      }
    } finally {
      rmSync(own, { force: true });
    }
  }

  /**
   * What the part of a transfer is called by when its usual name is taken: 12 hex digits that the
   * same transfer from another machine, or of another person, does not have.
   */
  partId(key: JournalKey): string {
    this.#salt ??= this.#ownSalt();
    return shortHash(`${this.#salt} ${transferId(key)}`);
  }

  #ownSalt(): string {
    const file = join(this.#directory, "salt");
    const made = randomBytes(16).toString("hex");
    const own = `${file}.${process.pid}.tmp`;
    try {
      const kept = readText(file);
      if (kept !== undefined) return kept;
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      rmSync(own, { force: true });
      writeNew(own, made);
      tryLink(own, file);
      rmSync(own, { force: true });
      return readText(file) ?? made;
    } catch {
      return made;
    }
  }

  /** A transfer in a journal that can't be written: this process alone goes on with it. */
  unlocked(key: JournalKey): Claim {
    return this.#claimed(key, undefined);
  }

  #claimed(key: JournalKey, lock: string | undefined): Claim {
    return new Claim(this.#directory, transferId(key), key, lock, this.#unwritten);
  }

  /** Removes what processes left that were killed in the middle of a step. */
  #tidy(id: string): void {
    for (const name of this.#names()) {
      const [, pid] = /^[0-9a-f]{12}\.(\d+)\.(?:\d+\.)?(?:tmp|tmp\.old)$/.exec(name) ?? [];
      if (pid === undefined || !name.startsWith(id) || processName(Number(pid)) !== undefined)
        continue;
      rmSync(join(this.#directory, name), { force: true });
    }
  }

  #names(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch {
      return [];
    }
  }

  #file(id: string): string {
    return join(this.#directory, entryName(id));
  }

  #read(id: string): JournalEntry | undefined {
    if (!ID.test(id)) return undefined;
    // Most files have no entry, and an error costs more than a look.
    if (!existsSync(this.#file(id))) return undefined;
    try {
      const value: unknown = JSON.parse(readText(this.#file(id)) ?? "");
      return isEntry(value) && value.id === id ? value : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A transfer that this process works on. */
export class Claim {
  readonly #directory: string;
  readonly #id: string;
  readonly #key: JournalKey;
  readonly #lock: string | undefined;
  readonly #unwritten: Map<string, JournalEntry>;

  constructor(
    directory: string,
    id: string,
    key: JournalKey,
    lock: string | undefined,
    unwritten: Map<string, JournalEntry>,
  ) {
    this.#directory = directory;
    this.#id = id;
    this.#key = key;
    this.#lock = lock;
    this.#unwritten = unwritten;
  }

  /** Writes the entry. A crash at any moment leaves the old one or the new one. */
  save(state: JournalState): void {
    const entry: JournalEntry = { id: this.#id, ...this.#key, ...state, updatedAt: Date.now() };
    this.#unwritten.set(this.#id, entry);
    this.#write(entry);
    this.#unwritten.delete(this.#id);
  }

  #write(entry: JournalEntry): void {
    const temporary = join(this.#directory, `${this.#id}.${process.pid}.tmp`);
    rmSync(temporary, { force: true });
    writeNew(temporary, `${JSON.stringify(entry)}\n`);
    renameSync(temporary, join(this.#directory, `${this.#id}.json`));
  }

  /** The transfer is complete, or starts over. */
  drop(): void {
    this.#unwritten.delete(this.#id);
    rmSync(join(this.#directory, `${this.#id}.json`), { force: true });
  }

  release(): void {
    if (this.#lock !== undefined) rmSync(this.#lock, { force: true });
  }
}

let counter = 0;

function entryName(id: string): string {
  return `${id}.json`;
}

/** What a transfer is called in the journal: 12 hex digits. */
function transferId({ direction, server, source, target }: JournalKey): string {
  return shortHash(JSON.stringify([direction, server, source, target]));
}

/** Transfers with the same target would end up in each other. */
function lockId({ direction, server, target }: JournalKey): string {
  return shortHash(JSON.stringify([direction, direction === "up" ? server : "", target]));
}

/** A process's number and start time: numbers are used again. Undefined when there is no such process. */
function processName(pid: number): string | undefined {
  const found = livingProcess(pid);
  if (found !== undefined) return `${pid} ${found.startTime}`;
  return process.platform !== "linux" && isThere(pid) ? `${pid}` : undefined;
}

function readText(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8");
    return text.length > MAX_ENTRY ? undefined : text;
  } catch {
    return undefined;
  }
}

function writeNew(file: string, text: string): void {
  const descriptor = openSync(file, "wx", 0o600);
  try {
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

/** A lock appears with its content, or not at all. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function takeAway(lock: string, aside: string, expected: string | undefined): void {
  try {
    renameSync(lock, aside);
  } catch {
    return;
  }
  // Somebody else was quicker and has a lock of his own by now: it goes back.
  if (readText(aside) !== expected) tryLink(aside, lock);
  rmSync(aside, { force: true });
}

function isEntry(value: unknown): value is JournalEntry {
  const entry = value as Partial<Record<keyof JournalEntry, unknown>> | null;
  const texts = ["id", "server", "source", "target"] as const;
  const numbers = ["size", "mtime", "offset", "updatedAt"] as const;
  return (
    entry !== null &&
    typeof entry === "object" &&
    (entry.direction === "up" || entry.direction === "down") &&
    typeof entry.preserve === "boolean" &&
    (entry.part === undefined || typeof entry.part === "string") &&
    texts.every((name) => typeof entry[name] === "string") &&
    numbers.every((name) => Number.isFinite(entry[name]))
  );
}

/** Where a user's programs keep what outlives them (XDG Base Directory Specification). */
export function defaultStateDirectory(): string {
  const state = process.env.XDG_STATE_HOME;
  const base =
    state !== undefined && isAbsolute(state) ? state : join(homedir(), ".local", "state");
  return join(base, "moorage");
}

/** The journal in this state directory; by default the user's own. */
export function openJournal(stateDirectory = defaultStateDirectory()): Journal {
  return new Journal(join(stateDirectory, "transfers"));
}
