import { decodeUtf8 } from "../text/utf8.ts";

/** A line is longer than agreed. */
export class LineTooLong extends Error {
  constructor() {
    super("the line is too long");
    this.name = "LineTooLong";
  }
}

/** A line is not UTF-8, so it is none of the control protocol's. */
export class LineNotUtf8 extends Error {
  constructor() {
    super("the line is not UTF-8");
    this.name = "LineNotUtf8";
  }
}

const NEWLINE = 10;
/** A line that comes byte by byte must not cost a hundred times its length. */
const MAX_PARTS = 1_024;

/** Cuts bytes into lines (UTF-8, ended by a newline), and holds no more than one unfinished line. */
export class LineReader {
  readonly #maxBytes: number;
  #parts: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The lines that these bytes complete, as they are asked for.
   * @throws LineTooLong, LineNotUtf8
   */
  *push(chunk: Buffer): Generator<string> {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(NEWLINE, from);
      const part = chunk.subarray(from, end < 0 ? undefined : end);
      this.#length += part.length;
      if (this.#length > this.#maxBytes) throw new LineTooLong();
      if (part.length > 0) this.#parts.push(part);
      if (this.#parts.length > MAX_PARTS) this.#parts = [Buffer.concat(this.#parts)];
      if (end < 0) return;
      const line = decodeUtf8(Buffer.concat(this.#parts, this.#length));
      if (line === undefined) throw new LineNotUtf8();
      this.#parts = [];
      this.#length = 0;
      from = end + 1;
      yield line;
    }
  }
}
