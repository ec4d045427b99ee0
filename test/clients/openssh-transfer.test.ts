import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { booksGetExact } from "../support/books.ts";
import { DONE, tree } from "../support/desk.ts";
import { type ServedDesk, serveDesk } from "../support/served-desk.ts";

// What every client must do is in suite/scenarios; here is what only this one is asked.

/** 2001-02-03T04:05:06Z */
const LONG_AGO = 981_173_106;
const MODE = 0o777;

let server: ServedDesk["server"];
let desk: ServedDesk["desk"];
let stored: ServedDesk["stored"];
let close: ServedDesk["close"];

beforeAll(async () => {
  ({ server, desk, stored, close } = await serveDesk());
});

afterAll(() => close());

// Whatever was done: the books agree with the disk.
afterEach(() => booksGetExact(server));

describe("put and get", () => {
  test("with few and small requests, as other settings of the client ask for", async () => {
    const file = desk.file("small-requests", 300_001);
    const back = desk.path("small-requests.back");
    const options = ["-B", "1000", "-R", "3"];
    const commands = [`put ${file}`, `get small-requests ${back}`];
    expect(await desk.sftp(commands, { options })).toMatchObject(DONE);
    expect(readFileSync(back).equals(readFileSync(file))).toBe(true);
  });

  test("put -f brings the file to the disk before it ends", async () => {
    const file = desk.file("synced", 100_000);
    expect(await desk.sftp([`put -f ${file}`])).toMatchObject(DONE);
    expect(readFileSync(stored("synced")).equals(readFileSync(file))).toBe(true);
    const { stderr } = await desk.sftp([`put -f ${file}`], { options: ["-vvv"] });
    expect(stderr).toMatch(/fsync@openssh\.com/);
    expect(stderr).not.toMatch(/does not support|fsync failed/);
  });
});

describe("mode and time", () => {
  test.each([0o600, 0o751, 0o444])("put -p and get -p keep both, mode %o", async (mode) => {
    const name = `kept-${mode}`;
    const file = desk.file(name, 70_000, mode);
    utimesSync(file, LONG_AGO, LONG_AGO);
    const back = desk.path(`${name}.back`);
    expect(await desk.sftp([`put -p ${file}`, `get -p ${name} ${back}`])).toMatchObject(DONE);
    for (const path of [stored(name), back]) {
      const stat = statSync(path);
      expect({ mode: stat.mode & MODE, mtime: stat.mtimeMs }).toEqual({
        mode,
        mtime: LONG_AGO * 1000,
      });
    }
  });

  test("put -fp: bringing it to the disk does not move the time", async () => {
    const file = desk.file("both", 70_000);
    utimesSync(file, LONG_AGO, LONG_AGO);
    expect(await desk.sftp([`put -fp ${file}`])).toMatchObject(DONE);
    expect(statSync(stored("both")).mtimeMs).toBe(LONG_AGO * 1000);
  });

  test("without -p the file is new", async () => {
    const file = desk.file("new", 10);
    utimesSync(file, LONG_AGO, LONG_AGO);
    const before = Math.floor(Date.now() / 1000) * 1000;
    expect(await desk.sftp([`put ${file}`])).toMatchObject(DONE);
    expect(statSync(stored("new")).mtimeMs).toBeGreaterThanOrEqual(before);
  });
});

