import { closeSync, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Intent } from "./ledger-types.ts";

/** The intent's number and the length of what follows; behind that the number again. */
const HEAD_BYTES = 10;
const NUMBER_BYTES = 6;

/** Taken when the slot is made, so that writing to it needs no room on a full disk: a usual intent. */
const PREPARED_BYTES = 16 * 1024;

/**
 * The one intent a node has under way, in a file of its own beside the database. It is written
 * before the system call it speaks of, and booked by the transaction around that call, which also
 * sets nodes.intent to its number: a higher number here means that the process died in between.
 * A write(2) costs a fraction of a transaction; a kill -9 loses neither.
 */
export class IntentSlot {
  readonly #file: string;
  #fd: number | undefined;

  constructor(directory: string, node: string) {
    this.#file = fileOf(directory, node);
  }

  write(intent: Intent): void {
    this.#fd ??= this.#make();
    const text = JSON.stringify(intent, encode);
    const length = Buffer.byteLength(text);
    const record = Buffer.allocUnsafe(HEAD_BYTES + length + NUMBER_BYTES);
    record.writeUIntBE(intent.number, 0, NUMBER_BYTES);
    record.writeUInt32BE(length, NUMBER_BYTES);
    record.write(text, HEAD_BYTES);
    record.writeUIntBE(intent.number, HEAD_BYTES + length, NUMBER_BYTES);
    writeWhole(this.#fd, record);
  }

  /** The system call failed: there is nothing to book. */
  clear(): void {
    if (this.#fd !== undefined) writeWhole(this.#fd, Buffer.alloc(HEAD_BYTES));
  }

  #make(): number {
    const fd = openSync(this.#file, "w", 0o600);
    try {
      writeWhole(fd, Buffer.alloc(PREPARED_BYTES));
      return fd;
    } catch (thrown) {
      closeSync(fd);
      throw thrown;
    }
  }

  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    rmSync(this.#file, { force: true });
  }
}

/** @throws an error as SQLite's of a full disk: it is the database's disk */
function writeWhole(fd: number, data: Buffer): void {
  try {
    if (writeSync(fd, data, 0, data.length, 0) === data.length) return;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== "ENOSPC") throw thrown;
  }
  throw Object.assign(new Error("no room for an intent"), { code: "SQLITE_FULL" });
}

/** A dead node's last intent; undefined: none, or the process died while it was written. */
export function readIntent(directory: string, node: string): Intent | undefined {
  let data: Buffer;
  try {
    data = readFileSync(fileOf(directory, node));
  } catch {
    return undefined;
  }
  if (data.length < HEAD_BYTES) return undefined;
  const end = HEAD_BYTES + data.readUInt32BE(NUMBER_BYTES);
  if (data.length < end + NUMBER_BYTES) return undefined;
  // A record that was not written whole does not end with its number.
  const number = data.readUIntBE(0, NUMBER_BYTES);
  if (number === 0) return undefined;
  if (data.readUIntBE(end, NUMBER_BYTES) !== number) return undefined;
  return JSON.parse(data.toString("utf8", HEAD_BYTES, end), decode) as Intent;
}

/** The number of a node's intent under way or last booked, without reading the rest; 0: none. */
export function intentNumber(directory: string, node: string): number {
  let fd: number;
  try {
    fd = openSync(fileOf(directory, node), "r");
  } catch {
    return 0;
  }
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return readSync(fd, head, 0, HEAD_BYTES, 0) < HEAD_BYTES ? 0 : head.readUIntBE(0, NUMBER_BYTES);
  } finally {
    closeSync(fd);
  }
}

export function dropIntent(directory: string, node: string): void {
  rmSync(fileOf(directory, node), { force: true });
}

function fileOf(directory: string, node: string): string {
  return join(directory, `intent-${node}`);
}

/** Paths are bytes, which JSON has not. */
const BYTES: ReadonlySet<string> = new Set(["path", "from", "kept"]);

function encode(this: unknown, key: string, value: unknown): unknown {
  if (!BYTES.has(key)) return value;
  const bytes = (this as Record<string, unknown>)[key] as Buffer | undefined;
  return bytes?.toString("base64");
}

function decode(key: string, value: unknown): unknown {
  return BYTES.has(key) ? Buffer.from(value as string, "base64") : value;
}
