import { writeFileSync } from "node:fs";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromText } from "../../../src/vfs/path.ts";
import { ShellBench, sourceOf } from "./harness.ts";

const NAMES = ["plain", "a b", "q'uote", "back\\slash", "new\nline", "c\rr", "-dash", "ü", "*star"];
const GNU = "md5sum sha1sum sha224sum sha256sum sha384sum sha512sum b2sum".split(" ");

let bench: ShellBench;

beforeAll(async () => {
  bench = await ShellBench.create();
  for (const [index, name] of NAMES.entries()) {
    writeFileSync(`${bench.home}/${name}`, `content ${index}\n`.repeat(index * 1000));
  }
  writeFileSync(Buffer.concat([Buffer.from(`${bench.home}/raw`), Buffer.from([0xff])]), "raw");
});

afterAll(() => bench.close());

/** The same line here and in the system's shell, byte for byte. */
async function same(line: string, input = ""): Promise<void> {
  const ours = await bench.run(line, { stdin: sourceOf(input) });
  expect([line, ours]).toEqual([line, bench.real(line, input)]);
}

/** What -c says: coreutils after 9.1 writes more names with escapes, as in the lists of sums. */
async function sameChecks(line: string): Promise<void> {
  const plain = (text: string): string =>
    text.replace(/^\\(.*)(?=: )/gm, (_, name: string) =>
      name.replace(/\\([\\r])/g, (_all, letter: string) => (letter === "r" ? "\r" : "\\")),
    );
  const [ours, real] = [await bench.run(line), bench.real(line)];
  expect([line, ours.status, plain(ours.stdout), ours.stderr]).toEqual([
    line,
    real.status,
    plain(real.stdout),
    real.stderr,
  ]);
}

describe("the sum commands", () => {
  it.each(GNU)("%s prints what GNU's prints", async (name) => {
    await same(`${name} -- *`);
    await same(`${name} --tag -- *`);
    await same(`${name} -b -- *`);
    await same(`${name} -bt plain; ${name} -z -- *; ${name} --tag -z n*`);
    await same(name, "from standard input");
    await same(`${name} -`, "");
    await same(`${name} plain missing ü`);
    await same(`mkdir -p dir; ${name} dir; ${name} plain/x`);
  });

  it("b3sum prints BLAKE3, and checks it", async () => {
    const empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";
    expect(await bench.run("b3sum", { stdin: sourceOf() })).toEqual({
      status: 0,
      stdout: `${empty}  -\n`,
      stderr: "",
    });
    const tagged = await bench.run("b3sum --tag plain");
    expect(tagged.stdout).toBe(`BLAKE3 (plain) = ${empty}\n`);
    const { stdout: list } = await bench.run("b3sum plain 'a b'");
    expect(await bench.run("b3sum -c", { stdin: sourceOf(list) })).toEqual({
      status: 0,
      stdout: "plain: OK\na b: OK\n",
      stderr: "",
    });
  });

  it("answer rclone as it expects", async () => {
    const empty = { stdin: sourceOf() };
    expect(await bench.run("md5sum", empty)).toEqual({
      status: 0,
      stdout: "d41d8cd98f00b204e9800998ecf8427e  -\n",
      stderr: "",
    });
    expect((await bench.run("sha1sum", empty)).stdout).toBe(
      "da39a3ee5e6b4b0d3255bfef95601890afd80709  -\n",
    );
    expect((await bench.run("md5 -r", empty)).stdout).toBe("d41d8cd98f00b204e9800998ecf8427e\n");
    expect((await bench.run("sha1 -r", empty)).stdout).toMatch(/^da39a3ee5e6b4b0d3255bfef/);
    expect((await bench.run("rclone md5sum", empty)).status).toBe(127);
    const probe = await bench.run("echo $" + "{ShellId}%ComSpec%");
    expect(probe).toEqual({ status: 0, stdout: "%ComSpec%\n", stderr: "" });
    await same("md5sum new'\n'line");
    await same("md5sum a\\ b q\\'uote back\\\\slash \\*star");
  });

  it("read from echo and cat", async () => {
    await same("echo hello | sha256sum; echo -n x y|md5sum --tag");
    await same("cat plain 'a b' | sha1sum -b - plain");
    await same("cat missing | md5sum; echo $?");
    await same("echo x | md5sum missing; echo $?");
  });
});

