import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { VirtualPath } from "../../../src/vfs/path.ts";
import { Bridge } from "./bridge.ts";
import { ShellBench, sourceOf } from "./harness.ts";

const QUOTA = 4_000_000;

let bench: ShellBench;
let bridge: Bridge;
/** where the client's files are */
let local: string;

beforeEach(async () => {
  bench = await ShellBench.create(QUOTA);
  bridge = await Bridge.create(bench);
  local = mkdtempSync(`${tmpdir()}/moorage-scp-`);
});

afterEach(async () => {
  await bridge.close();
  await bench.close();
  rmSync(local, { recursive: true });
});

function same(a: string, b: string): void {
  expect(execFileSync("diff", ["-r", "--no-dereference", a, b], { encoding: "utf8" })).toBe("");
}

function tree(at: string): void {
  mkdirSync(`${at}/t/deep/er`, { recursive: true });
  mkdirSync(`${at}/t/empty`);
  writeFileSync(`${at}/t/a b`, "space");
  writeFileSync(`${at}/t/ü'"\\`, "odd");
  writeFileSync(`${at}/t/deep/none`, "");
  writeFileSync(`${at}/t/deep/er/big`, Buffer.alloc(1_000_003, "content "));
  execFileSync("chmod", ["640", `${at}/t/a b`]);
  execFileSync("chmod", ["500", `${at}/t/empty`]);
  utimesSync(`${at}/t/a b`, 1.5e9, 1.6e9);
  utimesSync(`${at}/t/deep`, 1.5e9, 1.7e9);
}

