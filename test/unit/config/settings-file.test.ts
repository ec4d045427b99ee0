import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FileProblem } from "../../../src/config/file.ts";
import { changeSettingsFile } from "../../../src/config/settings-file.ts";

let root: string;
let file: string;
let fresh: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-settings-"));
  file = join(root, "moorage.toml");
  fresh = `${file}.new`;
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

const append = (text: string) => `${text}b = 2\n`;
const read = () => readFileSync(file, "utf8");

test("makes the file where there is none, with no more than others' umask gives", async () => {
  expect(await changeSettingsFile(root, append)).toBe(true);
  expect(read()).toBe("b = 2\n");
  expect(statSync(file).mode & 0o777).toBe(0o666 & ~process.umask());
  expect(readdirSync(root)).toEqual(["moorage.toml"]);
});

test("keeps mode and owner", async () => {
  writeFileSync(file, "a = 1\n");
  chmodSync(file, 0o604);
  const before = statSync(file);
  await changeSettingsFile(root, append);
  const { mode, uid, gid } = statSync(file);
  expect({ mode, uid, gid }).toEqual({ mode: before.mode, uid: before.uid, gid: before.gid });
  expect(read()).toBe("a = 1\nb = 2\n");
});

test("a text that stays as it is touches nothing", async () => {
  writeFileSync(file, "a = 1\n");
  const before = statSync(file, { bigint: true });
  expect(await changeSettingsFile(root, (text) => text)).toBe(false);
  expect(statSync(file, { bigint: true })).toMatchObject({
    ino: before.ino,
    ctimeNs: before.ctimeNs,
  });
  expect(await changeSettingsFile(root, (text) => text)).toBe(false);
  expect(readdirSync(root)).toEqual(["moorage.toml"]);
});

test("what the change throws leaves the file as it was, and nothing beside it", async () => {
  writeFileSync(file, "a = 1\n");
  const failing = changeSettingsFile(root, () => {
    throw new Error("no");
  });
  await expect(failing).rejects.toThrow("no");
  expect(read()).toBe("a = 1\n");
  expect(readdirSync(root)).toEqual(["moorage.toml"]);
});

test.each([
  ["was written anew", () => writeFileSync(file, "c = 3\n")],
  [
    "was replaced by the same",
    () => {
      writeFileSync(`${file}.editor`, "a = 1\n");
      rmSync(file);
      symlinkSync(`${file}.editor`, file);
    },
  ],
  ["went", () => rmSync(file)],
])("refuses when the file %s meanwhile", async (_, meanwhile) => {
  writeFileSync(file, "a = 1\n");
  const changing = changeSettingsFile(root, (text) => {
    meanwhile();
    return append(text);
  });
  await expect(changing).rejects.toThrow(FileProblem);
  expect(existsSync(file) && read()).not.toContain("b = 2");
  expect(existsSync(fresh)).toBe(false);
});

test("refuses when the file is made meanwhile", async () => {
  const changing = changeSettingsFile(root, (text) => {
    writeFileSync(file, "");
    return append(text);
  });
  await expect(changing).rejects.toThrow(/changed by somebody else meanwhile: try again/);
  expect(read()).toBe("");
});

test("one writes at a time, and none is lost", async () => {
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, at) => changeSettingsFile(root, (text) => `${text}${at}\n`)),
  );
  const done = results.flatMap(({ status }, at) => (status === "fulfilled" ? [at] : []));
  expect(done.length).toBeGreaterThan(0);
  expect(read().trim().split("\n").map(Number).sort()).toEqual(done.sort());
  for (const one of results) {
    if (one.status === "rejected") expect(one.reason).toBeInstanceOf(FileProblem);
  }
});

test("what a killed process left is in nobody's way, after a minute", async () => {
  writeFileSync(fresh, "half");
  await expect(changeSettingsFile(root, append)).rejects.toThrow(/being changed by somebody else/);
  const longAgo = Date.now() / 1000 - 61;
  utimesSync(fresh, longAgo, longAgo);
  await changeSettingsFile(root, append);
  expect(read()).toBe("b = 2\n");
  expect(existsSync(fresh)).toBe(false);
});

test("who was taken for dead renames nothing that another writes", async () => {
  writeFileSync(file, "a = 1\n");
  const changing = changeSettingsFile(root, (text) => {
    rmSync(fresh);
    writeFileSync(fresh, "another's, not whole");
    return append(text);
  });
  await expect(changing).rejects.toThrow(/being changed by somebody else/);
  expect(read()).toBe("a = 1\n");
  expect(readFileSync(fresh, "utf8")).toBe("another's, not whole");
});

test("attack: a link in its place is neither followed nor replaced", async () => {
  const target = join(root, "elsewhere");
  writeFileSync(target, "a = 1\n");
  symlinkSync(target, file);
  await expect(changeSettingsFile(root, append)).rejects.toThrow(
    /^moorage\.toml is a symbolic link: change the file that it leads to$/,
  );
  expect(readFileSync(target, "utf8")).toBe("a = 1\n");
  expect(lstatSync(file).isSymbolicLink()).toBe(true);
  expect(existsSync(fresh)).toBe(false);
});

test("attack: a link in the place of what is written is not followed", async () => {
  const target = join(root, "elsewhere");
  symlinkSync(target, fresh);
  await expect(changeSettingsFile(root, append)).rejects.toThrow(FileProblem);
  expect(existsSync(target)).toBe(false);
});

test.each([
  ["a directory", () => mkdirSync(file), /is no file/],
  ["no UTF-8", () => writeFileSync(file, Buffer.from([0x61, 0xff])), /is not UTF-8/],
])("refuses %s", async (_, make, problem) => {
  make();
  await expect(changeSettingsFile(root, append)).rejects.toThrow(problem);
  expect(existsSync(fresh)).toBe(false);
});

test("says it when the instance's directory is not there", async () => {
  const missing = changeSettingsFile(join(root, "none"), append);
  await expect(missing).rejects.toThrow("the instance's directory is not there");
});

test.runIf(process.getuid?.() === 0)("what root makes is the directory owner's", async () => {
  const { chownSync } = await import("node:fs");
  chownSync(root, 12_345, 12_346);
  await changeSettingsFile(root, append);
  expect(statSync(file)).toMatchObject({ uid: 12_345, gid: 12_346 });
});

test.runIf(process.getuid?.() === 0)("another's file stays another's, or is refused", async () => {
  const { chownSync } = await import("node:fs");
  writeFileSync(file, "a = 1\n");
  chownSync(root, 12_345, 12_346);
  await changeSettingsFile(root, append);
  expect(statSync(file)).toMatchObject({ uid: 0, gid: 0 });
  process.setegid?.(12_346);
  process.seteuid?.(12_345);
  try {
    await expect(changeSettingsFile(root, append)).rejects.toThrow(
      /belongs to another user or group \(uid 0, gid 0\)/,
    );
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
  expect(read()).toBe("a = 1\nb = 2\n");
  expect(readdirSync(root)).toEqual(["moorage.toml"]);
});

test.runIf(process.getuid?.() === 0)("what is renamed is not said to have failed", async () => {
  const { chownSync } = await import("node:fs");
  chownSync(root, 12_345, 12_346);
  // Its names can be changed, but it can't be opened to be synced.
  chmodSync(root, 0o300);
  process.setegid?.(12_346);
  process.seteuid?.(12_345);
  try {
    expect(await changeSettingsFile(root, append)).toBe(true);
  } finally {
    process.seteuid?.(0);
    process.setegid?.(0);
  }
  expect(read()).toBe("b = 2\n");
});
