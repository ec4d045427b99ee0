import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FsError } from "../../src/errors.ts";
import { fromText } from "../../src/vfs/path.ts";
import type { UserFileSystem } from "../../src/vfs/types.ts";
import { EXCLUSIVE, PUT, READ, TestInstance } from "../support/instance.ts";
import { Swapper } from "../support/swapper.ts";

const ROUNDS = 3_000;

/** On a busy machine the other thread may get no time at all: then this goes on, within bounds. */
const MOST_ROUNDS = 100_000;
const SWAPS = 1_000;

function goesOn(round: number, swapper: Swapper, read: number): boolean {
  if (round < ROUNDS) return true;
  return round < MOST_ROUNDS && (swapper.rounds <= SWAPS || read === 0);
}

async function readAll(home: UserFileSystem, path: string): Promise<string> {
  const file = await home.open(fromText(path), READ);
  try {
    const buffer = Buffer.alloc(64);
    return buffer.toString("utf8", 0, await file.read(buffer, 0, 64, 0));
  } finally {
    await file.close();
  }
}

/** Every way a path is used, each of which would be an escape if it reached the other directory. */
async function useAll(home: UserFileSystem, round: number): Promise<string[]> {
  const seen: string[] = [];
  const attempts: (() => Promise<unknown>)[] = [
    async () => seen.push(await readAll(home, "d/file")),
    async () => seen.push(...(await list(home, "d"))),
    async () => (await home.open(fromText(`d/new${round}`), EXCLUSIVE)).close(),
    async () => (await home.open(fromText("d/file2"), PUT)).close(),
    () => home.setStat(fromText("d/file"), { permissions: 0o644, size: 6 }, true),
    () => home.makeDirectory(fromText(`d/dir${round}`)),
    () => home.rename(fromText("own"), fromText("d/file"), true),
    () => home.rename(fromText("d/file"), fromText("own"), true),
    () => home.remove(fromText("d/victim")),
    () => home.hardLink(fromText("d/file"), fromText(`stolen${round}`)),
    () => home.symlink(fromText("x"), fromText(`d/link${round}`)),
  ];
  for (const attempt of attempts) {
    try {
      await attempt();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(FsError);
    }
  }
  return seen;
}

async function list(home: UserFileSystem, path: string): Promise<string[]> {
  const directory = await home.openDirectory(fromText(path));
  try {
    return (await directory.next(1000)).map((entry) => entry.name);
  } finally {
    await directory.close();
  }
}

test("a directory swapped for a link between check and use: thousands of rounds, no escape", async () => {
  const instance = await TestInstance.create();
  onTestFinished(() => instance.close());
  const account = await instance.addUser("eve", null);
  const home = await instance.home(account);
  const outside = join(instance.root, "outside");
  mkdirSync(outside);
  for (const name of ["file", "victim"]) writeFileSync(join(outside, name), "SECRET");
  const at = (...names: string[]) => instance.path("eve", ...names);
  mkdirSync(at("real"));
  writeFileSync(at("real", "file"), "inside");
  writeFileSync(at("own"), "mine");
  const swapper = await Swapper.start([
    ["renameSync", at("real"), at("d")],
    ["renameSync", at("d"), at("real")],
    ["symlinkSync", outside, at("d")],
    ["unlinkSync", at("d")],
    ["symlinkSync", "../../outside", at("d")],
    ["unlinkSync", at("d")],
  ]);
  let read = 0;
  try {
    for (let round = 0; goesOn(round, swapper, read); round += 1) {
      const seen = await useAll(home, round);
      read += seen.length;
      expect(seen).not.toContain("SECRET");
      expect(seen).not.toContain("victim");
    }
  } finally {
    await swapper.stop();
  }
  // The race was real: now and then the directory stood there and was used.
  expect(swapper.rounds).toBeGreaterThan(SWAPS);
  expect(read).toBeGreaterThan(0);
  expect(readdirSync(outside).sort()).toEqual(["file", "victim"]);
  expect(readFileSync(join(outside, "file"), "utf8")).toBe("SECRET");
  expect(readdirSync(instance.root).sort()).toEqual(["db", "homes", "outside"]);
  expect(readdirSync(join(instance.root, "homes")).sort()).toEqual([".moorage", "eve"]);
}, 120_000);

test("a file swapped for a link at the end of the path: no escape", async () => {
  const instance = await TestInstance.create();
  onTestFinished(() => instance.close());
  const account = await instance.addUser("eve", null);
  const home = await instance.home(account);
  const secret = join(instance.root, "secret");
  writeFileSync(secret, "SECRET");
  const at = (name: string) => instance.path("eve", name);
  writeFileSync(at("real"), "inside");
  const swapper = await Swapper.start([
    ["linkSync", at("real"), at("f")],
    ["unlinkSync", at("f")],
    ["symlinkSync", secret, at("f")],
    ["unlinkSync", at("f")],
  ]);
  let read = 0;
  try {
    for (let round = 0; goesOn(round, swapper, read); round += 1) {
      for (const act of [
        async () => {
          const text = await readAll(home, "f");
          read += 1;
          expect(text).not.toContain("SECRET");
        },
        () =>
          home.setStat(fromText("f"), { permissions: 0o600, times: { atime: 1, mtime: 1 } }, true),
        () => home.setStat(fromText("f"), { size: 3 }, true),
        async () => (await home.open(fromText("f"), PUT)).close(),
      ]) {
        try {
          await act();
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(FsError);
        }
      }
    }
  } finally {
    await swapper.stop();
  }
  expect(swapper.rounds).toBeGreaterThan(SWAPS);
  expect(read).toBeGreaterThan(0);
  expect(readFileSync(secret, "utf8")).toBe("SECRET");
}, 120_000);
