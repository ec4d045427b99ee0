import type { RevocationKind } from "../store/authorities.ts";

/** A certificate authority of users. */
export interface AuthorityInfo {
  readonly fingerprint: string;
  readonly algorithm: string;
  readonly comment: string;
  readonly createdAt: number;
}

export interface RevocationInfo {
  readonly number: number;
  readonly kind: RevocationKind;
  /** fingerprint; null: of any authority */
  readonly authority: string | null;
  /** the serial number in decimal, the key ID, or the key's fingerprint */
  readonly subject: string;
  /** empty: none was given */
  readonly reason: string;
  readonly actor: string;
  readonly createdAt: number;
}

/** One of the three: which certificates, or which key. */
export interface RevocationRequest {
  readonly serial?: string;
  /** key ID: the name that its authority gave a certificate */
  readonly id?: string;
  /** a public key or certificate in one line, or a fingerprint */
  readonly key?: string;
  /** fingerprint; absent with `serial`: the only one; absent with `id`: any */
  readonly authority?: string;
  readonly reason?: string;
}

/** Method → what it takes and gives. */
export interface AuthorityMethods {
  "ca.list": { params: Record<string, never>; result: readonly AuthorityInfo[] };
  /** @param text public keys, one a line */
  "ca.add": {
    params: { readonly text: string };
    result: { readonly added: readonly AuthorityInfo[] };
  };
  /** Ends the sessions that began with its certificates. */
  "ca.remove": { params: { readonly fingerprint: string }; result: AuthorityInfo };
  "ca.revoked": { params: Record<string, never>; result: readonly RevocationInfo[] };
  /** Ends the sessions that began with such. */
  "ca.revoke": { params: RevocationRequest; result: RevocationInfo };
  "ca.unrevoke": { params: { readonly number: number }; result: RevocationInfo };
}
