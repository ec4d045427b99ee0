/** RFC 4253 section 4.2: the identification string with its CR LF. */
const MAX_IDENT = 255;

const LINE_FEED = 10;

/**
 * Holds the first bytes of a connection back until the client's identification line is complete:
 * ssh2 loses bytes when the line comes in more than two pieces, and takes endless ones.
 */
export class IdentGate {
  #held: Buffer | undefined;
  #open = false;

  /**
   * What may go on to ssh2 now; undefined while the line is not complete.
   * Throws when what comes is no SSH client.
   */
  pass(chunk: Buffer): Buffer | undefined {
    if (this.#open) return chunk;
    const data = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    const end = data.indexOf(LINE_FEED);
    if (end >= MAX_IDENT || (end < 0 && data.length >= MAX_IDENT) || !startsLikeSsh(data)) {
      throw new Error("not an SSH client");
    }
    if (end < 0) {
      this.#held = data;
      return undefined;
    }
    this.#held = undefined;
    this.#open = true;
    return data;
  }
}

function startsLikeSsh(data: Buffer): boolean {
  const start = data.toString("latin1", 0, 4);
  return "SSH-".startsWith(start.slice(0, Math.min(4, data.length)));
}
