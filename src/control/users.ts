import { setTimeout as sleep } from "node:timers/promises";
import { hasExpired } from "../auth/login-limits.ts";
import { isUserName, USER_NAME_RULE } from "../auth/names.ts";
import { type PasswordRule, refusePassword } from "../auth/password-rule.ts";
import { rescan } from "../quota/rescan.ts";
import type { Store } from "../store/store.ts";
import type { Account, AuditKind, ChangeKind, LoginLimits, Role, UserKey } from "../store/types.ts";
import { type NewUser, type UserChange, UserExistsError } from "../store/users.ts";
import { checkNewMember } from "./covering.ts";
import { ControlError, EXIT } from "./errors.ts";
import { MAX_GROUPS_OF_A_USER } from "./groups.ts";
import { deleteHome, dropEmptyHome, makeHome } from "./homes.ts";
import { checkedLimits, describeLimits } from "./login-limits.ts";
import { noGroup, userNamed } from "./names.ts";
import { addingError, type DefaultQuota, describeNew, exists, newQuotas } from "./new-users.ts";
import { quoted } from "./quotas.ts";
import { UserKeys } from "./user-keys.ts";

const POLL_MS = 50;

/** What user administration stands on. */
export interface UserControlOptions {
  readonly store: Store;
  /** the instance's directory */
  readonly root: string;
  /** who acts, for the audit trail: "cli:root", an admin's name */
  readonly actor: string;
  /** what new passwords must be */
  readonly rule: PasswordRule;
  /** what users have who were given no quota of their own */
  readonly quota: DefaultQuota;
  /** a password to an argon2 PHC string */
  hash(password: string): Promise<string>;
  /** counts what is in the user's home and corrects the books; without it, says nothing meanwhile */
  rescan?(account: Account): Promise<{ readonly bytes: number; readonly files: number }>;
  /** called after each change that running servers have to apply; a server applies its own */
  announced?(): Promise<void>;
  /** how long a removal waits for the user's sessions to end, in milliseconds */
  readonly sessionsTimeoutMs?: number;
}

/** Quotas: null is no limit, absent what groups and settings say. Logins are not limited unless it says so. */
export interface NewUserRequest extends Partial<LoginLimits> {
  readonly name: string;
  readonly role: Role;
  /** without one, only keys let the user in */
  readonly password?: string;
  readonly keys?: readonly UserKey[];
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
  /** names of groups */
  readonly groups?: readonly string[];
  readonly passwordChange?: boolean;
}

/** Absent fields stay; null is no limit. */
export interface UserChangeRequest extends Partial<LoginLimits> {
  /** "default": what groups and settings say */
  readonly quotaBytes?: number | null | "default";
  readonly quotaFiles?: number | null;
  readonly role?: Role;
  readonly passwordChange?: boolean;
}

/** Lets the last enabled admin be demoted, disabled or removed. */
export interface Force {
  readonly force?: boolean;
}

export interface UserWithKeys {
  readonly account: Account;
  readonly keys: readonly UserKey[];
}

/** Rejects with ControlError when the user can't get that password. */
export async function checkPassword(
  name: string,
  password: string,
  rule: PasswordRule,
): Promise<void> {
  const refusal = await refusePassword(password, name, rule);
  if (refusal !== undefined) throw new ControlError(refusal, EXIT.usage);
}

/**
 * All user administration. Each use-case records who did it in the audit trail and tells the
 * running servers, which apply it to open sessions at once. Rejects with ControlError for what a
 * person can put right.
 */
export class UserControl {
  readonly #options: UserControlOptions;
  readonly #store: Store;
  readonly #keys: UserKeys;

  constructor(options: UserControlOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#keys = new UserKeys(options);
  }

