import { generatePassword } from "../auth/generate.ts";
import { Passwords } from "../auth/passwords.ts";
import type { Config } from "../config/types.ts";
import { ControlError } from "../control/errors.ts";
import { shellWord } from "../control/secrets.ts";
import { UserControl } from "../control/users.ts";
import type { Store } from "../store/store.ts";
import { paint } from "./format.ts";
import type { Io } from "./io.ts";
import { flowed } from "./layout.ts";
import { ownFiles } from "./own-files.ts";
import { ownCall } from "./own-name.ts";

const FIRST_ADMIN = "admin";

const OUT_OF_VIEW =
  "The log of this first run goes to a file, so that the password stays in view. Ctrl-C stops the server.";

/**
 * Flags that send the log of this run to a file, where it would otherwise push a password that is
 * shown once off the terminal: at the first start. Empty where that can't happen.
 */
export async function flagsOfFirstLog(
  io: Io,
  root: string,
  { log }: Config,
  store: Store,
): Promise<Readonly<Record<string, string>>> {
  if (!isOnTerminal(io) || log.file !== "" || (await store.users.count()) > 0) return {};
  return { "--log-file": ownFiles(root).log };
}

/** What a first start tells in addition. Nothing where there are users already. */
export async function firstLines(
  io: Io,
  root: string,
  config: Config,
  store: Store,
  at: { host: string; port: number },
): Promise<string[]> {
  const password = await firstAdmin(root, config, store);
  if (password === undefined) return [];
  return [
    "",
    ...flowed(
      `This is the first start: there is now an account ${FIRST_ADMIN} (role admin).`,
      io.columns,
    ),
    `Its password, shown only this once: ${paint(io, "bold", password)}`,
    "Try it:",
    `  sftp -P ${at.port} ${FIRST_ADMIN}@${reachable(at.host)}`,
    "",
    ...nextLines(io, root, process.argv[1] ?? ""),
    ...(isOutOfView(io, root, config) ? ["", ...flowed(OUT_OF_VIEW, io.columns)] : []),
  ];
}

/** What to do next, with a command that works for the person who reads this. */
export function nextLines(
  io: Pick<Io, "env" | "columns">,
  root: string,
  program: string,
): string[] {
  const { call, isBelow } = ownCall({ path: io.env.PATH, program, directory: root });
  const where = isBelow ? "in its directory, in a second terminal" : "in a second terminal";
  const text = `Users, files, keys and settings are all in the instance. Other commands run ${where}:`;
  const named = isBelow ? "" : ` --root ${shellWord(root)}`;
  return [...flowed(text, io.columns), `  ${call}${named} user add alice`];
}

/** Whether the log of this run goes to a file so that a password that is shown once stays in view. */
function isOutOfView(io: Io, root: string, { log }: Config): boolean {
  return isOnTerminal(io) && log.file === ownFiles(root).log;
}

export function isOnTerminal({ errTerminal, stdout }: Io): boolean {
  return errTerminal === true && stdout?.isTTY === true;
}

/** A host to connect to, from the one listened on. */
function reachable(host: string): string {
  if (["0.0.0.0", "::", "127.0.0.1", "::1"].includes(host)) return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

/** The password of the account made because there was none at all. */
async function firstAdmin(root: string, config: Config, store: Store): Promise<string | undefined> {
  if ((await store.users.count()) > 0) return undefined;
  const password = generatePassword();
  const passwords = new Passwords(config.auth);
  const users = new UserControl({
    store,
    root,
    actor: "first start",
    rule: config.auth,
    quota: config.quota,
    hash: (text) => passwords.hash(text),
  });
  try {
    await users.add({
      name: FIRST_ADMIN,
      role: "admin",
      password,
    });
  } catch (thrown) {
    // Another process started at the same moment, and made and showed it.
    if (thrown instanceof ControlError && (await store.users.count()) > 0) return undefined;
    throw thrown;
  }
  return password;
}
