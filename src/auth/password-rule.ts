import { count } from "../text/figures.ts";
import { isSafe } from "../text/safe.ts";
import { impossiblePassword } from "./passwords.ts";
import { strength } from "./strength.ts";

/** What a new password must be; fields of the `auth` settings. */
export interface PasswordRule {
  /** characters */
  readonly passwordMinLength: number;
  /** 0 to 4 on zxcvbn's scale: how many guesses it takes; 0 takes every password */
  readonly passwordStrength: number;
}

/** "at least 8 characters, and not one that is soon guessed": for who is asked for one. */
export function passwordRuleText({ passwordMinLength, passwordStrength }: PasswordRule): string {
  const least = `at least ${count(passwordMinLength, "character")}`;
  return passwordStrength === 0 ? least : `${least}, and not one that is soon guessed`;
}

/**
 * Why a new password of `user` can't be taken; undefined when it can. The text has one line and does
 * not quote the password. Passwords that are set already stay as they are.
 */
export async function refusePassword(
  password: string,
  user: string,
  rule: PasswordRule,
): Promise<string | undefined> {
  const { passwordMinLength: least, passwordStrength } = rule;
  const problem = impossiblePassword(password);
  if (problem !== undefined) return problem;
  // Nobody could type it again: a byte order mark of the file it comes from, for one.
  if (!isSafe(password)) {
    return "the password holds a control character, or one that nobody sees: take others";
  }
  const characters = [...password].length;
  if (characters < least) {
    return `the password has ${count(characters, "character")}: take ${least} or more`;
  }
  if (passwordStrength === 0 || (await strength(password, [user, "moorage"])) >= passwordStrength)
    return;
  return "the password is one that is soon guessed: take a longer one, of words that don't belong together";
}
