import { readdirSync, statSync, utimesSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { FsError } from "../../../src/errors.ts";
import { type ByteString, fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { PUT, READ, RESUME, TestInstance } from "../../support/instance.ts";

let instance: TestInstance;
let fs: UserFileSystem;

const p = (text: string): ByteString => fromText(text);

beforeEach(async () => {
  instance = await TestInstance.create();
  fs = await instance.home(await instance.addUser("ann", null));
  await fs.makeDirectory(p("d"));
  await (await fs.open(p("f"), PUT)).close();
  await (await fs.open(p("d/inner"), PUT)).close();
  await fs.symlink(p("d"), p("ld"));
  await fs.symlink(p("f"), p("lf"));
});

afterEach(() => instance.close());

async function refusal(act: Promise<unknown>): Promise<string> {
  return act.then(
    () => "done",
    (error: FsError) => error.code,
  );
}

describe("a name with a slash, or a slash and a dot, behind it", () => {
  test("is a directory's: a file is not found there, and a link is followed", async () => {
    for (const end of ["/", "//", "/.", "/./"]) {
      expect(await refusal(fs.stat(p(`f${end}`))), end).toBe("ENOTDIR");
      expect(await refusal(fs.lstat(p(`lf${end}`))), end).toBe("ENOTDIR");
      expect(await refusal(fs.open(p(`f${end}`), READ)), end).toBe("ENOTDIR");
      expect(await refusal(fs.setStat(p(`f${end}`), { permissions: 0o600 }, true))).toBe("ENOTDIR");
      expect((await fs.lstat(p(`ld${end}`))).mode & 0o170000, end).toBe(0o040000);
      expect((await fs.stat(p(`d${end}`))).mode & 0o170000, end).toBe(0o040000);
    }
  });

  test("can be made as a directory and as nothing else", async () => {
    await fs.makeDirectory(p("new/"));
    await fs.rename(p("new/"), p("newer/"), false);
    expect(await refusal(fs.open(p("file/"), PUT))).toBe("EISDIR");
    expect(await refusal(fs.open(p("f/"), RESUME))).toBe("EISDIR");
    expect(await refusal(fs.symlink(p("d"), p("link/")))).toBe("ENOENT");
    expect(await refusal(fs.hardLink(p("f"), p("link/")))).toBe("ENOENT");
    expect(await refusal(fs.rename(p("f"), p("g/"), true))).toBe("ENOTDIR");
    expect(await refusal(fs.rename(p("f/"), p("g"), true))).toBe("ENOTDIR");
    expect(readdirSync(instance.path("ann")).sort()).toEqual(["d", "f", "ld", "lf", "newer"]);
  });

  test("is never a link's when something is removed or moved", async () => {
    expect(await refusal(fs.remove(p("ld/")))).toBe("ENOTDIR");
    expect(await refusal(fs.remove(p("f/")))).toBe("ENOTDIR");
    expect(await refusal(fs.removeDirectory(p("ld/")))).toBe("ENOTDIR");
    expect(await refusal(fs.rename(p("ld/"), p("moved"), true))).toBe("ENOTDIR");
    expect(readdirSync(instance.path("ann")).sort()).toEqual(["d", "f", "ld", "lf"]);
    expect(readdirSync(instance.path("ann", "d"))).toEqual(["inner"]);
  });
});

describe("as the kernel would refuse it to the owner", () => {
  test("a write-protected directory keeps its parent", async () => {
    await fs.makeDirectory(p("d/kept"), 0o500);
    expect(await refusal(fs.rename(p("d/kept"), p("kept"), true))).toBe("EACCES");
    await fs.rename(p("d/kept"), p("d/renamed"), true);
  });

  test("a directory goes neither into itself nor onto one above it", async () => {
    expect(await refusal(fs.rename(p("d"), p("d/e"), true))).toBe("EINVAL");
    expect(await refusal(fs.rename(p("d/inner"), p("ld"), true))).toBe("done");
    await fs.makeDirectory(p("d/e"));
    expect(await refusal(fs.rename(p("d/e"), p("d"), true))).toBe("ENOTEMPTY");
  });

  test("a hard link to a directory, or over a file", async () => {
    expect(await refusal(fs.hardLink(p("d"), p("new")))).toBe("EPERM");
    expect(await refusal(fs.hardLink(p("d"), p("f")))).toBe("EEXIST");
  });
});

test("giving a file the size it has moves its time on", async () => {
  const host = instance.path("ann", "f");
  const old = (): boolean => statSync(host).mtimeMs === 1_000_000;
  const ways = [
    () => fs.setStat(p("f"), { size: 0 }, true),
    async () => (await fs.open(p("f"), PUT)).close(),
  ];
  for (const way of ways) {
    utimesSync(host, 1_000, 1_000);
    expect(old()).toBe(true);
    await way();
    expect(old()).toBe(false);
  }
});
