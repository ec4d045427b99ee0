import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, it } from "vitest";
import { GroupControl } from "../../../src/control/groups.ts";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { onDisk } from "../../support/instance.ts";
import { code, get, HOW, names, put, Team, write } from "../../support/team.ts";

let team: Team;
let ann: Account;
let bob: Account;
let fs: UserFileSystem;
const at = fromText;

beforeEach(async () => {
  team = await Team.create();
  ann = await team.user("ann");
  bob = await team.user("bob");
  fs = await team.session(ann);
  await team.folder("p", 100);
  await team.folders.share("p", { to: "ann", access: "full" });
});

afterEach(async () => {
  const { store, root } = team.instance;
  const folders = await store.folders.list();
  const booked = [...(await store.users.list()), ...folders]
    .filter(({ name }) => existsSync(`${root}/homes/${name}`))
    .map(({ name, usedBytes, usedFiles }) => ({ name, bytes: usedBytes, files: usedFiles }));
  const found = booked.map(({ name }) => ({ name, ...onDisk(`${root}/homes/${name}`) }));
  await team.close();
  expect(booked).toEqual(found);
});

const used = async (name: string): Promise<number> => (await team.folders.folder(name)).usedBytes;

it("a folder is in open sessions at once: listed, entered, resolved", async () => {
  expect(await names(fs, "/")).toEqual(["p"]);
  await put(fs, "/p/x", "12345");
  expect(await fs.realPath(at("p/../p/x"))).toBe("/p/x");
  expect(await fs.realPath(at("/p/.."))).toBe("/");
  expect((await fs.stat(at("/p"))).mode & 0o170000).toBe(0o040000);
  expect(await used("p")).toBe(5);
  expect((await team.instance.store.ledger.usage(ann.id)).usedBytes).toBe(0);
  const later = await team.session(ann);
  expect(await get(later, "/p/x")).toBe("12345");
});

it("what all members store counts to the folder, exactly", async () => {
  await team.folders.share("p", { to: "bob", at: "/with/ann", access: "full" });
  const other = await team.session(bob);
  expect(await names(other, "/with")).toEqual(["ann"]);
  await put(fs, "/p/a", "a".repeat(60));
  expect(await code(put(other, "/with/ann/b", "b".repeat(41)))).toBe("EDQUOT");
  await put(other, "/with/ann/b", "b".repeat(40));
  expect(await code(put(fs, "/p/c", "c"))).toBe("EDQUOT");
  expect(await used("p")).toBe(100);
  await fs.remove(at("/p/b"));
  await put(fs, "/p/c", "c");
  await fs.remove(at("/p/c"));
  expect(await used("p")).toBe(60);
  await put(other, "/own", "x".repeat(500));
});

it("statvfs tells of the folder inside it, and of the home elsewhere", async () => {
  await put(fs, "/p/a", "a".repeat(60));
  const inside = await fs.fileSystemStat(await fs.realPath(at("/p/a")));
  expect(inside).toMatchObject({ usedBytes: 60, quotaBytes: 100, mountedOn: "/p" });
  expect(await fs.fileSystemStat(await fs.realPath(at("/")))).toMatchObject({
    usedBytes: 0,
    quotaBytes: null,
    mountedOn: "/",
  });
});

it("moves and hard links across are refused so that clients copy", async () => {
  await put(fs, "/x", "x");
  await put(fs, "/p/y", "y");
  expect(await code(fs.rename(at("/x"), at("/p/x"), false))).toBe("EXDEV");
  expect(await code(fs.rename(at("/p/y"), at("/y"), true))).toBe("EXDEV");
  expect(await code(fs.hardLink(at("/x"), at("/p/x")))).toBe("EXDEV");
  await fs.rename(at("/p/y"), at("/p/z"), false);
  expect(await names(fs, "/p")).toEqual(["z"]);
});

it("a member can't rename, remove, cover or chmod the folder itself", async () => {
  for (const work of [
    fs.rename(at("/p"), at("/q"), false),
    fs.removeDirectory(at("/p")),
    fs.remove(at("/p")),
    fs.setStat(at("/p"), { permissions: 0 }, true),
  ]) {
    expect(await code(work)).toBe("EACCES");
  }
  expect(await code(fs.makeDirectory(at("/p")))).toBe("EEXIST");
  await fs.makeDirectory(at("/d"));
  expect(await code(fs.rename(at("/d"), at("/p"), true))).toBe("EACCES");
  await team.folders.share("p", { to: "bob", at: "/with/ann", access: "full" });
  const other = await team.session(bob);
  expect(await code(other.rename(at("/with"), at("/w"), false))).toBe("EACCES");
  expect(await code(other.removeDirectory(at("/with")))).toBe("EACCES");
});

it("a folder is not put over what a user has, and says so", async () => {
  await put(fs, "/notes", "x");
  await team.folder("notes");
  const refused = team.folders.share("notes", { to: "ann", access: "full" });
  await expect(refused).rejects.toThrow("ann has /notes of their own");
  const below = team.folders.share("notes", { to: "ann", at: "/notes/deep", access: "full" });
  await expect(below).rejects.toThrow("a file or link on the way");
  const inside = team.folders.share("notes", { to: "ann", at: "/p/in", access: "full" });
  await expect(inside).rejects.toThrow("ann has the folder @p at /p");
  await team.folders.share("notes", { to: "ann", at: "/team", access: "full" });
  await put(fs, "/team/x", "x");
});

