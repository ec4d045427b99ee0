import { readdirSync } from "node:fs";
import { userInfo } from "node:os";
import { ControlError } from "../control/errors.ts";
import { instanceExists, isSetOut, requireInstance } from "../control/instance.ts";
import { refuseUnfinished } from "../store/belongings.ts";
import type { OpenOptions, Store } from "../store/store.ts";
import { openInstance } from "./database.ts";
import type { Io } from "./io.ts";

/** What every command gets, and how it tells its exit code when that is not 0. */
export interface CommandContext {
  readonly io: Io;
  /** the instance's directory, absolute; asked for when a command runs */
  root(): string;
  /** true: --root or MOORAGE_ROOT says where that is; else it is just the current directory */
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

/**
 * What makes an instance where there is none, does so only where somebody wants one: the wrong current
 * directory is soon taken.
 * @throws ControlError that says how to go on
 */
export function requirePlace({ root: rootOf, isRootNamed }: CommandContext): void {
  const root = rootOf();
  if (isRootNamed() || instanceExists(root) || isSetOut(root)) return;
  throw new ControlError(
    `no instance in ${root}: give --root DIR with the directory of one; for a new one here, give --root .`,
  );
}

/** The directories of an instance, and what a file system that was just made has. */
const NOTHING = ["keys", "homes", "db", "lost+found"];

/**
 * The same for a first start of a server. It takes an empty directory as well: nobody made that for
 * anything else.
 * @throws ControlError that says how to go on
 */
export function requireServingPlace(context: CommandContext): void {
  const root = context.root();
  if (context.isRootNamed() || instanceExists(root) || isSetOut(root) || isEmpty(root)) return;
  refuseUnfinished(root);
  throw new ControlError(
    `no instance in ${root}, and it is not empty: give --root DIR with the directory of one; for a new one here, give --root .`,
  );
}

/** One with a part of an instance is: a start that was cut short left that. */
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
