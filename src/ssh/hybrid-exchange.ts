/** The key exchange mlkem768x25519-sha256 (RFC 10042) in ssh2, which doesn't know it. */
import { HYBRID_KEX } from "./algorithms.ts";
import { clientEnd, type HybridEnd, serverEnd } from "./hybrid-keys.ts";
import type { KeyExchange, Offer, Protocol } from "./internals.ts";
import type { KeyEncapsulation } from "./ml-kem.ts";

/** A KEXINIT's number, and where its first list begins: that of key exchange methods. */
const MSG_KEXINIT = 20;
const LIST_AT = 17;
const LENGTH_FIELD = 4;

/** Has the same messages, hash and course: only keys and the secret are others. */
const STAND_IN = "curve25519-sha256";

/** No method's name. */
const NONE = "-";

type PayloadReader = (payload: Buffer) => unknown;

/**
 * Where both ends want the hybrid, ssh2 reads a KEXINIT in which STAND_IN is what both want, and the
 * exchange it makes is given the hybrid's keys, and the KEXINIT that really came.
 */
export class HybridMethod {
  readonly #protocol: Protocol;
  readonly #kem: KeyEncapsulation;
  /** the KEXINIT that ssh2 is reading another one for */
  #kexinit: Buffer | undefined;
  /** a client's keys for the first exchange */
  #ahead: HybridEnd | undefined;

  /** To be made before the first key exchange. */
  constructor(protocol: Protocol, kem: KeyEncapsulation) {
    this.#protocol = protocol;
    this.#kem = kem;
    const later = protocol._onPayload;
    protocol._onPayload = (payload) => this.#read(payload, later);
    this.#readFirst();
    if (!protocol._server) this.#makeAhead();
  }

  /** In JavaScript a key pair takes some ten milliseconds: the connection is made meanwhile. */
  #makeAhead(): void {
    setImmediate(() => {
      this.#ahead = clientEnd(this.#kem);
    });
  }

  /** ssh2 has made an exchange of the KEXINIT that it read. */
  adopt(exchange: KeyExchange | undefined): void {
    const kexinit = this.#kexinit;
    const ahead = this.#ahead;
    this.#ahead = undefined;
    if (exchange === undefined || kexinit === undefined) return;
    const end = ahead ?? (this.#protocol._server ? serverEnd : clientEnd)(this.#kem);
    exchange.type = HYBRID_KEX;
    exchange.negotiated.kex = HYBRID_KEX;
    exchange._remoteKexinit = kexinit;
    exchange.getPublicKey = () => end.message;
    exchange.convertPublicKey = (key) => key;
    exchange.computeSecret = (theirs) => {
      try {
        return end.secret(theirs);
      } catch (error) {
        return error as Error;
      }
    };
  }

  /** What reads the first exchange is there once the other end's identification came. */
  #readFirst(): void {
    const protocol = this.#protocol;
    const take = (): void => {
      const decipher = protocol._decipher;
      const read = decipher._onPayload;
      decipher._onPayload = (payload) => this.#read(payload, read);
    };
    if (protocol._decipher !== undefined) {
      take();
      return;
    }
    const header = protocol._onHeader;
    protocol._onHeader = (...args) => {
      take();
      header(...args);
    };
  }

  #read(payload: Buffer, pass: PayloadReader): unknown {
    if (payload[0] !== MSG_KEXINIT) return pass(payload);
    const protocol = this.#protocol;
    const { lists } = protocol._offer;
    const standIn = standInFor(payload, lists.kex.array, protocol._server);
    this.#kexinit = standIn === undefined ? undefined : payload;
    try {
      return pass(standIn ?? payload);
    } finally {
      this.#kexinit = undefined;
      // ssh2 drops the packet behind every guess, and would wait for another without end.
      if (protocol._skipNextInboundPacket && isRightGuess(payload, lists)) {
        protocol._skipNextInboundPacket = false;
      }
    }
  }
}

/** Whether both ends prefer the same method and kind of host key (RFC 4253 section 7). */
function isRightGuess(payload: Buffer, ours: Offer["lists"]): boolean {
  const methods = listAt(payload, LIST_AT);
  const hostKeys = methods && listAt(payload, methods.end);
  return (
    methods?.names[0] === ours.kex.array[0] && hostKeys?.names[0] === ours.serverHostKey.array[0]
  );
}

/** A list of names, and where it ends; undefined when the payload does before. */
function listAt(payload: Buffer, at: number): { names: string[]; end: number } | undefined {
  const from = at + LENGTH_FIELD;
  if (payload.length < from) return undefined;
  const end = from + payload.readUInt32BE(at);
  if (end > payload.length) return undefined;
  return { names: payload.toString("latin1", from, end).split(","), end };
}

/**
 * The KEXINIT that ssh2 is to read instead: STAND_IN stands where the hybrid stood, and nothing else
 * that we know, so that ssh2 chooses it; names are in their places, for a guess (RFC 4253 section 7).
 * @param ours what we offered
 * @returns undefined when both ends want another method than the hybrid, or it is malformed
 */
export function standInFor(
  payload: Buffer,
  ours: readonly string[],
  isServer: boolean,
): Buffer | undefined {
  const methods = listAt(payload, LIST_AT);
  if (methods === undefined) return undefined;
  const { names: theirs, end } = methods;
  const [clients, servers] = isServer ? [theirs, ours] : [ours, theirs];
  if (clients.find((name) => servers.includes(name)) !== HYBRID_KEX) return undefined;
  const names = theirs.map((name) => {
    if (name === HYBRID_KEX) return STAND_IN;
    return ours.includes(name) ? NONE : name;
  });
  const list = Buffer.from(names.join(","), "latin1");
  const length = Buffer.alloc(LENGTH_FIELD);
  length.writeUInt32BE(list.length);
  return Buffer.concat([payload.subarray(0, LIST_AT), length, list, payload.subarray(end)]);
}
