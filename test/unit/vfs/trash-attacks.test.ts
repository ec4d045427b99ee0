import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { AccessMode } from "../../../src/access/modes.ts";
import { fromText, type VirtualPath } from "../../../src/vfs/path.ts";
import { newId, originOf, TRASH } from "../../../src/vfs/trash-names.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { PUT, READ } from "../../support/instance.ts";
import { KeepingDesk } from "../../support/keeping.ts";

const path = fromText;

let desk: KeepingDesk;
let home: UserFileSystem;

beforeEach(async () => {
  desk = await KeepingDesk.create();
  home = await desk.home("ann");
  await desk.write(home, "/kept", "secret");
  await home.remove(path("/kept"));
});

afterEach(() => desk.close());

const DENIED = { code: "EACCES" };

/** Ways to say the trash's name. */
const SPELLINGS = [
  `/${TRASH}`,
  `${TRASH}`,
  `/./${TRASH}`,
  `//${TRASH}//`,
  `/d/../${TRASH}`,
  `/d/e/../../${TRASH}`,
  `/up/${TRASH}`,
  `/top/${TRASH}`,
  "/straight",
  "/relative",
  "/d/round",
];

describe("nobody gets into the trash by its name", () => {
  beforeEach(async () => {
    await home.makeDirectory(path("/d"));
    await home.makeDirectory(path("/d/e"));
    await home.symlink(path("d/.."), path("/up"));
    await home.symlink(path("/"), path("/top"));
    await home.symlink(path(`/${TRASH}`), path("/straight"));
    await home.symlink(path(`./${TRASH}`), path("/relative"));
    await home.symlink(path(`../d/../${TRASH}`), path("/d/round"));
  });

  test.each(SPELLINGS)("by %s", async (spelling) => {
    const [name] = desk.inTrash() as [string];
    const inside = path(`${spelling}/${name}`);
    await expect(home.stat(inside)).rejects.toMatchObject(DENIED);
    await expect(home.open(inside, READ)).rejects.toMatchObject(DENIED);
    await expect(home.open(path(`${spelling}/new`), PUT)).rejects.toMatchObject(DENIED);
    await expect(home.remove(inside)).rejects.toMatchObject(DENIED);
    await expect(home.hardLink(inside, path("/link"))).rejects.toMatchObject(DENIED);
    await expect(home.rename(inside, path("/mine"), true)).rejects.toMatchObject(DENIED);
    await desk.write(home, "/mine", "x");
    await expect(home.rename(path("/mine"), inside, true)).rejects.toMatchObject(DENIED);
    await expect(home.hardLink(path("/mine"), inside)).rejects.toMatchObject(DENIED);
    await expect(home.makeDirectory(path(`${spelling}/x`))).rejects.toMatchObject(DENIED);
    await expect(home.openDirectory(path(spelling))).rejects.toMatchObject(DENIED);
    await expect(home.walkFrom(path(spelling))).rejects.toMatchObject(DENIED);
  });

  test("and it can't be moved, removed or replaced, and lists don't have it", async () => {
    const itself = path(`/${TRASH}`);
    await expect(home.rename(itself, path("/x"), true)).rejects.toMatchObject(DENIED);
    await expect(home.rename(path("/d"), itself, true)).rejects.toMatchObject(DENIED);
    await expect(home.removeDirectory(itself)).rejects.toMatchObject(DENIED);
    await expect(home.lstat(itself)).rejects.toMatchObject(DENIED);
    await expect(home.symlink(path("/d"), itself)).rejects.toMatchObject(DENIED);
    const names = (await (await home.openDirectory(path("/"))).next(100)).map(({ name }) => name);
    expect(names).toContain("d");
    expect(names).not.toContain(TRASH);
    const cursor = await home.walkFrom(path("/"));
    await expect(cursor.enter(TRASH)).rejects.toMatchObject(DENIED);
    await expect(cursor.fs.stat(TRASH)).rejects.toMatchObject(DENIED);
    await cursor.enter(path("d"));
    await cursor.enter(path("round"), true).catch(() => undefined);
    expect(cursor.where(path("x"))).toBe("/d/x");
    await cursor.close();
  });

  test("below other directories the name is one like all others", async () => {
    await home.makeDirectory(path(`/d/${TRASH}`));
    await desk.write(home, `/d/${TRASH}/a`, "x");
    expect((await home.stat(path(`/d/${TRASH}/a`))).size).toBe(1);
    await desk.expectExact();
  });
});

