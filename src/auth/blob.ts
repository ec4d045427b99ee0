/** A key, certificate or signature that does not hold what it should. The message never quotes it. */
export class BlobError extends Error {
  override readonly name: string = "BlobError";
}

const DAMAGED = "it does not hold what its type says";

/** Reads the fields of RFC 4251 section 5 from a key or certificate. Each throws {@link BlobError}. */
export class BlobReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Where the next field begins. */
  get at(): number {
    return this.#at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#take(1).readUInt8(0);
  }

  u32(): number {
    return this.#take(4).readUInt32BE(0);
  }

  u64(): bigint {
    return this.#take(8).readBigUInt64BE(0);
  }

  /** @param most bytes that it may have */
  string(most: number): Buffer {
    const length = this.u32();
    if (length > most) throw new BlobError(DAMAGED);
    return this.#take(length);
  }

  text(most: number): string {
    return this.string(most).toString("utf8");
  }

  /** Nothing may follow. */
  end(): void {
    if (!this.isAtEnd) throw new BlobError(DAMAGED);
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new BlobError(DAMAGED);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** A field of bytes with its length in front. */
export function blobString(bytes: Buffer | string): Buffer {
  const body = Buffer.from(bytes);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

export function damaged(): BlobError {
  return new BlobError(DAMAGED);
}
