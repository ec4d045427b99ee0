import type { Connection, Statement } from "./connection.ts";
import { addKey, prepareKeyInsert } from "./keys.ts";
import type { LeaseStore } from "./leases.ts";
import { LIMIT_COLUMNS, type LimitColumns, limitValues } from "./login-limits.ts";
import { inheritedQuota, membershipsSql, standingOf, toMemberships } from "./memberships.ts";
import type { Account, LoginLimits, Role, UserKey } from "./types.ts";
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

/** There is no group of that name. */
export class NoGroupError extends Error {
  readonly groupName: string;

  constructor(groupName: string) {
    super(`there is no group ${groupName}`);
    this.name = "NoGroupError";
    this.groupName = groupName;
  }
}

/** What a new account starts with. Quotas: null is no limit. Logins are not limited unless it says so. */
export interface NewUser extends Partial<LoginLimits> {
  readonly name: string;
  readonly role: Role;
  readonly passwordHash: string | null;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  /** false: quotaBytes is the default, and counts where no group says anything; default: true */
  readonly quotaOwn?: boolean;
  /** names */
  readonly groups?: readonly string[];
  readonly keys?: readonly UserKey[];
  /** default: true */
  readonly enabled?: boolean;
  /** default: no */
  readonly passwordChange?: boolean;
}

/** What `set` changes; absent fields stay, null is no limit. */
export interface UserChange extends Partial<LoginLimits> {
  readonly role?: Role;
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
  /** false: quotaBytes is the default, and counts where no group says anything; absent: true */
  readonly quotaOwn?: boolean;
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
  readonly quota_own: number;
  /** as JSON */
  readonly memberships: string;
}

function toAccount(row: UserRow): Account {
  const quotaOwn = row.quota_own === 1;
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
    quotaOwn,
    ...standingOf(row, row.memberships, { quotaOwn, quotaBytes: row.quota_bytes }),
  };
}

/** @throws RangeError */
export function checkQuota(value: number | null | undefined): void {
  if (value === null || value === undefined) return;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError("a quota is a whole number from 0 to 9007199254740991");
  }
}

/** How many names are read at once: whoever looks through them must not keep others waiting. */
const MAX_NAMES = 10_000;

/** The accounts. Names are checked by the caller; quotas are at most 2^53-1. */
export class UserStore {
  readonly #writes: Writes;
  readonly #leases: Pick<LeaseStore, "whileShared">;
  readonly #insert: Statement<unknown[], number>;
  readonly #join: Statement;
  readonly #addKey: Statement;
  readonly #setQuota: Statement;
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
  readonly #names: Statement<[number, number, number], string>;

