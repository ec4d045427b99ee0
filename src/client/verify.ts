import { read } from "node:fs";
import { promisify } from "node:util";
import { OpenFlag } from "../sftp/constants.ts";
import type { LocalHash, LocalHasher } from "./local-hash.ts";
import type { RemoteHandle } from "./operations.ts";
import type { ClientConnection } from "./remote.ts";
import type { HashName } from "./types.ts";

/** What is compared of a prefix where the server has no checksums, in bytes from its end. */
const TAIL = 1024 * 1024;

const readAt = promisify(read);

/** The checksum that both sides compute of one file; none where the server has none or nobody wants it. */
export class FileCheck {
  readonly name: HashName | undefined;
  readonly #hash: LocalHash | undefined;
  readonly #connection: ClientConnection;

  private constructor(
    connection: ClientConnection,
    name: HashName | undefined,
    hash: LocalHash | undefined,
  ) {
    this.#connection = connection;
    this.name = name;
    this.#hash = hash;
  }

  /** @param wanted without it only prefixes are compared, and only by reading their ends */
  static async start(
    connection: ClientConnection,
    hasher: LocalHasher,
    fd: number,
    wanted: boolean,
  ): Promise<FileCheck> {
    const name = wanted ? (await connection.hashes())[0] : undefined;
    const hash = name === undefined ? undefined : hasher.open(fd, name);
    return new FileCheck(connection, name, hash);
  }

  /** The local file is final up to here. */
  follow(position: number): void {
    this.#hash?.follow(position);
  }

  /**
   * Whether the first `length` bytes are the same on both sides. Without checksums their last MiB
   * tells, but only where something else speaks for it, too: two disk images have the same end.
   * @param likely the journal knows of it, or the times are the same
   */
  async samePrefix(fd: number, path: string, length: number, likely: boolean): Promise<boolean> {
    if (length === 0) return true;
    if (this.name !== undefined && this.#hash !== undefined) {
      const [theirs, ours] = await Promise.all([
        this.#connection.hash(path, this.name, length),
        this.#hash.digest(length),
      ]);
      if (theirs !== undefined && ours !== undefined) return theirs === ours;
    }
    return (likely || length <= TAIL) && sameTail(this.#connection, fd, path, length);
  }

  /**
   * Compares the whole files.
   * @returns the digest; undefined when the server gives none; false when they differ
   */
  async whole(
    path: string,
    size: number,
  ): Promise<{ name: HashName; hex: string } | undefined | false> {
    const { name } = this;
    if (name === undefined || this.#hash === undefined) return undefined;
    const [theirs, ours] = await Promise.all([
      this.#connection.hash(path, name),
      this.#hash.digest(size),
    ]);
    if (theirs === undefined || ours === undefined) return undefined;
    return theirs === ours && { name, hex: ours };
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

async function readRange(
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
      if (data === undefined || data.bytes.length === 0) return undefined;
      chunks.push(data.bytes);
      operations.channel.consume(data.bytes.length);
      at += data.bytes.length;
    }
    return Buffer.concat(chunks);
  } finally {
    if (!operations.channel.lost) await operations.close(handle).catch(() => {});
  }
}
