import { PathError } from "../access/paths.ts";
import type { Store } from "../store/store.ts";
import type { Subject } from "../store/types.ts";
import { ControlError, EXIT } from "./errors.ts";
import { noGroup, noUserOr } from "./names.ts";

/** Whom a share or rule is for, with all users that it concerns. */
export interface KnownSubject {
  readonly subject: Subject;
  /** a user, or a group with an "@" */
  readonly name: string;
  readonly users: readonly { readonly id: number; readonly name: string }[];
}

/**
 * A user by name, or a group by its name with an "@".
 * @throws ControlError (rejected) when there is none
 */
export async function subjectNamed(store: Store, given: string): Promise<KnownSubject> {
  if (!given.startsWith("@")) {
    const user = await store.users.byName(given);
    if (user === undefined) throw await noSubject(store, given);
    const { id, name } = user;
    return { subject: { userId: id, groupId: null }, name, users: [{ id, name }] };
  }
  const group = await store.access.groupByName(given.slice(1));
  if (group === undefined) throw await noGroup(store, given);
  const users = await store.access.members(group.id);
  return { subject: { userId: null, groupId: group.id }, name: given, users };
}

async function noSubject(store: Store, given: string): Promise<ControlError> {
  const groups = (await store.groups.list()).map(({ name }) => `@${name}`);
  return noUserOr(store, given, { others: groups, hint: "a group is @NAME" });
}

/** @param read of access/paths.ts. @throws ControlError for what is no such path */
export function checkedPath(read: (text: string) => string, text: string): string {
  try {
    return read(text);
  } catch (thrown) {
    throw thrown instanceof PathError ? new ControlError(thrown.message, EXIT.usage) : thrown;
  }
}

/** Tells all servers that what these users may do has changed. */
export async function announceAccess(
  store: Store,
  users: readonly { readonly id: number }[],
  announced: (() => Promise<void>) | undefined,
): Promise<void> {
  for (const { id } of users) await store.changes.add("access", id);
  await announced?.();
}
