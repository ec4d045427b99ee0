import { Command } from "commander";
import { expect, test } from "vitest";
import { addCommands } from "../../../src/cli/commands/all.ts";
import { GROUPS } from "../../../src/cli/first-screen.ts";
import { run } from "../../../src/cli/run.ts";
import { width } from "../../../src/text/width.ts";

const streams = { env: {}, stdin: process.stdin, colour: false } as const;

/** The words that lead to each command there is. */
async function commands(): Promise<string[][]> {
  const program = new Command("moorage");
  const io = { ...streams, out: () => {}, err: () => {} };
  const context = { io, root: () => "/", isRootNamed: () => true, exitCode: 0 };
  await addCommands(program, context, []);
  const below = (command: Command, words: string[]): string[][] => [
    words,
    ...command.commands.flatMap((child) => below(child, [...words, child.name()])),
  ];
  return below(program, []);
}

async function help(words: readonly string[], columns?: number): Promise<string> {
  let text = "";
  const out = (more: string): void => {
    text += more;
  };
  await run([...words, "--help"], { ...streams, out, err: out, columns });
  return text;
}

const plain = (text: string) => text.replace(/ \\$/gm, "").replace(/\s+/g, " ");

test.each([[60], [80], [120]])("no help has a line of more than %i columns", async (columns) => {
  const all = await commands();
  expect(all.length).toBeGreaterThan(60);
  for (const words of all) {
    const text = await help(words, columns);
    const long = text.split("\n").filter((line) => width(line) > columns);
    expect({ words, long }).toEqual({ words, long: [] });
    expect(plain(text)).toBe(plain(await help(words, 10_000)));
  }
});

test("without what it needs, each command tells its own usage", async () => {
  let told = 0;
  for (const words of await commands()) {
    const [, usage = ""] = /^Usage: (.*)$/m.exec(await help(words, 10_000)) ?? [];
    if (words.length === 0 || !/<|[A-Z]{3}/.test(usage)) continue;
    let err = "";
    const say = (text: string): void => {
      err += text;
    };
    const code = await run(words, { ...streams, out: say, err: say });
    const see = `; usage: ${usage}; see \`moorage ${words.join(" ")} --help\`\n`;
    expect({ words, code, err }).toEqual({ words, code: 2, err: expect.stringContaining(see) });
    told += 1;
  }
  expect(told).toBeGreaterThan(30);
});

async function said(...args: string[]): Promise<string> {
  let text = "";
  const say = (more: string): void => {
    text += more;
  };
  await run(args, { ...streams, out: say, err: say, columns: 80 });
  return text;
}

test("the first screen fits 24 rows of 80 columns with the prompt, and tells where the rest is", async () => {
  const first = await said();
  expect(first).toMatch(/^Usage: moorage /);
  expect(first.trimEnd().split("\n").length).toBeLessThan(24);
  for (const args of [["--help"], ["-h"], ["help"], ["--root", "/x", "help"]]) {
    expect(await said(...args)).toBe(first);
  }
  // What one begins with, and one of each kind of work.
  for (const name of ["serve", "user", "folder", "status", "usage", "admin", "put", "sync"]) {
    expect(first).toMatch(new RegExp(`^  (\\w+, )?${name}\\b.{12}`, "m"));
  }
  expect(first).toContain("`moorage help --all`");
});

test("all commands are in the whole help, each once, and all of the groups' exist", async () => {
  const whole = await said("help", "--all");
  expect(await said("--help", "--all")).toBe(whole);
  const listed = [...whole.matchAll(/^ {2}([a-z]+)(?: \[command\])? {2,}\S/gm)].map(
    ([, name]) => name,
  );
  const names = (await commands()).filter((words) => words.length === 1).flat();
  expect(listed.sort()).toEqual([...names, "help"].sort());
  const grouped = GROUPS.flatMap(({ first, more }) => [
    ...first.flatMap(([text]) => text.split(", ")),
    ...more,
  ]);
  expect([...grouped, "completion"].sort()).toEqual([...names].sort());
});

test("where there is no terminal it has 80 columns", async () => {
  expect(await help(["serve"])).toBe(await help(["serve"], 80));
});
