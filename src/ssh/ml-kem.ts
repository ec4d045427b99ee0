/** ML-KEM-768 (FIPS 203): Node's own from 24.7 on, otherwise in JavaScript. */
import crypto, { type KeyObject } from "node:crypto";

/** Lengths in bytes (FIPS 203 section 8, table 3). */
export const PUBLIC_KEY_BYTES = 1184;
export const CIPHERTEXT_BYTES = 1088;
const SEED_BYTES = 64;

/** A key pair for one key exchange. */
export interface KemKeys {
  readonly publicKey: Buffer;
  /**
   * @returns the secret; one that nobody knows when the ciphertext was not made for this key
   * @throws Error when the ciphertext has another length
   */
  decapsulate(ciphertext: Buffer): Buffer;
}

export interface KeyEncapsulation {
  /** @param seed d and z of FIPS 203 section 7.1, 64 bytes, for keys that are known; else random */
  keys(seed?: Buffer): KemKeys;
  /** @throws Error when that is no public key: its length, or a number that is not below the modulus */
  encapsulate(publicKey: Buffer): { readonly ciphertext: Buffer; readonly secret: Buffer };
}

/** What Node 24.7 added, of which the types of Node 20 know nothing. */
interface NodeKem {
  generateKeyPairSync(type: "ml-kem-768"): { publicKey: KeyObject; privateKey: KeyObject };
  encapsulate(key: KeyObject): { sharedKey: Buffer; ciphertext: Buffer };
  decapsulate(key: KeyObject, ciphertext: Buffer): Buffer;
}

const SPKI = { type: "spki", format: "der" } as const;
const PKCS8 = { type: "pkcs8", format: "der" } as const;

/** What stands before the bytes of a public key in SPKI, and before a seed in PKCS #8 (RFC 9935). */
const BEFORE_PUBLIC_KEY = Buffer.from("308204b2300b0609608648016503040402038204a100", "hex");
const BEFORE_SEED = Buffer.from("3054020100300b060960864801650304040204428040", "hex");

const WARMING_ROUNDS = 8;

/** Node's own; undefined where it has none, also for the sake of the OpenSSL it was built with. */
export function nodeKem(): KeyEncapsulation | undefined {
  const node = crypto as unknown as Partial<NodeKem>;
  if (typeof node.encapsulate !== "function") return undefined;
  try {
    const kem = kemOf(node as NodeKem);
    kem.keys();
    return kem;
  } catch {
    return undefined;
  }
}

function kemOf(node: NodeKem): KeyEncapsulation {
  return {
    keys(seed) {
      const privateKey =
        seed === undefined ? node.generateKeyPairSync("ml-kem-768").privateKey : privateKeyOf(seed);
      const publicKey = crypto.createPublicKey(privateKey).export(SPKI);
      return {
        publicKey: publicKey.subarray(BEFORE_PUBLIC_KEY.length),
        decapsulate: (ciphertext) => node.decapsulate(privateKey, ciphertext),
      };
    },
    encapsulate(publicKey) {
      // What is too long is cut off by OpenSSL. It looks at the modulus (FIPS 203 section 7.2).
      if (publicKey.length !== PUBLIC_KEY_BYTES) throw new Error("no ML-KEM public key");
      const key = Buffer.concat([BEFORE_PUBLIC_KEY, publicKey]);
      const { sharedKey, ciphertext } = node.encapsulate(crypto.createPublicKey({ key, ...SPKI }));
      return { ciphertext, secret: sharedKey };
    },
  };
}

function privateKeyOf(seed: Buffer): KeyObject {
  if (seed.length !== SEED_BYTES) throw new Error("no ML-KEM seed");
  return crypto.createPrivateKey({ key: Buffer.concat([BEFORE_SEED, seed]), ...PKCS8 });
}

/** The one that key exchanges use. The other is only loaded where Node has none: it takes memory. */
export const kem: KeyEncapsulation = nodeKem() ?? (await import("./ml-kem-noble.ts")).nobleKem;

/** The first uses take some ten milliseconds in JavaScript: now, and not from those who connect. */
export function warmUp(): void {
  const { publicKey } = kem.keys();
  for (let round = 0; round < WARMING_ROUNDS; round++) kem.encapsulate(publicKey);
}
