import { randomBytes } from "node:crypto";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import type { KeyEncapsulation } from "./ml-kem.ts";

/** d and z of FIPS 203 section 7.1. */
const SEED_BYTES = 64;

/** ML-KEM-768 in JavaScript, some ten times slower than Node's own. */
export const nobleKem: KeyEncapsulation = {
  // Its own random numbers would load all of WebCrypto.
  keys(seed = randomBytes(SEED_BYTES)) {
    const { publicKey, secretKey } = ml_kem768.keygen(seed);
    return {
      publicKey: asBuffer(publicKey),
      decapsulate: (ciphertext) => asBuffer(ml_kem768.decapsulate(ciphertext, secretKey)),
    };
  },
  encapsulate(publicKey) {
    // Throws at a wrong length and at a number over the modulus.
    const { cipherText, sharedSecret } = ml_kem768.encapsulate(publicKey);
    return { ciphertext: asBuffer(cipherText), secret: asBuffer(sharedSecret) };
  },
};

function asBuffer({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}
