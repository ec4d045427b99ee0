import { setImmediate as turn } from "node:timers/promises";
import { isUserName, USER_NAME_RULE } from "../auth/names.ts";
import type { Config } from "../config/types.ts";
import type { Group, GroupChange, Hanging } from "../store/groups.ts";
import type { GroupQuota } from "../store/memberships.ts";
import type { Store } from "../store/store.ts";
import type { Account, AuditKind, LoginLimits } from "../store/types.ts";
import { checkFree } from "./covering.ts";
import { ControlError, EXIT } from "./errors.ts";
import { checkedLimits, describeLimits } from "./login-limits.ts";
import { noGroup, userNamed } from "./names.ts";
import { checkedQuota, quoted } from "./quotas.ts";

/** When one of several names is wrong, the error also says that nothing was done for the others. */
const NOBODY = { "group-join": "nobody joined", "group-leave": "nobody left" } as const;

export const MAX_GROUPS = 1_000;
/** What counts for a user is put together from all of them at each login. */
export const MAX_GROUPS_OF_A_USER = 32;

/** What administration of groups stands on. */
export interface GroupControlOptions {
  readonly store: Pick<Store, "access" | "audit" | "changes" | "groups" | "ledger" | "users">;
  /** who acts, for the audit trail: "cli:root", an admin's name */
  readonly actor: string;
  /** what counts where neither user nor group says anything */
  readonly quota: Pick<Config["quota"], "default">;
  /** called after each change that running servers have to apply; a server applies its own */
  announced?(): Promise<void>;
}

/** Absent fields stay. Limits: null is none of the group's; quota: null is no limit. */
export interface GroupRequest extends Partial<LoginLimits> {
  /** "default": the group says nothing of it */
  readonly quotaBytes?: number | null | "default";
}

/** What is done for each of the users that a command names. */
interface Step {
  /** When this rejects with ControlError, nothing is done for anybody. */
  check(account: Account): Promise<void>;
  /** @returns false when there was nothing to change */
  act(
    place: { readonly groupId: number; readonly userId: number },
    otherwise: number | null,
  ): Promise<boolean>;
}

/** A group with all that is known of it. */
export interface GroupDetails extends Pick<Hanging, "shares" | "rules"> {
  readonly group: Group;
  /** names, sorted */
  readonly members: readonly string[];
}

/**
 * All administration of groups. Each use-case records who did it in the audit trail and tells the
 * running servers, which apply it to open sessions at once. Rejects with ControlError for what a
 * person can put right.
 */
export class GroupControl {
  readonly #options: GroupControlOptions;
  readonly #store: GroupControlOptions["store"];

  constructor(options: GroupControlOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  list(): Promise<Group[]> {
    return this.#store.groups.list();
  }

  async show(name: string): Promise<GroupDetails> {
    const group = await this.group(name);
    const { shares, rules } = await this.#store.groups.hanging(group.id);
    const members = await this.#store.groups.members(group.id);
    return { group, members: members.map((member) => member.name), shares, rules };
  }

  async group(name: string): Promise<Group> {
    const group = await this.#store.groups.byName(name);
    if (group === undefined) throw await noGroup(this.#store, name);
    return group;
  }

  async add(name: string, request: GroupRequest = {}): Promise<Group> {
    checkGroupName(name);
    const change = checkedChange(request);
    if ((await this.list()).length >= MAX_GROUPS) {
      throw new ControlError(`there are ${MAX_GROUPS} groups already: remove some`);
    }
    const added = await this.#store.groups.add(name, change);
    if (added === undefined) {
      throw new ControlError(
        `group ${name} exists already: \`moorage group set ${name}\` changes it`,
      );
    }
    this.#record("group-add", [name, ...describeChange(change)].join(", "));
    return added;
  }

  async set(name: string, request: GroupRequest): Promise<Group> {
    const { id } = await this.group(name);
    const change = checkedChange(request);
    if (!(await this.#store.groups.set(id, change))) throw gone(name);
    // The limits first: they are what protects, and quotas of many take a while.
    await this.#announce();
    this.#record("group-set", [name, ...describeChange(change)].join(", "));
    if (change.quota !== undefined) {
      await this.#store.groups.inherit(id, this.#options.quota.default);
      await this.#announce();
    }
    return this.group(name);
  }

  /** Removes the group, and what it shares and may do; its members stay, without it. */
  async remove(name: string): Promise<Hanging> {
    const { id } = await this.group(name);
    const hanging = await this.#store.groups.hanging(id);
    const removed = await this.#store.groups.remove(id, this.#options.quota.default);
    await this.#announce();
    if (!removed) throw gone(name);
    this.#record("group-remove", name);
    return hanging;
  }

  /** @returns the names of those who were no members before */
  async join(name: string, users: readonly string[]): Promise<readonly string[]> {
    const { id } = await this.group(name);
    return this.#each("group-join", { id, name }, users, {
      check: (account) => this.#checkJoining(account, { id, name }),
      act: (place, otherwise) => this.#store.groups.join(place, otherwise),
    });
  }

  /** Rejects with ControlError when a user can't become a member. */
  async #checkJoining(account: Account, group: Pick<Group, "id" | "name">): Promise<void> {
    if (account.groups.includes(group.name)) return;
    if (account.groups.length >= MAX_GROUPS_OF_A_USER) {
      throw new ControlError(`${account.name} is in ${MAX_GROUPS_OF_A_USER} groups already`);
    }
    for (const share of await this.#store.access.sharesWithGroup(group.id)) {
      await checkFree(this.#store, account, share);
    }
    await turn();
  }

  /** @returns the names of those who were members before */
  async leave(name: string, users: readonly string[]): Promise<readonly string[]> {
    const { id } = await this.group(name);
    return this.#each("group-leave", { id, name }, users, {
      check: async () => {},
      act: (place, otherwise) => this.#store.groups.leave(place, otherwise),
    });
  }