describe("scp -O", () => {
  it("uploads and downloads files of all sizes", async () => {
    for (const size of [0, 1, 2047, 2048, 32_768, 262_144, 262_145, 1_000_001]) {
      writeFileSync(`${local}/f`, Buffer.alloc(size, "0123456789"));
      expect(await bridge.scp(`${local}/f`, "moorage:f")).toEqual({ status: 0, stderr: "" });
      same(`${local}/f`, `${bench.home}/f`);
      expect(await bridge.scp("moorage:f", `${local}/back`)).toEqual({ status: 0, stderr: "" });
      same(`${local}/f`, `${local}/back`);
    }
  });

  it("copies trees in both directions, with permissions and times", async () => {
    tree(local);
    const up = await bridge.scp("-rp", `${local}/t`, "moorage:");
    expect(up).toEqual({ status: 0, stderr: "" });
    same(`${local}/t`, `${bench.home}/t`);
    const down = await bridge.scp("-rp", "moorage:t", `${local}/back`);
    expect(down).toEqual({ status: 0, stderr: "" });
    same(`${local}/t`, `${local}/back`);
    for (const [name, mode] of [
      ["a b", 0o640],
      ["empty", 0o500],
      ["deep", 0o755],
    ] as const) {
      const [there, back] = [
        statSync(`${bench.home}/t/${name}`),
        statSync(`${local}/back/${name}`),
      ];
      expect(there.mode & 0o777).toBe(mode);
      expect(back.mode & 0o777).toBe(mode);
    }
    expect(statSync(`${bench.home}/t/a b`).mtimeMs).toBe(1.6e12);
    expect(statSync(`${local}/back/deep`).mtimeMs).toBe(1.7e12);
  });

  it("takes several sources, patterns, names with spaces, and renames on the way", async () => {
    tree(local);
    mkdirSync(`${bench.home}/in to`);
    writeFileSync(`${local}/x`, "x");
    expect((await bridge.scp(`${local}/x`, `${local}/t/a b`, "moorage:'in to'")).status).toBe(0);
    expect(readFileSync(`${bench.home}/in to/a b`, "utf8")).toBe("space");
    expect((await bridge.scp("-r", `${local}/t`, "moorage:renamed")).status).toBe(0);
    same(`${local}/t`, `${bench.home}/renamed`);
    mkdirSync(`${local}/got`);
    const got = await bridge.scp("-r", "moorage:'in to'/*", "moorage:ren*/deep", `${local}/got`);
    expect(got).toEqual({ status: 0, stderr: "" });
    expect(readFileSync(`${local}/got/a b`, "utf8")).toBe("space");
    same(`${local}/t/deep`, `${local}/got/deep`);
    expect(bridge.commands.join("\n")).toMatch(/^scp (-\w )*-d -t 'in to'$/m);
  });

  it("carries names with control characters there and back, as OpenSSH's server does", async () => {
    mkdirSync(`${local}/t/d\x1b[31m`, { recursive: true });
    const names = [
      "\x1b[2J",
      "\x7f",
      "tab\tand\rreturn",
      "\x01",
      "\u202egpj.exe",
      "d\x1b[31m/\x07",
    ];
    for (const name of names) writeFileSync(`${local}/t/${name}`, name);
    const fine = { status: 0, stderr: "" };
    expect(await bridge.scp("-r", `${local}/t`, "moorage:")).toEqual(fine);
    same(`${local}/t`, `${bench.home}/t`);
    expect(await bridge.scp("-r", "moorage:t", `${local}/back`)).toEqual(fine);
    same(`${local}/t`, `${local}/back`);
  });

  it("gives a file with a newline in its name another name, as OpenSSH's server does", async () => {
    mkdirSync(`${bench.home}/t`);
    writeFileSync(`${bench.home}/t/two\nlines`, "content");
    expect((await bridge.scp("-r", "moorage:t", `${local}/back`)).status).toBe(0);
    expect(readFileSync(`${local}/back/two\\^Jlines`, "utf8")).toBe("content");
  });

  it("writes a shorter file over a longer one", async () => {
    writeFileSync(`${bench.home}/f`, "a long content");
    writeFileSync(`${local}/f`, "short");
    await bridge.scp(`${local}/f`, "moorage:f");
    expect(readFileSync(`${bench.home}/f`, "utf8")).toBe("short");
  });

  it("says what is wrong and goes on with the rest", async () => {
    tree(local);
    const target = await bridge.scp(`${local}/t/a b`, "moorage:missing/x");
    expect(target.status).toBe(1);
    expect(target.stderr).toBe("scp: missing/x: No such file or directory\n");
    const several = await bridge.scp(`${local}/t/a b`, `${local}/t/deep/none`, "moorage:missing");
    expect(several.status).toBe(1);
    expect(several.stderr).toContain("missing: No such file or directory");
    const source = await bridge.scp("moorage:missing", `${local}/y`);
    expect(source).toEqual({ status: 1, stderr: "scp: missing: No such file or directory\n" });
    mkdirSync(`${bench.home}/d`);
    const directory = await bridge.scp("moorage:d", `${local}/y`);
    expect(directory).toEqual({ status: 1, stderr: "scp: d: not a regular file\n" });
    mkdirSync(`${bench.home}/to/a b`, { recursive: true });
    const over = await bridge.scp(`${local}/t/a b`, `${local}/t/deep/none`, "moorage:to");
    expect(over.status).toBe(1);
    expect(over.stderr).toBe("scp: to/a b: Is a directory\n");
    expect(existsSync(`${bench.home}/to/none`)).toBe(true);
  });

  it("refuses what is over the quota before it is sent, and takes what fits", async () => {
    mkdirSync(`${bench.home}/d`);
    writeFileSync(`${local}/1 small`, "small");
    writeFileSync(`${local}/2 large`, Buffer.alloc(QUOTA + 1));
    writeFileSync(`${local}/3 small`, "small");
    const files = ["1 small", "2 large", "3 small"].map((name) => `${local}/${name}`);
    const done = await bridge.scp(...files, "moorage:d");
    expect(done.status).toBe(1);
    expect(done.stderr).toMatch(/^scp: d\/2 large: Quota exceeded: 5 of 4000000 bytes used, .*\n$/);
    expect((await bench.run("ls d")).stdout).toBe("1 small\n3 small\n");
    writeFileSync(`${local}/fits`, Buffer.alloc(QUOTA - 10));
    expect((await bridge.scp(`${local}/fits`, "moorage:d")).status).toBe(0);
    writeFileSync(`${local}/fits`, Buffer.alloc(QUOTA - 11));
    expect((await bridge.scp(`${local}/fits`, "moorage:d")).status).toBe(0);
  });

  it("follows links within the home, but not in circles", async () => {
    tree(bench.home);
    symlinkSync("/t/a b", `${bench.home}/t/link`);
    symlinkSync("..", `${bench.home}/t/deep/up`);
    symlinkSync("/etc/passwd", `${bench.home}/t/outside`);
    const done = await bridge.scp("-r", "moorage:t", `${local}/back`);
    expect(done.status).toBe(1);
    expect(done.stderr).toContain("t/deep/up: a link leads back to where it is");
    expect(done.stderr).toContain("t/outside: No such file or directory");
    expect(readFileSync(`${local}/back/link`, "utf8")).toBe("space");
    same(`${local}/back/deep/er`, `${bench.home}/t/deep/er`);
  });

  it("names a directory that was asked for as '.' by its own name", async () => {
    tree(bench.home);
    const done = await bridge.scp("-rT", "moorage:t/deep/.", `${local}`);
    expect(done.status).toBe(0);
    same(`${local}/deep`, `${bench.home}/t/deep`);
    const home = await bridge.scp("-rT", "moorage:.", local);
    expect(home).toEqual({ status: 1, stderr: "scp: .: the home itself has no name: take /*\n" });
  });

  it("is verbose with -v", async () => {
    writeFileSync(`${local}/f`, "x");
    const done = await bridge.scp("-v", `${local}/f`, "moorage:f");
    expect(done.status).toBe(0);
    expect(done.stderr).toContain("Sink: C0644 1 f");
  });
});

