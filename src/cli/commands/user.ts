import { type Command, Option } from "commander";
import { generatePassword } from "../../auth/generate.ts";
import { type PasswordRule, passwordRuleText, refusePassword } from "../../auth/password-rule.ts";
import { loadConfig } from "../../config/load.ts";
import { ControlError, EXIT } from "../../control/errors.ts";
import { instanceExists } from "../../control/instance.ts";
import { unknownGroup } from "../../control/names.ts";
import { checkName, checkPassword, type UserChangeRequest } from "../../control/users.ts";
import { userJson, userPageJson } from "../../control/views.ts";
import type { Role } from "../../store/types.ts";
import { count } from "../../text/figures.ts";
import { type Administration, administer, administerNew } from "../administer.ts";
import { type CommandContext, requirePlace } from "../context.ts";
import { json, paint, quotaText } from "../format.ts";
import { askNewPassword, confirmDeleting, readPassword } from "../input.ts";
import { addLimitOptions, givenLimits, type LimitOptions } from "../login-limits.ts";
import { type Limit, limitOf, maxFilesOption, quotaOption, roleOption } from "../options.ts";
import { addAccessCommand } from "./access.ts";
import { groupNames } from "./group.ts";
import { addKeyCommands, readKeyFile } from "./key.ts";
import { addTotpCommand } from "./totp.ts";
import { addImportCommand } from "./user-import.ts";
import { userDetails, userTable } from "./user-text.ts";

interface AddOptions extends LimitOptions {
  readonly quota?: Limit;
  readonly maxFiles?: Limit;
  readonly role: Role;
  readonly passwordStdin?: boolean;
  readonly generate?: boolean;
  readonly key?: string;
  readonly group?: readonly string[];
  readonly change?: boolean;
}

interface SetOptions extends LimitOptions {
  readonly quota?: Limit;
  readonly maxFiles?: Limit;
  readonly role?: Role;
  readonly passwordChange?: "yes" | "no";
  readonly force?: boolean;
}

interface RemoveOptions {
  readonly force?: boolean;
  readonly deleteHome?: boolean;
  readonly yes?: boolean;
}

interface PasswdOptions {
  readonly passwordStdin?: boolean;
  readonly generate?: boolean;
  readonly change?: boolean;
}

const EXAMPLES = `
Examples:
  moorage user add alice --quota 20GB             asks for a password
  moorage user add bob --key bob.pub              a key, and no password
  moorage user add carol < /dev/null              makes a password and prints it once
  moorage user set alice --quota none
  moorage user set bob --expires 30d --from 192.0.2.0/24 --auth key --max-sessions 2
  moorage user remove alice --delete-home
  moorage user import users.csv --dry-run         says what is wrong with it
`;

const NOTHING =
  "nothing to change: give --quota, --max-files, --role, --expires, --from, --auth, --max-sessions, --upload-rate, --download-rate, --require, --trash-keep or --password-change";

export function addUserCommands(program: Command, context: CommandContext): void {
  const user = program
    .command("user")
    .description("manage users; changes take effect at once, also on open sessions")
    .addHelpText("after", EXAMPLES);
  addMakingCommands(user, context);
  addChangingCommands(user, context);
  addImportCommand(user, context);
  addKeyCommands(user, context);
  addAccessCommand(user, context);
  addTotpCommand(user, context);
}

function addMakingCommands(user: Command, context: CommandContext): void {
  addLimitOptions(user.command("add"))
    .argument("<name>")
    .description("add a user")
    .addOption(quotaOption(context.io))
    .addOption(maxFilesOption())
    .addOption(roleOption().default("user"))
    .addOption(
      new Option("--group <names>", "existing groups, with commas between them").argParser(
        groupNames,
      ),
    )
    .option("--password-stdin", "read the password from standard input, one line")
    .addOption(
      new Option("--generate", "make a strong one and print it once").conflicts("passwordStdin"),
    )
    .addOption(changeOption())
    .option("--key <file>", "let this OpenSSH public key in; without a password, keys only")
    .addHelpText(
      "after",
      "\nWithout --password-stdin and --key, the command asks for the password on the terminal. Where\n" +
        "there is no terminal, it makes a strong password and prints it once.",
    )
    .action((name: string, options: AddOptions) => add(context, name, options));
  user
    .command("list")
    .description("list all users")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => list(context, options));
  user
    .command("show")
    .argument("<name>")
    .description("show one user")
    .option("--json", "print JSON")
    .action((name: string, options: { json?: boolean }) => show(context, name, options));
}

