import { type ByteString, display, fromText } from "../../vfs/path.ts";
import type { Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import { parseOptions } from "../options.ts";

/** The text of `COMMAND --help`. */
export function helpText({ name, summary, usage }: Command): string {
  const [synopsis = "", ...more] = usage.split("\n");
  return `${[`Usage: ${name} ${synopsis}`.trimEnd(), summary, ...more].join("\n")}\n`;
}

const INTRODUCTION = `The commands of this server; 'help COMMAND' or 'COMMAND --help' tells more:
`;

const SYNTAX = `
A line may hold several commands (a; b, a && b, a || b), quotes ('a b', "a b", a\\ b),
patterns (*, ?, [a-z]), ~, $HOME, $USER, $PWD and $?; echo and cat may be followed by
| and one of the sum commands.
`;

/** @param commands all there are, this one too */
export function helpCommand(commands: () => ReadonlyMap<string, Command>): Command {
  return {
    name: "help",
    summary: "explain the commands",
    usage: "[COMMAND]...",
    async run(call) {
      const { operands } = parseOptions(call.args, { short: "" });
      if (operands.length === 0) {
        const all = [...commands().values()].sort((a, b) => (a.name < b.name ? -1 : 1));
        const lines = all.map(({ name, summary }) => `  ${name.padEnd(10)} ${summary}\n`);
        await call.out.print(fromText(INTRODUCTION + lines.join("") + SYNTAX));
        return 0;
      }
      for (const operand of operands as readonly ByteString[]) {
        const command = commands().get(operand);
        if (command === undefined) {
          throw new CommandError(`no command '${display(operand)}' (help lists all)`);
        }
        await call.out.print(fromText(helpText(command)));
      }
      return 0;
    },
  };
}