/** "·" for yes and "!" for no. */
function visible(answers: string): string {
  return answers.replaceAll("\0", "·").replaceAll("\x01", "!");
}

/** The client's bytes, and what the server answers. */
async function talk(command: string, ...said: (string | Buffer)[]) {
  const { stdout, stderr, status } = await bench.run(command, { stdin: sourceOf(...said) });
  return { status, stdout: visible(stdout), stderr: stderr as string };
}

describe("scp -t on the wire", () => {
  it("drains what it can't store and answers once", async () => {
    // The quota is full only after the size was looked at: another upload is under way.
    mkdirSync(`${bench.home}/d`);
    const other = Buffer.alloc(QUOTA - 300_000);
    const stat = bench.fs.fileSystemStat.bind(bench.fs);
    Object.assign(bench.fs, {
      fileSystemStat: async (path?: VirtualPath) => ({ ...(await stat(path)), usedBytes: 0 }),
    });
    writeFileSync(`${local}/other`, other);
    await bridge.scp(`${local}/other`, "moorage:other");
    const data = Buffer.alloc(1_000_000, "d");
    const pieces = Array.from({ length: 10 }, (_, i) => data.subarray(i * 1e5, (i + 1) * 1e5));
    const done = await talk("scp -t d", "C0644 1000000 f\n", ...pieces, "\0", "C0644 2 g\nok\0");
    expect(done.stdout).toMatch(/^··!scp: d\/f: Quota exceeded: [^\n]*\n··$/);
    expect(done.status).toBe(1);
    // What fitted is there, and the file behind it arrived.
    expect(readFileSync(`${bench.home}/d/f`)).toEqual(data.subarray(0, 262_144));
    expect(readFileSync(`${bench.home}/d/g`, "utf8")).toBe("ok");
    await bench.run("rm other");
    expect((await talk("scp -t f", "C0644 1000000 f\n", ...pieces, "\0")).stdout).toBe("···");
    expect(readFileSync(`${bench.home}/f`)).toEqual(data);
  });

  const names = ["..", ".", "", "a/b", "/etc/x", "a\0b"];
  it.each(names)("refuses the name %j and goes on", async (name) => {
    mkdirSync(`${bench.home}/d`);
    const done = await talk(
      "scp -r -t d",
      `C0644 1 ${name}\n`,
      `D0755 0 ${name}\n`,
      "C0644 1 b\nx\0",
    );
    expect(done.stdout).toMatch(/^·(!scp: error: unexpected filename[^\n]*\n){2}··$/);
    expect((await bench.run("find .")).stdout).toBe(".\n./d\n./d/b\n");
  });

  it("says so of a name that is too long", async () => {
    const name = "n".repeat(256);
    const done = await talk("scp -t .", `C0644 1 ${name}\n`, "C0644 1 b\nx\0");
    expect(done.stdout).toBe(`·!scp: ./${name}: File name too long\n··`);
  });

  const nonsense = ["X", "C644 1 a", "C0644 -1 a", "C0644 99999999999999999 a", "Cabc", "T1 2", ""];
  it.each(nonsense)("ends at the record %j", async (record) => {
    const done = await talk("scp -t d", `${record}\n`, "C0644 1 b\nx\0");
    expect(done.stdout).toMatch(/^·!scp: protocol error[^\n]*\n$/);
    expect(done.status).toBe(1);
    expect((await bench.run("ls -A")).stdout).toBe("");
  });

  it("bounds lines and depth", async () => {
    const line = await talk("scp -t d", "C0644 1 ".padEnd(1_000_000, "x"));
    expect(line).toMatchObject({ status: 1, stdout: "·" });
    expect(line.stderr).toBe("scp: protocol error: the line is too long\n");
    const deep = await talk("scp -r -t .", "D0755 0 d\n".repeat(300));
    expect(deep.stdout.match(/!scp: [d./]*: more than 256 directories deep\n/g)).toHaveLength(44);
  });

  it("refuses a directory without -r, and takes the client's own complaints", async () => {
    const done = await talk(
      "scp -t .",
      "D0755 0 d\n",
      "\x01scp: gone: missing\n",
      "C0644 1 b\nx\0",
    );
    expect(done.stdout).toBe("·!scp: ./d: received a directory without -r\n··");
    expect(done.stderr).toBe("scp: gone: missing\n");
    expect(done.status).toBe(1);
    const failed = await talk("scp -t c", "C0644 1 c\nx\x01scp: c: read error\n");
    expect(failed).toMatchObject({ status: 1, stdout: "···", stderr: "scp: c: read error\n" });
    const fatal = await talk("scp -t .", "\x02scp: dead\n", "C0644 1 e\nx\0");
    expect(fatal).toMatchObject({ status: 1, stdout: "·", stderr: "scp: dead\n" });
  });

  it("keeps what came before the connection was lost", async () => {
    const done = await talk("scp -t f", "C0644 10 f\n", "half");
    expect(done).toMatchObject({ status: 1, stdout: "··" });
    expect((await bench.run("quota")).stdout).toContain("bytes");
    expect(existsSync(`${bench.home}/f`)).toBe(true);
  });

  it("is done with the content when a client closes without its last word", async () => {
    // libssh's does, for an empty file.
    for (const content of ["new", ""]) {
      writeFileSync(`${bench.home}/f`, "old and longer");
      await talk("scp -t f", `C0644 ${content.length} f\n${content}`);
      expect(readFileSync(`${bench.home}/f`, "utf8")).toBe(content);
    }
  });

  it("needs one target and one direction", async () => {
    expect((await talk("scp -t a b")).stdout).toBe("!scp: ambiguous target\n");
    expect((await talk("scp -t -f a")).status).toBe(1);
    expect((await talk("scp a b")).stderr).toContain("one of -t and -f is needed");
    expect((await talk("scp -d -t missing")).stdout).toMatch(/^!scp: missing: No such file/);
  });
});