test("where the trash is a link, nothing is kept and nothing outside is touched", async () => {
  const bob = await desk.home("bob");
  const outside = desk.path("outside");
  mkdirSync(outside);
  symlinkSync(outside, desk.instance.path("bob", TRASH));
  await desk.write(bob, "/a", "old");
  await desk.write(bob, "/a", "new");
  await bob.remove(path("/a"));
  expect(await desk.trash(bob)).toEqual([]);
  expect(readdirSync(outside)).toEqual([]);
});

test("what says where a file was is not trusted", async () => {
  const trash = desk.path(TRASH);
  for (const origin of ["/../../etc/x", "relative", "/a/../../b", "/"]) {
    const id = newId();
    writeFileSync(`${trash}/${id}`, "planted");
    symlinkSync(origin, `${trash}/${originOf(id)}`);
  }
  const lost = newId();
  writeFileSync(`${trash}/${lost}`, "lost");
  const found = (await desk.all(home)).slice(1).map((file) => file.path);
  expect(found).toHaveLength(5);
  for (const one of found) expect(one).toMatch(/^\/restored-[0-9a-z]{15}$/);
  await desk.restoreAll(home);
  expect(existsSync(desk.path(`restored-${lost}`))).toBe(true);
});

test("IDs that are none lead nowhere", async () => {
  for (const id of ["", "..", "../kept", `../${TRASH}`, "x/../../y", "0".repeat(15), "\0"]) {
    await expect(home.trash?.restore(id)).rejects.toMatchObject({ code: "ENOENT" });
    await expect(home.trash?.remove(id)).rejects.toMatchObject({ code: "ENOENT" });
  }
});

describe("in a shared folder", () => {
  const rule = (at: string, access: AccessMode) =>
    ({ path: at, access, source: "user", of: "x" }) as const;

  /** A member of the folder, which is at /team. */
  async function member(name: string, ...rules: readonly ReturnType<typeof rule>[]) {
    const { id } = await desk.account("@team");
    mkdirSync(desk.instance.path("@team"), { recursive: true });
    const folders = [{ at: "/team" as VirtualPath, id, name: "@team" }];
    return desk.home(name, {}, desk.instance, { folders, rules });
  }

  test("who may remove may restore, by the member's own paths", async () => {
    const one = await member("one", rule("/team", "full"));
    await desk.write(one, "/team/a", "text");
    await one.remove(path("/team/a"));
    const two = await member("two", rule("/team", "full"));
    expect(await desk.trash(two)).toEqual(["/team/a 4"]);
    await desk.restoreAll(two);
    expect(desk.read("/a", "@team")).toBe("text");
    await desk.expectExact({ bytes: 4, files: 1 }, "@team");
  });

  test("nobody sees or has another's removed secrets", async () => {
    const one = await member("one", rule("/team", "full"));
    await one.makeDirectory(path("/team/secret"));
    for (const name of ["/team/open", "/team/secret/a"]) {
      await desk.write(one, name, "text");
      await one.remove(path(name));
    }
    const all = await desk.all(one);
    const secret = all.find((file) => file.path === "/team/secret/a")?.id ?? "";
    const open = all.find((file) => file.path === "/team/open")?.id ?? "";
    const reader = await member("two", rule("/team", "read"), rule("/team/secret", "none"));
    expect(await desk.trash(reader)).toEqual(["/team/open 4"]);
    await expect(reader.trash?.restore(open)).rejects.toMatchObject({ code: "EACCES" });
    await expect(reader.trash?.remove(open)).rejects.toMatchObject({ code: "EACCES" });
    for (const id of [secret, "0".repeat(15)]) {
      await expect(reader.trash?.restore(id)).rejects.toMatchObject({ code: "ENOENT" });
      await expect(reader.trash?.remove(id)).rejects.toMatchObject({ code: "ENOENT" });
    }
    const dropper = await member("three", rule("/team", "drop"));
    expect(await desk.trash(dropper)).toEqual([]);
    await expect(dropper.trash?.restore(open)).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("what was in a secret place does not come back where it can be read, nor in another home", async () => {
    const one = await member("one", rule("/team", "full"));
    await desk.write(one, "/team/a", "text");
    await one.remove(path("/team/a"));
    const [file] = await desk.all(one);
    const to = (name: string) => one.trash?.restore(file?.id ?? "", { to: path(name) });
    await expect(to("/mine")).rejects.toMatchObject({ code: "EXDEV" });
    await expect(to(`/team/${TRASH}/x`)).rejects.toMatchObject(DENIED);
    expect(await to("/team/b")).toBe("/team/b");
  });
});
