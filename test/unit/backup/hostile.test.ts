import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it, test } from "vitest";
import { InstanceError } from "../../../src/errors.ts";
import { Driver } from "../../../src/store/database-driver.ts";
import { openStore, schemaHere } from "../../../src/store/store.ts";
import {
  archiveOf,
  type Content,
  type Database,
  restored,
  restoredTar,
  someDatabase,
  temporary,
} from "../../support/archive.ts";

let database: Database;
beforeAll(async () => {
  database = await someDatabase();
});

const ANN = { type: "directory", name: "homes/ann", mode: 0o700 } as const;
const EVIL = Buffer.from("evil");

function file(name: string): Content[number] {
  return { type: "file", name, content: EVIL };
}

function link(name: string, target: string, type: "link" | "symlink" = "symlink"): Content[number] {
  return { type, name, target };
}

/** What must not be: an archive that has it is refused, and nothing is written outside. */
const HOSTILE: readonly [string, (outside: string) => Content][] = [
  ["an absolute path", (outside) => [file(`${outside}/x`)]],
  ["a path out of the instance", () => [file("../outside/x")]],
  ["a path out of homes/", () => [file("homes/../../outside/x")]],
  ["a path out of a home", () => [ANN, file("homes/ann/../../../outside/x")]],
  ["a path out of keys/", () => [file("keys/../../outside/x")]],
  ["an empty name", () => [ANN, file("homes/ann//x")]],
  ["a name with a NUL byte", () => [ANN, file(`homes/ann/${"x".repeat(120)}\0y`)]],
  ["a name of 256 bytes", () => [ANN, file(`homes/ann/${"x".repeat(256)}`)]],
  ["a path of more than 16 KiB", () => [ANN, file(`homes/ann${"/xxxxxxx".repeat(2100)}`)]],
  [
    "a file through a link",
    (outside) => [ANN, link("homes/ann/a", outside), file("homes/ann/a/x")],
  ],
  [
    "a directory through a link",
    (outside) => [ANN, link("homes/ann/a", outside), { type: "directory", name: "homes/ann/a/x" }],
  ],
  [
    "a file over a link",
    (outside) => [ANN, link("homes/ann/a", `${outside}/x`), file("homes/ann/a")],
  ],
  [
    "a directory over a link",
    (outside) => [ANN, link("homes/ann/a", outside), { type: "directory", name: "homes/ann/a" }],
  ],
  ["a home that is a link", (outside) => [link("homes/ann", outside), file("homes/ann/x")]],
  ["a home that is a file", () => [file("homes/ann")]],
  ["homes/ as a link", (outside) => [link("homes", outside)]],
  ["db/ as a link", (outside) => [link("db", outside)]],
  ["a link in keys/", (outside) => [link("keys/a", outside), file("keys/a/x")]],
  ["keys/ as a file", () => [file("keys")]],
  ["moorage.toml as a link", (outside) => [link("moorage.toml", `${outside}/x`)]],
  ["a hard link out of the home", () => [ANN, link("homes/ann/a", "../outside/secret", "link")]],
  [
    "a hard link to a path outside",
    (outside) => [ANN, link("homes/ann/a", `${outside}/secret`, "link")],
  ],
  [
    "a hard link to another home",
    () => [
      ANN,
      { ...ANN, name: "homes/bob" },
      file("homes/bob/x"),
      link("homes/bob/y", "homes/ann/x", "link"),
    ],
  ],
  [
    "a hard link through a link",
    (outside) => [
      ANN,
      link("homes/ann/a", outside),
      link("homes/ann/b", "homes/ann/a/secret", "link"),
    ],
  ],
  [
    "a hard link to a link",
    (outside) => [
      ANN,
      link("homes/ann/a", `${outside}/secret`),
      link("homes/ann/b", "homes/ann/a", "link"),
    ],
  ],
  ["a file twice", () => [ANN, file("homes/ann/a"), file("homes/ann/a")]],
  ["a home twice", () => [ANN, ANN]],
  ["a directory that no entry made", () => [file("homes/ann/a")]],
  ["the mark of the homes", () => [file("homes/.moorage")]],
  ["a second database", () => [{ type: "file", name: "db/moorage.sqlite", content: EVIL }]],
  ["a journal", () => [file("db/journal-1")]],
  ["a file that is none of an instance", () => [file("x")]],
  ["a second manifest", () => [file("moorage-backup.json")]],
  ["a link with a content", () => [ANN, { ...link("homes/ann/a", "x"), content: EVIL }]],
];

async function refusedToStart(root: string): Promise<void> {
  await expect(openStore(root, "server", "test")).rejects.toThrow(/did not finish|RESTORE/);
}