  /** With the usage as it is now. */
  async list(): Promise<UserWithKeys[]> {
    await this.#store.leases.exact();
    const accounts = await this.#store.users.list();
    return Promise.all(accounts.map((account) => this.#withKeys(account)));
  }

  async show(name: string): Promise<UserWithKeys> {
    return this.#withKeys(await this.account(name));
  }

  async account(name: string): Promise<Account> {
    const { id } = await userNamed(this.#store, name);
    await this.#store.leases.exact(id);
    const account = await this.#store.users.byId(id);
    if (account === undefined) throw gone(name);
    return account;
  }

  /** Rejects when no new user can have the name. */
  async checkNew(name: string): Promise<void> {
    checkName(name);
    if (await this.#store.users.byName(name)) throw exists(name);
  }

  /** A home that was kept from before is taken over, and what is in it counted. */
  async add(request: NewUserRequest): Promise<Account> {
    const { name, role, password, groups = [] } = request;
    await this.checkNew(name);
    await this.#requireGroups(groups);
    const limits = checkedLimits(request);
    await this.#keys.check(request.keys ?? []);
    if (password !== undefined) await checkPassword(name, password, this.#options.rule);
    const passwordHash = password === undefined ? null : await this.#options.hash(password);
    const quotas = newQuotas(request, this.#options.quota);
    this.#store.ledger.requireHomes();
    await checkNewMember(this.#store, name, groups);
    const { passwordChange = false, keys = [] } = request;
    const user = { name, role, passwordHash, passwordChange, groups, keys, ...quotas, ...limits };
    await this.#insert(user);
    this.#record("user-add", name, describeNew(request, limits));
    return this.account(name);
  }

  async #requireGroups(names: readonly string[]): Promise<void> {
    if (names.length > MAX_GROUPS_OF_A_USER) {
      throw new ControlError(`a user is in ${MAX_GROUPS_OF_A_USER} groups at most`, EXIT.usage);
    }
    for (const name of names) {
      if ((await this.#store.groups.byName(name)) === undefined)
        throw await noGroup(this.#store, name);
    }
  }

  async #rescan(account: Account): Promise<void> {
    const { store, root } = this.#options;
    await (this.#options.rescan?.(account) ?? rescan(store, root, account));
  }

  /** The user with a home, or neither. Nobody may log in before old files are counted. */
  async #insert(user: NewUser): Promise<void> {
    const { root } = this.#options;
    const hadHome = await makeHome(root, user.name);
    try {
      const added = await this.#store.users.add({ ...user, enabled: !hadHome });
      if (hadHome) await this.#takeOver(added);
    } catch (thrown) {
      // The user of that name, if there is one by now, has it.
      const isOurs = !hadHome && !(thrown instanceof UserExistsError);
      if (isOurs) await dropEmptyHome(root, user.name);
      throw addingError(thrown);
    }
  }

  async #takeOver(account: Account): Promise<void> {
    try {
      await this.#rescan(account);
      await this.#store.users.setEnabled(account.id, true);
    } catch (thrown) {
      await this.#store.users.remove(account.id);
      throw thrown;
    }
  }

  async set(
    name: string,
    change: UserChangeRequest,
    { force = false }: Force = {},
  ): Promise<Account> {
    const account = await this.account(name);
    const limits = checkedLimits(change);
    const checked = { ...this.#stored(change), ...limits };
    const unguarded = force || change.role !== "user";
    await this.#keepingAnAdmin(account, "demote", unguarded, {
      act: () => this.#store.users.set(account.id, checked),
      undo: () => this.#store.users.set(account.id, { ...account, ...account.own }),
    });
    await this.#announce("user-set", "user-set", account, describe({ ...change, ...limits }));
    return this.account(name);
  }

  #stored({ quotaBytes, ...change }: UserChangeRequest): UserChange {
    if (quotaBytes === undefined) return change;
    if (quotaBytes !== "default") return { ...change, quotaBytes };
    return { ...change, quotaBytes: this.#options.quota.default, quotaOwn: false };
  }

  /** @param options.change whether the next login by password has to set another one; else as before */
  async setPassword(
    name: string,
    password: string,
    { change }: { readonly change?: boolean } = {},
  ): Promise<void> {
    const account = await this.account(name);
    await checkPassword(name, password, this.#options.rule);
    const hash = await this.#options.hash(password);
    if (!(await this.#store.users.setPassword(account.id, hash, change))) throw gone(name);
    await this.#announce("password-set", "user-passwd", account);
  }

  async enable(name: string): Promise<void> {
    const account = await this.account(name);
    if (!(await this.#store.users.setEnabled(account.id, true))) throw gone(name);
    await this.#announce("user-set", "user-enable", account);
  }

  async disable(name: string, { force }: Force = {}): Promise<void> {
    const account = await this.account(name);
    await this.#setDisabled(account, "disable", force);
    await this.#announce("user-disabled", "user-disable", account);
  }

  /**
   * Ends the user's sessions, then removes the account and, if asked, the home. The account is
   * disabled while that is waited for; when they don't end it stays so, and nothing is deleted.
   */
  async remove(
    name: string,
    { force, deleteHome: alsoHome }: Force & { readonly deleteHome?: boolean } = {},
  ): Promise<{ homeDeleted: boolean }> {
    const account = await this.account(name);
    if (alsoHome) this.#store.ledger.requireHomes();
    await this.#setDisabled(account, "remove", force);
    await this.#change("user-removed", account, name);
    await this.#sessionsEnded(account);
    const forget = async (): Promise<void> => {
      if (!(await this.#store.users.remove(account.id))) throw gone(name);
      this.#record("user-remove", name, alsoHome ? "with its home" : "");
    };
    if (alsoHome) return { homeDeleted: await deleteHome(this.#options.root, name, forget) };
    await forget();
    return { homeDeleted: false };
  }

  /** Removing rows and files under an open session would leave its books and the disk unequal. */
  async #sessionsEnded(account: Account): Promise<void> {
    const deadline = Date.now() + (this.#options.sessionsTimeoutMs ?? 10_000);
    for (;;) {
      const open = (await this.#store.sessions.list()).filter((s) => s.userId === account.id);
      if (open.length === 0) return;
      if (Date.now() >= deadline) {
        throw new ControlError(
          `${account.name} is disabled but not removed: ${open.length} of its sessions are still ending; run this again`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  /** Those that are new, or have other options than before. */
  async addKeys(name: string, keys: readonly UserKey[]): Promise<readonly UserKey[]> {
    return this.#keys.add(await this.account(name), keys);
  }

  async listKeys(name: string): Promise<readonly UserKey[]> {
    return this.#store.keys.list((await this.account(name)).id);
  }

  /** @param fingerprint "SHA256:…"; the prefix may be left out */
  async removeKey(name: string, fingerprint: string): Promise<void> {
    return this.#keys.remove(await this.account(name), fingerprint);
  }

  /** Counts the user's home again: for files put there by other means. */
  async rescan(name: string): Promise<Account> {
    const before = await this.account(name);
    await this.#rescan(before);
    const after = await this.account(name);
    const bytes = after.usedBytes - before.usedBytes;
    const files = after.usedFiles - before.usedFiles;
    this.#record("rescan", name, `corrected by ${bytes} bytes, ${files} files`);
    return after;
  }

  async #withKeys(account: Account): Promise<UserWithKeys> {
    return { account, keys: await this.#store.keys.list(account.id) };
  }

  #setDisabled(account: Account, verb: string, force = false): Promise<void> {
    return this.#keepingAnAdmin(account, verb, force, {
      act: () => this.#store.users.setEnabled(account.id, false),
      undo: () => this.#store.users.setEnabled(account.id, true),
    });
  }

  /**
   * Does what would leave the account no admin that is enabled, unless it is the last one. Looks
   * again after it: another process may have taken the other admin away at the same moment.
   */
  async #keepingAnAdmin(
    account: Account,
    verb: string,
    unguarded: boolean,
    { act, undo }: { act(): Promise<unknown>; undo(): Promise<unknown> },
  ): Promise<void> {
    const guarded = !unguarded && account.role === "admin" && account.enabled;
    if (guarded) await this.#requireAnotherAdmin(account, verb);
    if (!(await act())) throw gone(account.name);
    if (!guarded) return;
    try {
      await this.#requireAnotherAdmin(account, verb);
    } catch (thrown) {
      await undo();
      throw thrown;
    }
  }

  async #requireAnotherAdmin({ id, name }: Account, verb: string): Promise<void> {
    const accounts = await this.#store.users.list();
    const others = accounts.filter((a) => a.id !== id && a.role === "admin" && a.enabled);
    if (others.some((a) => !hasExpired(a, Date.now()))) return;
    throw new ControlError(
      `${name} is the last admin that is enabled: give --force to ${verb} it all the same`,
    );
  }

  /** The change first: it is what protects; the audit record follows. */
  async #announce(
    change: ChangeKind,
    audit: AuditKind,
    account: Account,
    detail = "",
  ): Promise<void> {
    await this.#change(change, account, "");
    this.#record(audit, account.name, detail);
  }

  async #change(kind: ChangeKind, { id }: Account, detail: string): Promise<void> {
    await this.#store.changes.add(kind, id, detail);
    await this.#options.announced?.();
  }

  #record(kind: AuditKind, user: string, detail = ""): void {
    this.#store.audit.record({ kind, user, actor: this.#options.actor, detail });
  }
}

function describe(change: UserChangeRequest): string {
  const parts = [
    change.quotaBytes !== undefined && `quota ${change.quotaBytes ?? "none"}`,
    change.quotaFiles !== undefined && `max files ${change.quotaFiles ?? "none"}`,
    change.role !== undefined && `role ${change.role}`,
    change.passwordChange !== undefined &&
      `password change ${change.passwordChange ? "yes" : "no"}`,
    ...describeLimits(change),
  ];
  return parts.filter((part) => part !== false).join(", ");
}

/** @throws ControlError for what can't be a user's name */
export function checkName(name: string): void {
  if (isUserName(name)) return;
  throw new ControlError(`${quoted(name)} can't be a user's name: ${USER_NAME_RULE}`, EXIT.usage);
}

function gone(name: string): ControlError {
  return new ControlError(`user ${name} was removed meanwhile`);
}