function addChangingCommands(user: Command, context: CommandContext): void {
  const force = () => new Option("--force", "do it even to the last enabled admin");
  addLimitOptions(user.command("set"))
    .argument("<name>")
    .description("change a user's limits or role")
    .addOption(quotaOption(context.io))
    .addOption(maxFilesOption())
    .addOption(roleOption())
    .addOption(
      new Option(
        "--password-change <answer>",
        "whether a new one must be set at the next login by password",
      ).choices(["yes", "no"]),
    )
    .addOption(force())
    .action((name: string, options: SetOptions) => set(context, name, options));
  user
    .command("passwd")
    .argument("<name>")
    .description("set a user's password")
    .option("--password-stdin", "read it from standard input, one line")
    .addOption(
      new Option("--generate", "make a strong one and print it once").conflicts("passwordStdin"),
    )
    .addOption(changeOption())
    .action((name: string, options: PasswdOptions) => passwd(context, name, options));
  user
    .command("enable")
    .argument("<name>")
    .description("let a disabled user log in again")
    .action((name: string) => act(context, `Enabled ${name}.`, ({ users }) => users.enable(name)));
  user
    .command("disable")
    .argument("<name>")
    .description("end a user's sessions and let no new ones in")
    .addOption(force())
    .action((name: string, options: { force?: boolean }) => disable(context, name, options));
  user
    .command("remove")
    .argument("<name>")
    .description("end a user's sessions and remove the account; the home is kept")
    .option("--delete-home", "delete the home, too; asks on a terminal")
    .option("--yes", "don't ask")
    .addOption(force())
    .action((name: string, options: RemoveOptions) => remove(context, name, options));
}

function changeOption(): Option {
  return new Option("--change", "the user must set a new one at the next login by password");
}

async function act(
  context: CommandContext,
  done: string,
  use: (administration: Administration) => Promise<void>,
): Promise<void> {
  await administer(context, use);
  context.io.out(`${done}\n`);
}

async function disable(
  context: CommandContext,
  name: string,
  options: { force?: boolean },
): Promise<void> {
  const ended = await administer(context, async ({ store, users }) => {
    // This is asked first, because the sessions end at once.
    const open = (await store.sessions.list()).filter(({ user }) => user === name);
    await users.disable(name, options);
    return open.length;
  });
  const kept = `${count(ended, "session")} ${ended === 1 ? "ends" : "end"}; what has arrived of an upload is kept`;
  context.io.out(ended === 0 ? `Disabled ${name}.\n` : `Disabled ${name}: ${kept}.\n`);
}

async function add(context: CommandContext, name: string, options: AddOptions): Promise<void> {
  const { io } = context;
  requirePlace(context);
  const isNew = !instanceExists(context.root());
  // What is wrong with the name is told before anybody types a password.
  if (isNew) checkNewInstance(name, options);
  else await administer(context, ({ users }) => users.checkNew(name));
  const keys = options.key === undefined ? [] : readKeyFile(options.key);
  const { password, generated } = await passwordToAdd(context, name, options);
  if (password !== undefined) await checkPassword(name, password, passwordRule(context));
  const account = await administerNew(context, ({ users, config }) =>
    users.add({
      name,
      role: options.role,
      ...(password !== undefined && { password }),
      keys,
      passwordChange: options.change ?? false,
      ...quotaGiven(options.quota),
      quotaFiles: limitOf(options.maxFiles, config.quota.files),
      ...(options.group !== undefined && { groups: options.group }),
      ...givenLimits(options),
    }),
  );
  io.out(`Added ${name} (${account.role}, quota ${quotaText(account.quotaBytes)}).\n`);
  if (generated && password !== undefined) showPassword(context, password);
}

/** Without one, or with `default`, the user has what groups and settings say. */
function quotaGiven(quota: Limit | undefined): { readonly quotaBytes?: number | null } {
  if (quota === undefined || quota === "default") return {};
  return { quotaBytes: quota === "none" ? null : quota };
}

/** Nothing is made for a user who can't be added. */
function checkNewInstance(name: string, { group = [] }: AddOptions): void {
  checkName(name);
  const [first] = group;
  if (first !== undefined) throw unknownGroup(first);
}

