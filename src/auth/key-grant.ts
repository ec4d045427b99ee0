import type { KeyOptions } from "../store/types.ts";
import { Networks } from "./addresses.ts";
import { fingerprint } from "./key-blob.ts";
import { NO_OPTIONS } from "./key-options.ts";

/** Of the certificate that a login was proven with. */
export interface CertificateGrant {
  /** fingerprint of the authority's key */
  readonly authority: string;
  readonly serial: bigint;
  readonly id: string;
}

/** What the key or certificate of a login lets it do, and how long. */
export interface KeyGrant extends Omit<KeyOptions, "text"> {
  /** fingerprint of the key; of a certificate that of the key in it */
  readonly key: string;
  readonly certificate: CertificateGrant | undefined;
}

/** What of a key stands against a login with it. For logs and the audit trail; never for the client. */
export type KeyObjection = "expired" | "address" | "revoked" | "authority" | "key";

/** What a key that let in lets do by now. */
export type Regrant =
  | { readonly grant: KeyGrant; readonly objection?: undefined }
  | { readonly grant?: undefined; readonly objection: KeyObjection };

/** For logs and the audit trail. */
export const KEY_REFUSED: Readonly<Record<KeyObjection, string>> = {
  expired: "the key or certificate has expired",
  address: "the key or certificate is not for this address",
  revoked: "the key or certificate is revoked",
  authority: "the certificate's authority is not known any more",
  key: "the key was removed",
};

/** For the user whose session ends. */
export const KEY_ENDED: Readonly<Record<KeyObjection, string>> = {
  expired: "The key or certificate you logged in with has expired",
  address: "The key you logged in with may no longer be used from your address",
  revoked: "The key or certificate you logged in with has been revoked",
  authority: "The authority of the certificate you logged in with has been removed",
  key: "The key you logged in with has been removed",
};

export function grantOfKey(blob: Buffer, options: KeyOptions = NO_OPTIONS): KeyGrant {
  const { text: _, ...more } = options;
  return { ...more, key: fingerprint(blob), certificate: undefined };
}

/**
 * What stands against the use of a key there and then, besides revocations; undefined: nothing.
 * @param now milliseconds since the epoch
 */
export function objectionTo(
  { expiresAt, from }: Pick<KeyGrant, "expiresAt" | "from">,
  address: string | undefined,
  now: number,
): "expired" | "address" | undefined {
  if (expiresAt !== null && now >= expiresAt) return "expired";
  return from !== null && !new Networks(from).has(address ?? "") ? "address" : undefined;
}
