import type { Factors } from "../auth/factors.ts";
import { newSecret, qrCode, readable } from "../auth/totp.ts";
import type { Store } from "../store/store.ts";
import type { Account, AuditKind } from "../store/types.ts";
import { ControlError } from "./errors.ts";
import { userNamed } from "./names.ts";

export interface FactorControlOptions {
  readonly store: Store;
  readonly factors: Factors;
  /** who acts, for the audit trail */
  readonly actor: string;
  /** the server's name, for people with several */
  readonly host: string;
}

/** A second factor of RFC 6238 that nobody has yet. */
export interface NewFactor {
  /** base32, in groups of four */
  readonly secret: string;
  /** for authenticator programs: otpauth://… */
  readonly uri: string;
  /** the URI for a terminal */
  readonly qr: string;
  /**
   * Makes it the user's, and gives the recovery codes; undefined when the code is wrong.
   * Rejects with ControlError when the user has one by now.
   * @param code of now; null: none is asked for
   */
  accept(code: string | null): Promise<readonly string[] | undefined>;
}

/** Times in milliseconds since the epoch. */
export interface FactorStatus {
  readonly enrolledAt: number;
  /** how many are left */
  readonly recoveryCodes: number;
  /** codes are refused until then, after many wrong ones; null: they are not */
  readonly refusedUntil: number | null;
}

/** Administration of second factors. Rejects with ControlError for what a person can put right. */
export class FactorControl {
  readonly #options: FactorControlOptions;

  constructor(options: FactorControlOptions) {
    this.#options = options;
  }

  /** undefined: the user has none. */
  async status(name: string): Promise<FactorStatus | undefined> {
    const { factors } = this.#options.store;
    const found = await factors.find((await this.#account(name)).id);
    if (found === undefined) return undefined;
    const { enrolledAt, recoveryCodes, refusedUntil } = found;
    return {
      enrolledAt,
      recoveryCodes,
      refusedUntil: refusedUntil > Date.now() ? refusedUntil : null,
    };
  }

  async begin(name: string): Promise<NewFactor> {
    const { factors, host } = this.#options;
    const account = await this.#account(name);
    if ((await this.status(name)) !== undefined) throw hasFactor(name);
    const secret = newSecret();
    const shown = await readable(secret, name, host);
    return {
      ...shown,
      qr: await qrCode(shown.uri),
      accept: async (code) => {
        const step = code === null ? -1 : await factors.confirm(secret, code);
        if (step === undefined) return undefined;
        const codes = await factors.enrol(account.id, secret, step);
        if (codes === undefined) throw hasFactor(name);
        this.#record("totp-enroll", name);
        return codes;
      },
    };
  }

  async remove(name: string): Promise<void> {
    const { id } = await this.#account(name);
    if (!(await this.#options.store.factors.remove(id))) throw hasNone(name);
    this.#record("totp-remove", name);
  }

  /** New recovery codes; the old ones are void. */
  async renewCodes(name: string): Promise<readonly string[]> {
    const codes = await this.#options.factors.renewCodes((await this.#account(name)).id);
    if (codes === undefined) throw hasNone(name);
    this.#record("totp-enroll", name, "new recovery codes");
    return codes;
  }

  async #account(name: string): Promise<Account> {
    return userNamed(this.#options.store, name);
  }

  #record(kind: AuditKind, user: string, detail = ""): void {
    this.#options.store.audit.record({ kind, user, actor: this.#options.actor, detail });
  }
}

/** The user is to remove it before another one is made. */
export function hasFactor(name: string): ControlError {
  return new ControlError(`${name} has a second factor already: remove it first`);
}

function hasNone(name: string): ControlError {
  return new ControlError(`${name} has no second factor`);
}
