import type { Rule } from "../access/access.ts";
import type { AccessMode } from "../access/modes.ts";
import { isInside, pathText, rulePath } from "../access/paths.ts";
import { type Plan, planOf } from "../access/plan.ts";
import type { Store } from "../store/store.ts";
import type { AccessRule } from "../store/types.ts";
import { ControlError, EXIT } from "./errors.ts";
import { announceAccess, checkedPath, type KnownSubject, subjectNamed } from "./subjects.ts";

/** Of a user or a group: each session of theirs has them in memory. */
const MAX_RULES = 1_000;

export interface AccessControlOptions {
  readonly store: Store;
  /** who acts, for the audit trail */
  readonly actor: string;
  /** called after each change that running servers have to apply */
  announced?(): Promise<void>;
}

/** What counts at a path, and why. */
export interface Explanation {
  /** as it was asked for */
  readonly path: string;
  readonly access: AccessMode;
  /** of the rules that decide; undefined where none does */
  readonly rulePath: string | undefined;
  readonly deciding: readonly Rule[];
  /** rules for the path and above that count less */
  readonly others: readonly Rule[];
}

/** What a user has: the tree's folders, and all rules. */
export async function planFor(store: Store, userId: number): Promise<Plan> {
  const shares = await store.access.sharesWith(userId);
  return planOf(shares, await store.access.rulesFor(userId));
}

/**
 * Rules of access for users, and for groups with an "@". A change is in force at once on open
 * sessions. Paths are UTF-8 text as people give them. Rejects with ControlError.
 */
export class AccessControl {
  readonly #options: AccessControlOptions;
  readonly #store: Store;

  constructor(options: AccessControlOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** The rules of the user's or group's own. */
  async list(name: string): Promise<AccessRule[]> {
    const { subject } = await subjectNamed(this.#store, name);
    return this.#store.access.rulesOf(subject);
  }

  /**
   * Of a user all that counts: own rules, shares, and those of groups. Of a group what it brings to
   * each member.
   */
  async all(name: string): Promise<readonly Rule[]> {
    const { subject } = await subjectNamed(this.#store, name);
    const { userId, groupId } = subject;
    if (userId !== null) return (await planFor(this.#store, userId)).rules;
    const shares = groupId === null ? [] : await this.#store.access.sharesWithGroup(groupId);
    const rules = await this.#store.access.rulesOf(subject);
    return planOf(
      shares,
      rules.map((rule) => ({ ...rule, of: name })),
    ).rules;
  }

  async set(name: string, path: string, access: AccessMode): Promise<void> {
    const known = await subjectNamed(this.#store, name);
    const checked = checkedPath(rulePath, path);
    const rules = await this.#store.access.rulesOf(known.subject);
    if (rules.length >= MAX_RULES && !rules.some((rule) => rule.path === checked)) {
      throw new ControlError(`${known.name} has ${MAX_RULES} rules already: remove some`);
    }
    await this.#store.access.setRule(known.subject, checked, access);
    await this.#announce(known, "access-set", `${access} at ${pathText(checked)}`);
  }

  async remove(name: string, path: string): Promise<void> {
    const known = await subjectNamed(this.#store, name);
    const checked = checkedPath(rulePath, path);
    if (!(await this.#store.access.removeRule(known.subject, checked))) {
      throw new ControlError(
        `${known.name} has no rule for ${pathText(checked)}: \`moorage user access ${known.name}\` shows all`,
      );
    }
    await this.#announce(known, "access-remove", `at ${pathText(checked)}`);
  }

  /** Which rule counts for a user at a path. */
  async explain(name: string, path: string): Promise<Explanation> {
    const plan = await this.#plan(name);
    const checked = checkedPath(rulePath, path);
    const { access, path: rulePathOf, rules: deciding } = plan.access.at(checked);
    const others = plan.rules.filter(
      (rule) => !deciding.includes(rule) && isInside(checked, rule.path),
    );
    return { path: checked, access, rulePath: rulePathOf, deciding, others };
  }

  async #plan(name: string): Promise<Plan> {
    const { subject } = await subjectNamed(this.#store, name);
    if (subject.userId === null) {
      throw new ControlError(
        "that works for users only: what a group may do depends on its members",
        EXIT.usage,
      );
    }
    return planFor(this.#store, subject.userId);
  }

  async #announce(
    { name, users }: KnownSubject,
    kind: "access-set" | "access-remove",
    detail: string,
  ): Promise<void> {
    await announceAccess(this.#store, users, this.#options.announced);
    this.#store.audit.record({ kind, user: name, actor: this.#options.actor, detail });
  }
}
