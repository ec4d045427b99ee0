import type { Authority, StoredRevocation } from "../store/authorities.ts";
import type { UserKey } from "../store/types.ts";

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** A public key as `user key list --json` prints it. */
export function keyJson({ fingerprint, algorithm, comment, createdAt, options }: UserKey) {
  const { text = "", from = null, expiresAt = null } = options ?? {};
  return {
    fingerprint,
    algorithm,
    comment,
    createdAt: isoTime(createdAt),
    options: text,
    from,
    expiresAt: expiresAt === null ? null : isoTime(expiresAt),
    terminal: options?.pty ?? true,
    touchRequired: algorithm.startsWith("sk-") ? (options?.touch ?? true) : null,
    verifyRequired: algorithm.startsWith("sk-") ? (options?.verify ?? false) : null,
  };
}

/** A certificate authority as `ca list --json` prints it. */
export function authorityJson({ fingerprint, algorithm, comment, createdAt }: Authority) {
  return { fingerprint, algorithm, comment, createdAt: isoTime(createdAt) };
}

/** A revocation as `ca revoked --json` prints it. */
export function revocationJson(revocation: StoredRevocation) {
  const { number, kind, authority, subject, reason, actor, createdAt } = revocation;
  const ca = authority === "" ? null : authority;
  return { number, kind, ca, subject, reason, by: actor, createdAt: isoTime(createdAt) };
}
