import { Access, RULE_SOURCES, type Rule, type RuleSource } from "./access.ts";
import type { AccessMode } from "./modes.ts";

/** A folder as it is shared with a user, or with a group of the user's. */
export interface PlanShare {
  readonly folderId: number;
  /** with the "@" */
  readonly folder: string;
  /** a user, or a group with an "@" */
  readonly to: string;
  readonly at: string;
  readonly access: AccessMode;
}

export interface PlanRule {
  /** a user, or a group with an "@" */
  readonly of: string;
  readonly path: string;
  readonly access: AccessMode;
}

export interface PlannedMount {
  readonly at: string;
  readonly id: number;
  readonly name: string;
}

/** What a user's tree has besides the home, with the rules as they were given. */
export interface Plan {
  readonly mounts: readonly PlannedMount[];
  readonly access: Access;
  readonly rules: readonly Rule[];
}

/**
 * What shares and rules make of a user's tree. A share of the user's own stands before those of
 * groups with the same folder; where two folders have one path, the first counts.
 */
export function planOf(shares: readonly PlanShare[], rules: readonly PlanRule[]): Plan {
  const mounts = new Map<string, PlannedMount>();
  const inOrder = [...shares].sort((a, b) => rank(a) - rank(b) || compare(a.folder, b.folder));
  const counting = inOrder.filter(
    (share) =>
      !inOrder.some((other) => other.folderId === share.folderId && rank(other) < rank(share)),
  );
  for (const { folderId: id, folder: name, at } of counting) {
    if (!mounts.has(at)) mounts.set(at, { at, id, name });
  }
  const all = [
    ...rules.map((rule): Rule => ({ ...rule, source: sourceOf(rule.of, "user", "group") })),
    ...counting
      .filter(({ at, folderId }) => mounts.get(at)?.id === folderId)
      .map(
        ({ at, access, to, folder }): Rule => ({
          path: at,
          access,
          of: to,
          folder,
          source: sourceOf(to, "share", "group-share"),
        }),
      ),
  ];
  return { mounts: [...mounts.values()], access: new Access(all), rules: all };
}

function sourceOf(subject: string, own: RuleSource, group: RuleSource): RuleSource {
  return subject.startsWith("@") ? group : own;
}

function rank({ to }: PlanShare): number {
  return RULE_SOURCES.indexOf(sourceOf(to, "share", "group-share"));
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
