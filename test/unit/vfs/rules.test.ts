import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AccessMode } from "../../../src/access/modes.ts";
import { rescan } from "../../../src/quota/rescan.ts";
import type { Account } from "../../../src/store/types.ts";
import { fromText } from "../../../src/vfs/path.ts";
import type { UserFileSystem } from "../../../src/vfs/types.ts";
import { onDisk } from "../../support/instance.ts";
import { code, get, HOW, names, put, Team, write } from "../../support/team.ts";

let team: Team;
let ann: Account;
let fs: UserFileSystem;
const at = fromText;
const home = (...rest: string[]): string => team.instance.path("ann", ...rest);
const ruled = (access: AccessMode, path = "/r"): Promise<void> =>
  team.access.set("ann", path, access);

beforeEach(async () => {
  team = await Team.create();
  ann = await team.user("ann");
  fs = await team.session(ann);
  await put(fs, "/mine", "mine");
  await fs.makeDirectory(at("/r"));
  await fs.makeDirectory(at("/r/d"));
  await put(fs, "/r/old", "old");
  await put(fs, "/r/d/deep", "deep");
});

afterEach(async () => {
  const usage = await team.instance.store.ledger.usage(ann.id);
  const found = onDisk(home());
  await team.close();
  expect({ bytes: usage.usedBytes, files: usage.usedFiles }).toEqual(found);
});

