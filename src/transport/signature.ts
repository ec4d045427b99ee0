import type { PublicKeyAuthContext } from "ssh2";
import { BlobError } from "../auth/blob.ts";
import { certificateAlgorithm, isCertificateName, parseCertificate } from "../auth/certificate.ts";
import { type PublicKey, parseKeyBlob } from "../auth/key-blob.ts";
import type { KeyGrant } from "../auth/key-grant.ts";
import { verifySignature } from "../auth/signatures.ts";

/** Why a request by key has not proven the key; for the log and the audit trail where it is a text. */
export type SignatureFault = "wrong" | "the key was not touched" | "the key did not know its user";

/**
 * Verifies the signature over the session identifier and the request (RFC 4252 section 7), and that
 * whoever holds the key did with it what the grant wants. Undefined: all is right.
 */
export function signatureFault(
  { blob, key, signature }: Pick<PublicKeyAuthContext, "blob" | "key" | "signature">,
  { touch, verify }: Pick<KeyGrant, "touch" | "verify">,
): SignatureFault | undefined {
  const [publicKey, algorithm] = [keyIn(key.algo, key.data), signatureName(key.algo)];
  if (blob === undefined || signature === undefined) return "wrong";
  if (publicKey === undefined || algorithm === undefined) return "wrong";
  const presence = verifySignature(publicKey, algorithm, signature, blob);
  if (presence === undefined) return "wrong";
  if (touch && !presence.touched) return "the key was not touched";
  return verify && !presence.verified ? "the key did not know its user" : undefined;
}

/** What a signature has to be called in a request with this algorithm. */
function signatureName(algorithm: string): string | undefined {
  return isCertificateName(algorithm) ? certificateAlgorithm(algorithm) : algorithm;
}

function keyIn(algorithm: string, data: Buffer): PublicKey | undefined {
  try {
    return isCertificateName(algorithm) ? parseCertificate(data).key : parseKeyBlob(data);
  } catch (error) {
    if (error instanceof BlobError) return undefined;
    throw error;
  }
}
