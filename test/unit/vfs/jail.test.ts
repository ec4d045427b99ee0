import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { openGround } from "../../../src/vfs/ground.ts";
import { Jail } from "../../../src/vfs/jail.ts";
import { type ByteString, bytes, fromText, MAX_DEPTH } from "../../../src/vfs/path.ts";
import { Tree } from "../../../src/vfs/tree.ts";

let top: string;
let home: string;
let jail: Jail;

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), "moorage-jail-"));
  home = join(top, "home");
  mkdirSync(join(home, "a/b"), { recursive: true });
  writeFileSync(join(home, "a/b/file"), "inside");
  mkdirSync(join(top, "outside"));
  writeFileSync(join(top, "outside/secret"), "secret");
  jail = new Jail(new Tree(openGround({ id: 1, name: "home" }, home)));
});

afterEach(() => {
  jail.close();
  rmSync(top, { recursive: true, force: true });
});

function where(path: string, follow = true): { path: string; found: boolean } {
  const place = jail.locate(fromText(path), follow);
  const found = place.target !== undefined;
  place.close();
  return { path: place.path, found };
}

function refusal(path: ByteString | string): string {
  try {
    jail.locate(fromText(path), true).close();
    return "found";
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(FsError);
    return (thrown as FsError).code;
  }
}

test("plain paths resolve, with and without slashes and dots", () => {
  for (const path of ["a/b/file", "/a/b/file", "//a/./b//file", "a/../a/b/file", "a/b/../b/file"]) {
    expect(where(path)).toEqual({ path: "/a/b/file", found: true });
  }
  for (const path of ["", "/", ".", "..", "/../..", "a/..", "../../.."]) {
    expect(where(path)).toEqual({ path: "/", found: true });
  }
  expect(where("a/b/")).toEqual({ path: "/a/b", found: true });
  expect(where("a/missing")).toEqual({ path: "/a/missing", found: false });
});

test("dot-dot never leaves the home", () => {
  expect(refusal("../outside/secret")).toBe("ENOENT");
  expect(refusal("a/b/../../../outside/secret")).toBe("ENOENT");
});

test("links inside the home work, absolute ones are read from the home", () => {
  symlinkSync("b", join(home, "a/rel"));
  symlinkSync("/a/b", join(home, "abs"));
  symlinkSync("../a/b/file", join(home, "a/up"));
  symlinkSync("/abs/file", join(home, "chain"));
  expect(where("a/rel/file").path).toBe("/a/b/file");
  expect(where("abs/file").path).toBe("/a/b/file");
  expect(where("a/up").path).toBe("/a/b/file");
  expect(where("chain").path).toBe("/a/b/file");
  expect(where("chain", false).path).toBe("/chain");
  expect(where("abs/../file").path).toBe("/a/file");
});

test("links that point outside lead nowhere", () => {
  symlinkSync(join(top, "outside"), join(home, "direct"));
  symlinkSync("../outside", join(home, "relative"));
  symlinkSync("../../../../../../../../etc", join(home, "etc"));
  symlinkSync("/proc/self/root", join(home, "proc"));
  for (const path of ["direct/secret", "relative/secret", "etc/passwd", "proc/etc/passwd"]) {
    // ELOOP where the name of the link itself is on its way, read from the home.
    expect(["ENOENT", "ELOOP"]).toContain(refusal(path));
  }
});

test("a ring of links is ELOOP, a long chain too", () => {
  symlinkSync("y", join(home, "x"));
  symlinkSync("x", join(home, "y"));
  expect(refusal("x")).toBe("ELOOP");
  expect(refusal("x/file")).toBe("ELOOP");
  for (let i = 0; i < 50; i += 1) symlinkSync(`l${i + 1}`, join(home, `l${i}`));
  expect(refusal("l0")).toBe("ELOOP");
  expect(where("l20", false).path).toBe("/l20");
});

test("a link that multiplies itself is bounded", () => {
  symlinkSync("bomb/bomb/bomb/bomb/bomb/bomb/bomb/bomb", join(home, "bomb"));
  expect(refusal("bomb")).toBe("ELOOP");
});

test("files are no directories, missing directories are missing", () => {
  expect(refusal("a/b/file/x")).toBe("ENOTDIR");
  expect(refusal("a/none/x")).toBe("ENOENT");
});

test("hostile names are refused or harmless", () => {
  expect(refusal("a\0b")).toBe("EINVAL");
  expect(refusal("x".repeat(5000))).toBe("ENAMETOOLONG");
  expect(refusal("x".repeat(300))).toBe("ENAMETOOLONG");
  expect(refusal("a/".repeat(2000))).toBe("ENOENT");
  const odd = bytes(Buffer.from([0xff, 0xfe, 0x2e]));
  const place = jail.locate(odd, true);
  expect(place.path).toBe(`/${odd}`);
  place.close();
});

test("depth is bounded, and no descriptor is left open", () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const before = count();
  let deep = home;
  for (let i = 0; i <= MAX_DEPTH; i += 1) {
    deep = join(deep, "d");
    mkdirSync(deep);
  }
  expect(refusal(`${"d/".repeat(MAX_DEPTH + 1)}x`)).toBe("ENAMETOOLONG");
  expect(where("d/".repeat(MAX_DEPTH - 1)).found).toBe(true);
  for (let i = 0; i < 50; i += 1) {
    where("a/b/file");
    refusal("a/none/x");
    refusal("a/b/file/x");
  }
  expect(count()).toBe(before);
});

test("links that name thousands of directories between them cost no more than a long path", () => {
  const detour = "a/../".repeat(800);
  symlinkSync(`/${detour}a`, join(home, "l0"));
  for (let i = 1; i < 30; i += 1) symlinkSync(`/${detour}l${i - 1}`, join(home, `l${i}`));
  expect(refusal("l29")).toBe("ENAMETOOLONG");
  expect(refusal(`${detour}a`)).toBe("ENAMETOOLONG");
  expect(where(`${"a/../".repeat(400)}a/b/file`).found).toBe(true);
});

test("what was removed and is large is closed on a thread, all else at once", async () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const before = count();
  const released = (name: string, size: number, removed: boolean) => {
    writeFileSync(join(home, name), "");
    truncateSync(join(home, name), size);
    const place = jail.locate(fromText(name), false);
    place.grasp();
    if (removed) unlinkSync(join(home, name));
    return place.release();
  };
  const large = 64 * 1024 * 1024;
  expect(released("kept", large, false)).toBeUndefined();
  expect(released("small", 10, true)).toBeUndefined();
  expect(jail.locate(fromText("missing"), false).release()).toBeUndefined();
  expect(jail.locate(fromText("/"), false).release()).toBeUndefined();
  const freed = released("large", large, true);
  expect(freed).toBeInstanceOf(Promise);
  await freed;
  expect(count()).toBe(before);
});
