import type { FactorNeed } from "../auth/factors.ts";
import type { KeyGrant } from "../auth/key-grant.ts";
import { type LimitReached, REFUSED } from "../auth/login-limits.ts";
import { waitText } from "../auth/penalties.ts";
import type { Login } from "../session/session.ts";
import type { Account } from "../store/types.ts";

/** A question of keyboard-interactive (RFC 4256). */
export interface Prompt {
  readonly prompt: string;
  /** whether the client shows what is typed */
  readonly echo: boolean;
}

/** One prompt without echo: clients answer it with a stored password only in this form. */
export const PASSWORD_PROMPT: Prompt = { prompt: "Password: ", echo: false };

/** With echo, so that no client takes it for a question that a stored password answers. */
export const CODE_PROMPT: Prompt = { prompt: "Verification code: ", echo: true };

export const CHANGE_PROMPTS: readonly Prompt[] = [
  { prompt: "New password: ", echo: false },
  { prompt: "Again: ", echo: false },
];

/** New passwords that are refused before the connection ends. */
export const MAX_CHANGES = 5;

export const MUST_CHANGE = "Your password has to be changed.";
export const NOT_THE_SAME = "The two new passwords are not the same.";
export const NO_NEW_PASSWORD = "The password has to be changed: log in again";

/** For the log and the audit trail; never for the client. */
export const WRONG_CODE = "wrong code";
export const CODES_REFUSED = "codes are refused now";
export const NEEDS_CODE = "a code is needed by now";

/** The same of a limit that a right password or key reached. */
export function limitReason(limit: LimitReached | undefined): string | undefined {
  return limit && REFUSED[limit];
}

/** @param milliseconds until codes are looked at again; 0: they are */
export function codeInstruction(milliseconds: number): string {
  if (milliseconds === 0) return "";
  return `Too many wrong codes: the next one counts in ${waitText(milliseconds)}. A recovery code counts at once.`;
}

/** What a client has proven first: a password or a key. */
export interface Proof {
  readonly account: Account;
  readonly method: Login["method"];
  /** what the key lets the login do */
  readonly grant: KeyGrant | undefined;
  /** the one in force: a new one takes its place */
  readonly password: string | undefined;
}

/** A login of which something is proven, and what is still to do. */
export interface Remaining {
  /** as the client gave it: what is proven is so for this name alone */
  readonly username: string;
  proof: Proof;
  need: FactorNeed;
  /** a new password has to be set */
  change: boolean;
  /** what proved the second factor */
  factor: Login["factor"];
  /** new passwords that were refused */
  refused: number;
  /** the client was asked for more after the proof: meanwhile the account may have changed */
  asked: boolean;
}

export function remainingOf(username: string, proof: Proof, need: FactorNeed): Remaining {
  const change = proof.password !== undefined && proof.account.passwordChange;
  return { username, proof, need, change, factor: undefined, refused: 0, asked: false };
}

/** What the client is to do next. */
export function nextStep({ need, factor, change }: Remaining): "code" | "change" | "none" {
  if (need === "code" && factor === undefined) return "code";
  return change ? "change" : "none";
}
