import { createHash } from "node:crypto";
import { damaged } from "./errors.ts";
import { decodePax, MAX_PAX_BYTES, type PaxRecords } from "./pax.ts";
import { BLOCK, decodeHeader, type Entry, type Header, paddingOf } from "./tar.ts";

/** Reads an archive as {@link ArchiveWriter} makes it, in bounded memory. */
export class ArchiveReader {
  readonly #source: AsyncIterator<Buffer>;
  readonly #hash = createHash("sha256");
  #rest: Buffer = Buffer.alloc(0);
  /** of the entry's content, with what fills its last block, that nobody has read */
  #left = 0;
  #padding = 0;
  entries = 0;
  /** bytes so far */
  bytes = 0;
  /** of all before the header of the last entry */
  digest = "";

  constructor(source: AsyncIterable<Buffer>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next entry, undefined at the end. Rejects with InstanceError when it is none. */
  async next(): Promise<Entry | undefined> {
    await this.#skip();
    this.digest = this.#hash.copy().digest("hex");
    const block = await this.#exactly(BLOCK);
    if (isEmpty(block)) return this.#end();
    const first = this.#header(block);
    if (first.type !== "records") return this.#begin(first, {});
    if (first.size > MAX_PAX_BYTES) throw damaged("a name in it is too long");
    const records = decodePax(await this.#exactly(first.size));
    await this.#exactly(paddingOf(first.size));
    if (records === undefined) throw damaged("a name in it is not readable");
    return this.#begin(this.#header(await this.#exactly(BLOCK)), records);
  }

  /** The content of the entry, in pieces. */
  async *content(): AsyncGenerator<Buffer, void, void> {
    while (this.#left > 0) {
      const piece = await this.#some(this.#left);
      this.#left -= piece.length;
      yield piece;
    }
  }

  /** All of the entry's content. @param most bytes */
  async text(most: number): Promise<string> {
    if (this.#left > most) throw damaged("a description in it is too long");
    const data = await this.#exactly(this.#left);
    this.#left = 0;
    return data.toString("utf8");
  }

  #header(block: Buffer): Header {
    const header = decodeHeader(block);
    if (header === undefined) throw damaged("what should be an entry is none");
    return header;
  }

  #begin(header: Header, { path, linkpath, size }: PaxRecords): Entry {
    const { type } = header;
    if (type === "records") throw damaged("a name in it belongs to no entry");
    const whole = { ...header, name: path ?? header.name, target: linkpath ?? header.target };
    const length = size ?? header.size;
    if (type !== "file" && length !== 0) throw damaged("what is no file has a content");
    this.#left = length;
    this.#padding = paddingOf(length);
    this.entries += 1;
    const name = type === "directory" ? whole.name.replace(/\/$/, "") : whole.name;
    return { ...whole, type, name, size: length };
  }

  async #skip(): Promise<void> {
    for await (const _ of this.content());
    await this.#exactly(this.#padding);
    this.#padding = 0;
  }

  /** Behind two empty blocks nothing may come. */
  async #end(): Promise<undefined> {
    if (!isEmpty(await this.#exactly(BLOCK))) throw damaged("it goes on behind its end");
    if (this.#rest.length > 0) throw damaged("it goes on behind its end");
    // The compression's own sum is compared when its end is read.
    if ((await this.#source.next()).done !== true) throw damaged("it goes on behind its end");
    return undefined;
  }

  /** For lengths that are bounded by who asks. */
  async #exactly(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    for (let got = 0; got < length; ) {
      const piece = await this.#some(length - got);
      parts.push(piece);
      got += piece.length;
    }
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts);
  }

  /** At least one byte, at most so many. */
  async #some(most: number): Promise<Buffer> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#source.next();
      if (done === true) throw damaged("it ends too early");
      this.#rest = value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    this.#hash.update(piece);
    this.bytes += piece.length;
    return piece;
  }
}

function isEmpty(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}
