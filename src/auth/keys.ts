import { createHash, createPublicKey, type KeyObject } from "node:crypto";
import ssh2 from "ssh2";
import type { UserKey } from "../store/types.ts";
import { masked } from "../text/safe.ts";

/** A text that is not a public key a user may log in with. The message never quotes the text. */
export class PublicKeyError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "PublicKeyError";
  }
}

const MIN_RSA_BITS = 2048;
/** OpenSSH's own maximum (SSHBUF_MAX_BIGNUM). */
const MAX_RSA_BITS = 16384;
const MAX_EXPONENT = 2n ** 64n;
const MAX_LINE = 16 * 1024;
/** Characters; it is a label for people, and nothing is decided by it. */
const MAX_COMMENT = 200;

/** The length of a key's blob where the type fixes it (RFC 5656 section 3.1, RFC 8709 section 4). */
const BLOB_BYTES: ReadonlyMap<string, number | undefined> = new Map([
  ["ssh-ed25519", 51],
  ["ecdsa-sha2-nistp256", 104],
  ["ecdsa-sha2-nistp384", 136],
  ["ecdsa-sha2-nistp521", 172],
  ["ssh-rsa", undefined],
]);

/** PEM, PuTTY, and "openssh-key-v1" as an OpenSSH private key's base64 begins. */
const PRIVATE_KEY = /(BEGIN|END) .*PRIVATE KEY|PuTTY-User-Key-File|b3BlbnNzaC1rZXktdjE/;
const TYPE_LATER = /[\s,](ssh-(rsa|dss|ed25519)|ecdsa-sha2-|sk-(ssh|ecdsa)-)/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** "SHA256:…" as ssh-keygen -l prints it. */
export function fingerprint(blob: Buffer): string {
  return `SHA256:${createHash("sha256").update(blob).digest("base64").replace(/=+$/, "")}`;
}

/** Why a line that doesn't begin with a type we take is refused. */
function refusal(type: string, line: string): string {
  if (type === "ssh-dss") return "ssh-dss keys are too weak: use ed25519, ecdsa or rsa";
  if (type.includes("-cert-v0")) return "certificates are not supported: give the plain public key";
  if (/^sk-(ssh|ecdsa)-/.test(type)) return "security key (sk-) keys are not supported yet";
  if (line.startsWith("---- BEGIN") || line.startsWith("-----BEGIN")) {
    return "not in OpenSSH's one-line format: convert it with ssh-keygen -i";
  }
  if (TYPE_LATER.test(line)) {
    return 'text before the key type: authorized_keys options (command="…" and others) are not supported, remove them';
  }
  return "not a public key: expected a line like 'ssh-ed25519 AAAA… comment'";
}

function toKeyObject(type: string, base64: string, blob: Buffer): KeyObject | undefined {
  try {
    const parsed = ssh2.utils.parseKey(`${type} ${base64}`);
    // The parser skips what follows the key and the curve's name; encoding it again shows both.
    if (parsed instanceof Error || !parsed.getPublicSSH().equals(blob)) return undefined;
    return createPublicKey(parsed.getPublicPEM());
  } catch {
    return undefined;
  }
}

function checkRsa(key: KeyObject, blob: Buffer): void {
  const { modulusLength = 0, publicExponent = 0n } = key.asymmetricKeyDetails ?? {};
  if (modulusLength < MIN_RSA_BITS) {
    throw new PublicKeyError(`the rsa key is too short: at least ${MIN_RSA_BITS} bits are needed`);
  }
  if (modulusLength > MAX_RSA_BITS) {
    throw new PublicKeyError(`the rsa key is too long: at most ${MAX_RSA_BITS} bits`);
  }
  const mpint = (bits: number) => 4 + Math.floor(bits / 8) + 1;
  const length = 4 + "ssh-rsa".length + mpint(publicExponent.toString(2).length);
  const odd = publicExponent % 2n === 1n && publicExponent >= 3n && publicExponent < MAX_EXPONENT;
  // A number with needless leading zeros is the same key, but would never match a client's.
  if (!odd || blob.length !== length + mpint(modulusLength)) {
    throw new PublicKeyError("the rsa key is damaged");
  }
}

/** One line: type, base64, comment (sshd(8), AUTHORIZED_KEYS FILE FORMAT, without options). */
function parseLine(line: string): UserKey {
  if (line.length > MAX_LINE) throw new PublicKeyError("not a public key: the line is too long");
  const [, type = "", base64 = "", comment = ""] = /^(\S+)\s*(\S*)\s*(.*)$/s.exec(line) ?? [];
  if (!BLOB_BYTES.has(type)) throw new PublicKeyError(refusal(type, line));
  const blob = Buffer.from(base64, "base64");
  if (
    !BASE64.test(base64) ||
    blob.toString("base64").replace(/=+$/, "") !== base64.replace(/=+$/, "")
  ) {
    throw new PublicKeyError("the key is damaged: its base64 part is not whole");
  }
  const length = BLOB_BYTES.get(type);
  const key = toKeyObject(type, base64, blob);
  if (key === undefined || (length !== undefined && blob.length !== length)) {
    throw new PublicKeyError("the key is damaged: it does not hold what its type says");
  }
  if (type === "ssh-rsa") checkRsa(key, blob);
  return {
    fingerprint: fingerprint(blob),
    algorithm: type,
    blob,
    comment: [...masked(comment, "").trim()].slice(0, MAX_COMMENT).join(""),
    createdAt: Date.now(),
  };
}

/**
 * The public keys in a text of one-line OpenSSH keys (a .pub or authorized_keys file); empty lines
 * and # comments are skipped. Throws {@link PublicKeyError}, also when there is none.
 */
export function parsePublicKeys(text: string): UserKey[] {
  if (PRIVATE_KEY.test(text)) {
    throw new PublicKeyError(
      "this is a private key: give the public one (the .pub file), and keep this one secret",
    );
  }
  const lines = text.replace(/^\uFEFF/, "").split(/\r?\n|\r/);
  const keys: UserKey[] = [];
  for (const [index, raw] of lines.entries()) {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) continue;
    try {
      keys.push(parseLine(line));
    } catch (error) {
      if (lines.length === 1 || !(error instanceof PublicKeyError)) throw error;
      throw new PublicKeyError(`line ${index + 1}: ${error.message}`);
    }
  }
  if (keys.length === 0) throw new PublicKeyError("there is no public key in it");
  return keys;
}

/** The one public key in a text. Throws {@link PublicKeyError}. */
export function parsePublicKey(text: string): UserKey {
  const keys = parsePublicKeys(text);
  const [key] = keys;
  if (key === undefined || keys.length > 1) {
    throw new PublicKeyError(`there are ${keys.length} public keys in it: give one at a time`);
  }
  return key;
}
