import { Command } from "commander";
import { expect, test } from "vitest";
import { addCommands } from "../../../src/cli/commands/all.ts";
import { OTHER_WORDS, otherWord } from "../../../src/cli/other-words.ts";

const streams = { env: {}, stdin: process.stdin, colour: false, out: () => {}, err: () => {} };

async function program(): Promise<Command> {
  const made = new Command("moorage");
  const context = { io: streams, root: () => "/", isRootNamed: () => true, exitCode: 0 };
  await addCommands(made, context, []);
  return made;
}

const namesBelow = (command: Command) => command.commands.map((child) => child.name());

test("every command that is named for another word exists, and no word is one itself", async () => {
  const top = await program();
  const paths = top.commands.flatMap((command) => [
    command.name(),
    ...namesBelow(command).map((name) => `${command.name()} ${name}`),
  ]);
  const told = Object.keys(OTHER_WORDS.ofAll).flatMap((names) => names.split(" or "));
  expect(told.filter((name) => !paths.includes(name))).toEqual([]);
  const words = Object.values(OTHER_WORDS.ofAll).flat();
  expect(words.filter((word) => namesBelow(top).includes(word))).toEqual([]);
  expect(new Set(words).size).toBe(words.length);
  const below = top.commands.flatMap(namesBelow);
  expect(Object.keys(OTHER_WORDS.below).filter((name) => !below.includes(name))).toEqual([]);
});

test("below a command only what it has is named", () => {
  expect(otherWord("ls", ["add", "list"])).toBe("list");
  expect(otherWord("LS", ["add", "list"])).toBe("list");
  expect(otherWord("passwd", ["add", "list"])).toBeUndefined();
  expect(otherWord("password", ["add", "list"])).toBeUndefined();
  expect(otherWord("rm", ["set", "unset"])).toBe("unset");
  expect(otherWord("constructor")).toBeUndefined();
  expect(otherWord("constructor", ["add"])).toBeUndefined();
});