describe("-c", () => {
  it.each(GNU)("%s checks what GNU's wrote, and the other way round", async (name) => {
    for (const option of ["", "--tag", "-b"]) {
      writeFileSync(
        `${bench.home}/sums`,
        bench.real(`${name} ${option} -- [!s]*`).stdout,
        "latin1",
      );
      await sameChecks(`${name} -c sums`);
      await same(`${name} -c --quiet sums; ${name} --check --status sums`);
    }
    const ours = await bench.run(`${name} -- [!s]*`);
    const real = bench.real(`${name} -c -`, Buffer.from(ours.stdout, "latin1"));
    expect(real.status).toBe(0);
  });

  it("reports what is wrong as GNU's does", async () => {
    const good = bench.real("md5sum plain 'a b'").stdout;
    const bad = good.replaceAll(/^./gm, "0");
    const lists = [
      bad,
      good + bad,
      `${good}${"0".repeat(32)}  missing\n`,
      `${"0".repeat(32)}  missing\n${"0".repeat(32)}  gone\n`,
      "nonsense\n",
      `nonsense\n\n# comment\n${good}more\n`,
      "",
      good.toUpperCase(),
      good.replaceAll("  ", " "),
      good.replaceAll("\n", "\r\n"),
      `  ${good}`,
      good.slice(0, -1),
      `\\${"0".repeat(32)}  a\\qb\n`,
      `MD5(plain)= ${"0".repeat(32)}\nSHA1 (plain) = ${"0".repeat(40)}\n`,
      `${"0".repeat(31)}  short\n${"g".repeat(32)}  plain\n`,
      `${"0".repeat(32)}  dir\n`,
    ];
    for (const list of lists) {
      writeFileSync(`${bench.home}/list`, list);
      for (const option of ["", "--quiet", "--status", "--strict", "-w", "--ignore-missing"]) {
        await same(`md5sum -c ${option} list`);
      }
    }
    await same("md5sum -c missing");
    await same("md5sum -c list list");
    await same("md5sum -c", good);
  });

  it("refuses options as GNU's does", async () => {
    for (const options of [
      "--tag -t",
      "-z -c",
      "--quiet",
      "--status x",
      "-x",
      "--no",
      "--s",
      "-bc",
    ]) {
      await same(`md5sum ${options}`);
    }
  });
});

describe("other sums", () => {
  it("cksum prints what GNU's prints", async () => {
    await same("cksum -- [!d]*");
    await same("cksum", "from standard input");
    await same("cksum -", "");
    await same("cksum missing plain");
  });

  it("md5, sha1 and crc32 print as theirs do", async () => {
    const hex = bench.real("md5sum plain").stdout.slice(0, 32);
    expect((await bench.run("md5 plain")).stdout).toBe(`MD5 (plain) = ${hex}\n`);
    expect((await bench.run("md5 -r plain")).stdout).toBe(`${hex} plain\n`);
    expect((await bench.run("md5 -q plain")).stdout).toBe(`${hex}\n`);
    const crc = crc32("content 1\n".repeat(1000)).toString(16).padStart(8, "0");
    expect((await bench.run("crc32 'a b'")).stdout).toBe(`${crc}\n`);
    expect((await bench.run("crc32 'a b' plain")).stdout).toBe(`${crc}\ta b\n00000000\tplain\n`);
  });

  it("handles large files in pieces", async () => {
    writeFileSync(`${bench.home}/large`, Buffer.alloc(3_000_001, fromText("ab\xffc")));
    await same("md5sum large; cksum large; cat large large | sha512sum");
  });
});