/** What each operation comes to in /r, by mode. */
const OPERATIONS: readonly [
  name: string,
  run: (fs: UserFileSystem) => Promise<unknown>,
  outcomes: Record<Exclude<AccessMode, "full">, string>,
][] = [
  [
    "stat",
    (fs) => fs.stat(at("/r/old")),
    { add: "ok", read: "ok", drop: "ENOENT", none: "ENOENT" },
  ],
  [
    "stat of nothing",
    (fs) => fs.lstat(at("/r/x")),
    { add: "ENOENT", read: "ENOENT", drop: "ENOENT", none: "ENOENT" },
  ],
  [
    "stat of the directory",
    (fs) => fs.stat(at("/r")),
    { add: "ok", read: "ok", drop: "ok", none: "ENOENT" },
  ],
  ["read", (fs) => get(fs, "/r/old"), { add: "ok", read: "ok", drop: "ENOENT", none: "ENOENT" }],
  [
    "read of nothing",
    (fs) => get(fs, "/r/x"),
    { add: "ENOENT", read: "ENOENT", drop: "ENOENT", none: "ENOENT" },
  ],
  [
    "new file",
    (fs) => put(fs, "/r/new", "new"),
    { add: "ok", read: "EACCES", drop: "ok", none: "ENOENT" },
  ],
  [
    "overwrite",
    (fs) => put(fs, "/r/old", "x"),
    { add: "EACCES", read: "EACCES", drop: "ok", none: "ENOENT" },
  ],
  [
    "write into",
    (fs) => put(fs, "/r/old", "x", HOW.write),
    { add: "EACCES", read: "EACCES", drop: "ENOENT", none: "ENOENT" },
  ],
  [
    "append",
    (fs) => put(fs, "/r/old", "x", HOW.append),
    { add: "EACCES", read: "EACCES", drop: "ok", none: "ENOENT" },
  ],
  [
    "truncation by SETSTAT",
    (fs) => fs.setStat(at("/r/old"), { size: 1 }, true),
    { add: "EACCES", read: "EACCES", drop: "ENOENT", none: "ENOENT" },
  ],
  [
    "permissions",
    (fs) => fs.setStat(at("/r/old"), { permissions: 0o600 }, true),
    { add: "EACCES", read: "EACCES", drop: "ENOENT", none: "ENOENT" },
  ],
  [
    "remove",
    (fs) => fs.remove(at("/r/old")),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "remove of nothing",
    (fs) => fs.remove(at("/r/x")),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "rename",
    (fs) => fs.rename(at("/r/old"), at("/r/y"), false),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "rename out",
    (fs) => fs.rename(at("/r/old"), at("/y"), false),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "rename in",
    (fs) => fs.rename(at("/mine"), at("/r/mine"), false),
    { add: "ok", read: "EACCES", drop: "ok", none: "ENOENT" },
  ],
  [
    "rename over",
    (fs) => fs.rename(at("/mine"), at("/r/old"), true),
    { add: "EACCES", read: "EACCES", drop: "ok", none: "ENOENT" },
  ],
  [
    "make directory",
    (fs) => fs.makeDirectory(at("/r/nd")),
    { add: "ok", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "make directory that is there",
    (fs) => fs.makeDirectory(at("/r/d")),
    { add: "EEXIST", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "remove directory",
    (fs) => fs.removeDirectory(at("/r/d")),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  ["list", (fs) => names(fs, "/r"), { add: "ok", read: "ok", drop: "ok", none: "ENOENT" }],
  [
    "list below",
    (fs) => names(fs, "/r/d"),
    { add: "ok", read: "ok", drop: "ENOENT", none: "ENOENT" },
  ],
  [
    "symbolic link in it",
    (fs) => fs.symlink(at("old"), at("/r/l")),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "hard link in it",
    (fs) => fs.hardLink(at("/mine"), at("/r/l")),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "hard link under another name",
    (fs) => fs.hardLink(at("/r/old"), at("/l")),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "rename of the directory",
    (fs) => fs.rename(at("/r"), at("/q"), false),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
  [
    "removal of the directory",
    (fs) => fs.removeDirectory(at("/r")),
    { add: "EACCES", read: "EACCES", drop: "EACCES", none: "ENOENT" },
  ],
];

describe.each(["add", "read", "drop", "none"] as const)("%s", (mode) => {
  it.each(OPERATIONS)("%s", async (_name, run, outcomes) => {
    await ruled(mode);
    expect(await code(run(fs))).toBe(outcomes[mode]);
    expect(readFileSync(home("r", "old"), "utf8")).toBe("old");
  });
});

describe("attacks on a ruled directory", () => {
  it("a link to it, made before the rule, leads to the rule", async () => {
    await fs.symlink(at("r/old"), at("/link"));
    await fs.symlink(at("/r"), at("/dir"));
    await ruled("none");
    expect(await code(get(fs, "/link"))).toBe("ENOENT");
    expect(await code(put(fs, "/link", "x"))).toBe("ENOENT");
    expect(await code(names(fs, "/dir"))).toBe("ENOENT");
    await ruled("read");
    expect(await get(fs, "/link")).toBe("old");
    expect(await code(put(fs, "/link", "x"))).toBe("EACCES");
  });

  it("a link out of it is not followed around the rule of where it leads", async () => {
    await fs.symlink(at("../old"), at("/r/d/back"));
    await ruled("full", "/r/d");
    await ruled("read");
    expect(await code(put(fs, "/r/d/back", "x"))).toBe("EACCES");
  });

  it("a parent of it is not renamed, nor is it removed", async () => {
    await ruled("none", "/r/d");
    expect(await code(fs.rename(at("/r"), at("/q"), false))).toBe("EACCES");
    expect(await code(fs.removeDirectory(at("/r")))).toBe("EACCES");
    await fs.makeDirectory(at("/empty"));
    expect(await code(fs.rename(at("/empty"), at("/r/d"), true))).toBe("EACCES");
  });

  it("what is open when the rule comes can't be used any more", async () => {
    const reading = await fs.open(at("/r/old"), HOW.read);
    const writing = await fs.open(at("/r/old"), HOW.write);
    const listing = await fs.openDirectory(at("/r"));
    await ruled("drop");
    const buffer = Buffer.alloc(3);
    expect(await code(reading.read(buffer, 0, 3, 0))).toBe("EACCES");
    expect(await code(reading.stat())).toBe("EACCES");
    expect(await code(write(writing, "x"))).toBe("EACCES");
    expect(await code(writing.setStat({ size: 0 }))).toBe("EACCES");
    expect(await code(listing.next(10))).toBe("EACCES");
    for (const one of [reading, writing, listing]) await one.close();
  });

  it("a handle for reading does not change attributes where only reading is allowed", async () => {
    await ruled("read");
    const file = await fs.open(at("/r/old"), HOW.read);
    expect(await code(file.setStat({ permissions: 0o777 }))).toBe("EACCES");
    expect(await code(file.setStat({ times: { atime: 1, mtime: 1 } }))).toBe("EACCES");
    await file.close();
  });

  it("copies neither out of what may not be read nor over what may not be changed", async () => {
    await ruled("add");
    const source = await fs.open(at("/mine"), HOW.read);
    expect(await code(fs.open(at("/r/old"), HOW.write))).toBe("EACCES");
    const target = await fs.open(at("/r/copy"), HOW.put);
    await fs.copy(source, 0, 0, target, 0);
    await ruled("read");
    expect(await code(fs.copy(source, 0, 0, target, 0))).toBe("EACCES");
    await source.close();
    await target.close();
    expect(await get(fs, "/r/copy")).toBe("mine");
  });

  it("a walk does not come into what is not seen", async () => {
    await ruled("none", "/r/d");
    const cursor = await fs.walkFrom(at("/r"));
    expect(await code(cursor.enter(at("d")))).toBe("ENOENT");
    expect(await names(cursor.fs, ".")).toEqual(["old"]);
    expect(await code(cursor.fs.stat(at("d")))).toBe("ENOENT");
    await cursor.close();
  });

  it("an existing second name stays what the rule of its own place says", async () => {
    await fs.hardLink(at("/r/old"), at("/second"));
    await ruled("read");
    expect(await code(put(fs, "/r/old", "x"))).toBe("EACCES");
    expect(await get(fs, "/second")).toBe("old");
  });
});

describe("drop", () => {
  it("keeps what is there, whatever name comes, and shows nobody that it was", async () => {
    await ruled("drop");
    await put(fs, "/r/old", "mine now");
    await put(fs, "/r/d", "not the directory");
    await put(fs, "/r/new", "n", HOW.fresh);
    expect(await names(fs, "/r")).toEqual([]);
    const stored = readdirSync(home("r")).sort();
    expect(stored).toHaveLength(5);
    expect(stored).toEqual(expect.arrayContaining(["d", "new", "old"]));
    expect(readFileSync(home("r", "old"), "utf8")).toBe("old");
    const other = stored.find((name) => name.startsWith("old-")) ?? "";
    expect(readFileSync(home("r", other), "utf8")).toBe("mine now");
  });

  it("shows one's own upload only while the session lasts, and never its content", async () => {
    await ruled("drop");
    await put(fs, "/r/up", "12345");
    expect((await fs.stat(at("/r/up"))).size).toBe(5);
    expect(await code(get(fs, "/r/up"))).toBe("EACCES");
    const file = await fs.open(at("/r/up"), HOW.write);
    await write(file, "67", 5);
    await file.close();
    expect((await fs.stat(at("/r/up"))).size).toBe(7);
    const later = await team.session(ann);
    expect(await code(later.stat(at("/r/up")))).toBe("ENOENT");
    expect(await code(later.open(at("/r/up"), HOW.write))).toBe("ENOENT");
  });

  it("tells nothing by the attributes of the directory", async () => {
    await ruled("drop");
    const before = await fs.stat(at("/r"));
    const other = await team.session(ann);
    await put(other, "/r/a", "a");
    await put(other, "/r/b", "b");
    expect(await fs.stat(at("/r"))).toEqual(before);
  });

  it("lets a client give its upload the final name, also one that is taken", async () => {
    await ruled("drop");
    for (const [part, name] of [
      ["/r/a.filepart", "/r/a"],
      ["/r/old.1234.partial", "/r/old"],
    ] as const) {
      await put(fs, part, name);
      await fs.rename(at(part), at(name), false);
      expect((await fs.stat(at(name))).size).toBe(name.length);
      expect(await code(fs.stat(at(part)))).toBe("ENOENT");
    }
    expect(readFileSync(home("r", "a"), "utf8")).toBe("/r/a");
    expect(readFileSync(home("r", "old"), "utf8")).toBe("old");
    // A file that is whole keeps its name.
    expect(await code(fs.rename(at("/r/a"), at("/r/b"), false))).toBe("EACCES");
  });

  it("does not say how full it is", async () => {
    await team.folder("f", 1000);
    await team.folders.share("f", { to: "ann", access: "drop" });
    expect(await code(fs.fileSystemStat(await fs.realPath(at("/f"))))).toBe("EACCES");
    const refused = await put(fs, "/f/x", "x".repeat(2000)).catch(
      (thrown: Error) => thrown.message,
    );
    expect(refused).toBe("There is no room for this file there");
  });
});

describe("add", () => {
  it("goes on with an upload of its own session, and with no other", async () => {
    await ruled("add");
    await put(fs, "/r/up", "123");
    const own = await fs.open(at("/r/up"), HOW.write);
    await write(own, "4", 3);
    await own.close();
    expect(await get(fs, "/r/up")).toBe("1234");
    expect(await code(put(fs, "/r/up", "again"))).toBe("EACCES");
    const later = await team.session(ann);
    expect(await code(later.open(at("/r/up"), HOW.write))).toBe("EACCES");
  });

  it("lets a client rename its unfinished upload, but over nothing", async () => {
    await ruled("add");
    await put(fs, "/r/a.filepart", "a");
    expect(await code(fs.rename(at("/r/a.filepart"), at("/r/old"), true))).toBe("EACCES");
    await fs.rename(at("/r/a.filepart"), at("/r/a"), false);
    expect(await get(fs, "/r/a")).toBe("a");
    expect(await code(fs.remove(at("/r/a")))).toBe("EACCES");
    await put(fs, "/r/b.partial", "b");
    await fs.remove(at("/r/b.partial"));
  });
});

describe("none, with something below it that may be seen", () => {
  it("shows just the way there", async () => {
    mkdirSync(home("r", "d", "open"));
    writeFileSync(home("r", "d", "open", "file"), "seen");
    await team.instance.store.ledger.usage(ann.id);
    await ruled("none");
    await ruled("read", "/r/d/open");
    expect(await names(fs, "/r")).toEqual(["d"]);
    expect(await names(fs, "/r/d")).toEqual(["open"]);
    expect(await get(fs, "/r/d/open/file")).toBe("seen");
    expect(await code(get(fs, "/r/d/deep"))).toBe("ENOENT");
    expect(await code(put(fs, "/r/d/x", "x"))).toBe("EACCES");
    expect((await fs.stat(at("/r"))).size).toBe(0);
    // Put there by other means.
    await rescan(team.instance.store, team.instance.root, ann);
  });
});
