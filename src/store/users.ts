import type { Statement } from "better-sqlite3";
import type { Connection } from "./database.ts";
import type { LeaseStore } from "./leases.ts";
import { type LimitColumns, limitValues, toLimits } from "./login-limits.ts";
import type { Account, LoginLimits, Role } from "./types.ts";
import type { Writes } from "./writes.ts";

/** A user of that name is there already. */
export class UserExistsError extends Error {
  readonly userName: string;

  constructor(userName: string) {
    super(`user ${userName} exists already`);
    this.name = "UserExistsError";
    this.userName = userName;
  }
}

/** What a new account starts with. Quotas: null is no limit. Logins are not limited unless it says so. */
export interface NewUser extends Partial<LoginLimits> {
  readonly name: string;
  readonly role: Role;
  readonly passwordHash: string | null;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  /** default: no */
  readonly passwordChange?: boolean;
}

/** What `set` changes; absent fields stay, null is no limit. */
export interface UserChange extends Partial<LoginLimits> {
  readonly role?: Role;
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
  readonly passwordChange?: boolean;
}

interface UserRow extends LimitColumns {
  readonly id: number;
  readonly name: string;
  readonly role: Role;
  readonly enabled: number;
  readonly password_hash: string | null;
  readonly password_change: number;
  readonly quota_bytes: number | null;
  readonly quota_files: number | null;
  readonly used_bytes: number;
  readonly used_files: number;
  readonly created_at: number;
  readonly last_login_at: number | null;
}

function toAccount(row: UserRow): Account {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    enabled: row.enabled === 1,
    passwordHash: row.password_hash,
    passwordChange: row.password_change === 1,
    quotaBytes: row.quota_bytes,
    quotaFiles: row.quota_files,
    usedBytes: row.used_bytes,
    usedFiles: row.used_files,
    createdAt: row.created_at,
    lastLoginAt: row.last_login_at,
    ...toLimits(row),
  };
}

function checkQuota(value: number | null | undefined): void {
  if (value === null || value === undefined) return;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError("a quota is a whole number from 0 to 9007199254740991");
  }
}

/** The accounts. Names are checked by the caller; quotas are at most 2^53-1. */
export class UserStore {
  readonly #writes: Writes;
  readonly #leases: Pick<LeaseStore, "whileShared">;
  readonly #insert: Statement<unknown[], UserRow>;
  readonly #byName: Statement<[string], UserRow>;
  readonly #byId: Statement<[number], UserRow>;
  readonly #all: Statement<[], UserRow>;
  readonly #set: Statement;
  readonly #setPassword: Statement;
  readonly #replaceHash: Statement;
  readonly #setEnabled: Statement;
  readonly #removeWaiting: Statement;
  readonly #remove: Statement;
  readonly #loggedIn: Statement;
  readonly #count: Statement<[], number>;

