/**
 * Packets of more than the 32 KiB that everybody takes (RFC 4253 section 6.1), between two ends that
 * have both said so: each packet costs both of them the same work, however little is in it.
 * Touches private parts of ssh2 1.17.0 (pinned), as internals.ts does.
 */

import { BLOCK, type GcmDecipher, type Opener, openerOf, TAG } from "./gcm.ts";

/** The data of the widest packet, in bytes: a READ's answer or a WRITE with its header. */
export const WIDE_DATA = 256 * 1024;

/** Length fields: the data, the message's header, padding and its length (RFC 4253 section 6). */
const WIDEST = WIDE_DATA + 512;

/** What ssh2 takes; until the login is proven nobody costs more memory. */
const NARROW = 35_000;

const LENGTH_FIELD = 4;
const MSG_CHANNEL_DATA = 94;

/** What of ssh2's Protocol is needed here. */
export interface WideProtocol {
  _decipher: unknown;
  readonly _authenticated: boolean;
}

export interface WideOptions {
  /**
   * The chunks given to ssh2 lie in memory that is used again. Then data of a channel for which
   * this is true is only good until its reader returns, and everything else is copied.
   */
  readonly transient?: (channel: number) => boolean;
}

const wide = new WeakSet<WideProtocol>();

/** True when packets of up to WIDE_DATA can be read from the peer now. */
export function readsWide(protocol: WideProtocol): boolean {
  return wide.has(protocol);
}

/** Reads wide packets wherever the cipher is AES-GCM; to be called before the key exchange. */
export function readWide(protocol: WideProtocol, options: WideOptions = {}): void {
  let decipher = protocol._decipher;
  // A key exchange sets it anew.
  Object.defineProperty(protocol, "_decipher", {
    get: () => decipher,
    set(next: unknown) {
      decipher = next;
      const opener = openerOf(next);
      if (opener !== undefined) {
        wide.add(protocol);
        new PacketReader(protocol, next as GcmDecipher, opener, options).takeOver();
      } else if (wide.has(protocol)) throw new Error("The cipher changed");
    },
  });
}

/** Cuts and decrypts the packets of one AES-GCM key (RFC 5647 section 7.2). */
class PacketReader {
  readonly #protocol: WideProtocol;
  readonly #decipher: GcmDecipher;
  readonly #opener: Opener;
  readonly #transient: WideOptions["transient"];
  readonly #head = Buffer.alloc(LENGTH_FIELD);
  #headEnd = 0;
  /** of the packet that is coming in, without its tag */
  #length = 0;
  /** the packet that comes in pieces, and how much of it is there */
  #packet: Buffer | undefined;
  #end = 0;
  /** used for one packet after the other */
  #scratch: Buffer | undefined;

  constructor(
    protocol: WideProtocol,
    decipher: GcmDecipher,
    opener: Opener,
    { transient }: WideOptions,
  ) {
    this.#protocol = protocol;
    this.#decipher = decipher;
    this.#opener = opener;
    this.#transient = transient;
  }

  takeOver(): void {
    this.#decipher.decrypt = (data, from, to) => this.#read(data, from, to);
  }

  /** @returns where the next key begins, when a packet changed it */
  #read(data: Buffer, from: number, to: number): number | undefined {
    let at = from;
    while (at < to) {
      if (this.#headEnd < LENGTH_FIELD) {
        at = this.#readHead(data, at, to);
        continue;
      }
      const whole = this.#length + TAG;
      let packet: Buffer;
      if (this.#packet === undefined && to - at >= whole) {
        packet = data.subarray(at, at + whole);
        at += whole;
      } else {
        packet = this.#packet ??= this.#memory(whole);
        const taken = Math.min(whole - this.#end, to - at);
        data.copy(packet, this.#end, at, at + taken);
        this.#end += taken;
        at += taken;
        if (this.#end < whole) return undefined;
      }
      const result = this.#decrypt(packet);
      if (result !== undefined) return result === false ? at : (result as number);
    }
    return undefined;
  }

  /** The length is authenticated but not encrypted. */
  #readHead(data: Buffer, from: number, to: number): number {
    let at = from;
    while (this.#headEnd < LENGTH_FIELD && at < to) this.#head[this.#headEnd++] = data[at++] ?? 0;
    if (this.#headEnd < LENGTH_FIELD) return at;
    this.#length = this.#head.readUInt32BE(0);
    const most = this.#protocol._authenticated ? WIDEST : NARROW;
    if (this.#length < BLOCK || this.#length > most || this.#length % BLOCK !== 0) {
      // What comes behind it must not be taken for a packet of this length.
      this.#headEnd = 0;
      throw new Error("Bad packet length");
    }
    return at;
  }

  /** @throws when the tag is wrong */
  #decrypt(packet: Buffer): unknown {
    const length = this.#length;
    const body = this.#opener.open(this.#head, packet, length);
    this.#decipher.inSeqno = (this.#decipher.inSeqno + 1) >>> 0;
    this.#headEnd = 0;
    this.#packet = undefined;
    this.#end = 0;
    const padding = body[0] ?? 0;
    if (1 + padding > length) throw new Error("Bad padding length");
    const payload = body.subarray(1, length - padding);
    return this.#decipher._onPayload(this.#keeps(payload) ? payload : Buffer.from(payload));
  }

  /** Whether the payload's reader may have it as it is. */
  #keeps(payload: Buffer): boolean {
    if (this.#transient === undefined || !this.#opener.inPlace) return true;
    const isData = payload[0] === MSG_CHANNEL_DATA && payload.length >= 5;
    return isData && this.#transient(payload.readUInt32BE(1));
  }

  #memory(length: number): Buffer {
    if (this.#transient === undefined) return Buffer.allocUnsafeSlow(length);
    this.#scratch ??= Buffer.allocUnsafeSlow(WIDEST + TAG);
    return this.#scratch.subarray(0, length);
  }
}