function passwordRule({ root, io: { env } }: CommandContext): PasswordRule {
  return loadConfig({ root: root(), env }).auth;
}

/** On the terminal. */
function typedPassword(context: CommandContext, name: string): Promise<string> {
  const rule = passwordRule(context);
  return askNewPassword(context.io, {
    rule: passwordRuleText(rule),
    refusal: (password) => refusePassword(password, name, rule),
  });
}

async function passwordToAdd(
  context: CommandContext,
  name: string,
  options: AddOptions,
): Promise<{ password: string | undefined; generated: boolean }> {
  const { io } = context;
  if (options.generate) return { password: generatePassword(), generated: true };
  if (options.passwordStdin) return { password: await readPassword(io), generated: false };
  if (options.key !== undefined) return { password: undefined, generated: false };
  if (io.stdin.isTTY) {
    const root = context.root();
    if (!instanceExists(root)) io.err(`A new instance is made in ${root}.\n`);
    return { password: await typedPassword(context, name), generated: false };
  }
  return { password: generatePassword(), generated: true };
}

function showPassword({ io }: CommandContext, password: string): void {
  io.out(`Password: ${paint(io, "bold", password)}\n(It is shown only now.)\n`);
}

async function list(context: CommandContext, options: { json?: boolean }): Promise<void> {
  const { io } = context;
  const all = await administer(context, ({ users }) => users.list());
  if (options.json) io.out(json(all.map(({ account, keys }) => userJson(account, keys))));
  else if (all.length === 0) io.out("No users.\n");
  else io.out(userTable(io, all));
}

async function show(
  context: CommandContext,
  name: string,
  options: { json?: boolean },
): Promise<void> {
  const { io } = context;
  const page = await administer(context, async ({ users, factors, access }) => ({
    user: await users.show(name),
    factor: await factors.status(name),
    rules: await access.all(name),
  }));
  io.out(options.json ? json(userPageJson(page)) : userDetails(page));
}

async function set(context: CommandContext, name: string, options: SetOptions): Promise<void> {
  const { quota, maxFiles, role, passwordChange, force = false } = options;
  const limits = givenLimits(options);
  const isSame = [quota, maxFiles, role, passwordChange].every((given) => given === undefined);
  if (isSame && Object.keys(limits).length === 0) throw new ControlError(NOTHING, EXIT.usage);
  const account = await administer(context, ({ users, config }) => {
    const change: UserChangeRequest = {
      ...(quota !== undefined && { quotaBytes: quota === "none" ? null : quota }),
      ...(maxFiles !== undefined && { quotaFiles: limitOf(maxFiles, config.quota.files) }),
      ...(role !== undefined && { role }),
      ...(passwordChange !== undefined && { passwordChange: passwordChange === "yes" }),
      ...limits,
    };
    return users.set(name, change, { force });
  });
  context.io.out(userTable(context.io, [{ account, keys: [] }], { keys: false }));
}

async function passwd(
  context: CommandContext,
  name: string,
  options: PasswdOptions,
): Promise<void> {
  const { io } = context;
  if (!options.passwordStdin && !options.generate && !io.stdin.isTTY) {
    throw new ControlError(
      "no terminal to ask for a password: give --password-stdin or --generate",
      EXIT.usage,
    );
  }
  // An unknown name is told before anybody types a password.
  await administer(context, ({ users }) => users.account(name));
  const password = await newPassword(context, name, options);
  await administer(context, ({ users }) =>
    users.setPassword(name, password, options.change ? { change: true } : {}),
  );
  io.out(`Set the password of ${name}.\n`);
  if (options.generate) showPassword(context, password);
}

async function newPassword(
  context: CommandContext,
  name: string,
  options: PasswdOptions,
): Promise<string> {
  if (options.generate) return generatePassword();
  return options.passwordStdin ? readPassword(context.io) : typedPassword(context, name);
}

async function remove(
  context: CommandContext,
  name: string,
  options: RemoveOptions,
): Promise<void> {
  if (options.deleteHome) await confirmDeleting(context.io, `all files of ${name}`, options);
  const { homeDeleted } = await administer(context, ({ users }) => users.remove(name, options), {
    settle: true,
  });
  const kept = options.deleteHome ? "it had no home" : `its home is kept in homes/${name}`;
  context.io.out(`Removed ${name}; ${homeDeleted ? "its home is deleted" : kept}.\n`);
}
