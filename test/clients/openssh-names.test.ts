import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DONE, tree } from "../support/desk.ts";
import { type ServedDesk, serveDesk } from "../support/served-desk.ts";

/** Names a user might have, or an attacker. */
const NAMES: readonly (readonly [string, string | Buffer])[] = [
  ["with spaces", "two  words and more"],
  ["with a space at both ends", " edge "],
  ["with single quotes", "it's"],
  ["with double quotes", 'say "hi"'],
  ["with a backslash", "back\\slash"],
  ["with a leading dash", "-rf"],
  ["with two leading dashes", "--help"],
  ["with a newline", "new\nline"],
  ["with a tab", "a\ttab"],
  ["with control characters", "bell\x07esc\x1b[31m\x7f"],
  ["of wildcards", "*?[a]"],
  ["of a shell's characters", "$HOME;`id`|&<>()!~"],
  ["with a hash", "#comment"],
  ["that is hidden", ".hidden"],
  ["of three dots", "..."],
  ["with umlauts", "Müßiggang"],
  ["with umlauts, decomposed", "Mu\u0308ßiggang"],
  ["in Japanese", "日本語のファイル"],
  ["with a ship", "🚢 ahoy"],
  ["that is not UTF-8", Buffer.from([0x66, 0xff, 0xfe, 0x80, 0xc3, 0x28])],
  ["in Latin-1", Buffer.from("Größe", "latin1")],
  ["of 255 bytes", "n".repeat(255)],
  ["of 255 bytes in UTF-8", `${"é".repeat(127)}x`],
  ["of 255 bytes that are not UTF-8", Buffer.alloc(255, 0xe9)],
];

let server: ServedDesk["server"];
let desk: ServedDesk["desk"];
let close: ServedDesk["close"];

beforeAll(async () => {
  ({ server, desk, close } = await serveDesk());
});

afterAll(() => close());

/** As OpenSSH's sftp reads a word: within double quotes these two are escaped. */
function quote(name: Buffer): Buffer {
  const text = name.toString("latin1").replace(/["\\]/g, "\\$&");
  return Buffer.from(`"${text}"`, "latin1");
}

function line(...words: (string | Buffer)[]): Buffer {
  return Buffer.concat(words.flatMap((word) => [Buffer.from(word), Buffer.from(" ")]));
}

function names(directory: string): string[] {
  return readdirSync(directory, "buffer")
    .map((name) => name.toString("latin1"))
    .sort();
}

test("a tree of all of them goes there and back as it is", async () => {
  const top = desk.path("all");
  mkdirSync(top);
  for (const [title, name] of NAMES) {
    writeFileSync(Buffer.concat([Buffer.from(`${top}/`), Buffer.from(name)]), title);
  }
  // As directories, too.
  mkdirSync(join(top, "directories"));
  for (const [title, name] of NAMES) {
    const path = Buffer.concat([Buffer.from(`${top}/directories/`), Buffer.from(name)]);
    mkdirSync(path);
    writeFileSync(Buffer.concat([path, Buffer.from("/inside")]), title);
  }
  const back = desk.path("all.back");
  expect(await desk.sftp([`put -r ${top}`, `get -r all ${back}`])).toMatchObject(DONE);
  const expected = tree(top);
  expect(expected.size).toBe(3 * NAMES.length + 1);
  expect(tree(join(server.home("ann"), "all"))).toEqual(expected);
  expect(tree(back)).toEqual(expected);
});

// A command of the client is one line.
describe.each(NAMES.filter(([, name]) => !name.includes("\n")))("a name %s", (title, text) => {
  const name = Buffer.from(text);

  test("can be put, listed, renamed, linked, got and removed", async () => {
    const file = desk.file("file", title);
    const back = desk.path("back");
    const place = `here-${NAMES.findIndex(([one]) => one === title)}`;
    const stored = join(server.home("ann"), place);
    // A leading dash is an option to the client wherever it stands alone.
    const quoted = quote(Buffer.concat([Buffer.from("./"), name]));
    const begin = [`mkdir ${place}`, `cd ${place}`];
    expect(await desk.sftp([...begin, line("put", file, quoted)])).toMatchObject(DONE);
    expect(names(stored)).toEqual([name.toString("latin1")]);
    const result = await desk.sftp([
      `cd ${place}`,
      line("rename", quoted, "plain"),
      line("rename plain", quoted),
      line("ln -s plain link"),
      line("rename link", quoted),
      "ls -la",
      line("rm", quoted),
      line("put", file, quoted),
      line("chmod 600", quoted),
      line("ls -l", quoted),
      line("get", quoted, back),
      line("rm", quoted),
      line("mkdir", quoted),
      line("cd", quoted),
      "pwd",
      "cd ..",
      line("rmdir", quoted),
    ]);
    expect(result).toMatchObject(DONE);
    expect(readFileSync(back, "utf8")).toBe(title);
    expect(names(stored)).toEqual([]);
  });
});

test("a name of 256 bytes is refused, and the session goes on", async () => {
  const file = desk.file("file", "content");
  const long = "n".repeat(256);
  const { code, stderr } = await desk.sftp([
    `-put ${file} ${long}`,
    `-mkdir ${long}`,
    `-get ${long} ${desk.path("never")}`,
    `put ${file} after`,
  ]);
  expect(code).toBe(0);
  expect(stderr.trim().split("\n")).toHaveLength(3);
  expect(readFileSync(join(server.home("ann"), "after"), "utf8")).toBe("content");
});

test("paths as long as Linux takes work, longer ones are refused", async () => {
  const part = "d".repeat(250);
  const down = Array.from({ length: 15 }, () => [`mkdir ${part}`, `cd ${part}`]).flat();
  const file = desk.file("file", "content");
  const back = desk.path("deep.back");
  const commands = ["mkdir deep", "cd deep", ...down, `put ${file} f`, `get -r /deep ${back}`];
  expect(await desk.sftp(commands)).toMatchObject(DONE);
  const expected = tree(join(server.home("ann"), "deep"));
  expect([...expected.keys()].at(-1)).toBe(`${`${part}/`.repeat(15)}f`);
  expect(tree(back)).toEqual(expected);
  const inside = ["cd deep", ...Array.from({ length: 15 }, () => `cd ${part}`)];
  const further = [`mkdir ${part}`, `cd ${part}`, `-mkdir ${part}`, "pwd"];
  const { code, stderr } = await desk.sftp([...inside, ...further]);
  expect(code).toBe(0);
  expect(stderr).toMatch(/^remote mkdir .*\r?\n$/);
});