  constructor(connection: Connection, writes: Writes, leases: Pick<LeaseStore, "whileShared">) {
    this.#writes = writes;
    this.#leases = leases;
    this.#insert = connection.prepare(
      `INSERT INTO homes (name, role, password_hash, quota_bytes, quota_files, created_at,
                          password_change,
                          expires_at, login_from, login_methods, max_sessions, login_requires)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING *`,
    );
    this.#byName = connection.prepare("SELECT * FROM homes WHERE name = ? AND kind = 'user'");
    this.#byId = connection.prepare("SELECT * FROM homes WHERE id = ? AND kind = 'user'");
    this.#all = connection.prepare("SELECT * FROM homes WHERE kind = 'user' ORDER BY name");
    this.#set = connection.prepare(
      `UPDATE homes SET role = ?, quota_bytes = ?, quota_files = ?, password_change = ?,
                        expires_at = ?, login_from = ?, login_methods = ?, max_sessions = ?,
                        login_requires = ?
       WHERE id = ?`,
    );
    this.#setPassword = connection.prepare(
      "UPDATE homes SET password_hash = ?, password_change = coalesce(?, password_change) WHERE id = ?",
    );
    this.#replaceHash = connection.prepare(
      "UPDATE homes SET password_hash = ? WHERE id = ? AND password_hash = ?",
    );
    this.#setEnabled = connection.prepare("UPDATE homes SET enabled = ? WHERE id = ?");
    this.#removeWaiting = connection.prepare(
      "DELETE FROM sessions WHERE user_id = ? AND state = 'waiting'",
    );
    this.#remove = connection.prepare("DELETE FROM homes WHERE id = ? AND kind = 'user'");
    this.#loggedIn = connection.prepare("UPDATE homes SET last_login_at = ? WHERE id = ?");
    this.#count = connection
      .prepare<[], number>("SELECT count(*) FROM homes WHERE kind = 'user'")
      .pluck();
  }

  /** Rejects with {@link UserExistsError} when the name is taken. */
  async add(user: NewUser): Promise<Account> {
    checkQuota(user.quotaBytes);
    checkQuota(user.quotaFiles);
    const { name, role, passwordHash, quotaBytes, quotaFiles } = user;
    return this.#writes.run(() => {
      const values = [name, role, passwordHash, quotaBytes, quotaFiles, Date.now()];
      const change = user.passwordChange === true ? 1 : 0;
      const row = this.#insert.get(...values, change, ...limitValues(user));
      if (row === undefined) throw new UserExistsError(name);
      return toAccount(row);
    });
  }

  async byName(name: string): Promise<Account | undefined> {
    const row = this.#byName.get(name);
    return row && toAccount(row);
  }

  async byId(id: number): Promise<Account | undefined> {
    const row = this.#byId.get(id);
    return row && toAccount(row);
  }

  /** All accounts, by name. */
  async list(): Promise<Account[]> {
    return this.#all.all().map(toAccount);
  }

  async count(): Promise<number> {
    return this.#count.get() ?? 0;
  }

  /** The account as changed; undefined when there is none. A quota may be set below the usage. */
  async set(id: number, change: UserChange): Promise<Account | undefined> {
    checkQuota(change.quotaBytes);
    checkQuota(change.quotaFiles);
    return this.#leases.whileShared(id, () => {
      const row = this.#byId.get(id);
      if (row === undefined) return undefined;
      const bytes = change.quotaBytes === undefined ? row.quota_bytes : change.quotaBytes;
      const files = change.quotaFiles === undefined ? row.quota_files : change.quotaFiles;
      const role = change.role ?? row.role;
      const asked = change.passwordChange ?? row.password_change === 1;
      this.#set.run(role, bytes, files, asked ? 1 : 0, ...limitValues(change, row), id);
      const changed = this.#byId.get(id);
      return changed && toAccount(changed);
    });
  }

  /**
   * False when there is no such user.
   * @param hash argon2 PHC string; null: no password login
   * @param change whether the next login by password has to set another one; without it, as before
   */
  async setPassword(id: number, hash: string | null, change?: boolean): Promise<boolean> {
    const asked = change === undefined ? null : Number(change);
    return this.#writes.run(() => this.#setPassword.run(hash, asked, id).changes > 0);
  }

  /** Replaces a hash by another of the same password; false when it was changed meanwhile. */
  async replaceHash(id: number, from: string, to: string): Promise<boolean> {
    return this.#writes.run(() => this.#replaceHash.run(to, id, from).changes > 0);
  }

  /** False when there is no such user. Disabling also takes the user's waiting logins out of the queue. */
  async setEnabled(id: number, enabled: boolean): Promise<boolean> {
    return this.#writes.run(() => {
      if (!enabled) this.#removeWaiting.run(id);
      return this.#setEnabled.run(enabled ? 1 : 0, id).changes > 0;
    });
  }

  /** Removes the account with its keys, sessions and journal rows; false when there is none. */
  async remove(id: number): Promise<boolean> {
    return this.#leases.whileShared(id, () => this.#remove.run(id).changes > 0);
  }

  /** @param at milliseconds since the epoch */
  async loggedIn(id: number, at: number): Promise<void> {
    await this.#writes.run(() => this.#loggedIn.run(at, id));
  }
}
