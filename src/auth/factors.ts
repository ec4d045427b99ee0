import type { Store } from "../store/store.ts";
import type { Account } from "../store/types.ts";
import type { FactorKey } from "./factor-key.ts";
import { digitsIn, newRecoveryCodes, recoveryCodeIn, recoveryHash, stepOf } from "./totp.ts";

/** The `login` settings; read at each use, so that they can change. */
export interface FactorSettings {
  /** whose logins need a code, whether they have enrolled or not */
  readonly requireTotp: "admins" | "all" | "none";
  /** whether a password may have "+" and a code behind it */
  readonly totpInPassword: boolean;
}

/** What a login needs besides a password or key: nothing, a code, or to enrol before all else. */
export type FactorNeed = "none" | "code" | "enrol";

/** What a code proved: a step of time, a recovery code; or nothing. `refused`: it was not looked at. */
export type CodeVerdict = "totp" | "recovery" | "wrong" | "refused";

/** Wrong codes in a row from which on a user's codes are refused for a while. */
const FAILURES = 10;
const FIRST_REFUSAL_MS = 60_000;
const LONGEST_REFUSAL_MS = 24 * 60 * 60 * 1_000;

/** No code is of this step or an earlier one. */
const BEFORE_ALL = -1;

/** Each wrong code doubles it. In milliseconds; 0: the next code is looked at at once. */
export function refusalAfter(failures: number): number {
  if (failures < FAILURES) return 0;
  return Math.min(FIRST_REFUSAL_MS * 2 ** (failures - FAILURES), LONGEST_REFUSAL_MS);
}

export interface FactorsOptions {
  readonly store: Pick<Store, "factors" | "users">;
  readonly key: FactorKey;
  readonly settings: FactorSettings;
  /** milliseconds since the epoch: all processes of an instance must agree on it */
  readonly now?: () => number;
}

/**
 * Decides over codes of second factors. Addresses pay for wrong ones as for wrong passwords; besides,
 * the user's codes are refused for a while after many, wherever they came from: who has the password
 * could guess from as many addresses as he likes.
 */
export class Factors {
  readonly #store: FactorsOptions["store"];
  readonly #key: FactorKey;
  readonly #settings: FactorSettings;
  readonly #now: () => number;

  constructor({ store, key, settings, now = Date.now }: FactorsOptions) {
    this.#store = store;
    this.#key = key;
    this.#settings = settings;
    this.#now = now;
  }

  async need(account: Pick<Account, "id" | "role" | "require">): Promise<FactorNeed> {
    if ((await this.#store.factors.find(account.id)) !== undefined) return "code";
    return this.#isRequired(account) ? "enrol" : "none";
  }

  #isRequired({ role, require }: Pick<Account, "role" | "require">): boolean {
    const { requireTotp } = this.#settings;
    if (require?.includes("totp") || requireTotp === "all") return true;
    return requireTotp === "admins" && role === "admin";
  }

  /** Milliseconds for which codes of the user, but for recovery codes, are refused; 0: they are not. */
  async wait(userId: number): Promise<number> {
    const factor = await this.#store.factors.find(userId);
    const left = (factor?.refusedUntil ?? 0) - this.#now();
    // The bound also holds when the clock was set back.
    return Math.min(Math.max(0, left), LONGEST_REFUSAL_MS);
  }

  /**
   * Looks at what somebody typed for a code. What is right counts once.
   * Rejects with InstanceError when the key is missing.
   */
  async check(userId: number, typed: string): Promise<CodeVerdict> {
    const { factors } = this.#store;
    const recovery = recoveryCodeIn(typed);
    // Nobody guesses one of these, so they are taken also while others are refused.
    if (recovery !== undefined && (await factors.spend(userId, recoveryHash(recovery)))) {
      return "recovery";
    }
    const factor = await factors.find(userId);
    if (factor === undefined) return "wrong";
    const secret = await this.#key.decrypt(factor.secret, userId);
    const now = this.#now();
    if (!(await factors.guess(userId, now, refusalAfter))) return "refused";
    const digits = digitsIn(typed);
    const step = digits === undefined ? undefined : await stepOf(secret, digits, now);
    if (step === undefined) return "wrong";
    return (await factors.count(userId, factor.secret, step)) ? "totp" : "wrong";
  }

  /**
   * What is the password and what the code in a password field. Who is enrolled is looked up for
   * everybody, and exactly one password is hashed: neither tells who has a factor.
   */
  async split(user: string, typed: string): Promise<{ password: string; code?: string }> {
    if (!this.#settings.totpInPassword) return { password: typed };
    const account = await this.#store.users.byName(user);
    const factor = await this.#store.factors.find(account?.id ?? 0);
    const [, password, code] = /^([\s\S]+)\+(\d{6})$/.exec(typed) ?? [];
    if (factor === undefined || password === undefined || code === undefined) {
      return { password: typed };
    }
    return { password, code };
  }

  /** Whether the code is one of the secret now; the step it is of. */
  async confirm(secret: Buffer, typed: string): Promise<number | undefined> {
    const digits = digitsIn(typed);
    return digits === undefined ? undefined : stepOf(secret, digits, this.#now());
  }

  /**
   * Makes the secret the user's factor.
   * @param step of the code it was confirmed by: that one doesn't count again
   * @returns the recovery codes; undefined when the user has a factor already
   */
  async enrol(
    userId: number,
    secret: Buffer,
    step = BEFORE_ALL,
  ): Promise<readonly string[] | undefined> {
    const stored = await this.#key.encrypt(secret, userId);
    const codes = newRecoveryCodes();
    const added = await this.#store.factors.add(userId, stored, step, codes.map(recoveryHash));
    return added ? codes : undefined;
  }

  /** New recovery codes in place of all others; undefined when the user has no factor. */
  async renewCodes(userId: number): Promise<readonly string[] | undefined> {
    const codes = newRecoveryCodes();
    const set = await this.#store.factors.setCodes(userId, codes.map(recoveryHash));
    return set ? codes : undefined;
  }
}
