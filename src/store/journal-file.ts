import { closeSync, openSync, readFileSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Spare } from "./writes.ts";

/** The record's number and the length of what follows; behind that the number again. */
const HEAD_BYTES = 10;
const NUMBER_BYTES = 6;

/** Taken when the journal is made, so that writing to it needs no room on a full disk. */
const PREPARED_BYTES = 64 * 1024;
/** From here on it is time to fold, after which it is written from its beginning again. */
const ENOUGH_BYTES = PREPARED_BYTES / 2;
/** What nobody folds must not grow without end. */
const MAX_BYTES = 64 * 1024 * 1024;

/** A record of a dead process's journal. */
export interface JournalRecord {
  /** counts up in each node */
  readonly number: number;
  readonly userId: number;
  /** what the quota wrote down, in its order */
  readonly events: readonly unknown[];
}

/**
 * What a process has done to the homes that it holds since it last told the store: one write(2) for
 * a record, without fsync, since kill -9 loses none. Once all of it is in the store it is written
 * from its beginning again. What is left behind the last record then has lower numbers.
 */
export class JournalFile {
  readonly #file: string;
  readonly #spare: Spare;
  #fd: number | undefined;
  #position = 0;
  #last = 0;

  /**
   * @param directory where the database is
   * @param spare room that is kept there for a full disk
   */
  constructor(directory: string, node: string, spare: Spare) {
    this.#file = fileOf(directory, node);
    this.#spare = spare;
  }

  /** The number of the last record; 0: none yet. */
  get last(): number {
    return this.#last;
  }

  get isLong(): boolean {
    return this.#position > ENOUGH_BYTES;
  }

  /** @throws an error as SQLite's of a full disk when there is no room */
  append(userId: number, events: readonly unknown[]): void {
    this.#fd ??= this.#make();
    const text = JSON.stringify({ userId, events });
    const length = Buffer.byteLength(text);
    const number = this.#last + 1;
    const record = Buffer.allocUnsafe(HEAD_BYTES + length + NUMBER_BYTES);
    record.writeUIntBE(number, 0, NUMBER_BYTES);
    record.writeUInt32BE(length, NUMBER_BYTES);
    record.write(text, HEAD_BYTES);
    record.writeUIntBE(number, HEAD_BYTES + length, NUMBER_BYTES);
    if (this.#position + record.length > MAX_BYTES) throw noRoom();
    this.#write(this.#fd, record, this.#position);
    this.#position += record.length;
    this.#last = number;
  }

  /** All of it is in the store. */
  rewind(): void {
    this.#position = 0;
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.#file, { force: true });
  }

  #write(fd: number, data: Buffer, position: number): void {
    while (!isWritten(fd, data, position)) if (!this.#spare.release()) throw noRoom();
  }

  #make(): number {
    const fd = openSync(this.#file, "w", 0o600);
    try {
      this.#write(fd, Buffer.alloc(PREPARED_BYTES), 0);
      return fd;
    } catch (thrown) {
      closeSync(fd);
      rmSync(this.#file, { force: true });
      throw thrown;
    }
  }
}

/** False: the disk is full. */
function isWritten(fd: number, data: Buffer, position: number): boolean {
  try {
    return writeSync(fd, data, 0, data.length, position) === data.length;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw thrown;
  }
}

/** As SQLite's of a full disk: it is the database's disk. */
function noRoom(): Error {
  return Object.assign(new Error("no room in the journal"), { code: "SQLITE_FULL" });
}

/** A dead node's records, in order. One that was not written whole was not acted upon. */
export function readJournal(directory: string, node: string): JournalRecord[] {
  let data: Buffer;
  try {
    data = readFileSync(fileOf(directory, node));
  } catch (thrown) {
    // A process that wrote nothing has none.
    if ((thrown as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw thrown;
  }
  const records: JournalRecord[] = [];
  for (let at = 0; ; ) {
    const found = recordAt(data, at);
    const before = records.at(-1)?.number;
    if (found === undefined || (before !== undefined && found.number !== before + 1)) break;
    const record = parsed(data.toString("utf8", at + HEAD_BYTES, found.end));
    if (record === undefined) break;
    records.push({ ...record, number: found.number });
    at = found.end + NUMBER_BYTES;
  }
  return records;
}

/** undefined: a power cut lost a piece in the midst of it. */
function parsed(text: string): Omit<JournalRecord, "number"> | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns the record's number and where its text ends */
function recordAt(data: Buffer, at: number): { number: number; end: number } | undefined {
  if (at + HEAD_BYTES > data.length) return undefined;
  const number = data.readUIntBE(at, NUMBER_BYTES);
  const end = at + HEAD_BYTES + data.readUInt32BE(at + NUMBER_BYTES);
  if (number === 0 || end + NUMBER_BYTES > data.length) return undefined;
  return data.readUIntBE(end, NUMBER_BYTES) === number ? { number, end } : undefined;
}

export function dropJournal(directory: string, node: string): void {
  rmSync(fileOf(directory, node), { force: true });
}

function fileOf(directory: string, node: string): string {
  return join(directory, `journal-${node}`);
}