describe("an archive is refused, and writes nothing outside, that has", () => {
  it.each(HOSTILE)("%s", async (_, entries) => {
    const directory = temporary();
    const [outside, root] = [join(directory, "outside"), join(directory, "root")];
    mkdirSync(outside);
    writeFileSync(join(outside, "secret"), "secret");
    const tar = await archiveOf(database, entries(outside));
    await expect(restoredTar(tar, root)).rejects.toThrow(InstanceError);
    expect(readdirSync(outside)).toEqual(["secret"]);
    expect(readFileSync(join(outside, "secret"), "utf8")).toBe("secret");
    expect(readdirSync(directory).sort()).toEqual(["outside", "root"]);
    await refusedToStart(root);
  });
});

describe("a backup is refused", () => {
  it.each([
    ["of a newer schema", { schema: schemaHere() + 1 }, /newer version/],
    ["of a newer format", { format: 2 }, /newer version/],
    ["whose manifest is none", { instance: "../../x" }, /manifest/],
    ["whose database is another's", { instance: "0".repeat(32) }, /database is not whole/],
    ["whose database has another schema", { schema: schemaHere() - 1 }, /database is not whole/],
    ["that has files and says it has none", { homes: false }, /none of an instance/],
  ] as const)("%s", async (_, change, text) => {
    const root = join(temporary(), "root");
    const tar = await archiveOf(database, [ANN], change);
    await expect(restoredTar(tar, root)).rejects.toThrow(text);
    expect(existsSync(join(root, "db", "moorage.sqlite"))).toBe(false);
  });

  it("that is no backup, before anything is made", async () => {
    const root = join(temporary(), "root");
    for (const other of [Buffer.alloc(0), Buffer.from("hello"), Buffer.alloc(5000, 1)]) {
      await expect(restored(other, root)).rejects.toThrow(/no backup of moorage/);
    }
    expect(readdirSync(join(root, "..")) as string[]).toEqual([]);
  });

  it("whose database is damaged", async () => {
    const root = join(temporary(), "root");
    const content = Buffer.from(database.content);
    content.fill(7, 4096, 12_000);
    const tar = await archiveOf({ ...database, content }, [ANN]);
    await expect(restoredTar(tar, root)).rejects.toThrow(/database is not whole/);
    await refusedToStart(root);
  });
});

describe("a directory is refused", () => {
  it.each([
    [
      "with an instance",
      ["db", "db/moorage.sqlite"],
      /an instance already \(db\/moorage\.sqlite\)/,
    ],
    ["with homes", ["homes", "homes/ann"], /something already \(homes\/ann\)/],
    ["with other files", ["a", "b", "c", "d"], /something already \(a, b, c, …\)/],
  ] as const)("%s, and stays as it is", async (_, names, text) => {
    const root = temporary();
    for (const name of names) {
      if (name === "db" || name === "homes") mkdirSync(join(root, name));
      else writeFileSync(join(root, name), "mine");
    }
    await expect(restoredTar(await archiveOf(database, [ANN]), root)).rejects.toThrow(text);
    expect((readdirSync(root, { recursive: true }) as string[]).sort()).toEqual([...names].sort());
  });

  it("where a part of the instance is a link elsewhere", async () => {
    const [root, outside] = [temporary(), temporary()];
    symlinkSync(outside, join(root, "homes"));
    await expect(restoredTar(await archiveOf(database, [ANN]), root)).rejects.toThrow(/homes/);
    expect(readdirSync(outside)).toEqual([]);
  });
});

it("a plain one is restored, into mounted directories, too", async () => {
  const root = temporary();
  mkdirSync(join(root, "homes", "lost+found"), { recursive: true });
  const tar = await archiveOf(database, [ANN, file("homes/ann/x"), link("homes/ann/l", "/etc")]);
  await restoredTar(tar, root);
  const store = await openStore(root, "server", "test");
  expect(await store.users.byName("ann")).toMatchObject({ usedBytes: 4, usedFiles: 2 });
  await store.close();
});

test("a database of an older schema is brought up to date by who opens it first", async () => {
  const directory = temporary();
  const database12 = join(directory, "old.sqlite");
  const migrations = new URL("../../../db/migrations/", import.meta.url);
  const old = new Driver(database12);
  for (const name of readdirSync(migrations).sort()) {
    if (Number.parseInt(name, 10) > 12) break;
    old.exec(readFileSync(new URL(name, migrations), "utf8"));
    old.pragma(`user_version = ${Number.parseInt(name, 10)}`);
  }
  old.exec("INSERT INTO homes (name, created_at) VALUES ('ann', 1)");
  const instance = old.prepare("SELECT id FROM instance").pluck().get() as string;
  old.close();
  const tar = await archiveOf(
    { content: readFileSync(database12), instance },
    [ANN, file("homes/ann/x")],
    {
      schema: 12,
    },
  );
  const root = join(directory, "root");
  await restoredTar(tar, root);
  const store = await openStore(root, "server", "test");
  expect(await store.users.byName("ann")).toMatchObject({ usedBytes: 4, usedFiles: 1 });
  await store.close();
});
