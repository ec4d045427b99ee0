import { createHash, createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { BlobError, BlobReader, damaged } from "./blob.ts";

const MIN_RSA_BITS = 2048;
/** OpenSSH's own maximum (SSHBUF_MAX_BIGNUM). */
const MAX_RSA_BITS = 16384;
const MAX_EXPONENT_BYTES = 9;
const MAX_EXPONENT = 2n ** 64n;
const ED25519_BYTES = 32;
const MAX_NAME = 64;
/** What a security key signs for: "ssh:" and perhaps a name. */
const MAX_APPLICATION = 255;

/** Of a signature over the elliptic curve `jwk`. */
export interface Curve {
  /** as in the key, RFC 5656 */
  readonly name: string;
  /** as in JSON Web Keys, RFC 7518 */
  readonly jwk: string;
  /** of a coordinate, in bytes */
  readonly size: number;
  readonly hash: string;
}

const P256: Curve = { name: "nistp256", jwk: "P-256", size: 32, hash: "sha256" };
const P384: Curve = { name: "nistp384", jwk: "P-384", size: 48, hash: "sha384" };
const P521: Curve = { name: "nistp521", jwk: "P-521", size: 66, hash: "sha512" };

/** What the keys of a type are. */
export interface KeyType {
  readonly kind: "ed25519" | "ecdsa" | "rsa";
  readonly curve?: Curve;
  /** of a FIDO token: what is signed has its application, flags and counter in it */
  readonly isToken?: boolean;
}

/** The types of keys that a user may log in with (RFC 4253, 5656, 8709; OpenSSH's PROTOCOL.u2f). */
export const KEY_TYPES: ReadonlyMap<string, KeyType> = new Map<string, KeyType>([
  ["ssh-ed25519", { kind: "ed25519" }],
  ["ecdsa-sha2-nistp256", { kind: "ecdsa", curve: P256 }],
  ["ecdsa-sha2-nistp384", { kind: "ecdsa", curve: P384 }],
  ["ecdsa-sha2-nistp521", { kind: "ecdsa", curve: P521 }],
  ["ssh-rsa", { kind: "rsa" }],
  ["sk-ssh-ed25519@openssh.com", { kind: "ed25519", isToken: true }],
  ["sk-ecdsa-sha2-nistp256@openssh.com", { kind: "ecdsa", curve: P256, isToken: true }],
]);

/** A public key that signatures can be held against. */
export interface PublicKey {
  /** one of {@link KEY_TYPES} */
  readonly name: string;
  readonly type: KeyType;
  readonly object: KeyObject;
  /** of a token's key */
  readonly application: Buffer | undefined;
}

/** "SHA256:…" as ssh-keygen -l prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** The key in the encoding of RFC 4253 section 6.6. @throws BlobError */
export function parseKeyBlob(blob: Buffer): PublicKey {
  const reader = new BlobReader(blob);
  const key = readKey(reader.text(MAX_NAME), reader);
  reader.end();
  return key;
}

/** The fields of a key behind its type's name. @throws BlobError */
export function readKey(name: string, reader: BlobReader): PublicKey {
  const type = KEY_TYPES.get(name);
  if (type === undefined) throw damaged();
  const object = toKeyObject(readJwk(type, reader));
  if (type.kind === "rsa") checkRsa(object);
  const application = type.isToken === true ? reader.string(MAX_APPLICATION) : undefined;
  return { name, type, object, application };
}

function readJwk({ kind, curve }: KeyType, reader: BlobReader): JsonWebKey {
  if (kind === "ed25519") {
    return { kty: "OKP", crv: "Ed25519", x: base64(exactly(reader, ED25519_BYTES)) };
  }
  if (curve !== undefined) return readPoint(curve, reader);
  const e = readNumber(reader, MAX_EXPONENT_BYTES);
  checkExponent(e);
  return { kty: "RSA", e: base64(e), n: base64(readNumber(reader, MAX_RSA_BITS / 8 + 1)) };
}

/** Not compressed, which OpenSSH does not take either. */
function readPoint({ name, jwk, size }: Curve, reader: BlobReader): JsonWebKey {
  if (reader.text(MAX_NAME) !== name) throw damaged();
  const point = exactly(reader, 1 + 2 * size);
  if (point[0] !== 4) throw damaged();
  const [x, y] = [point.subarray(1, 1 + size), point.subarray(1 + size)];
  return { kty: "EC", crv: jwk, x: base64(x), y: base64(y) };
}

function exactly(reader: BlobReader, length: number): Buffer {
  const bytes = reader.string(length);
  if (bytes.length !== length) throw damaged();
  return bytes;
}

/**
 * A positive number in the one shortest encoding. With needless zeros in front it is the same key, but
 * would never match a client's.
 */
function readNumber(reader: BlobReader, most: number): Buffer {
  const bytes = rsaNumber(reader, most);
  const [first = 0, second = 0] = bytes;
  const isLonger = first === 0 && second < 0x80;
  if (bytes.length === 0 || first >= 0x80 || isLonger) throw new BlobError(RSA_DAMAGED);
  return first === 0 ? bytes.subarray(1) : bytes;
}

const RSA_DAMAGED = "the rsa key is damaged";

function rsaNumber(reader: BlobReader, most: number): Buffer {
  const bytes = reader.string(Number.MAX_SAFE_INTEGER);
  if (bytes.length <= most) return bytes;
  throw new BlobError(
    most > MAX_EXPONENT_BYTES
      ? `the rsa key is too long: at most ${MAX_RSA_BITS} bits`
      : RSA_DAMAGED,
  );
}

function checkExponent(e: Buffer): void {
  const value = BigInt(`0x${e.toString("hex")}`);
  if (value % 2n === 1n && value >= 3n && value < MAX_EXPONENT) return;
  throw new BlobError(RSA_DAMAGED);
}

function checkRsa(key: KeyObject): void {
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  if (modulusLength >= MIN_RSA_BITS) return;
  throw new BlobError(`the rsa key is too short: at least ${MIN_RSA_BITS} bits are needed`);
}

function toKeyObject(jwk: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: "jwk" });
  } catch {
    // A point that is not on the curve.
    throw damaged();
  }
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64url");
}
