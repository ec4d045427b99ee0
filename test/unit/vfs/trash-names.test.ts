import { expect, test } from "vitest";
import { fromText } from "../../../src/vfs/path.ts";
import { isTemporary } from "../../../src/vfs/temporary-names.ts";
import {
  counts,
  isId,
  kindOf,
  newId,
  originOf,
  successorOf,
  TRASH,
  timeOf,
} from "../../../src/vfs/trash-names.ts";

test("IDs sort by the time of removal, also those of one moment", () => {
  const now = Date.now() + 60_000;
  const ids = Array.from({ length: 1_000 }, () => newId(now));
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.every(isId)).toBe(true);
  expect(timeOf(ids[0] ?? newId())).toBe(now);
});

test("what goes with a file is told from it, and from what nobody knows", () => {
  const id = newId();
  expect(kindOf(id)).toEqual({ of: id, kind: "file" });
  expect(kindOf(originOf(id))).toEqual({ of: id, kind: "origin" });
  expect(kindOf(successorOf(id))).toEqual({ of: id, kind: "successor" });
  for (const name of ["x", `${id}.`, `${id}.pat`, ".path", `${id}x`]) {
    expect(kindOf(name)).toBeUndefined();
  }
});

test("the trash itself and its links are not in the books, its files are", () => {
  const id = newId();
  expect(counts(["a"], 1n)).toBe(true);
  expect(counts(["a", TRASH], 1n)).toBe(true);
  expect(counts([TRASH], 2n)).toBe(false);
  expect(counts([TRASH, id], 1n)).toBe(true);
  expect(counts([TRASH, id], 2n)).toBe(false);
  expect(counts([TRASH, originOf(id)], 1n)).toBe(false);
  expect(counts([TRASH, successorOf(id)], 1n)).toBe(true);
  expect(counts([TRASH, "unknown"], 2n)).toBe(true);
});

test.each([
  ["report.odt.filepart", "a.partial", "a.1f00c2d4.partial", "a.part", "A.TMP", "a.crdownload"],
  [".in.a", "a.lftp-pget-status", ".a.txt.Xa81bZ", "a~", ".a.swp", ".a.swo", "#a#", ".#a", "4913"],
  ["~$a.docx", "~WRD0001.tmp", ".~lock.a.odt#", ".goutputstream-AB12CD", ".fuse_hidden0001"],
])("temporary: %s %s %s %s %s", (...names) => {
  for (const name of names) expect([name, isTemporary(fromText(name))]).toEqual([name, true]);
});

test("not temporary", () => {
  const names = ["a.txt", ".bashrc", ".bashrc.backup", "a.parts", "partial", "tmp", "~", "a.swp"];
  const kept = names.filter((name) => !isTemporary(fromText(name)));
  expect(kept).toEqual(names.filter((name) => name !== "~"));
});
