import { read } from "node:fs";
import { promisify } from "node:util";
import { OpenFlag } from "../../sftp/wire/constants.ts";
import { LateError } from "../errors.ts";
import type { RemoteHandle } from "../remote/operations.ts";
import type { ClientConnection } from "../remote/remote.ts";
import type { HashName } from "../types.ts";
import type { TransferContext } from "./job.ts";
import type { LocalHash } from "./local-hash.ts";

/** What is compared of a prefix where the server has no checksums, in bytes from its end. */
const TAIL = 1024 * 1024;

/** Instead of a digest: the server didn't give it in time. */
const LATE = Symbol("late");

const readAt = promisify(read);

/** What a check needs of its job. */
type CheckContext = Pick<TransferContext, "connection" | "hasher" | "signal">;

/** How the starts of two files are known to be the same: wholly, or at their end alone. */
export type Sameness = "all" | "end";

/** How two whole files compare: the same, different, or nobody knows, and why not. */
export type Verdict =
  | { readonly same: true; readonly hash: FileHash }
  | { readonly same: false }
  | { readonly same: undefined; readonly why?: string };

/** What is told of a file that was compared, or could not be. */
export function verified(verdict: Verdict): { hash?: FileHash; unverified?: string } {
  if (verdict.same) return { hash: verdict.hash };
  return verdict.same === undefined && verdict.why ? { unverified: verdict.why } : {};
}

export interface FileHash {
  readonly name: HashName;
  readonly hex: string;
}

/** The checksum that both sides compute of one file; none where the server has none or nobody wants it. */
export class FileCheck {
  readonly name: HashName | undefined;
  readonly #hash: LocalHash | undefined;
  readonly #context: CheckContext;

  private constructor(
    context: CheckContext,
    name: HashName | undefined,
    hash: LocalHash | undefined,
  ) {
    this.#context = context;
    this.name = name;
    this.#hash = hash;
  }

  /** @param wanted without it only prefixes are compared, and only by reading their ends */
  static async start(context: CheckContext, fd: number, wanted: boolean): Promise<FileCheck> {
    const name = wanted ? (await context.connection.hashes())[0] : undefined;
    const hash = name === undefined ? undefined : context.hasher.open(fd, name);
    return new FileCheck(context, name, hash);
  }

  /** The local file is final up to here. */
  follow(position: number): void {
    this.#hash?.follow(position);
  }

  /**
   * Whether the first `length` bytes are the same on both sides. Without checksums, or when the
   * server's doesn't come in time, their last MiB tells, but only where something else speaks for
   * it, too: two disk images have the same end.
   * @param likely the journal knows of it, or the times are the same
   */
  async samePrefix(
    fd: number,
    path: string,
    length: number,
    likely: boolean,
  ): Promise<Sameness | undefined> {
    if (length === 0) return "all";
    if (this.name !== undefined && this.#hash !== undefined) {
      const [theirs, ours] = await Promise.all([
        this.#theirs(path, this.name, length),
        this.#hash.digest(length),
      ]);
      const known = theirs !== undefined && theirs !== LATE;
      if (known && ours !== undefined) return theirs === ours ? "all" : undefined;
    }
    if (!likely && length > TAIL) return undefined;
    if (!(await sameTail(this.#context.connection, fd, path, length))) return undefined;
    return length > TAIL ? "end" : "all";
  }

  /** Compares the whole files. @param size of the local one */
  async whole(path: string, size: number): Promise<Verdict> {
    const { name } = this;
    if (name === undefined || this.#hash === undefined) return { same: undefined };
    const [theirs, ours] = await Promise.all([
      this.#theirs(path, name, undefined, size),
      this.#hash.digest(size),
    ]);
    if (theirs === LATE) return { same: undefined, why: "the server did not answer in time" };
    if (theirs === undefined || ours === undefined) return { same: undefined };
    return theirs === ours ? { same: true, hash: { name, hex: ours } } : { same: false };
  }

  async #theirs(
    path: string,
    name: HashName,
    length: number | undefined,
    size = length,
  ): Promise<string | typeof LATE | undefined> {
    const { connection, signal } = this.#context;
    const options = size === undefined ? { signal } : { signal, size };
    try {
      return await connection.hash(path, name, length, options);
    } catch (error) {
      if (error instanceof LateError) return LATE;
      throw error;
    }
  }

  /** Afterwards the file may be closed. */
  async close(): Promise<void> {
    await this.#hash?.close();
  }
}

/** Compares the last MiB of the first `length` bytes by reading both. */
async function sameTail(
  connection: ClientConnection,
  fd: number,
  path: string,
  length: number,
): Promise<boolean> {
  const from = Math.max(0, length - TAIL);
  const ours = Buffer.alloc(length - from);
  const { bytesRead } = await readAt(fd, ours, 0, ours.length, from);
  if (bytesRead < ours.length) return false;
  const theirs = await readRange(connection, path, from, length);
  return theirs?.equals(ours) ?? false;
}

/** The bytes of a file from `from` to `to`; undefined where it ends before. */
export async function readRange(
  connection: ClientConnection,
  path: string,
  from: number,
  to: number,
): Promise<Buffer | undefined> {
  const operations = await connection.live();
  const handle: RemoteHandle = await operations.open(path, OpenFlag.READ);
  try {
    const chunks: Buffer[] = [];
    for (let at = from; at < to; ) {
      const data = await operations.read(handle, at, Math.min(operations.maxRead, to - at));
      if (data === undefined || data.length === 0) return undefined;
      chunks.push(data);
      at += data.length;
    }
    return Buffer.concat(chunks);
  } finally {
    if (!operations.channel.lost) await operations.close(handle).catch(() => {});
  }
}
