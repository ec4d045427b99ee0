import { readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { instanceExists, isSetOut, noInstance, requireInstance } from "../control/instance.ts";
import { refuseUnfinished } from "../store/belongings.ts";
import type { OpenOptions, Store } from "../store/store.ts";
import { openInstance } from "./database.ts";
import type { Io } from "./io.ts";

/** What every command gets, and how it tells its exit code when that is not 0. */
export interface CommandContext {
  readonly io: Io;
  /** the instance's directory, absolute; asked for when a command runs */
  root(): string;
  /** True when --root or MOORAGE_ROOT names the directory. Otherwise it is just the current one. */
  isRootNamed(): boolean;
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

/** The directories of an instance, and the one that every new file system has. */
const NOTHING = ["keys", "homes", "db", "lost+found"];

/**
 * A command that would make a new instance calls this first. It makes one only where somebody wants it,
 * because a command is easily typed in the wrong directory.
 * @param emptyIsEnough whether an empty directory is wanted as well: nobody made it for anything else
 * @throws ControlError that says how to go on; InstanceError when a restore did not finish there
 */
export function requirePlace(
  { root: rootOf, isRootNamed }: Pick<CommandContext, "root" | "isRootNamed">,
  { emptyIsEnough = false }: { readonly emptyIsEnough?: boolean } = {},
): void {
  const root = rootOf();
  if (isRootNamed() || instanceExists(root)) return;
  refuseUnfinished(root);
  if (isSetOut(root) || (emptyIsEnough && isEmpty(root))) return;
  throw noInstance(root, "give --root .");
}

/** A directory with parts of an instance counts as empty: a start that was cut short left them. */
function isEmpty(root: string): boolean {
  try {
    return readdirSync(root).every((name) => NOTHING.includes(name));
  } catch {
    return false;
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
