/** The key exchange mlkem768x25519-sha256 (RFC 10042) in ssh2, which doesn't know it. */
import { HYBRID_KEX } from "./algorithms.ts";
import { clientEnd, serverEnd } from "./hybrid-keys.ts";
import type { KeyExchange, Protocol } from "./internals.ts";
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

  /** To be made before the first key exchange. */
  constructor(protocol: Protocol, kem: KeyEncapsulation) {
    this.#protocol = protocol;
    this.#kem = kem;
    const later = protocol._onPayload;
    protocol._onPayload = (payload) => this.#read(payload, later);
    this.#readFirst();
  }

  /** ssh2 has made an exchange of the KEXINIT that it read. */
  adopt(exchange: KeyExchange | undefined): void {
    const kexinit = this.#kexinit;
    if (exchange === undefined || kexinit === undefined) return;
    const end = (this.#protocol._server ? serverEnd : clientEnd)(this.#kem);
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
    const { _offer, _server } = this.#protocol;
    const standIn = standInFor(payload, _offer.lists.kex.array, _server);
    if (standIn === undefined) return pass(payload);
    this.#kexinit = payload;
    try {
      return pass(standIn);
    } finally {
      this.#kexinit = undefined;
    }
  }
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
  const at = LIST_AT + LENGTH_FIELD;
  if (payload.length < at) return undefined;
  const end = at + payload.readUInt32BE(LIST_AT);
  if (end > payload.length) return undefined;
  const theirs = payload.toString("latin1", at, end).split(",");
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
