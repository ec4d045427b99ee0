import {
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AccessMode } from "../../../src/access/modes.ts";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { openPaths } from "../../support/descriptors.ts";
import { onDisk } from "../../support/instance.ts";
import { code, get, HOW, names, put, Team, write } from "../../support/team.ts";

let team: Team;
let ann: Account;
let bob: Account;
/** ann's, whose folder it is by rule */
let fs: UserFileSystem;
/** bob's, who may do all in the folder */
let boss: UserFileSystem;
const at = fromText;
const share = async (access: AccessMode): Promise<void> =>
  void (await team.folders.share("p", { to: "ann", access }));
const disk = (...rest: string[]): string => team.instance.path("@p", ...rest);

beforeEach(async () => {
  team = await Team.create();
  ann = await team.user("ann");
  bob = await team.user("bob");
  fs = await team.session(ann);
  boss = await team.session(bob);
  await team.folder("p", 10_000);
  await share("full");
  await team.folders.share("p", { to: "bob", access: "full" });
  await put(boss, "/p/old", "old");
});

afterEach(async () => {
  const { store, root } = team.instance;
  for (const { name, id } of [ann, bob, await team.folders.folder("p")]) {
    const { usedBytes, usedFiles } = await store.ledger.usage(id);
    const found = onDisk(`${root}/homes/${name}`);
    expect({ name, bytes: usedBytes, files: usedFiles }).toEqual({ name, ...found });
  }
  await team.close();
});

describe("one's own upload", () => {
  it.each(["add", "drop"] as const)("is the file, not whatever has its name: %s", async (mode) => {
    await share(mode);
    await put(fs, "/p/up.part", "1");
    await boss.remove(at("/p/up.part"));
    await put(boss, "/p/up.part", "the boss's");
    const hidden = mode === "drop";
    expect(await code(put(fs, "/p/up.part", "x", HOW.write))).toBe(hidden ? "ENOENT" : "EACCES");
    expect(await code(fs.setStat(at("/p/up.part"), { size: 0 }, true))).not.toBe("ok");
    expect(await code(fs.setStat(at("/p/up.part"), { permissions: 0 }, true))).not.toBe("ok");
    expect(await code(fs.rename(at("/p/up.part"), at("/p/up"), false))).toBe("EACCES");
    expect(await code(fs.remove(at("/p/up.part")))).toBe("EACCES");
    if (hidden) expect(await code(fs.stat(at("/p/up.part")))).toBe("ENOENT");
    expect(readFileSync(disk("up.part"), "utf8")).toBe("the boss's");
    if (!hidden) return;
    await put(fs, "/p/up.part", "again");
    expect(readFileSync(disk("up.part"), "utf8")).toBe("the boss's");
  });

  it("is not one of another name, however deep a cursor stands", async () => {
    const deep = Array.from({ length: 39 }, (_, i) => `${i}${"d".repeat(100)}`);
    const way = (place: string) => [...deep.slice(0, 5), place, ...deep.slice(5)];
    const enter = async (session: UserFileSystem, place: string, makes: boolean) => {
      const cursor = await session.walkFrom(at("/p"));
      for (const name of way(place)) {
        if (makes) await code(cursor.fs.makeDirectory(at(name)));
        await cursor.enter(at(name));
      }
      return cursor;
    };
    for (const [session, place] of [
      [boss, "same"],
      [fs, "other"],
    ] as const) {
      if (session === fs) await share("add");
      const cursor = await enter(session, place, true);
      expect(cursor.where(at("f.part"))).toContain(at("/…/f.part"));
      await put(cursor.fs, "f.part", place);
      await cursor.close();
    }
    const cursor = await enter(fs, "same", false);
    expect(await code(put(cursor.fs, "f.part", "x", HOW.write))).toBe("EACCES");
    expect(await code(cursor.fs.remove(at("f.part")))).toBe("EACCES");
    await cursor.close();
  });

  it("can be a directory, whose attributes its client sets, and no other's", async () => {
    await boss.makeDirectory(at("/p/theirs"));
    await share("add");
    await fs.makeDirectory(at("/p/tree.part"));
    const change = { permissions: 0o755, times: { atime: 1, mtime: 1 } };
    await fs.setStat(at("/p/tree.part"), change, true);
    expect(await code(fs.setStat(at("/p/theirs"), change, true))).toBe("EACCES");
    expect(await code(fs.removeDirectory(at("/p/tree.part")))).toBe("EACCES");
    expect(await code(fs.rename(at("/p/tree.part"), at("/p/tree"), false))).toBe("EACCES");
    const later = await team.session(ann);
    expect(await code(later.setStat(at("/p/tree.part"), change, true))).toBe("EACCES");
  });

  it("of the same name again in one session of a drop is kept beside the first", async () => {
    await share("drop");
    await put(fs, "/p/up", "first");
    await put(fs, "/p/up", "second");
    await put(fs, "/p/up", "third", HOW.fresh);
    await put(fs, "/p/up.filepart", "fourth");
    await fs.rename(at("/p/up.filepart"), at("/p/up"), true);
    const stored = readdirSync(disk()).filter((name) => name.startsWith("up"));
    const contents = stored.map((name) => readFileSync(disk(name), "utf8")).sort();
    expect(contents).toEqual(["first", "fourth", "second", "third"]);
    // What is gone on with is the last one.
    expect((await fs.stat(at("/p/up"))).size).toBe("fourth".length);
    expect(await names(fs, "/p")).toEqual([]);
  });
});

