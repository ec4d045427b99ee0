import { type Command, Help } from "commander";

// The help of the program itself. The first screen has what one needs at first, and fits a small terminal
// with its prompt. `moorage help --all` has the rest.

interface Group {
  readonly title: string;
  /** the commands of the first screen, each with one line about it */
  readonly first: readonly (readonly [names: string, text: string])[];
  /** the commands that only the whole help has */
  readonly more: readonly string[];
}

export const GROUPS: readonly Group[] = [
  {
    title: "Server:",
    first: [
      ["serve, stop", "run the server (its first start makes a user `admin`); stop it"],
      ["admin", "all of it on a screen, in this terminal"],
      ["config", "check the settings, and change them"],
    ],
    more: ["restart", "reload", "nodes", "metrics"],
  },
  {
    title: "Users:",
    first: [
      ["user", "add, list, change and remove users: quota, password, keys"],
      ["group", "limits, a quota and folders for several users"],
      ["folder", "folders that users share"],
    ],
    more: ["ca"],
  },
  {
    title: "Look:",
    first: [
      ["status, check", "whether the server runs; what is wrong with the instance"],
      ["sessions, kick", "who is connected; end a session"],
      ["usage", "who stores how much, and of what quota"],
      ["logs", "what happened: logins, uploads, changes"],
    ],
    more: ["penalties", "ban", "unban", "events"],
  },
  { title: "Keep:", first: [], more: ["backup", "restore", "trash", "store"] },
  {
    title: "Client:",
    first: [
      ["connect", "a file shell on any SFTP server"],
      ["put, get", "upload files; download them"],
      ["sync", "make a directory here the same as one there, or the reverse"],
    ],
    more: [],
  },
];

/** The title of commands that are in no group, such as `help`. */
const OTHERS = "Other:";

const INTRODUCTION = "An SSH/SFTP file server. Commands work on this directory, or on --root DIR.";
const END = "All commands: `moorage help --all`. About one: `moorage user --help`.";

/** The first screen, without its last line. */
export function firstScreen(): string {
  const named = GROUPS.flatMap(({ first }) => first.map(([names]) => names.length));
  const edge = Math.max(...named) + 2;
  const groups = GROUPS.filter(({ first }) => first.length > 0).flatMap(({ title, first }) => [
    title,
    ...first.map(([names, text]) => `  ${names.padEnd(edge)}${text}`),
  ]);
  return ["Usage: moorage [options] [command]", "", INTRODUCTION, "", ...groups, "", END, ""].join(
    "\n",
  );
}

/** Puts the commands that are there under the titles of their groups. */
export function groupCommands(program: Command): void {
  for (const command of program.commands) {
    const name = command.name();
    const group = GROUPS.find(({ first, more }) => {
      return more.includes(name) || first.some(([names]) => names.split(", ").includes(name));
    });
    if (group !== undefined) command.helpGroup(group.title);
  }
}

/**
 * How Commander writes the help.
 * @param isWhole whether the help of the program has all commands
 */
export function helpStyle(isWhole: boolean): Partial<Help> {
  const usual = new Help();
  return {
    // Commander must not break lines: what is too long for the terminal is laid out later.
    helpWidth: Number.POSITIVE_INFINITY,
    showGlobalOptions: true,
    formatHelp: (command, help) =>
      command.parent === null && !isWhole ? firstScreen() : usual.formatHelp(command, help),
    visibleCommands: (command) => {
      const all = usual.visibleCommands(command);
      if (command.parent !== null) return all;
      for (const one of all) if (one.helpGroup() === "") one.helpGroup(OTHERS);
      return all;
    },
    // In the list of all commands, their arguments would leave no room for what they do.
    subcommandTerm: (command) =>
      command.parent?.parent === null ? command.name() : usual.subcommandTerm(command),
  };
}
