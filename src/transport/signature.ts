import ssh2, { type PublicKeyAuthContext } from "ssh2";

/** Verifies the signature over the session identifier and the request (RFC 4252 section 7). */
export function isSigned(
  context: PublicKeyAuthContext,
  hashAlgorithm: string | undefined,
): boolean {
  const { blob, key, signature } = context;
  if (blob === undefined || signature === undefined) return false;
  const parsed = ssh2.utils.parseKey(key.data);
  if (parsed instanceof Error || parsed.type !== key.algo) return false;
  return parsed.verify(blob, signature, hashAlgorithm) === true;
}