describe("directories", () => {
  function makeTree(name: string): string {
    const top = desk.path(name);
    for (const directory of ["", "a", "a/b", "a/b/c", "empty", "many"]) {
      mkdirSync(join(top, directory));
    }
    writeFileSync(join(top, "nothing"), "");
    writeFileSync(join(top, ".hidden"), "dot");
    writeFileSync(join(top, "a/large"), readFileSync(desk.file("large", 600_000)));
    writeFileSync(join(top, "a/b/c/deep"), "deep");
    for (let i = 0; i < 250; i += 1) writeFileSync(join(top, "many", `file ${i}`), `content ${i}`);
    return top;
  }

  test("put -r and get -r carry a tree there and back", async () => {
    const top = makeTree("tree");
    const back = desk.path("tree.back");
    expect(await desk.sftp([`put -r ${top}`, `get -r tree ${back}`])).toMatchObject(DONE);
    const expected = tree(top);
    expect(expected.size).toBe(259);
    expect(tree(stored("tree"))).toEqual(expected);
    expect(tree(back)).toEqual(expected);
  });

  test("put -r over an older tree replaces what is of the same name and leaves the rest", async () => {
    const top = desk.path("again");
    mkdirSync(top);
    writeFileSync(join(top, "one"), "a long text");
    writeFileSync(join(top, "two"), "two");
    expect(await desk.sftp([`put -r ${top}`])).toMatchObject(DONE);
    writeFileSync(join(top, "one"), "short");
    writeFileSync(join(top, "three"), "three");
    expect(await desk.sftp([`rm again/two`, `put -r ${top}`])).toMatchObject(DONE);
    expect(tree(stored("again"))).toEqual(tree(top));
  });

  test("put -rp and get -rp keep modes and times", async () => {
    const top = desk.path("dated");
    mkdirSync(join(top, "inner"), { recursive: true });
    writeFileSync(join(top, "inner/file"), "x");
    chmodSync(join(top, "inner/file"), 0o640);
    chmodSync(join(top, "inner"), 0o750);
    for (const path of ["inner/file", "inner", ""]) {
      utimesSync(join(top, path), LONG_AGO, LONG_AGO);
    }
    const back = desk.path("dated.back");
    expect(await desk.sftp([`put -rp ${top}`, `get -rp dated ${back}`])).toMatchObject(DONE);
    for (const copy of [stored("dated"), back]) {
      for (const path of ["inner/file", "inner", ""]) {
        const [was, is] = [statSync(join(top, path)), statSync(join(copy, path))];
        expect([path, is.mode, is.mtimeMs]).toEqual([path, was.mode, was.mtimeMs]);
      }
    }
  });

  test("files chosen by a pattern, both ways", async () => {
    const top = desk.path("chosen");
    mkdirSync(join(top, "back"), { recursive: true });
    for (const name of ["a1.txt", "a2.txt", "b.txt"]) writeFileSync(join(top, name), name);
    const commands = ["mkdir chosen", `put ${top}/a?.txt chosen`, `get chosen/* ${top}/back`];
    expect(await desk.sftp(commands)).toMatchObject(DONE);
    expect([...tree(stored("chosen")).keys()]).toEqual(["a1.txt", "a2.txt"]);
    expect([...tree(join(top, "back")).keys()]).toEqual(["a1.txt", "a2.txt"]);
  });
});

describe("what can't be done is said, and the rest goes on", () => {
  test("a missing file", async () => {
    const back = desk.path("never");
    const { code, stderr } = await desk.sftp([`get missing ${back}`]);
    expect({ code, stderr: stderr.trim() }).toEqual({
      code: 1,
      stderr: 'File "/missing" not found.',
    });
    expect(existsSync(back)).toBe(false);
  });

  test("a missing directory to put into", async () => {
    const file = desk.file("lost", 10);
    const { code, stderr } = await desk.sftp([`put ${file} missing/lost`]);
    expect(code).toBe(1);
    expect(stderr).toContain("No such file or directory");
  });

  test("a file without permission to read, a directory without permission to write", async () => {
    const file = desk.file("closed", 10);
    const back = desk.path("closed.back");
    const result = await desk.sftp([
      `put ${file}`,
      "chmod 000 closed",
      `-get closed ${back}`,
      `-put ${file} closed`,
      "mkdir locked",
      "chmod 555 locked",
      `-put ${file} locked/f`,
      "-mkdir locked/d",
      "chmod 755 locked",
      `put ${file} locked/f`,
      "chmod 644 closed",
      `get closed ${back}`,
    ]);
    expect(result.code).toBe(0);
    expect(result.stderr.trim().split("\n")).toEqual([
      expect.stringMatching(/open "\/closed": Permission denied/),
      expect.stringMatching(/open "\/closed": Permission denied/),
      expect.stringMatching(/open "\/locked\/f": Permission denied/),
      expect.stringMatching(/mkdir "\/locked\/d": Permission denied/),
    ]);
    expect(readFileSync(back).equals(readFileSync(file))).toBe(true);
  });

  test("a directory got as a file, a file got as a directory", async () => {
    const file = desk.file("plain", 10);
    const result = await desk.sftp([
      "mkdir folder",
      `-get folder ${desk.path("folder")}`,
      `put ${file}`,
      `-ls plain/x`,
      `-put ${file} folder/../folder`,
      "pwd",
    ]);
    expect(result.code).toBe(0);
    expect(result.stderr).toContain("not a regular file");
    expect(result.stdout).toContain("Remote working directory: /");
  });
});