describe("scp -f on the wire", () => {
  it("sends zeros for what can't be read and says so at the end", async () => {
    writeFileSync(`${bench.home}/f`, "0123456789");
    const open = bench.fs.open.bind(bench.fs);
    Object.assign(bench.fs, {
      open: async (...args: Parameters<typeof open>) => {
        const file = await open(...args);
        return Object.assign(file, { read: async () => 0 });
      },
    });
    const done = await talk("scp -f f", "\0\0\0");
    expect(done.stdout).toBe(
      `C0644 10 f\n${"·".repeat(10)}!scp: f: the file became shorter meanwhile\n`,
    );
    expect(done.status).toBe(1);
  });

  it("sends no record that a name smuggles in", async () => {
    mkdirSync(`${bench.home}/d`);
    writeFileSync(`${bench.home}/d/a\nC0644 1 b`, "x");
    mkdirSync(`${bench.home}/d/e\nE`);
    const done = await talk("scp -r -f d", "\0".repeat(8));
    expect(done.stdout.split("\n").sort()).toEqual(
      ["D0755 0 d", "C0644 1 a\\^JC0644 1 b", "x·D0755 0 e\\^JE", "E", "E", ""].sort(),
    );
    expect(done.status).toBe(0);
  });

  it("leaves out what the client refuses", async () => {
    mkdirSync(`${bench.home}/d`);
    writeFileSync(`${bench.home}/d/f`, "x");
    writeFileSync(`${bench.home}/g`, "y");
    const done = await talk("scp -r -f d g", "\0", "\x01no\n", "\0\0");
    expect(done).toEqual({ status: 1, stdout: "D0755 0 d\nC0644 1 g\ny·", stderr: "no\n" });
  });
});
