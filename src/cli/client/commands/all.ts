import { nearest } from "../../../config/nearest.ts";
import { UsageError } from "../../../shell/errors.ts";
import { helpText, type ShellCommand } from "../shell/command.ts";
import { FILE_COMMANDS } from "./files.ts";
import { INFO_COMMANDS } from "./info.ts";
import { LIST_COMMANDS } from "./listing.ts";
import { MORE_COMMANDS } from "./more.ts";
import { PLACE_COMMANDS } from "./places.ts";
import { TRANSFER_COMMANDS } from "./transfers.ts";
import { trash } from "./trash.ts";

/** Thrown by `exit`. */
export class Leave extends Error {
  override readonly name = "Leave";
}

const help: ShellCommand = {
  name: "help",
  aliases: ["?"],
  usage: "[COMMAND]",
  summary: "list the commands, or explain one",
  operands: [0, 1],
  side: () => "command",
  async run(shell, { operands: [word] }) {
    if (word === undefined) {
      for (const { name, aliases = [], summary } of COMMANDS) {
        const also = aliases.length > 0 ? ` (${aliases.join(", ")})` : "";
        shell.print(`${name.padEnd(11)} ${summary}${also}`);
      }
      shell.print("!COMMAND    run a command of this machine");
      shell.print("N           go on with number N of the unfinished transfers");
      shell.print("COMMAND --help tells more; names with blanks go in quotes; * ? [ ] match names");
      return;
    }
    const command = findCommand(word.text);
    if (command === undefined) throw noCommand(word.text);
    shell.output.out(helpText(command));
  },
};

const exit: ShellCommand = {
  name: "exit",
  aliases: ["bye", "quit"],
  usage: "",
  summary: "leave (Ctrl-D does, too)",
  operands: [0, 0],
  async run() {
    throw new Leave("exit");
  },
};

export const COMMANDS: readonly ShellCommand[] = [
  ...LIST_COMMANDS,
  ...PLACE_COMMANDS,
  ...TRANSFER_COMMANDS,
  ...FILE_COMMANDS,
  ...INFO_COMMANDS,
  ...MORE_COMMANDS,
  trash,
  help,
  exit,
];

const BY_NAME = new Map(
  COMMANDS.flatMap((command) =>
    [command.name, ...(command.aliases ?? [])].map((name) => [name, command] as const),
  ),
);

export function findCommand(name: string): ShellCommand | undefined {
  return BY_NAME.get(name);
}

/** The error for a name that no command has. It names the command that was probably meant, if one is near. */
export function noCommand(name: string): UsageError {
  const meant = nearest(name, commandNames());
  const how = meant === undefined ? "`help` lists what there is" : `did you mean ${meant}?`;
  return new UsageError(`no command ${name}; ${how}`);
}

export function commandNames(): string[] {
  return [...BY_NAME.keys()].sort();
}
