import type { UserKey } from "../store/types.ts";
import { masked } from "../text/safe.ts";
import { BlobError } from "./blob.ts";
import { isCertificateName } from "./certificate.ts";
import { fingerprint, KEY_TYPES, parseKeyBlob } from "./key-blob.ts";
import { checkForKey, KeyOptionError, takeOptions } from "./key-options.ts";

export { fingerprint };

/** A text that is not a public key a user may log in with. The message never quotes the key. */
export class PublicKeyError extends Error {
  constructor(text: string) {
    super(text);
    this.name = "PublicKeyError";
  }
}

const MAX_LINE = 16 * 1024;
/** Characters; it is a label for people, and nothing is decided by it. */
const MAX_COMMENT = 200;

/** PEM, PuTTY, and "openssh-key-v1" as an OpenSSH private key's base64 begins. */
const PRIVATE_KEY = /(BEGIN|END) .*PRIVATE KEY|PuTTY-User-Key-File|b3BlbnNzaC1rZXktdjE/;
const TYPE_LATER = /[\s,](ssh-(rsa|dss|ed25519)|ecdsa-sha2-|sk-(ssh|ecdsa)-)/;
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** Why a line that doesn't begin with a type we take, or options, is refused. */
function refusal(type: string, line: string): string {
  if (type === "ssh-dss") return "ssh-dss keys are too weak: use ed25519, ecdsa or rsa";
  if (isCertificateName(type)) {
    return "certificates are no keys: add its authority with `moorage ca add`, or give the plain key";
  }
  if (line.startsWith("---- BEGIN") || line.startsWith("-----BEGIN")) {
    return "not in OpenSSH's one-line format: convert it with ssh-keygen -i";
  }
  return "not a public key: expected a line like 'ssh-ed25519 AAAA… comment'";
}

/** One line: options, type, base64, comment (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
function parseLine(line: string): UserKey {
  if (line.length > MAX_LINE) throw new PublicKeyError("not a public key: the line is too long");
  const [type = ""] = line.split(/\s/, 1);
  if (KEY_TYPES.has(type)) return parseKey(line);
  if (isCertificateName(type) || !TYPE_LATER.test(line)) {
    throw new PublicKeyError(refusal(type, line));
  }
  const { options, rest } = takeOptions(line);
  const key = parseKey(rest);
  checkForKey(options, KEY_TYPES.get(key.algorithm)?.isToken === true);
  return { ...key, options };
}

function parseKey(line: string): UserKey {
  const [, type = "", base64 = "", comment = ""] = /^(\S+)\s*(\S*)\s*(.*)$/s.exec(line) ?? [];
  if (!KEY_TYPES.has(type)) throw new PublicKeyError(refusal(type, line));
  const blob = Buffer.from(base64, "base64");
  if (
    !BASE64.test(base64) ||
    blob.toString("base64").replace(/=+$/, "") !== base64.replace(/=+$/, "")
  ) {
    throw new PublicKeyError("the key is damaged: its base64 part is not whole");
  }
  if (parseKeyBlob(blob).name !== type) {
    throw new PublicKeyError("the key is damaged: it is of another type than the line says");
  }
  return {
    fingerprint: fingerprint(blob),
    algorithm: type,
    blob,
    comment: [...masked(comment, "").trim()].slice(0, MAX_COMMENT).join(""),
    createdAt: Date.now(),
  };
}

function explained(error: unknown): unknown {
  if (error instanceof KeyOptionError) return new PublicKeyError(error.message);
  if (!(error instanceof BlobError)) return error;
  const text = error.message.startsWith("it ")
    ? `the key is damaged: ${error.message}`
    : error.message;
  return new PublicKeyError(text);
}

/** One that is there twice counts once; with other options it would not be clear which count. */
function addTo(keys: UserKey[], key: UserKey): void {
  const same = keys.find(({ fingerprint: other }) => other === key.fingerprint);
  if (same !== undefined && same.options?.text !== key.options?.text) {
    throw new PublicKeyError("the key is there already, with other options");
  }
  keys.push(key);
}

/**
 * The public keys in a text of one-line OpenSSH keys (a .pub or authorized_keys file), with options
 * in front of them; empty lines and # comments are skipped. Throws {@link PublicKeyError}, also when there is none.
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
      addTo(keys, parseLine(line));
    } catch (thrown) {
      const error = explained(thrown);
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
