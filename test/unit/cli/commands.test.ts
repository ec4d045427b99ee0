import { PassThrough } from "node:stream";
import { Command } from "commander";
import { expect, test } from "vitest";
import { addCommands, REGISTRATIONS } from "../../../src/cli/commands/all.ts";
import type { CommandContext } from "../../../src/cli/context.ts";

const context: CommandContext = {
  io: { env: {}, stdin: new PassThrough(), out: () => {}, err: () => {}, colour: false },
  root: () => "/nowhere",
  isRootNamed: () => true,
  exitCode: 0,
};

async function added(...args: string[]): Promise<string[]> {
  const program = new Command("moorage");
  await addCommands(program, context, args);
  return program.commands.map((command) => command.name());
}

test.each([
  [["--version"], []],
  [
    ["status", "--json"],
    ["status", "stop"],
  ],
  [["--root", "/srv/moorage", "user", "list"], ["user"]],
  [["--root=/srv/moorage", "put", "--help"], ["put"]],
  [
    ["--root", "status", "unban", "192.0.2.1"],
    ["penalties", "ban", "unban"],
  ],
])("%j loads %j", async (args, names) => {
  expect(await added(...args)).toEqual(names);
});

test.each([[[]], [["--help"]], [["help", "user"]], [["completion", "bash"]], [["serv"]]])(
  "%j loads all commands",
  async (args) => {
    const names = await added(...args);
    expect(names).toHaveLength(REGISTRATIONS.flatMap(({ names }) => names).length + 1);
    expect(names).toEqual(expect.arrayContaining(["serve", "connect", "completion"]));
  },
);

test("each registration adds the commands that it names", async () => {
  for (const { names, load } of REGISTRATIONS) {
    const program = new Command("moorage");
    (await load())(program, context);
    const found = program.commands.map((command) => command.name());
    expect(found).toEqual(names.length > 0 ? names : ["completion"]);
  }
});
