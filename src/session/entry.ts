import type { CertificateGrant, KeyGrant } from "../auth/key-grant.ts";
import { ENDED, loginMethod, mayLogIn } from "../auth/login-limits.ts";
import type { Account, Change, LoginLimits } from "../store/types.ts";
import { oneLine } from "../text/safe.ts";
import type { Login, Peer, Session } from "./session.ts";

/** A login that was correct, from before it is let in until its connection is gone. */
export interface Entry {
  readonly login: Login;
  readonly peer: Peer;
  /** of its row in the store, from when it has one: who waits for a place can be ended, too */
  id?: number;
  session?: Session;
  /** the user's, as they were when this login was last held against them */
  limits: Pick<LoginLimits, "expiresAt" | "uploadRate" | "downloadRate">;
  /** what its key allows by now; undefined: it began without one */
  grant: KeyGrant | undefined;
  /** why a limit ended it, for the audit trail */
  limit?: string;
}

/** Ends the session, or the login that waits, with a text for its user. */
export function dismiss({ session, peer }: Entry, text: string): void {
  if (session === undefined) peer.disconnect(text);
  else session.end(text);
}

/** What a change ends sessions with; undefined: it ends none, or not all of the user. */
export function endingText(kind: Change["kind"]): string | undefined {
  switch (kind) {
    case "user-disabled":
      return "This account has been disabled";
    case "user-removed":
      return "This account has been removed";
    case "key-removed":
      return "The key you logged in with has been removed";
    default:
      return undefined;
  }
}

/** Whether it began with that key of the user's, and not with a certificate of the key. */
export function isByKey({ login }: Entry, fingerprint: string): boolean {
  return login.key === fingerprint && login.grant?.certificate === undefined;
}

/** For the audit trail. */
export function howLoggedIn({ method, key, grant, factor, mustEnrol }: Login): string {
  const certificate = grant?.certificate;
  const by = certificate === undefined ? "" : ` ${certificateText(certificate)}`;
  const first = key === undefined ? method : `${method} ${key}${by}`;
  if (mustEnrol) return `${first}, to enrol only`;
  return factor === undefined ? first : `${first} and ${FACTORS[factor]}`;
}

function certificateText({ authority, serial, id }: CertificateGrant): string {
  return `by certificate ${JSON.stringify(oneLine(id))} (serial ${serial}) of ${authority}`;
}

const FACTORS = { totp: "a code", recovery: "a recovery code" } as const;

/** For the user of a session that began without what is needed by now. */
const NEEDS_CODE = "This account now needs a code at each login: log in again";

/** What the limits of the account, as they are now, end it with; undefined: they don't. */
export function limitText({ login, peer }: Entry, account: Account, now: number) {
  const attempt = { method: loginMethod(login.method), address: peer.address, now } as const;
  const verdict = mayLogIn(account, attempt);
  if (verdict !== "yes") return ENDED[verdict];
  const isProven = login.factor !== undefined || login.mustEnrol === true;
  return !isProven && account.require?.includes("totp") ? NEEDS_CODE : undefined;
}
