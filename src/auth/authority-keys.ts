import type { Authority } from "../store/authorities.ts";
import { BlobError } from "./blob.ts";
import { isCertificateName, parseCertificate } from "./certificate.ts";
import { fingerprint } from "./key-blob.ts";
import { PublicKeyError, parsePublicKey, parsePublicKeys } from "./keys.ts";

const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}$/;
/** As a key's line in authorized_keys says that it is an authority's. */
const MARK = /^cert-authority\s+/;

/**
 * The keys of certificate authorities in a text of one-line OpenSSH keys, each perhaps with
 * `cert-authority` in front. Throws {@link PublicKeyError}.
 */
export function parseAuthorities(text: string): Authority[] {
  const lines = text.split(/\r?\n|\r/).map((line) => line.trim().replace(MARK, ""));
  return parsePublicKeys(lines.join("\n")).map(({ options, ...key }) => {
    if (options === undefined) return key;
    throw new PublicKeyError(
      `options of a certificate authority are not possible: remove ${options.text}`,
    );
  });
}

/**
 * The fingerprint of a key that is to be revoked: given as such, as a public key, or as a certificate
 * of it. Throws {@link PublicKeyError}.
 */
export function parseRevokedKey(text: string): string {
  const line = text.trim();
  if (FINGERPRINT.test(line)) return line;
  const [type = "", base64 = ""] = line.split(/\s+/, 2);
  if (!isCertificateName(type)) return parsePublicKey(line).fingerprint;
  try {
    return fingerprint(parseCertificate(Buffer.from(base64, "base64")).keyBlob);
  } catch (error) {
    if (error instanceof BlobError) throw new PublicKeyError("the certificate is damaged");
    throw error;
  }
}
