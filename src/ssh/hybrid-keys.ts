/**
 * What both ends send and compute in mlkem768x25519-sha256 (RFC 10042): a secret that takes breaking
 * ML-KEM-768 and X25519, both, to be known.
 */
import { createHash, createPublicKey, diffieHellman, generateKeyPairSync } from "node:crypto";
import { CIPHERTEXT_BYTES, type KeyEncapsulation, PUBLIC_KEY_BYTES } from "./ml-kem.ts";

const X25519_BYTES = 32;
const SPKI = { type: "spki", format: "der" } as const;

/** What stands before the bytes of an X25519 public key in SPKI (RFC 8410). */
const BEFORE_X25519 = Buffer.from("302a300506032b656e032100", "hex");

/** One end of one key exchange. Good for one secret: the private keys are forgotten with it. */
export interface HybridEnd {
  /** What it sends: C_INIT or S_REPLY. The server has it once it has the secret. */
  readonly message: Buffer;
  /**
   * @param theirs what the other end sent
   * @returns K, 32 bytes, to be encoded as a string
   * @throws Error when the other end sent no keys, or ones that leave the secret to others
   */
  secret(theirs: Buffer): Buffer;
}

export function clientEnd(kem: KeyEncapsulation): HybridEnd {
  const curve = x25519();
  let keys: ReturnType<KeyEncapsulation["keys"]> | undefined = kem.keys();
  return {
    message: Buffer.concat([keys.publicKey, curve.publicKey]),
    secret(theirs) {
      const [ciphertext, publicKey] = cut(theirs, CIPHERTEXT_BYTES, "server");
      const encapsulated = keys?.decapsulate(ciphertext);
      keys = undefined;
      if (encapsulated === undefined) throw new Error("the keys were used before");
      return combine(encapsulated, curve.agree(publicKey));
    },
  };
}

export function serverEnd(kem: KeyEncapsulation): HybridEnd {
  let message = Buffer.alloc(0);
  return {
    get message() {
      return message;
    },
    secret(theirs) {
      const [publicKey, curvePublicKey] = cut(theirs, PUBLIC_KEY_BYTES, "client");
      const curve = x25519();
      const agreed = curve.agree(curvePublicKey);
      const { ciphertext, secret } = kem.encapsulate(publicKey);
      message = Buffer.concat([ciphertext, curve.publicKey]);
      return combine(secret, agreed);
    },
  };
}

/** The two parts of what the other end sent. */
function cut(theirs: Buffer, kemBytes: number, who: string): [Buffer, Buffer] {
  const wanted = kemBytes + X25519_BYTES;
  if (theirs.length !== wanted) {
    throw new Error(`the ${who} sent ${theirs.length} bytes of keys instead of ${wanted}`);
  }
  return [theirs.subarray(0, kemBytes), theirs.subarray(kemBytes)];
}

/** A new key pair of one use. */
function x25519(): { publicKey: Buffer; agree(theirs: Buffer): Buffer } {
  const pair = generateKeyPairSync("x25519");
  return {
    publicKey: pair.publicKey.export(SPKI).subarray(BEFORE_X25519.length),
    agree(theirs) {
      const publicKey = createPublicKey({ key: Buffer.concat([BEFORE_X25519, theirs]), ...SPKI });
      const agreed = diffieHellman({ privateKey: pair.privateKey, publicKey });
      // OpenSSL refuses it, too. A point of small order makes the secret known (RFC 8731 section 3).
      if (agreed.every((byte) => byte === 0)) throw new Error("the X25519 secret is zero");
      return agreed;
    },
  };
}

/** The half of the KEM comes first. */
function combine(encapsulated: Buffer, agreed: Buffer): Buffer {
  const secret = createHash("sha256").update(encapsulated).update(agreed).digest();
  encapsulated.fill(0);
  agreed.fill(0);
  return secret;
}
