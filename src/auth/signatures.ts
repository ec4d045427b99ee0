import { createHash, verify } from "node:crypto";
import { BlobError, BlobReader, damaged } from "./blob.ts";
import type { Curve, PublicKey } from "./key-blob.ts";

/** What a good signature says of the person at the key. */
export interface Presence {
  /** somebody touched the token; of keys that are none, always */
  readonly touched: boolean;
  /** the token knew who: by a PIN or a finger */
  readonly verified: boolean;
}

/** Of a key that is no token: nothing is known of the person. */
const NOT_A_TOKEN: Presence = { touched: true, verified: false };

/** SSH_SK_USER_PRESENCE_REQD and SSH_SK_USER_VERIFICATION_REQD of PROTOCOL.u2f. */
const TOUCHED = 0x01;
const VERIFIED = 0x04;

const RSA_HASHES: ReadonlyMap<string, string> = new Map([
  ["rsa-sha2-256", "sha256"],
  ["rsa-sha2-512", "sha512"],
]);

const MAX_NAME = 64;
const MAX_SIGNATURE = 4096;

/** The algorithms that signatures of such a key may have. SHA-1 (ssh-rsa) is none of them. */
export function signatureAlgorithms({ name, type }: PublicKey): readonly string[] {
  return type.kind === "rsa" ? [...RSA_HASHES.keys()] : [name];
}

/** The algorithm that a signature names, whatever else is in it. @throws BlobError */
export function algorithmOf(signature: Buffer): string {
  return new BlobReader(signature).text(MAX_NAME);
}

/**
 * What a signature of the key over `data` says; undefined when it is none. Never throws.
 * @param algorithm the one the signature has to name
 * @param signature as it is sent: the name, then what the algorithm says
 */
export function verifySignature(
  key: PublicKey,
  algorithm: string,
  signature: Buffer,
  data: Buffer,
): Presence | undefined {
  try {
    const reader = new BlobReader(signature);
    if (reader.text(MAX_NAME) !== algorithm) return undefined;
    if (!signatureAlgorithms(key).includes(algorithm)) return undefined;
    const core = reader.string(MAX_SIGNATURE);
    const token = key.application && readToken(reader, key.application, data);
    reader.end();
    const signed = token?.signed ?? data;
    if (!isRight(key, algorithm, core, signed)) return undefined;
    return token?.presence ?? NOT_A_TOKEN;
  } catch {
    return undefined;
  }
}

/** What a token signs: hash of its application, flags, counter, hash of the data. */
function readToken(
  reader: BlobReader,
  application: Buffer,
  data: Buffer,
): { readonly presence: Presence; readonly signed: Buffer } {
  const flags = reader.byte();
  const said = Buffer.alloc(5);
  said.writeUInt8(flags, 0);
  // The counter finds copies of a token where one server alone sees it: nothing is decided by it.
  said.writeUInt32BE(reader.u32(), 1);
  const presence = { touched: (flags & TOUCHED) !== 0, verified: (flags & VERIFIED) !== 0 };
  return { presence, signed: Buffer.concat([sha256(application), said, sha256(data)]) };
}

function isRight(key: PublicKey, algorithm: string, core: Buffer, signed: Buffer): boolean {
  const { object, type } = key;
  if (type.kind === "ed25519") return verify(null, signed, object, core);
  if (type.curve !== undefined) {
    const raw = rawEcdsa(core, type.curve);
    return verify(type.curve.hash, signed, { key: object, dsaEncoding: "ieee-p1363" }, raw);
  }
  const modulus = (object.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  return verify(RSA_HASHES.get(algorithm), signed, object, padded(core, Math.ceil(modulus)));
}

/** Two numbers of RFC 5656 section 3.1.2, as they stand side by side. */
function rawEcdsa(core: Buffer, { size }: Curve): Buffer {
  const reader = new BlobReader(core);
  const numbers = [reader.string(size + 1), reader.string(size + 1)];
  reader.end();
  return Buffer.concat(numbers.map((number) => padded(withoutSign(number), size)));
}

/** A number is positive: its first bit is none of its sign where a zero stands before it. */
function withoutSign(number: Buffer): Buffer {
  const first = number[0] ?? 0x80;
  if (first >= 0x80) throw damaged();
  return first === 0 ? number.subarray(1) : number;
}

/** Some clients leave zeros in front out. */
function padded(number: Buffer, size: number): Buffer {
  if (number.length > size) throw new BlobError("the number is too long");
  return Buffer.concat([Buffer.alloc(size - number.length), number]);
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}