  constructor(connection: Connection, writes: Writes, leases: Pick<LeaseStore, "whileShared">) {
    this.#writes = writes;
    this.#leases = leases;
    const limits = LIMIT_COLUMNS.join(", ");
    const user = `SELECT h.*, ${membershipsSql(connection, "h.id")} AS memberships
                  FROM homes h WHERE h.kind = 'user'`;
    this.#insert = connection
      .prepare<unknown[], number>(
        `INSERT INTO homes (name, role, enabled, password_hash, quota_bytes, quota_files, quota_own,
                            password_change, created_at, ${limits})
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ${LIMIT_COLUMNS.map(() => "?").join(", ")})
         ON CONFLICT (name) DO NOTHING RETURNING id`,
      )
      .pluck();
    this.#join = connection.prepare(
      `INSERT INTO group_members SELECT id, @userId FROM groups WHERE name = @group
       ON CONFLICT DO NOTHING RETURNING group_id`,
    );
    this.#addKey = prepareKeyInsert(connection);
    this.#setQuota = connection.prepare("UPDATE homes SET quota_bytes = ? WHERE id = ?");
    this.#byName = connection.prepare(`${user} AND h.name = ?`);
    this.#byId = connection.prepare(`${user} AND h.id = ?`);
    this.#all = connection.prepare(`${user} ORDER BY h.name`);
    this.#set = connection.prepare(
      `UPDATE homes SET role = ?, quota_bytes = ?, quota_files = ?, quota_own = ?, password_change = ?,
                        ${LIMIT_COLUMNS.map((column) => `${column} = ?`).join(", ")}
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
    this.#names = connection
      .prepare<[number, number, number], string>(
        `SELECT name FROM homes WHERE kind = 'user' AND length(name) BETWEEN ? AND ?
         ORDER BY name LIMIT ?`,
      )
      .pluck();
  }

  /** Rejects with {@link UserExistsError} when the name is taken, or with {@link NoGroupError}. */
  async add(user: NewUser): Promise<Account> {
    const [account] = await this.addAll([user]);
    if (account === undefined) throw new UserExistsError(user.name);
    return account;
  }

  /** All of them or, when it rejects as {@link add}, none. */
  async addAll(users: readonly NewUser[]): Promise<Account[]> {
    for (const { quotaBytes, quotaFiles } of users) {
      checkQuota(quotaBytes);
      checkQuota(quotaFiles);
    }
    return this.#writes.run(() => users.map((user) => this.#add(user)));
  }

  #add(user: NewUser): Account {
    const { name, role, passwordHash, quotaBytes, quotaFiles } = user;
    const { enabled = true, quotaOwn = true, groups = [], keys = [] } = user;
    const flags = { enabled: Number(enabled), own: Number(quotaOwn) };
    const values = [name, role, flags.enabled, passwordHash, quotaBytes, quotaFiles, flags.own];
    const change = Number(user.passwordChange ?? false);
    const id = this.#insert.get(...values, change, Date.now(), ...limitValues(user));
    if (id === undefined) throw new UserExistsError(name);
    for (const key of keys) addKey(this.#addKey, id, key);
    for (const group of new Set(groups)) {
      if (this.#join.get({ userId: id, group }) === undefined) throw new NoGroupError(group);
    }
    if (!quotaOwn) this.inheritQuota(id, quotaBytes);
    return toAccount(this.#byId.get(id) as UserRow);
  }

  /**
   * In a transaction, while nobody holds the home: gives a user without an own quota what the groups
   * say.
   * @param otherwise where they say nothing, in bytes; null: no limit
   * @returns whether the quota is another now
   */
  inheritQuota(id: number, otherwise: number | null): boolean {
    const quota = this.#otherQuota(id, otherwise);
    if (quota !== undefined) this.#setQuota.run(quota, id);
    return quota !== undefined;
  }

  /** Whether {@link inheritQuota} would change anything. */
  inheritsOther(id: number, otherwise: number | null): boolean {
    return this.#otherQuota(id, otherwise) !== undefined;
  }

  /** undefined: it is that already, or the user's own */
  #otherQuota(id: number, otherwise: number | null): number | null | undefined {
    const row = this.#byId.get(id);
    if (row === undefined || row.quota_own === 1) return undefined;
    const quota = inheritedQuota(toMemberships(row.memberships), otherwise);
    return quota === row.quota_bytes ? undefined : quota;
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

  /** The names whose length is in these bounds, in order. There is a limit to how many are given. */
  async names({ least, most }: { readonly least: number; readonly most: number }) {
    return this.#names.all(least, most, MAX_NAMES);
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
      const own = change.quotaBytes === undefined ? row.quota_own : Number(change.quotaOwn ?? true);
      const asked = Number(change.passwordChange ?? row.password_change === 1);
      const values = [change.role ?? row.role, bytes, files, own, asked];
      this.#set.run(...values, ...limitValues(change, row), id);
      if (change.quotaBytes !== undefined) this.inheritQuota(id, bytes);
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
    return this.#writes.run(() => this.#setPassword.run(hash, asked, id).changes > 0, { lock: id });
  }

  /** Replaces a hash by another of the same password; false when it was changed meanwhile. */
  async replaceHash(id: number, from: string, to: string): Promise<boolean> {
    return this.#writes.run(() => this.#replaceHash.run(to, id, from).changes > 0, { lock: id });
  }

  /** False when there is no such user. Disabling also takes the user's waiting logins out of the queue. */
  async setEnabled(id: number, enabled: boolean): Promise<boolean> {
    const set = (): boolean => {
      if (!enabled) this.#removeWaiting.run(id);
      return this.#setEnabled.run(enabled ? 1 : 0, id).changes > 0;
    };
    // Nobody is let in meanwhile.
    return this.#writes.run(set, { lock: "sessions" });
  }

  /** Removes the account with its keys, sessions and journal rows; false when there is none. */
  async remove(id: number): Promise<boolean> {
    return this.#leases.whileShared(id, () => this.#remove.run(id).changes > 0);
  }

  /** @param at milliseconds since the epoch */
  async loggedIn(id: number, at: number): Promise<void> {
    await this.#writes.run(() => this.#loggedIn.run(at, id), { lock: id });
  }
}