  /** Does the step for each user. When one name is wrong or one user is refused, it is done for nobody. */
  async #each(
    audit: keyof typeof NOBODY,
    { id: groupId, name }: Pick<Group, "id" | "name">,
    users: readonly string[],
    { check, act }: Step,
  ): Promise<readonly string[]> {
    const accounts = await this.#accounts(name, [...new Set(users)], audit, check);
    const done: string[] = [];
    for (const { id: userId, name: user } of accounts) {
      if (!(await act({ groupId, userId }, this.#options.quota.default))) continue;
      done.push(user);
      await this.#store.changes.add("user-set", userId);
      await this.#options.announced?.();
      this.#record(audit, name, user);
      await turn();
    }
    return done;
  }

  async #accounts(
    group: string,
    names: readonly string[],
    audit: keyof typeof NOBODY,
    check: Step["check"],
  ): Promise<readonly Account[]> {
    try {
      const accounts = await Promise.all(names.map((name) => userNamed(this.#store, name)));
      for (const account of accounts) await check(account);
      return accounts;
    } catch (thrown) {
      // When there is only one name, it is plain that nothing was done.
      if (!(thrown instanceof ControlError) || names.length === 1) throw thrown;
      const message = `${NOBODY[audit]} group ${group}: ${thrown.message}`;
      throw new ControlError(message, thrown.exitCode);
    }
  }

  /** One row, however many the members are. */
  async #announce(): Promise<void> {
    await this.#store.changes.add("group-set", 0);
    await this.#options.announced?.();
  }

  #record(kind: AuditKind, detail: string, user?: string): void {
    const whom = user === undefined ? {} : { user };
    this.#store.audit.record({ kind, ...whom, actor: this.#options.actor, detail });
  }
}

function checkedChange({ quotaBytes, ...limits }: GroupRequest): GroupChange {
  const checked = checkedLimits(limits);
  return quotaBytes === undefined ? checked : { ...checked, quota: groupQuota(quotaBytes) };
}

function groupQuota(quota: number | null | "default"): GroupQuota {
  if (quota === "default") return { hasQuota: false, quotaBytes: null };
  return { hasQuota: true, quotaBytes: checkedQuota(quota) };
}

function describeChange({ quota, ...limits }: GroupChange): string[] {
  if (quota === undefined) return describeLimits(limits);
  const text = quota.hasQuota ? (quota.quotaBytes ?? "none") : "default";
  return [`quota ${text}`, ...describeLimits(limits)];
}

/** @throws ControlError for what can't be a group's name */
export function checkGroupName(name: string): void {
  if (isUserName(name)) return;
  throw new ControlError(`${quoted(name)} can't be a group's name: ${USER_NAME_RULE}`, EXIT.usage);
}

function gone(name: string): ControlError {
  return new ControlError(`group ${name} was removed meanwhile`);
}
