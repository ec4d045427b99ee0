import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import ssh2 from "ssh2";
import { exists, makeSecret, writeNew } from "../auth/secret-file.ts";

/** How a host key is shown to people: "SHA256:…" as ssh-keygen -l prints it. */
export interface Fingerprint {
  readonly algorithm: string;
  readonly sha256: string;
}

export interface HostKey extends Fingerprint {
  /** OpenSSH private key format */
  readonly privateKey: string;
}

const ssh = ssh2.utils;

type KeyType = "ed25519" | "ecdsa" | "rsa";

const TYPES: readonly KeyType[] = ["ed25519", "ecdsa", "rsa"];
const ECDSA_BITS = 256;
const RSA_BITS = 3072;
const COMMENT = "moorage";
const GENERATE_TRIES = 50;

interface KeyPair {
  readonly private: string;
  readonly public: string;
}

function generateOnce(type: KeyType): Promise<KeyPair> {
  return new Promise((resolve, reject) => {
    const done = (error: Error | null, keys: KeyPair): void => {
      if (error) reject(error);
      else resolve(keys);
    };
    if (type === "ed25519") ssh.generateKeyPair("ed25519", { comment: COMMENT }, done);
    else if (type === "ecdsa") {
      ssh.generateKeyPair("ecdsa", { bits: ECDSA_BITS, comment: COMMENT }, done);
    } else ssh.generateKeyPair("rsa", { bits: RSA_BITS, comment: COMMENT }, done);
  });
}

/** True when the pair can be read back and signs: about one ed25519 key in 150 of ssh2's can't. */
function works(pair: KeyPair): boolean {
  const secret = ssh.parseKey(pair.private);
  const open = ssh.parseKey(pair.public);
  if (secret instanceof Error || open instanceof Error) return false;
  if (!secret.getPublicSSH().equals(open.getPublicSSH())) return false;
  const data = Buffer.from("moorage");
  const signature = secret.sign(data, secret.type === "ssh-rsa" ? "sha512" : undefined);
  if (signature instanceof Error) return false;
  return open.verify(data, signature, secret.type === "ssh-rsa" ? "sha512" : undefined) === true;
}

async function generate(type: KeyType): Promise<KeyPair> {
  for (let i = 0; i < GENERATE_TRIES; i++) {
    const pair = await generateOnce(type);
    if (works(pair)) return pair;
  }
  throw new Error(`cannot make an ${type} host key`);
}

/** Makes `file` when it is missing. Of two processes that do so at once the first one's key stays. */
async function ensure(file: string, type: KeyType): Promise<void> {
  if (await exists(file)) return;
  const pair = await generate(type);
  await makeSecret(file, pair.private);
}

async function ensurePublic(file: string, algorithm: string, blob: Buffer): Promise<void> {
  if (await exists(file)) return;
  const fresh = `${file}.${randomUUID()}.new`;
  await writeNew(fresh, `${algorithm} ${blob.toString("base64")} ${COMMENT}\n`, 0o644);
  await rename(fresh, file);
}

async function load(file: string, name: string): Promise<HostKey> {
  const { mode } = await stat(file);
  if ((mode & 0o077) !== 0) {
    throw new Error(`keys/${name} can be read by others: run chmod 600 on it`);
  }
  const { key, blob } = hostKeyOf(await readFile(file, "utf8"), `keys/${name}`);
  await ensurePublic(`${file}.pub`, key.algorithm, blob);
  return key;
}

/** @param place where it is from, for people */
function hostKeyOf(privateKey: string, place: string): { key: HostKey; blob: Buffer } {
  const parsed = ssh.parseKey(privateKey);
  if (parsed instanceof Error || !parsed.isPrivateKey()) {
    throw new Error(`${place} is not an unencrypted OpenSSH private key`);
  }
  const blob = parsed.getPublicSSH();
  const digest = createHash("sha256").update(blob).digest("base64").replace(/=+$/, "");
  return { key: { algorithm: parsed.type, sha256: `SHA256:${digest}`, privateKey }, blob };
}

/**
 * The host keys that variables have (MOORAGE_HOST_KEY_ED25519, _ECDSA, _RSA): then they are all there
 * are. A line's end may be written as `\n`, where a variable has one line only.
 * @returns empty when there are none
 * @throws Error with one clear line, which quotes nothing of them
 */
export function givenHostKeys(env: Readonly<Record<string, string | undefined>>): HostKey[] {
  return TYPES.flatMap((type) => {
    const variable = `MOORAGE_HOST_KEY_${type.toUpperCase()}`;
    const text = env[variable]?.replaceAll("\\n", "\n").trim();
    if (!text) return [];
    const { key } = hostKeyOf(`${text}\n`, variable);
    if (!key.algorithm.includes(type)) throw new Error(`${variable} is a key of another kind`);
    return [key];
  });
}

/**
 * The host keys of the instance (ed25519, ecdsa-256, rsa-3072) from `directory`, made when missing.
 * Rejects with one clear line when a key can be read by others or is no key.
 */
export async function loadHostKeys(directory: string): Promise<HostKey[]> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const loading = TYPES.map(async (type) => {
    const name = `ssh_host_${type}_key`;
    const file = join(directory, name);
    await ensure(file, type);
    return load(file, name);
  });
  // One that can't be used leaves no other half made.
  await Promise.allSettled(loading);
  return Promise.all(loading);
}
