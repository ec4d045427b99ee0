import { createHash } from "node:crypto";
import type { Density } from "./packer.ts";
import { BLOCK, type Entry, encodeEntry, padding } from "./tar.ts";

/** What differs from a plain file of one's own. */
export type EntryGiven = Pick<Entry, "type" | "name"> & Partial<Entry>;

const PLAIN = { mode: 0o600, size: 0, mtime: 0, target: "", uid: 0, gid: 0 };

/** Where an archive goes. */
export interface Sink {
  write(data: Buffer): Promise<void>;
  /** how what comes next is to be compressed */
  change(density: Density): Promise<void>;
  end(): Promise<void>;
}

/** Small pieces are handed on together. */
const TOGETHER = 64 * 1024;

/** Writes a tar archive, and keeps a digest of it. */
export class ArchiveWriter {
  readonly #out: Sink;
  readonly #hash = createHash("sha256");
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  entries = 0;
  /** bytes so far, before compression */
  bytes = 0;

  constructor(out: Sink) {
    this.#out = out;
  }

  /** @param content exactly as long as the entry says */
  async add(
    given: EntryGiven,
    content: Iterable<Buffer> | AsyncIterable<Buffer> = [],
  ): Promise<void> {
    const entry = { ...PLAIN, ...given };
    await this.#write(encodeEntry(entry));
    for await (const piece of content) await this.#write(piece);
    await this.#write(padding(entry.size));
    this.entries += 1;
  }

  async text(name: string, text: string): Promise<void> {
    const data = Buffer.from(text);
    const mtime = Date.now() / 1000;
    await this.add({ type: "file", name, size: data.length, mtime }, [data]);
  }

  /** How what comes next is to be compressed. */
  async change(density: Density): Promise<void> {
    await this.#handOn();
    await this.#out.change(density);
  }

  /** Of all bytes so far. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }

  /** Two empty blocks end an archive. */
  async end(): Promise<void> {
    await this.#write(Buffer.alloc(2 * BLOCK));
    await this.#handOn();
    await this.#out.end();
  }

  async #write(data: Buffer): Promise<void> {
    if (data.length === 0) return;
    this.#hash.update(data);
    this.bytes += data.length;
    this.#waiting.push(data);
    this.#waitingBytes += data.length;
    if (this.#waitingBytes >= TOGETHER) await this.#handOn();
  }

  /** Rejects when what it writes to has failed. */
  async #handOn(): Promise<void> {
    const [first = Buffer.alloc(0), ...more] = this.#waiting;
    this.#waiting = [];
    this.#waitingBytes = 0;
    if (first.length > 0)
      await this.#out.write(more.length === 0 ? first : Buffer.concat([first, ...more]));
  }
}
