import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { booksGetExact } from "../support/books.ts";
import { DONE } from "../support/desk.ts";
import { opensshVersion } from "../support/machine.ts";
import { type ServedDesk, serveDesk } from "../support/served-desk.ts";
import { login } from "../support/ssh-client.ts";

// What every client must do is in suite/scenarios; here is what only this one is asked.

let server: ServedDesk["server"];
let desk: ServedDesk["desk"];
let close: ServedDesk["close"];
/** A directory for each test, where its sftp starts. */
let place: string;
let count = 0;

beforeAll(async () => {
  ({ server, desk, close } = await serveDesk());
});

afterAll(() => close());

beforeEach(async () => {
  count += 1;
  place = `test-${count}`;
  expect(await desk.sftp([`mkdir ${place}`])).toMatchObject(DONE);
});

afterEach(() => booksGetExact(server));

function here(...commands: string[]) {
  return desk.sftp([`cd ${place}`, ...commands]);
}

function stored(...names: string[]): string {
  return join(server.home("ann"), place, ...names);
}

/** What the client complained about, a line each. */
function complaints(stderr: string): string[] {
  return stderr
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

describe("rename", () => {
  test("-l refuses to replace one, and renames to a free name", async () => {
    const old = desk.file("old", "old content");
    const fresh = desk.file("fresh", "new");
    const commands = [`put ${old} a`, `put ${fresh} b`, "-rename -l b a", "rename -l b c"];
    const { code, stderr } = await here(...commands);
    expect(code).toBe(0);
    expect(complaints(stderr)).toEqual([expect.stringMatching(/rename .*: Failure$/)]);
    expect(readdirSync(stored()).sort()).toEqual(["a", "c"]);
    expect(readFileSync(stored("a"), "utf8")).toBe("old content");
  });

  test("of what is missing, and of a directory onto a file or into itself, fails", async () => {
    const file = desk.file("a", "content");
    const { code, stderr } = await here(
      "-rename missing x",
      "mkdir d",
      `put ${file} a`,
      "-rename d a",
      "-rename a d",
      "-rename d d/inside",
    );
    expect(code).toBe(0);
    const [missing, ...rest] = complaints(stderr);
    expect(missing).toMatch(/rename .*: No such file or directory$/);
    expect(rest).toHaveLength(3);
    expect(readdirSync(stored()).sort()).toEqual(["a", "d"]);
    expect(readdirSync(stored("d"))).toEqual([]);
  });
});

describe("links", () => {
  test("ln makes a second name of the file", async () => {
    const file = desk.file("a", "content");
    expect(await here(`put ${file} a`, "ln a b", "rm a")).toMatchObject(DONE);
    expect(readFileSync(stored("b"), "utf8")).toBe("content");
    expect(await here("ln b c")).toMatchObject(DONE);
    expect(statSync(stored("b")).nlink).toBe(2);
    expect(statSync(stored("b")).ino).toBe(statSync(stored("c")).ino);
  });

  test("ln -s makes a link, relative or absolute, that leads where it says", async () => {
    const file = desk.file("a", "content");
    const back = ["relative", "absolute"].map((name) => desk.path(`${name}.back`));
    const result = await here(
      `put ${file} a`,
      "ln -s a relative",
      `ln -s /${place}/a absolute`,
      "ln -s nowhere dangling",
      `get relative ${back[0]}`,
      `get absolute ${back[1]}`,
      `-get dangling ${desk.path("dangling.back")}`,
      "ls -l",
    );
    expect(result.code).toBe(0);
    expect(complaints(result.stderr)).toEqual([expect.stringMatching(/not found|No such file/)]);
    expect(readlinkSync(stored("relative"))).toBe("a");
    expect(readlinkSync(stored("absolute"))).toBe(`/${place}/a`);
    for (const path of back) expect(readFileSync(path, "utf8")).toBe("content");
    expect(result.stdout).toMatch(/^lrwxrwxrwx .* relative\r?$/m);
    expect(result.stdout).toMatch(/^lrwxrwxrwx .* dangling\r?$/m);
  });

  test("a link to outside of the home leads to nothing there", async () => {
    const result = await here(
      "ln -s /etc/passwd a",
      "ln -s ../../../../../../etc/passwd b",
      `-get a ${desk.path("a.back")}`,
      `-get b ${desk.path("b.back")}`,
      "-ls ../../../../etc",
    );
    expect(result.code).toBe(0);
    expect(complaints(result.stderr)).toHaveLength(3);
    expect(existsSync(desk.path("a.back"))).toBe(false);
    expect(existsSync(desk.path("b.back"))).toBe(false);
  });

  test("neither kind takes a name that is used, and a directory gets no second name", async () => {
    const file = desk.file("a", "content");
    const commands = [`put ${file} a`, "mkdir d", "-ln a d", "-ln -s a d", "-ln d e"];
    const { code, stderr } = await here(...commands);
    expect(code).toBe(0);
    expect(complaints(stderr)).toEqual([
      expect.stringMatching(/link .*: Failure$/),
      expect.stringMatching(/symlink .*: Failure$/),
      expect.stringMatching(/link .*: Permission denied$/),
    ]);
    expect(readdirSync(stored()).sort()).toEqual(["a", "d"]);
  });
});

// sftp has it since 9.0.
describe.skipIf(opensshVersion() < 9)("cp", () => {
  test.each([
    ["empty", 0],
    ["small", 1_000],
    ["of one request", 261_120],
    ["large", 9_000_001],
  ])("copies a file on the server, %s", async (_, size) => {
    const file = desk.file("source", size);
    expect(await here(`put ${file} a`, "cp a b")).toMatchObject(DONE);
    expect(readFileSync(stored("b")).equals(readFileSync(file))).toBe(true);
    expect(statSync(stored("b")).ino).not.toBe(statSync(stored("a")).ino);
  });

  test("onto a longer file leaves nothing of that", async () => {
    const long = desk.file("long", 500_000);
    const short = desk.file("short", 300_000);
    expect(await here(`put ${long} a`, `put ${short} b`, "cp b a")).toMatchObject(DONE);
    expect(readFileSync(stored("a")).equals(readFileSync(short))).toBe(true);
  });

  test("of what is missing fails and makes nothing", async () => {
    const { code } = await here("cp missing b");
    expect(code).toBe(1);
    expect(readdirSync(stored())).toEqual([]);
  });
});

describe("directories", () => {
  test("mkdir and rmdir", async () => {
    expect(await here("mkdir a", "mkdir a/b", "rmdir a/b")).toMatchObject(DONE);
    expect(readdirSync(stored("a"))).toEqual([]);
  });

  test("what is used or not empty is refused, and cd goes into directories only", async () => {
    const file = desk.file("f", "content");
    const { code, stderr, stdout } = await here(
      "mkdir a",
      `put ${file} a/f`,
      "-mkdir a",
      "-rmdir a",
      "-rmdir missing",
      "-rmdir a/f",
      "-rm a",
      "-cd a/f",
      "-cd missing",
      "cd a",
      "pwd",
      "rm f",
      "cd ..",
      "rmdir a",
    );
    expect(code).toBe(0);
    expect(complaints(stderr)).toEqual([
      expect.stringMatching(/mkdir .*: Failure$/),
      expect.stringMatching(/rmdir .*: Failure$/),
      expect.stringMatching(/rmdir .*: No such file or directory$/),
      expect.stringMatching(/rmdir .*: No such file or directory$/),
      expect.stringMatching(/delete .*: Failure$/),
      expect.stringMatching(/not a directory$/),
      expect.stringMatching(/No such file or directory$/),
    ]);
    expect(stdout).toContain(`Remote working directory: /${place}/a`);
    expect(readdirSync(stored())).toEqual([]);
  });

  test("rm takes a pattern", async () => {
    const file = desk.file("f", "content");
    const puts = ["a1", "a2", "b1"].map((name) => `put ${file} ${name}`);
    expect(await here(...puts, "rm a*")).toMatchObject(DONE);
    expect(readdirSync(stored())).toEqual(["b1"]);
  });
});

describe("chmod and chown", () => {
  test("chmod sets permissions of files and directories, and no special bits", async () => {
    const file = desk.file("f", "content");
    const commands = [`put ${file} f`, "mkdir d", "chmod 600 f", "chmod 2711 d"];
    expect(await here(...commands)).toMatchObject(DONE);
    expect(statSync(stored("f")).mode & 0o7777).toBe(0o600);
    expect(statSync(stored("d")).mode & 0o7777).toBe(0o711);
  });

  test("chmod -h changes a file, and no link: Linux has no permissions there", async () => {
    const file = desk.file("f", "content", 0o640);
    const commands = [`put ${file} f`, "ln -s f l", "chmod -h 600 f", "-chmod -h 644 l"];
    const { code, stderr } = await here(...commands);
    expect(code).toBe(0);
    expect(complaints(stderr)).toEqual([expect.stringMatching(/lsetstat .*unsupported$/)]);
    expect(statSync(stored("f")).mode & 0o7777).toBe(0o600);
    expect(lstatSync(stored("l")).isSymbolicLink()).toBe(true);
    expect(await here("chmod 644 l")).toMatchObject(DONE);
    expect(statSync(stored("f")).mode & 0o7777).toBe(0o644);
  });

  test("a file can't be given away", async () => {
    const file = desk.file("f", "content");
    const before = statSync(server.home("ann")).uid;
    const { code, stderr } = await here(`put ${file} f`, "-chown 1 f", "-chgrp 1 f");
    expect(code).toBe(0);
    expect(complaints(stderr)).toEqual([
      expect.stringMatching(/setstat .*: Permission denied$/),
      expect.stringMatching(/setstat .*: Permission denied$/),
    ]);
    expect(statSync(stored("f")).uid).toBe(before);
  });
});

describe("ls", () => {
  test("ls -l names the virtual owner, and nothing of the host", async () => {
    const file = desk.file("f", 1234);
    const result = await here(`put ${file} f`, "mkdir d", "chmod 640 f", "ls -la", "ls -l f");
    expect(result).toMatchObject(DONE);
    const lines = result.stdout.split("\n").filter((line) => /^[-dl][rwx-]{9}/.test(line));
    expect(lines).toHaveLength(5);
    for (const line of lines) {
      expect(line).toMatch(
        /^[-d][rwx-]{9} +(\?|\d+) ann +ann +\d+ [A-Z][a-z]{2} [ \d]\d \d\d:\d\d /,
      );
      expect(line).not.toContain(` ${userInfo().username} `);
    }
    expect(result.stdout).toMatch(/^-rw-r----- .* 1234 .* f\r?$/m);
    expect(result.stdout).toMatch(/^drwxr-xr-x .* d\r?$/m);
    expect(`${result.stdout}${result.stderr}`).not.toContain(server.root);
  });

  test("ls -n shows nothing of the host's numbers", async () => {
    const file = desk.file("f", 1);
    const { uid, gid } = statSync(server.home("ann"));
    const { stdout } = await here(`put ${file} f`, "ls -ln");
    const owner = /^-rw-r--r-- +(?:\?|\d+) (\S+) +(\S+) +1 /m.exec(stdout);
    expect(owner).not.toBeNull();
    expect(owner?.[1]).not.toBe(String(uid));
    expect(owner?.[2]).not.toBe(String(gid));
  });

  test("the server's own lines, which other clients show, name the virtual owner", async () => {
    const file = desk.file("f", 1234, 0o640);
    expect(await here(`put ${file} f`, "ln f second", "mkdir d")).toMatchObject(DONE);
    const client = await login(server, { privateKey: desk.key.private });
    try {
      const lines = await new Promise<string[]>((resolve, reject) => {
        client.sftp((error, sftp) => {
          if (error) return reject(error);
          sftp.readdir(place, (failed, list) => {
            if (failed) reject(failed);
            else resolve(list.map(({ longname }) => longname));
          });
        });
      });
      const when = "[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d";
      expect(lines.sort()).toEqual([
        expect.stringMatching(`^-rw-r----- {3}2 ann {6}ann {10}1234 ${when} f$`),
        expect.stringMatching(`^-rw-r----- {3}2 ann {6}ann {10}1234 ${when} second$`),
        expect.stringMatching(`^drwxr-xr-x +\\d+ ann {6}ann +\\d+ ${when} d$`),
      ]);
    } finally {
      client.end();
    }
  });

  test("sorts by time and size, shows hidden ones when asked, and takes patterns", async () => {
    const commands = [3, 1, 2].flatMap((size) => {
      return [`put ${desk.file(`s${size}`, size)} s${size}`];
    });
    const dot = desk.file("dot", 1);
    const { stdout } = await here(...commands, `put ${dot} .dot`, "ls -1S", "ls -1a", "ls -1 *2");
    const names = stdout
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("sftp>"));
    const all = [".", "..", ".dot", "s1", "s2", "s3"];
    expect(names).toEqual(["s3", "s2", "s1", ...all, "s2"]);
  });

  test("a long directory is listed whole", async () => {
    const many = Array.from({ length: 350 }, (_, i) => `mkdir d${i}`);
    const { stdout } = await here(...many, "ls -1");
    const names = stdout.split("\n").filter((line) => /^d\d+\r?$/.test(line));
    expect(new Set(names).size).toBe(350);
  });
});
