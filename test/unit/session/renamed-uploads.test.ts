import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { FileEvent } from "../../../src/session/audited-file.ts";
import { RenamedUploads } from "../../../src/session/renamed-uploads.ts";
import { mayBeRenamed } from "../../../src/vfs/temporary-names.ts";

let told: FileEvent[];
let now: number;
let uploads: RenamedUploads;

beforeEach(() => {
  vi.useFakeTimers();
  told = [];
  now = 0;
  const record = (event: FileEvent) => void told.push(event);
  uploads = new RenamedUploads({ record, hold: () => ({ settle: record }) }, () => now);
});

afterEach(() => {
  uploads.close();
  vi.useRealTimers();
});

function upload(path: string, more: Partial<FileEvent> = {}): void {
  uploads.record({ kind: "upload", path, bytes: 5, ...more });
}

function lines(): string[] {
  return told.map(({ kind, path, temporaryPath }) =>
    [kind, path, temporaryPath].filter((part) => part !== undefined).join(" "),
  );
}

test("names that clients use while they upload", () => {
  for (const name of [
    "a.part",
    "a.filepart",
    "a.txt.1a2b3c4d.partial",
    ".in.a.txt.",
    ".a.txt.Ab12Cd",
    "a.TMP",
    "a.txt~",
  ]) {
    expect([name, mayBeRenamed(`/d.part/${name}`)]).toEqual([name, true]);
  }
  for (const name of ["a.txt", "part", "a.parts", ".bashrc", "a.tmp.txt", "archive.partial.zip"]) {
    expect([name, mayBeRenamed(`/d.part/${name}`)]).toEqual([name, false]);
  }
});

test("an upload and its rename are one record under the final name", () => {
  upload("/a.filepart");
  expect(told).toEqual([]);
  uploads.renamed("/a.filepart", "/a");
  expect(told).toEqual([{ kind: "upload", path: "/a", bytes: 5, temporaryPath: "/a.filepart" }]);
});

test("nobody renames it: after ten seconds it has the name it has", () => {
  upload("/a.part");
  now = 9_000;
  upload("/b.part");
  now = 10_000;
  vi.advanceTimersByTime(10_000);
  expect(lines()).toEqual(["upload /a.part"]);
  now = 19_000;
  vi.advanceTimersByTime(9_000);
  expect(lines()).toEqual(["upload /a.part", "upload /b.part"]);
  uploads.renamed("/a.part", "/a");
  expect(lines().at(-1)).toBe("rename /a.part");
});

test("one that broke off doesn't wait, and neither does one under a name that stays", () => {
  upload("/a.part", { unfinished: true });
  upload("/b");
  expect(lines()).toEqual(["upload /a.part", "upload /b"]);
  uploads.renamed("/b", "/c");
  expect(told.at(-1)).toEqual({ kind: "rename", path: "/b", detail: "to /c" });
});

test("what happens to the file next comes after its upload", () => {
  upload("/a.part");
  uploads.record({ kind: "remove", path: "/a.part" });
  upload("/b.part");
  upload("/b.part");
  uploads.renamed("/x", "/b.part");
  expect(lines()).toEqual([
    "upload /a.part",
    "remove /a.part",
    "upload /b.part",
    "upload /b.part",
    "rename /x",
  ]);
});

test("few wait at once, and none when the session ends", () => {
  for (let n = 0; n < 40; n += 1) upload(`/${n}.part`);
  expect(told).toHaveLength(8);
  uploads.close();
  expect(told).toHaveLength(40);
  expect(vi.getTimerCount()).toBe(0);
});

test("without somewhere to keep it nothing waits", () => {
  const plain = new RenamedUploads({ record: (event) => void told.push(event) });
  plain.record({ kind: "upload", path: "/a.part" });
  plain.renamed("/a.part", "/a");
  expect(lines()).toEqual(["upload /a.part", "rename /a.part"]);
});
