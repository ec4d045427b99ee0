import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import type { Io } from "../../../src/cli/io.ts";
import { run } from "../../../src/cli/run.ts";
import { temporary } from "../../support/archive.ts";
import { world } from "./world.ts";

async function withAnn() {
  const here = world();
  await here.moorage("user add ann --generate");
  writeFileSync(join(here.root, "homes", "ann", "a"), "hello");
  return here;
}

test("a backup and what is restored of it, told in text and as JSON", async () => {
  const { moorage, root } = await withAnn();
  const file = join(temporary(), "b.tgz");
  const made = await moorage(["backup", file, "--homes"]);
  expect(made).toMatchObject({ code: 0, err: "" });
  expect(made.out).toMatch(/^Backed up .* in b\.tgz: .*1 file with 5 B; /);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const again = await moorage(["backup", file, "--homes", "--force", "--json"]);
  expect(JSON.parse(again.out)).toMatchObject({
    file,
    homes: true,
    files: 1,
    storedBytes: 5,
    unread: 0,
  });
  const other = join(temporary(), "other");
  const restored = await moorage(["--root", other, "restore", file]);
  expect(restored).toMatchObject({ code: 0, err: "" });
  expect(readFileSync(join(other, "homes", "ann", "a"), "utf8")).toBe("hello");
  const usage = await moorage(["--root", other, "usage", "--json"]);
  expect(JSON.parse(usage.out)).toMatchObject([{ name: "ann", usedBytes: 5, files: 1 }]);
  const json = await moorage(["--root", join(temporary(), "x"), "restore", file, "--json"]);
  expect(JSON.parse(json.out)).toMatchObject({ homes: true, files: 1, bytes: 5 });
  expect(root).not.toBe(other);
});

test("a file that is there stays without --force, and what is no file in any case", async () => {
  const { moorage } = await withAnn();
  const directory = temporary();
  writeFileSync(join(directory, "b"), "mine");
  mkdirSync(join(directory, "d"));
  const refused = await moorage(["backup", join(directory, "b")]);
  expect(refused).toMatchObject({ code: 1, out: "" });
  expect(refused.err).toBe(
    "moorage: b is there already: give another name, or --force to replace it\n",
  );
  expect((await moorage(["backup", join(directory, "d"), "--force"])).err).toMatch(/is no file/);
  expect(readFileSync(join(directory, "b"), "utf8")).toBe("mine");
  expect(readdirSync(directory).sort()).toEqual(["b", "d"]);
});

test("what a backup that was killed left is taken away by the next of the same name", async () => {
  const { moorage } = await withAnn();
  const directory = temporary();
  const left = ["b.999999999-1.partial", "b.999999999-1.database.partial", "b.keep.partial"];
  for (const name of left) writeFileSync(join(directory, name), "");
  expect((await moorage(["backup", join(directory, "b")])).code).toBe(0);
  expect(readdirSync(directory).sort()).toEqual(["b", "b.keep.partial"]);
});

test("no backup goes into what it backs up", async () => {
  const { moorage, root } = await withAnn();
  for (const part of ["homes/ann", "db"]) {
    const { code, err } = await moorage(["backup", join(root, part, "b")]);
    expect([code, err]).toEqual([1, expect.stringMatching(/is what is backed up/)]);
  }
  expect(existsSync(join(root, "db", "b"))).toBe(false);
});

test("what can't be backed up or restored says what to do", async () => {
  const { moorage, root } = await withAnn();
  const nowhere = temporary();
  expect((await moorage(["--root", nowhere, "backup", "x"])).err).toMatch(/no instance in/);
  expect((await moorage(["--root", nowhere, "restore", "/nowhere/x"])).err).toMatch(/no such file/);
  expect((await moorage(["--root", nowhere, "restore", root])).err).toMatch(/is a directory/);
  expect((await moorage(["restore", join(root, "db", "moorage.sqlite")])).err).toMatch(
    /an instance already/,
  );
  expect((await moorage(["--root", nowhere, "check"])).err).toMatch(/no instance in/);
});

test("check: exit code 1 with errors only, as text and as JSON", async () => {
  const { moorage, root } = await withAnn();
  const wrong = await moorage("check --homes");
  expect(wrong.code).toBe(1);
  expect(wrong.out).toMatch(
    /^error {4}books +ann: booked 0 bytes in 0 files, on the disk 5 in 1$/m,
  );
  expect(wrong.out).toMatch(/^ +moorage usage ann --rescan$/m);
  await moorage("usage --rescan");
  const fine = await moorage("check --homes --json");
  expect(fine.code).toBe(0);
  expect(JSON.parse(fine.out)).toMatchObject({ ok: true, errors: 0 });
  mkdirSync(join(root, "homes", "ghost"));
  const warned = await moorage("check");
  expect(warned.code).toBe(0);
  expect(warned.out).toMatch(/^warning {2}homes +nobody's: homes\/ghost$/m);
});

test("on a terminal what was done is broken between words", async () => {
  const { root } = await withAnn();
  const directory = join(temporary(), "a-directory-of-a-name-that-is-rather-long");
  mkdirSync(directory);
  let out = "";
  const io: Io = {
    env: { MOORAGE_ROOT: root },
    stdin: new PassThrough(),
    out: (text) => {
      out += text;
    },
    err: () => {},
    columns: 60,
    colour: false,
  };
  const file = join(directory, "b.tgz");
  expect(await run(["backup", file], io)).toBe(0);
  expect(await run(["--root", join(directory, "r"), "restore", file], io)).toBe(0);
  expect(out).toMatch(/^Backed up .*database, keys and settings.*The files are not in it/s);
  const lines = out.split("\n");
  const broken = lines.filter((line) => line.length > 60 && line.includes(" "));
  expect(broken).toEqual([]);
});

test("a terminal gets no backup", async () => {
  const { root } = await withAnn();
  let err = "";
  const io: Io = {
    env: { MOORAGE_ROOT: root },
    stdin: new PassThrough(),
    stdout: Object.assign(new PassThrough(), { isTTY: true }),
    out: () => {},
    err: (text) => {
      err += text;
    },
    colour: false,
  };
  expect(await run(["backup", "-"], io)).toBe(2);
  expect(err).toMatch(/no text for a terminal/);
});
