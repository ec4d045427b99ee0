import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { blobString } from "../../src/auth/blob.ts";
import { fingerprint } from "../../src/auth/key-blob.ts";

/** What a token says with a signature: it was touched, and by whom it knows. */
export const TOUCHED = 0x01;
export const VERIFIED = 0x04;

export interface SigningOptions {
  /** of RSA: with which hash; SHA-1 is "ssh-rsa" */
  readonly algorithm?: string | undefined;
  /** of a token */
  readonly flags?: number;
  readonly counter?: number;
}

/** A private key of any type that a user may have, which signs as OpenSSH and FIDO tokens do. */
export interface Signer {
  readonly type: string;
  /** the public key in the encoding of RFC 4253 section 6.6 */
  readonly blob: Buffer;
  readonly fingerprint: string;
  /** as in a .pub file */
  readonly line: string;
  /** the fields of the key behind its type, as certificates have them */
  readonly fields: Buffer;
  sign(data: Buffer, options?: SigningOptions): Buffer;
}

export type SignerType = "ed25519" | "p256" | "p384" | "p521" | "rsa" | "sk-ed25519" | "sk-p256";

const CURVES = { p256: "P-256", p384: "P-384", p521: "P-521" } as const;
const HASHES = { p256: "sha256", p384: "sha384", p521: "sha512" } as const;
const APPLICATION = "ssh:";

/** Makes a key. @param application of a token's key */
export function makeSigner(type: SignerType, application = APPLICATION): Signer {
  const isToken = type.startsWith("sk-");
  const plain = type.replace("sk-", "") as Exclude<SignerType, "sk-ed25519" | "sk-p256">;
  const { publicKey, privateKey } = generate(plain);
  const name = isToken ? tokenName(plain) : typeName(plain);
  const key = publicFields(plain, publicKey);
  const fields = isToken ? Buffer.concat([key, blobString(application)]) : key;
  const blob = Buffer.concat([blobString(name), fields]);
  return {
    type: name,
    blob,
    fingerprint: fingerprint(blob),
    line: `${name} ${blob.toString("base64")} ${type}`,
    fields,
    sign(data, { algorithm, flags = TOUCHED, counter = 7 } = {}) {
      if (!isToken) return signature(plain, privateKey, name, data, algorithm);
      const said = Buffer.alloc(5);
      said.writeUInt8(flags, 0);
      said.writeUInt32BE(counter, 1);
      const signed = Buffer.concat([sha256(Buffer.from(application)), said, sha256(data)]);
      return Buffer.concat([signature(plain, privateKey, name, signed), said]);
    },
  };
}

function generate(type: keyof typeof CURVES | "ed25519" | "rsa") {
  if (type === "ed25519") return generateKeyPairSync("ed25519");
  if (type === "rsa") return generateKeyPairSync("rsa", { modulusLength: 2048 });
  return generateKeyPairSync("ec", { namedCurve: CURVES[type] });
}

function typeName(type: keyof typeof CURVES | "ed25519" | "rsa"): string {
  if (type === "ed25519") return "ssh-ed25519";
  return type === "rsa" ? "ssh-rsa" : `ecdsa-sha2-nist${type}`;
}

function tokenName(type: string): string {
  return type === "ed25519" ? "sk-ssh-ed25519@openssh.com" : "sk-ecdsa-sha2-nistp256@openssh.com";
}

function publicFields(type: string, key: KeyObject): Buffer {
  const { x = "", y = "", e = "", n = "" } = key.export({ format: "jwk" });
  const bytes = (text: string) => Buffer.from(text, "base64url");
  if (type === "ed25519") return blobString(bytes(x));
  if (type === "rsa") return Buffer.concat([number(bytes(e)), number(bytes(n))]);
  const point = Buffer.concat([Buffer.from([4]), bytes(x), bytes(y)]);
  return Buffer.concat([blobString(`nist${type}`), blobString(point)]);
}

/** A positive number (RFC 4251 section 5). */
function number(bytes: Buffer): Buffer {
  let at = 0;
  while (at < bytes.length - 1 && bytes[at] === 0) at += 1;
  const short = bytes.subarray(at);
  return blobString((short[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), short]) : short);
}

function signature(
  type: string,
  key: KeyObject,
  name: string,
  data: Buffer,
  algorithm = type === "rsa" ? "rsa-sha2-512" : name,
): Buffer {
  return Buffer.concat([blobString(algorithm), blobString(core(type, key, data, algorithm))]);
}

function core(type: string, key: KeyObject, data: Buffer, algorithm: string): Buffer {
  if (type === "ed25519") return sign(null, data, key);
  if (type === "rsa") return sign(rsaHash(algorithm), data, key);
  const hash = HASHES[type as keyof typeof HASHES];
  const raw = sign(hash, data, { key, dsaEncoding: "ieee-p1363" });
  const half = raw.length / 2;
  return Buffer.concat([number(raw.subarray(0, half)), number(raw.subarray(half))]);
}

function rsaHash(algorithm: string): string {
  if (algorithm === "rsa-sha2-256") return "sha256";
  return algorithm === "ssh-rsa" ? "sha1" : "sha512";
}

function sha256(bytes: Buffer): Buffer {
  return createHash("sha256").update(bytes).digest();
}

/** What a certificate says; all but the key has a default. */
export interface CertificateText {
  readonly key: Signer;
  readonly authority: Signer;
  /** of the certificate; default: that of the key */
  readonly type?: string;
  readonly serial?: bigint;
  /** 1: of a user, 2: of a host */
  readonly kind?: number;
  readonly id?: string;
  readonly principals?: readonly string[];
  /** seconds since the epoch */
  readonly validAfter?: bigint;
  readonly validBefore?: bigint;
  readonly critical?: readonly (readonly [string, Buffer])[];
  readonly extensions?: readonly (readonly [string, Buffer])[];
  /** instead of the authority's key */
  readonly authorityBlob?: Buffer;
  /** how the authority signs */
  readonly algorithm?: string;
}

export const FOREVER = 2n ** 64n - 1n;

/** The type of a certificate of such a key. */
export function certificateType(type: string): string {
  return `${type.replace("@openssh.com", "")}-cert-v01@openssh.com`;
}

/** A certificate as `ssh-keygen -s` makes it, and as no ssh-keygen would. */
export function makeCertificate(text: CertificateText): Buffer {
  const { key, authority, principals = ["ann"], critical = [], extensions = [] } = text;
  const head = [
    blobString(text.type ?? certificateType(key.type)),
    blobString(randomBytes(32)),
    key.fields,
    u64(text.serial ?? 1n),
    u32(text.kind ?? 1),
    blobString(text.id ?? "ann's laptop"),
    blobString(Buffer.concat(principals.map((one) => blobString(one)))),
    u64(text.validAfter ?? 0n),
    u64(text.validBefore ?? FOREVER),
    optionList(critical),
    optionList(extensions),
    blobString(""),
    blobString(text.authorityBlob ?? authority.blob),
  ];
  const signed = Buffer.concat(head);
  const { algorithm } = text;
  return Buffer.concat([signed, blobString(authority.sign(signed, { algorithm }))]);
}

/** The data of an option that has a text. */
export function optionText(text: string): Buffer {
  return blobString(text);
}

function optionList(options: readonly (readonly [string, Buffer])[]): Buffer {
  const all = options.flatMap(([name, data]) => [blobString(name), blobString(data)]);
  return blobString(Buffer.concat(all));
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
