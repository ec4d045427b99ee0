import { resolve } from "node:path";
import { Command } from "commander";
import { EXIT } from "../control/errors.ts";
import { VERSION } from "../version.ts";
import { addCommands } from "./commands/all.ts";
import type { CommandContext } from "./context.ts";
import { groupCommands, helpStyle } from "./first-screen.ts";
import type { Io } from "./io.ts";
import { laidOut } from "./layout.ts";
import { otherWord } from "./other-words.ts";
import { type Meant, report } from "./report.ts";

const EXAMPLES = `
Examples:
  moorage serve                          run the server in this directory
  moorage user add alice --quota 20GB    add a user, also while the server runs
  moorage usage                          who stores how much
  moorage --root /srv/moorage status     another instance

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 the server is not running.
`;

/** --root, else MOORAGE_ROOT; undefined when neither is given. */
function namedRoot(program: Command, io: Io): string | undefined {
  return program.opts<{ root?: string }>().root || io.env.MOORAGE_ROOT || undefined;
}

/**
 * Runs one command line.
 * @param args without the program's name
 * @returns the exit code
 */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const program = new Command("moorage");
  const context: CommandContext = {
    io,
    root: () => resolve(namedRoot(program, io) ?? "."),
    isRootNamed: () => namedRoot(program, io) !== undefined,
    exitCode: EXIT.ok,
  };
  describe(program, io, args.includes("--all"));
  await addCommands(program, context, args);
  groupCommands(program);
  try {
    await program.parseAsync(args, { from: "user" });
    return context.exitCode;
  } catch (thrown) {
    return report(thrown, io, meantBy(program, args));
  }
}

/** The command that the words name. Words behind it that name no command are left out. */
function meantBy(program: Command, args: readonly string[]): Meant {
  let command = program;
  let last = "";
  for (const arg of args) {
    const isOfRoot = last === "--root";
    last = arg;
    if (isOfRoot || arg.startsWith("-")) continue;
    const below = command.commands.find((child) => child.name() === arg);
    if (below === undefined) break;
    command = below;
  }
  const below = command === program ? undefined : command.commands.map((child) => child.name());
  return {
    name: fullName(command),
    usage: command.createHelp().commandUsage(command),
    other: (word) => otherWord(word, below),
  };
}

function fullName(command: Command): string {
  const name = command.name();
  return command.parent === null ? name : `${fullName(command.parent)} ${name}`;
}

/** @param isWhole whether the help has all commands */
function describe(program: Command, io: Io, isWhole: boolean): void {
  program
    .description("An SSH/SFTP file server: every user a login, a home and a quota that is exact.")
    .option("--root <dir>", "the instance's directory (default: MOORAGE_ROOT, or this directory)")
    .version(`moorage ${VERSION}`, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .configureHelp(helpStyle(isWhole))
    .configureOutput({
      writeOut: (text) => io.out(laidOut(text, io.columns)),
      writeErr: (text) => io.err(laidOut(text, io.columns)),
      // Errors are printed by report(), in one line.
      outputError: () => {},
      getOutHasColors: () => io.colour,
      getErrHasColors: () => false,
    })
    .addHelpText("after", () => (isWhole ? EXAMPLES : ""))
    .exitOverride();
}
