import { mkdirSync, openSync, renameSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { letGo } from "../../../src/vfs/let-go.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { pages } from "../../../src/vfs/trash-list.ts";
import { newId, TRASH } from "../../../src/vfs/trash-names.ts";
import { TrashSums } from "../../../src/vfs/trash-sum.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { KeepingDesk } from "../../support/keeping.ts";

const path = fromText;
const ORIGIN = ".path";
const FULL = { code: "EDQUOT" };

let desk: KeepingDesk;

beforeEach(async () => {
  desk = await KeepingDesk.create();
});

afterEach(() => desk.close());

async function removed(home: UserFileSystem, name: string, size: number): Promise<void> {
  await desk.write(home, name, "x".repeat(size));
  await home.remove(path(name));
}

test("attack: a directory with a file's name in the trash is no room, and nobody waits for it", async () => {
  const home = await desk.home("ann", { quotaFiles: 2 });
  await desk.write(home, "/a", "a");
  await removed(home, "/b", 1);
  for (const { id } of await desk.all(home)) await home.trash?.remove(id);
  mkdirSync(desk.path(TRASH, newId()));
  await desk.write(home, "/b", "b");
  await expect(desk.write(home, "/c", "c")).rejects.toMatchObject(FULL);
});

test("a file that another process, whose clock is behind, has put into the trash gives way, too", async () => {
  const home = await desk.home("ann", { quotaBytes: 100 });
  for (const name of ["/a", "/b", "/c"]) await removed(home, name, 30);
  // Needs one of them, and by now it is known which are the oldest.
  await desk.write(home, "/d", "d".repeat(30));
  expect(await desk.trash(home)).toEqual(["/b 30", "/c 30"]);
  const late = (await desk.all(home)).find(({ path: at }) => at === "/c")?.id ?? "";
  const before = `00${newId().slice(2)}`;
  for (const end of ["", ORIGIN]) {
    renameSync(desk.path(TRASH, `${late}${end}`), desk.path(TRASH, `${before}${end}`));
  }
  await desk.write(home, "/e", "e".repeat(70));
  expect(await desk.trash(home)).toEqual([]);
  await desk.expectExact({ bytes: 100, files: 2 });
});

test("attack: who writes beyond the quota again and again makes the server add up a large trash once", async () => {
  mkdirSync(desk.path(TRASH), { recursive: true });
  const ids = [newId(), newId(), newId()] as const;
  for (const id of ids) writeFileSync(desk.path(TRASH, id), "12345");
  const old = new Date(Date.now() - 60_000);
  utimesSync(desk.path(TRASH), old, old);
  const fd = openSync(desk.path(TRASH), "r");
  try {
    const sums = new TrashSums();
    const isEnough = (bytes: number) => sums.isEnough(1, fd, new Map(), { bytes, files: 0 });
    expect(await isEnough(16)).toBe(false);
    // Looked at, this would be enough.
    writeFileSync(desk.path(TRASH, ids[0]), "1234567890");
    expect(await isEnough(16)).toBe(false);
    expect(await isEnough(15)).toBe(true);
    writeFileSync(desk.path(TRASH, newId()), "1");
    expect(statSync(desk.path(TRASH)).mtimeMs).toBeGreaterThan(old.getTime());
    expect(await isEnough(21)).toBe(true);
    expect(await isEnough(22)).toBe(false);
  } finally {
    letGo(fd);
  }
});

test("attack: a trash with very many files is not read from its beginning for each thousand", async () => {
  mkdirSync(desk.path(TRASH), { recursive: true });
  const ids = Array.from({ length: 8_000 }, () => newId());
  for (const id of ids) writeFileSync(desk.path(TRASH, id), "");
  const fd = openSync(desk.path(TRASH), "r");
  try {
    const found: string[][] = [];
    for await (const page of pages(fd)) found.push(page);
    expect(found.map(({ length }) => length)).toEqual([1_024, 2_048, 4_096, 832]);
    expect(found.flat()).toEqual(ids);
  } finally {
    letGo(fd);
  }
});
