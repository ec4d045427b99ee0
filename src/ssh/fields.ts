/** A message that doesn't hold what its number says. */
export class MalformedMessage extends Error {
  constructor() {
    super("malformed message");
    this.name = "MalformedMessage";
  }
}

/** Reads the fields of one SSH message (RFC 4251 section 5). Each throws MalformedMessage. */
export class Fields {
  readonly #payload: Buffer;
  /** behind the message's number */
  #at = 1;

  constructor(payload: Buffer) {
    this.#payload = payload;
  }

  bool(): boolean {
    return this.#take(1)[0] !== 0;
  }

  u32(): number {
    return this.#take(4).readUInt32BE(0);
  }

  /** The bytes as they lie in the message. */
  string(): Buffer {
    return this.#take(this.u32());
  }

  text(): string {
    return this.string().toString("utf8");
  }

  #take(length: number): Buffer {
    const end = this.#at + length;
    if (end > this.#payload.length) throw new MalformedMessage();
    const taken = this.#payload.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}