describe("a drop", () => {
  it("shows no trace of what is in it where it is listed with others", async () => {
    await put(fs, "/mine", "x");
    await fs.makeDirectory(at("/r"));
    await team.access.set("ann", "/r", "drop");
    const look = async () => {
      const directory = await fs.openDirectory(at("/"));
      const page = await directory.next(100);
      await directory.close();
      return page.filter(({ name }) => name === "r" || name === "p").map(({ stat }) => stat);
    };
    await share("drop");
    const before = await look();
    const here = team.instance.path("ann", "r");
    utimesSync(here, 1, 1);
    utimesSync(disk(), 1, 1);
    expect(await look()).toEqual(before);
  });

  it.each([
    ["a directory", (fs: UserFileSystem) => fs.makeDirectory(at("/p/thing"))],
    ["a link", (fs: UserFileSystem) => fs.symlink(at("old"), at("/p/thing"))],
  ])("takes no %s that is moved into it", async (_what, make) => {
    await make(fs);
    await team.access.set("ann", "/p/in", "drop");
    await boss.makeDirectory(at("/p/in"));
    expect(await code(fs.rename(at("/p/thing"), at("/p/in/thing"), false))).toBe("EACCES");
    expect(readdirSync(disk("in"))).toEqual([]);
  });

  it("loses no descriptor by names that are too long", async () => {
    await share("drop");
    await put(fs, "/p/some.part", "x");
    const before = openPaths().length;
    for (let i = 0; i < 10; i += 1) {
      expect(await code(put(fs, `/p/${"x".repeat(300)}`, "x"))).toBe("ENAMETOOLONG");
      const renamed = fs.rename(at("/p/some.part"), at(`/p/${"x".repeat(300)}`), false);
      expect(await code(renamed)).toBe("ENAMETOOLONG");
    }
    expect(openPaths().length).toBe(before);
  });

  it.each(["old", "none", "d"])("answers for %s as for any other name", async (name) => {
    await boss.makeDirectory(at("/p/d"));
    await boss.symlink(at("old"), at("/p/link"));
    await share("drop");
    const flags = Object.values(HOW);
    const asked = async (path: string) => {
      const found: unknown[] = [];
      const ask = async (work: Promise<unknown>) =>
        found.push(await work.catch(({ code, message }) => [code, message]));
      for (const how of flags.filter(({ create }) => !create)) await ask(fs.open(at(path), how));
      await ask(fs.open(at(path), HOW.both));
      await ask(fs.openDirectory(at(path)));
      await ask(fs.stat(at(path)));
      await ask(fs.lstat(at(path)));
      await ask(fs.readLink(at(path)));
      await ask(fs.walkFrom(at(path)));
      await ask(fs.remove(at(path)));
      await ask(fs.removeDirectory(at(path)));
      await ask(fs.makeDirectory(at(path)));
      await ask(fs.symlink(at("x"), at(path)));
      await ask(fs.hardLink(at(path), at("/own")));
      await ask(fs.rename(at(path), at("/p/zzz"), false));
      await ask(fs.rename(at(path), at("/own"), true));
      await ask(fs.setStat(at(path), { permissions: 0o600 }, true));
      await ask(fs.setStat(at(path), { size: 0 }, false));
      await ask(fs.setStat(at(path), { times: { atime: 1, mtime: 1 } }, false));
      await ask(fs.realPath(at(`${path}/..`)).then((real) => path.startsWith(real)));
      return found;
    };
    const free = await asked("/p/free");
    expect(await asked(`/p/${name}`)).toEqual(free);
    expect(await asked(`/p/${name}/`)).toEqual(await asked("/p/free/"));
    expect(await asked(`/p/${name}/x`)).toEqual(await asked("/p/free/x"));
  });
});

