import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { PublicKeyError, parsePublicKeys } from "../../auth/keys.ts";
import { ControlError } from "../../control/errors.ts";
import { keyJson } from "../../control/key-views.ts";
import type { UserKey } from "../../store/types.ts";
import { dateText } from "../../text/figures.ts";
import { visible } from "../../text/safe.ts";
import { administer } from "../administer.ts";
import type { CommandContext } from "../context.ts";
import { json, table } from "../format.ts";

const MAX_FILE_BYTES = 1024 * 1024;

const OPTIONS = `
Options in front of a key, as in authorized_keys: from="192.0.2.0/24", expiry-time="20271231",
restrict, no-pty, pty, no-touch-required, verify-required and more. What is not honoured is refused.
`;

export function addKeyCommands(user: Command, context: CommandContext): void {
  const key = user.command("key").description("manage the public keys a user logs in with");
  key
    .command("add")
    .argument("<name>")
    .argument("<file>", "OpenSSH public key file (.pub), one key a line, perhaps with options")
    .description("let a key in, or give it other options")
    .addHelpText("after", OPTIONS)
    .action((name: string, file: string) => add(context, name, file));
  key
    .command("list")
    .argument("<name>")
    .description("list a user's keys")
    .option("--json", "print JSON")
    .action((name: string, options: { json?: boolean }) => list(context, name, options));
  key
    .command("remove")
    .argument("<name>")
    .argument("<fingerprint>", "SHA256:…, as `user key list` shows it")
    .description("let a key in no more, and end the sessions it opened")
    .action((name: string, fingerprint: string) => remove(context, name, fingerprint));
}

/** The public keys in a file. */
export function readKeyFile(file: string): UserKey[] {
  return readKeys(file, parsePublicKeys);
}

/** What is read from a file of keys; never quotes it, for it might be a private key. */
export function readKeys<T>(file: string, parse: (text: string) => T): T {
  const shown = visible(file);
  try {
    const bytes = readFileSync(file);
    if (bytes.length > MAX_FILE_BYTES) throw new ControlError(`${shown} is too large for a key`);
    return parse(bytes.toString("utf8"));
  } catch (thrown) {
    if (thrown instanceof PublicKeyError) throw new ControlError(`${shown}: ${thrown.message}`);
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === undefined) throw thrown;
    throw new ControlError(`can't read the key file ${shown} (${code})`);
  }
}

async function add(context: CommandContext, name: string, file: string): Promise<void> {
  const keys = readKeyFile(file);
  const [before, taken] = await administer(context, async ({ users }) => {
    const there = await users.listKeys(name);
    return [there.map(({ fingerprint }) => fingerprint), await users.addKeys(name, keys)];
  });
  for (const key of keys) {
    const added = before.includes(key.fingerprint) ? "Changed the options of" : "Added";
    const verb = taken.includes(key) ? added : "Was there already:";
    context.io.out(`${verb} ${key.fingerprint}\n`);
  }
}

async function list(
  context: CommandContext,
  name: string,
  options: { json?: boolean },
): Promise<void> {
  const keys = await administer(context, ({ users }) => users.listKeys(name));
  if (options.json) {
    context.io.out(json(keys.map(keyJson)));
    return;
  }
  if (keys.length === 0) {
    context.io.out(`${name} has no keys.\n`);
    return;
  }
  const columns = [
    { title: "FINGERPRINT" },
    { title: "TYPE" },
    { title: "ADDED" },
    { title: "OPTIONS" },
    { title: "COMMENT" },
  ];
  const rows = keys.map((key) => [
    key.fingerprint,
    key.algorithm,
    dateText(key.createdAt),
    key.options?.text ?? "",
    key.comment,
  ]);
  context.io.out(table(context.io, columns, rows));
}

async function remove(context: CommandContext, name: string, fingerprint: string): Promise<void> {
  await administer(context, ({ users }) => users.removeKey(name, fingerprint));
  context.io.out(`Removed the key from ${name}.\n`);
}
