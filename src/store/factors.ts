import type { Connection } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** A user's second factor as stored. Times in milliseconds since the epoch. */
export interface StoredFactor {
  /** encrypted */
  readonly secret: Buffer;
  readonly enrolledAt: number;
  /** codes are not looked at before; 0: they always were */
  readonly refusedUntil: number;
  /** how many are left */
  readonly recoveryCodes: number;
}

/** How long codes of a user are refused after so many wrong ones in a row, in milliseconds; 0: not. */
export type RefusalRule = (failures: number) => number;

interface Row {
  readonly secret: Buffer;
  readonly enrolledAt: number;
  readonly refusedUntil: number;
  readonly recoveryCodes: number;
}

const COLUMNS = `secret, enrolled_at AS "enrolledAt", refused_until AS "refusedUntil",
  (SELECT count(*) FROM recovery_codes c WHERE c.user_id = t.user_id) AS "recoveryCodes"`;

/** Second factors. All that decides over a code is one statement or transaction here. */
export class FactorStore {
  readonly #writes: Writes;
  readonly #sql;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#sql = {
      find: connection.prepare<[number], Row>(`SELECT ${COLUMNS} FROM totp t WHERE user_id = ?`),
      any: connection.prepare<[], number>("SELECT EXISTS (SELECT 1 FROM totp)").pluck(),
      add: connection.prepare(
        `INSERT INTO totp (user_id, secret, enrolled_at, last_step) VALUES (?, ?, ?, ?)
         ON CONFLICT (user_id) DO NOTHING`,
      ),
      remove: connection.prepare("DELETE FROM totp WHERE user_id = ?"),
      addCode: connection.prepare("INSERT INTO recovery_codes VALUES (?, ?)"),
      removeCodes: connection.prepare("DELETE FROM recovery_codes WHERE user_id = ?"),
      // Whether the factor is still the same is asked along: it may have been replaced meanwhile.
      count: connection.prepare(
        `UPDATE totp SET last_step = @step, failures = 0, refused_until = 0
         WHERE user_id = @user AND secret = @secret AND last_step < @step`,
      ),
      spend: connection.prepare("DELETE FROM recovery_codes WHERE user_id = ? AND hash = ?"),
      forgive: connection.prepare(
        "UPDATE totp SET failures = 0, refused_until = 0 WHERE user_id = ?",
      ),
      guess: connection
        .prepare<[number, number], number>(
          `UPDATE totp SET failures = failures + 1 WHERE user_id = ? AND refused_until <= ?
           RETURNING failures`,
        )
        .pluck(),
      refuse: connection.prepare("UPDATE totp SET refused_until = ? WHERE user_id = ?"),
    };
  }

  async find(userId: number): Promise<StoredFactor | undefined> {
    return this.#sql.find.get(userId);
  }

  /** Whether there is a secret that needs the key. */
  async any(): Promise<boolean> {
    return this.#sql.any.get() === 1;
  }

  /**
   * False when the user has a factor already.
   * @param secret encrypted
   * @param step up to which no code counts
   * @param codes hashes of the recovery codes
   */
  async add(
    userId: number,
    secret: Buffer,
    step: number,
    codes: readonly Buffer[],
  ): Promise<boolean> {
    return this.#of(userId, () => {
      if (this.#sql.add.run(userId, secret, Date.now(), step).changes === 0) return false;
      for (const code of codes) this.#sql.addCode.run(userId, code);
      return true;
    });
  }

  /** Removes the factor with its recovery codes; false when there is none. */
  async remove(userId: number): Promise<boolean> {
    return this.#of(userId, () => this.#sql.remove.run(userId).changes > 0);
  }

  /** Puts new recovery codes in place of all others; false when the user has no factor. */
  async setCodes(userId: number, codes: readonly Buffer[]): Promise<boolean> {
    return this.#of(userId, () => {
      if (this.#sql.find.get(userId) === undefined) return false;
      this.#sql.removeCodes.run(userId);
      for (const code of codes) this.#sql.addCode.run(userId, code);
      return true;
    });
  }

  /**
   * Books a guess before it is looked at, so that guesses made at once gain nothing. What is right is
   * taken back by {@link count}.
   * @param now milliseconds since the epoch
   * @returns false when codes of the user are refused now
   */
  async guess(userId: number, now: number, rule: RefusalRule): Promise<boolean> {
    return this.#of(userId, () => {
      const failures = this.#sql.guess.get(userId, now);
      if (failures === undefined) return false;
      const refusal = rule(failures);
      if (refusal > 0) this.#sql.refuse.run(now + refusal, userId);
      return true;
    });
  }

  /** Whether the code of this step counts: of all connections and processes once. */
  async count(userId: number, secret: Buffer, step: number): Promise<boolean> {
    return this.#of(userId, () => this.#sql.count.run({ user: userId, secret, step }).changes > 0);
  }

  /** Whether a recovery code of this hash counts: once. */
  async spend(userId: number, hash: Buffer): Promise<boolean> {
    return this.#of(userId, () => {
      if (this.#sql.spend.run(userId, hash).changes === 0) return false;
      this.#sql.forgive.run(userId);
      return true;
    });
  }

  #of<T>(userId: number, act: () => T): Promise<T> {
    return this.#writes.run(act, { lock: userId });
  }
}