describe("what is under way when a rule or a folder changes", () => {
  it("a listing does not show what has been hidden since it was opened", async () => {
    await fs.makeDirectory(at("/d"));
    await put(fs, "/d/secret", "x");
    const directory = await fs.openDirectory(at("/d"));
    const inFolder = await fs.openDirectory(at("/p"));
    await team.access.set("ann", "/d/secret", "none");
    await team.access.set("ann", "/p/old", "none");
    expect((await directory.next(100)).map(({ name }) => name)).not.toContain("secret");
    expect((await inFolder.next(100)).map(({ name }) => name)).not.toContain("old");
    await directory.close();
    await inFolder.close();
  });

  it("a file that was moved since it was opened is ruled by where it is", async () => {
    await boss.makeDirectory(at("/p/a"));
    await put(boss, "/p/a/x", "x");
    const reading = await fs.open(at("/p/a/x"), HOW.read);
    const writing = await fs.open(at("/p/a/x"), HOW.write);
    await boss.rename(at("/p/a"), at("/p/b"), false);
    await team.access.set("ann", "/p/b", "none");
    expect(await code(reading.read(Buffer.alloc(1), 0, 1, 0))).toBe("EACCES");
    expect(await code(write(writing, "y"))).toBe("EACCES");
    await reading.close();
    await writing.close();
  });

  it("an upload that began in a folder is not left open in it, nor stored after it is gone", async () => {
    const { ledger } = team.instance;
    const createFile = ledger.createFile.bind(ledger);
    for (const moment of ["before", "after"]) {
      ledger.createFile = async (...args) => {
        if (moment === "before") await team.folders.unshare("p", "ann");
        const charge = await createFile(...args);
        if (moment === "after") await team.folders.unshare("p", "ann");
        return charge;
      };
      expect(await code(fs.open(at(`/p/${moment}`), HOW.put))).toBe("ENOENT");
      ledger.createFile = createFile;
      await share("full");
    }
    expect(existsSync(disk("before"))).toBe(false);
    const { id } = await team.folders.folder("p");
    expect(await team.instance.store.folders.openFiles(id)).toBe(0);
  });

  it("a session that ends while its folders are read makes nothing in other homes", async () => {
    await team.folder("q");
    await team.folders.share("q", { to: "ann", at: "/deep/q", access: "full" });
    renameSync(team.instance.path("ann", "deep"), team.instance.path("ann", "kept"));
    const later = team.session(ann);
    const one = await later;
    renameSync(team.instance.path("ann", "deep"), team.instance.path("ann", "away"));
    const before = openPaths().length;
    const reloading = one.reload?.();
    await one.close();
    await reloading;
    expect(openPaths().length).toBeLessThan(before);
    expect(lstatSync(team.instance.path("bob")).isDirectory()).toBe(true);
    expect(readdirSync(team.instance.path("bob"))).toEqual([]);
    const counted = onDisk(team.instance.path("ann")).files;
    const usage = await team.instance.store.ledger.usage(ann.id);
    expect(usage.usedFiles).toBe(counted);
  });
});

describe("folders", () => {
  it("take a descriptor each of the process, not of each session", async () => {
    for (let i = 0; i < 20; i += 1) {
      await team.folder(`f${i}`);
      await team.folders.share(`f${i}`, { to: "ann", access: "full" });
    }
    const before = openPaths().length;
    for (let i = 0; i < 10; i += 1) await team.session(ann);
    expect(openPaths().length - before).toBeLessThanOrEqual(10);
    expect(statSync(disk()).isDirectory()).toBe(true);
    writeFileSync(disk("old"), "new");
    expect(await get(fs, "/p/old")).toBe("new");
  });
});
