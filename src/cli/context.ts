import { userInfo } from "node:os";
import { requireInstance } from "../control/instance.ts";
import type { OpenOptions, Store } from "../store/store.ts";
import { openInstance } from "./database.ts";
import type { Io } from "./io.ts";

/** What every command gets, and how it tells its exit code when that is not 0. */
export interface CommandContext {
  readonly io: Io;
  /** the instance's directory, absolute; asked for when a command runs */
  root(): string;
  exitCode: number;
}

/**
 * Opens the store of an instance for the time of `use`.
 * @param options.create also of one that is still to be made
 */
export async function withStore<T>(
  { root: rootOf, io }: Pick<CommandContext, "root" | "io">,
  use: (store: Store) => Promise<T>,
  { create = false, ...options }: OpenOptions & { readonly create?: boolean } = {},
): Promise<T> {
  const root = rootOf();
  if (!create) requireInstance(root);
  const store = await openInstance({ root, env: io.env }, "command", options);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** Who runs this command, for the audit trail. */
export function cliActor(): string {
  try {
    return `cli:${userInfo().username}`;
  } catch {
    // A user id without an entry in the system's user database, as in containers.
    return `cli:uid ${process.getuid?.() ?? "unknown"}`;
  }
}