it("one that is taken away is gone, with what is open in it", async () => {
  await put(fs, "/p/x", "x");
  const reading = await fs.open(at("/p/x"), HOW.read);
  const writing = await fs.open(at("/p/y"), HOW.put);
  await write(writing, "12");
  const listing = await fs.openDirectory(at("/p"));
  const cursor = await fs.walkFrom(at("/p"));
  await team.folders.unshare("p", "ann");
  expect(await code(reading.read(Buffer.alloc(1), 0, 1, 0))).toBe("EBADF");
  expect(await code(write(writing, "3", 2))).toBe("EBADF");
  expect(await code(listing.next(1))).toBe("EBADF");
  expect(await code(cursor.fs.stat(at("x")))).toBe("EBADF");
  expect(await code(fs.stat(at("/p")))).toBe("ENOENT");
  expect(await names(fs, "/")).toEqual([]);
  expect(await used("p")).toBe(3);
});

it("a removed folder leaves its files, or deletes them, and can be added again exactly", async () => {
  await put(fs, "/p/x", "12345");
  const open = await fs.open(at("/p/x"), HOW.read);
  await team.folders.remove("p");
  expect(await code(open.stat())).toBe("EBADF");
  expect(readdirSync(team.instance.path("@p"))).toEqual(["x"]);
  expect(await team.folder("p")).toMatchObject({ usedBytes: 5, usedFiles: 1 });
  await team.folders.remove("p", { deleteFiles: true });
  expect(existsSync(team.instance.path("@p"))).toBe(false);
});

it("a link in a folder does not lead out of it, nor does one through another link", async () => {
  await put(fs, "/secret", "mine");
  await fs.symlink(at("/secret"), at("/p/out"));
  await fs.symlink(at("../secret"), at("/p/up"));
  await fs.symlink(at("/p/up"), at("/via"));
  await put(fs, "/p/file", "file");
  await fs.symlink(at("file"), at("/p/in"));
  expect(await code(get(fs, "/p/out"))).toBe("EACCES");
  expect(await code(put(fs, "/p/up", "x"))).toBe("EACCES");
  expect(await code(get(fs, "/via"))).toBe("EACCES");
  expect(await get(fs, "/p/in")).toBe("file");
  expect(await get(fs, "/secret")).toBe("mine");
});

it("a cursor goes into a folder and back out", async () => {
  await fs.makeDirectory(at("/p/d"));
  await put(fs, "/p/d/x", "x");
  const cursor = await fs.walkFrom(at("/"));
  await cursor.enter(at("p"));
  await cursor.enter(at("d"));
  expect(cursor.where(at("x"))).toBe("/p/d/x");
  expect(await names(cursor.fs, ".")).toEqual(["x"]);
  await put(cursor.fs, "y", "y");
  await cursor.leave();
  await cursor.leave();
  expect(await names(cursor.fs, ".")).toEqual(["p"]);
  await cursor.close();
  expect(await used("p")).toBe(2);
});

it("a folder whose directory is gone is left out, and the rest goes on", async () => {
  const { root, store } = team.instance;
  const { id } = await team.folders.folder("p");
  await store.ledger.usage(id);
  await put(fs, "/p/x", "x");
  renameSync(`${root}/homes/@p`, `${root}/homes/.away`);
  const later = await team.session(ann);
  expect(await names(later, "/")).toEqual([]);
  await put(later, "/own", "x");
  renameSync(`${root}/homes/.away`, `${root}/homes/@p`);
  await later.reload?.();
  expect(await get(later, "/p/x")).toBe("x");
});

it("files that were in homes/@NAME before are counted when the folder is added", async () => {
  mkdirSync(team.instance.path("@old"));
  writeFileSync(team.instance.path("@old", "file"), "12345678");
  expect(await team.folder("old")).toMatchObject({ usedBytes: 8, usedFiles: 1 });
});

it.each([
  ["P", "can't be a folder's name"],
  ["a/b", "can't be a folder's name"],
  ["p", "folder p exists already"],
])("no folder is called %j", async (name, why) => {
  await expect(team.folder(name)).rejects.toThrow(why);
});

it.each([
  ["x", "begins with a slash"],
  ["/", "can't be at /"],
  ["/a/../b", "leave out .."],
  [`/${"x".repeat(256)}`, "at most 256 bytes"],
])("no folder is at %j", async (path, why) => {
  await expect(team.folders.share("p", { to: "bob", at: path, access: "full" })).rejects.toThrow(
    why,
  );
});

it("a group has a folder as long as one is in it", async () => {
  const { store } = team.instance;
  const groups = new GroupControl({
    store,
    actor: "test",
    quota: { default: null },
    announced: () => team.reload(),
  });
  await groups.add("g", {});
  await team.folder("q");
  await team.folders.share("q", { to: "@g", access: "full" });
  expect(await names(fs, "/")).toEqual(["p"]);
  await put(fs, "/q", "in the way");
  await expect(groups.join("g", ["ann"])).rejects.toThrow("ann has /q of their own");
  await fs.remove(at("/q"));
  await groups.join("g", ["ann"]);
  expect(await names(fs, "/")).toEqual(["p", "q"]);
  await put(fs, "/q/x", "x");
  await team.access.set("@g", "/q", "read");
  expect(await code(put(fs, "/q/x", "y"))).toBe("EACCES");
  await groups.leave("g", ["ann"]);
  expect(await names(fs, "/")).toEqual(["p"]);
  await groups.join("g", ["ann"]);
  await groups.remove("g");
  expect(await names(fs, "/")).toEqual(["p"]);
});
