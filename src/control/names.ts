import { isUserName, USER_NAME_RULE } from "../auth/names.ts";
import { lengthsNear, nearest } from "../config/nearest.ts";
import type { Store } from "../store/store.ts";
import type { Account } from "../store/types.ts";
import { ControlError, EXIT } from "./errors.ts";
import { quoted } from "./quotas.ts";

// Looks up users, groups and folders by name. When nobody has a name, the error says which one was
// probably meant. All of this is for administrators, who may list every name anyway. It must not be used
// for what users ask, as it would tell them the names of others.

type Names = Pick<Store, "users">;

/** A user's home or a shared folder, as it is in the database and as its directory is called. */
export interface HomeNamed {
  readonly id: number;
  /** begins with "@" when it is a folder */
  readonly name: string;
}

/**
 * A folder's name with the "@".
 * @throws ControlError for what can't be a folder's name
 */
export function folderName(given: string): string {
  const name = given.startsWith("@") ? given.slice(1) : given;
  if (isUserName(name)) return `@${name}`;
  throw new ControlError(
    `${quoted(given)} can't be a folder's name: ${USER_NAME_RULE}`,
    EXIT.usage,
  );
}

/** The user of that name. Rejects with ControlError when there is none. */
export async function userNamed(store: Names, given: string): Promise<Account> {
  const account = await store.users.byName(given);
  if (account === undefined) throw await noUser(store, given);
  return account;
}

/** A user's home, or a folder by its name with an "@". Rejects with ControlError when there is none. */
export async function homeNamed(
  store: Pick<Store, "users" | "folders">,
  given: string,
): Promise<HomeNamed> {
  const { users, folders } = store;
  const isFolder = given.startsWith("@");
  const found = isFolder ? await folders.byName(folderName(given)) : await users.byName(given);
  if (found !== undefined) return { id: found.id, name: found.name };
  if (isFolder) throw await noFolder(store, given);
  throw await noUserOr(store, given, {
    others: (await folders.list()).map(({ name }) => name),
    hint: "a folder is @NAME",
  });
}

export function noUser(store: Names, given: string): Promise<ControlError> {
  return noUserOr(store, given, { others: [] });
}

/**
 * The error for a user that there is not.
 * @param or.others further names that would be right there, such as "@staff"
 */
export async function noUserOr(
  store: Names,
  given: string,
  or: { readonly others: readonly string[]; readonly hint?: string },
): Promise<ControlError> {
  const users = await store.users.names(lengthsNear(given));
  const hint = or.hint === undefined ? "" : `; ${or.hint}`;
  return unknown(`no user ${quoted(given)}`, near(given, [...users, ...or.others]), {
    list: `\`moorage user list\` shows all${hint}`,
  });
}

/** @param given with or without the "@" */
export async function noGroup(store: Pick<Store, "groups">, given: string): Promise<ControlError> {
  const names = (await store.groups.list()).map(({ name }) => name);
  return unknownGroup(given, names);
}

/**
 * The error for a group that there is not.
 * @param names those of all groups, when they are known
 */
export function unknownGroup(given: string, names: Iterable<string> = []): ControlError {
  const sign = given.startsWith("@") ? "@" : "";
  const found = nearest(given, names);
  return unknown(`no group ${quoted(given)}`, found && `${sign}${found}`, {
    list: "`moorage group list` shows all",
  });
}

/** @param given with or without the "@" */
export async function noFolder(
  store: Pick<Store, "folders">,
  given: string,
): Promise<ControlError> {
  const names = (await store.folders.list()).map(({ name }) => name);
  const found = nearest(given, names);
  const plain = given.startsWith("@") ? found : found?.slice(1);
  return unknown(`no folder ${quoted(given)}`, plain, { list: "`moorage folder list` shows all" });
}

/** The nearest name. When only the "@" is missing, that name was meant, whatever else is near. */
function near(given: string, names: readonly string[]): string | undefined {
  return names.find((name) => name === `@${given}`) ?? nearest(given, names);
}

function unknown(
  problem: string,
  found: string | undefined,
  { list }: { readonly list: string },
): ControlError {
  return new ControlError(
    found === undefined ? `${problem}: ${list}` : `${problem}; did you mean ${found}?`,
  );
}
