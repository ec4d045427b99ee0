import type { LoginLimits, LoginMethod } from "../store/types.ts";
import { Networks } from "./addresses.ts";

/** What of a user's limits stands against a login. */
export type LimitReached = "expired" | "address" | "method";

/** A login whose password or key is right, or a session that began with one. */
export interface LoginAttempt {
  /** of the client, without a port; undefined when it was gone at once */
  readonly address: string | undefined;
  readonly method: LoginMethod;
  /** milliseconds since the epoch */
  readonly now: number;
}

/** Whether the limits let such a login in, or which of them does not. */
export function mayLogIn(
  { expiresAt, from, auth }: Pick<LoginLimits, "expiresAt" | "from" | "auth">,
  { address, method, now }: LoginAttempt,
): "yes" | LimitReached {
  if (hasExpired({ expiresAt }, now)) return "expired";
  if (from !== null && !new Networks(from).has(address ?? "")) return "address";
  return auth === null || auth.includes(method) ? "yes" : "method";
}

/** @param now milliseconds since the epoch */
export function hasExpired({ expiresAt }: Pick<LoginLimits, "expiresAt">, now: number): boolean {
  return expiresAt !== null && now >= expiresAt;
}

/** What the user's `auth` calls a method of RFC 4252 or 4256. */
export function loginMethod(method: "publickey" | "password" | "keyboard-interactive") {
  return method === "publickey" ? "key" : "password";
}

/** For logs and the audit trail; never for the client. */
export const REFUSED: Readonly<Record<LimitReached, string>> = {
  expired: "the account has expired",
  address: "not from this address",
  method: "not by this method",
};

/** For the user whose session ends. */
export const ENDED: Readonly<Record<LimitReached, string>> = {
  expired: "This account has expired",
  address: "This account may no longer be used from your address",
  method: "This account may no longer be used by the method you logged in with",
};
