import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { Command } from "commander";
import { ControlError, EXIT } from "../../control/errors.ts";
import type { Fault } from "../../control/import/csv.ts";
import { type Generated, UserImport } from "../../control/import/import.ts";
import { type ImportFile, MAX_FILE } from "../../control/import/rows.ts";
import { count } from "../../text/figures.ts";
import { visible } from "../../text/safe.ts";
import { decodeUtf8 } from "../../text/utf8.ts";
import { type Administration, administer } from "../administer.ts";
import { type CommandContext, cliActor } from "../context.ts";
import { json } from "../format.ts";
import { passwordsCsv, requireNewFile, writePasswordFile } from "../password-file.ts";

interface ImportOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly passwords?: string;
}

/** So many of the faults are told. */
const TOLD_FAULTS = 20;
/** Progress is told so often, of all. */
const STEPS = 10;
/** Fewer passwords are hashed before anybody wonders. */
const MANY = 20;
const TERMINAL = "-";

const HELP = `
The first line names the columns: name, and if you like quota, groups, key and role. What is left
empty is as with \`moorage user add\`; groups have spaces, commas or semicolons between them:

  name,quota,groups,key,role
  alice,20GB,students,ssh-ed25519 AAAA… alice@laptop,
  bob,,"students,staff",,admin

All users are added, or none. Who has no key gets a password. They are written to a new file that only
you can read: give each user theirs, then delete it.
`;

export function addImportCommand(user: Command, context: CommandContext): void {
  user
    .command("import")
    .argument("<file>", "CSV, in UTF-8")
    .description("add all users of a file, or none when something is wrong with one")
    .option("--dry-run", "check the file, and change nothing")
    .option(
      "--passwords <file>",
      "a new file for the passwords; default: NAME.passwords.csv beside NAME.csv; - prints them",
    )
    .option("--json", "print JSON")
    .addHelpText("after", HELP)
    .action((file: string, options: ImportOptions) => importUsers(context, file, options));
}

async function importUsers(
  context: CommandContext,
  file: string,
  options: ImportOptions,
): Promise<void> {
  if (options.json && options.passwords === TERMINAL) {
    throw new ControlError("give --passwords a file with --json", EXIT.usage);
  }
  const text = readText(file);
  await administer(context, async (administration) => {
    const users = userImport(administration, context.root());
    const found = await users.check(text);
    if (found.faults.length > 0) tellFaults(context, file, found.faults, options);
    else if (options.dryRun) tellDone(context, found, options, undefined);
    else await add(context, users, found, file, options);
  });
}

function userImport({ store, config, hash }: Administration, root: string): UserImport {
  const { auth, quota } = config;
  const concurrency = auth.hashConcurrency;
  return new UserImport({ store, root, actor: cliActor(), rule: auth, quota, concurrency, hash });
}

async function add(
  context: CommandContext,
  users: UserImport,
  found: ImportFile,
  file: string,
  options: ImportOptions,
): Promise<void> {
  const { io } = context;
  const path = options.passwords ?? `${file.replace(/\.csv$/i, "")}.passwords.csv`;
  const isNeeded = found.rows.some(({ keys }) => keys.length === 0);
  // Told before the long work.
  if (isNeeded && path !== TERMINAL) requireNewFile(path);
  let made: readonly Generated[] = [];
  await users.add(found.rows, {
    onHashed: (done, total) => {
      const step = Math.max(1, Math.floor(total / STEPS));
      if (total >= MANY && (done % step === 0 || done === total)) {
        io.err(`Passwords: ${done} of ${total} hashed\n`);
      }
    },
    keep: (passwords) => {
      made = passwords;
      if (path === TERMINAL || passwords.length === 0) return () => {};
      return writePasswordFile(path, passwords);
    },
  });
  if (path === TERMINAL && made.length > 0) io.out(passwordsCsv(made));
  else tellDone(context, found, options, made.length > 0 ? path : undefined);
}

/** @throws ControlError for what can't be read, is too large, or no text */
function readText(file: string): string {
  const text = decodeUtf8(readBytes(file));
  if (text !== undefined) return text;
  throw new ControlError(`${visible(file)} is not UTF-8: save it as such`);
}

function readBytes(file: string): Buffer {
  const shown = visible(file);
  try {
    const descriptor = openSync(file, "r");
    try {
      if (fstatSync(descriptor).isDirectory()) throw new ControlError(`${shown} is a directory`);
      const bytes = readUpTo(descriptor, MAX_FILE + 1);
      if (bytes.length <= MAX_FILE) return bytes;
      throw new ControlError(`${shown} is larger than ${MAX_FILE} bytes: import it in parts`);
    } finally {
      closeSync(descriptor);
    }
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === undefined) throw thrown;
    throw new ControlError(`can't read ${shown} (${code})`);
  }
}

/** Also of a pipe, which has no size. */
function readUpTo(descriptor: number, most: number): Buffer {
  const bytes = Buffer.alloc(most);
  for (let size = 0; ; ) {
    const read = readSync(descriptor, bytes, size, most - size, null);
    size += read;
    if (read === 0 || size === most) return bytes.subarray(0, size);
  }
}

function tellFaults(
  context: CommandContext,
  file: string,
  faults: readonly Fault[],
  options: ImportOptions,
): void {
  const { io } = context;
  context.exitCode = EXIT.failed;
  const told = faults.slice(0, TOLD_FAULTS);
  if (options.json) {
    const list = told.map(({ line = null, text }) => ({ line, text }));
    io.out(
      json({
        dryRun: options.dryRun === true,
        users: [],
        faults: list,
        more: faults.length - told.length,
      }),
    );
    return;
  }
  for (const { line, text } of told) {
    const place = line === undefined ? "" : `line ${line}: `;
    io.err(`${visible(file)}: ${place}${visible(text)}\n`);
  }
  if (faults.length > told.length) io.err(`… and ${faults.length - told.length} more\n`);
  io.err(`moorage: ${count(faults.length, "fault")}: nothing was changed\n`);
}

/** @param path of the file with the passwords */
function tellDone(
  { io }: CommandContext,
  { rows }: ImportFile,
  { json: asJson, dryRun = false }: ImportOptions,
  path: string | undefined,
): void {
  const users = rows.map(({ name }) => name);
  if (asJson) {
    io.out(json({ dryRun, users, faults: [], more: 0, passwords: path ?? null }));
    return;
  }
  const many = count(users.length, "user");
  if (dryRun) io.out(`Nothing is wrong: ${many} would be added.\n`);
  else io.out(`Added ${many}.\n`);
  if (path !== undefined)
    io.out(`Their passwords are in ${visible(path)}: delete it afterwards.\n`);
}
