import { BlobError, BlobReader, blobString } from "./blob.ts";
import { fingerprint, KEY_TYPES, type PublicKey, parseKeyBlob, readKey } from "./key-blob.ts";
import { algorithmOf, signatureAlgorithms, verifySignature } from "./signatures.ts";

const CERTIFICATE = "-cert-v01@openssh.com";

/** Kinds of certificates (OpenSSH's PROTOCOL.certkeys). */
const USER = 1;
const HOST = 2;

/** OpenSSH's own bounds, in entries; the others in bytes. */
const MAX_PRINCIPALS = 256;
const MAX_OPTIONS = 256;
const MAX_NAME = 64;
const MAX_NONCE = 256;
const MAX_ID = 1_024;
const MAX_LIST = 32 * 1_024;
const MAX_KEY = 4_096;
const MAX_SIGNATURE = 8_192;

/** A certificate as its authority made it; that it was that one is not said. */
export interface Certificate {
  /** the certified key's */
  readonly key: PublicKey;
  readonly keyBlob: Buffer;
  readonly serial: bigint;
  readonly kind: "user" | "host";
  readonly id: string;
  /** whom it is for */
  readonly principals: readonly string[];
  /** seconds since the epoch: from then on, and before then */
  readonly validAfter: bigint;
  readonly validBefore: bigint;
  readonly critical: ReadonlyMap<string, Buffer>;
  readonly extensions: ReadonlyMap<string, Buffer>;
  readonly authority: PublicKey;
  /** of the authority */
  readonly fingerprint: string;
  /** what is signed */
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/**
 * The type of key that is certified under this name: of "ssh-ed25519-cert-v01@openssh.com"
 * "ssh-ed25519"; undefined: it is the name of no certificate.
 */
export function certifiedType(name: string): string | undefined {
  if (!name.endsWith(CERTIFICATE)) return undefined;
  const stem = name.slice(0, -CERTIFICATE.length);
  return [stem, `${stem}@openssh.com`].find((type) => KEY_TYPES.has(type));
}

/** As a request names it: RSA with the hash that it signs with. */
export function isCertificateName(name: string): boolean {
  return name.endsWith(CERTIFICATE);
}

/**
 * The signature algorithm that a request with a certificate has to use: its name has it, since a
 * certificate of an RSA key says nothing of hashes (RFC 8332); undefined: none that is good enough.
 */
export function certificateAlgorithm(name: string): string | undefined {
  const stem = name.endsWith(CERTIFICATE) ? name.slice(0, -CERTIFICATE.length) : "";
  if (stem === "rsa-sha2-256" || stem === "rsa-sha2-512") return stem;
  const type = certifiedType(name);
  return type === "ssh-rsa" ? undefined : type;
}

/** Takes a certificate apart, and decides nothing. @throws BlobError */
export function parseCertificate(blob: Buffer): Certificate {
  const reader = new BlobReader(blob);
  const name = certifiedType(reader.text(MAX_NAME));
  if (name === undefined) throw new BlobError("it is no certificate");
  reader.string(MAX_NONCE);
  const from = reader.at;
  const key = readKey(name, reader);
  const keyBlob = Buffer.concat([blobString(name), blob.subarray(from, reader.at)]);
  const facts = readFacts(reader);
  const authorityBlob = reader.string(MAX_KEY);
  const signed = blob.subarray(0, reader.at);
  const signature = reader.string(MAX_SIGNATURE);
  reader.end();
  const authority = parseKeyBlob(authorityBlob);
  return {
    ...facts,
    key,
    keyBlob,
    authority,
    fingerprint: fingerprint(authorityBlob),
    signed,
    signature,
  };
}

function readFacts(reader: BlobReader) {
  const serial = reader.u64();
  const kind = kindOf(reader.u32());
  const id = reader.text(MAX_ID);
  const principals = readList(reader.string(MAX_LIST));
  const validAfter = reader.u64();
  const validBefore = reader.u64();
  const critical = readOptions(reader.string(MAX_LIST));
  const extensions = readOptions(reader.string(MAX_LIST));
  reader.string(MAX_LIST);
  return { serial, kind, id, principals, validAfter, validBefore, critical, extensions };
}

function kindOf(value: number): Certificate["kind"] {
  if (value === USER) return "user";
  if (value === HOST) return "host";
  throw new BlobError("it is of a kind that nobody knows");
}

function readList(bytes: Buffer): string[] {
  const reader = new BlobReader(bytes);
  const names: string[] = [];
  while (!reader.isAtEnd) {
    if (names.length === MAX_PRINCIPALS) throw new BlobError("it has too many principals");
    names.push(reader.text(MAX_LIST));
  }
  return names;
}

/** Names and what is with each. Twice the same is refused: it could be read in two ways. */
function readOptions(bytes: Buffer): Map<string, Buffer> {
  const reader = new BlobReader(bytes);
  const options = new Map<string, Buffer>();
  while (!reader.isAtEnd) {
    const name = reader.text(MAX_LIST);
    if (options.has(name)) throw new BlobError("it has an option twice");
    if (options.size === MAX_OPTIONS) throw new BlobError("it has too many options");
    options.set(name, reader.string(MAX_LIST));
  }
  return options;
}

/** Whether its authority made it, with an algorithm that is good enough. Never throws. */
export function isGenuine({ authority, signed, signature }: Certificate): boolean {
  try {
    const algorithm = algorithmOf(signature);
    if (!signatureAlgorithms(authority).includes(algorithm)) return false;
    return verifySignature(authority, algorithm, signature, signed) !== undefined;
  } catch {
    return false;
  }
}
