import { existsSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { markElsewhere } from "../../../src/store/belongings.ts";
import { batches, copyDatabase } from "../../../src/store/copy.ts";
import { copyPlan, inOrder } from "../../../src/store/copy-plan.ts";
import { Driver } from "../../../src/store/database-driver.ts";
import { moveDatabase } from "../../../src/store/move.ts";
import { openStore } from "../../../src/store/store.ts";
import { CopyTarget } from "../../support/copy-target.ts";
import { addDeadNode, newUser, sqliteFile, temporaryRoot } from "./instance.ts";

/** An instance that nobody uses, with two users, of whom the second was removed. */
async function left(): Promise<string> {
  const root = await temporaryRoot();
  const store = await openStore(root, "command", "test");
  const ann = await store.users.add(newUser("ann"));
  const key = { fingerprint: "SHA256:x", algorithm: "ssh-ed25519", blob: Buffer.from([0, 255]) };
  await store.keys.add(ann.id, { ...key, comment: "é\n\"'\\", createdAt: 1 });
  const bob = await store.users.add(newUser("bob"));
  await store.users.remove(bob.id);
  await store.close();
  return root;
}

test("the tables are those of the schema, each behind what it refers to", async () => {
  const database = sqliteFile(await left());
  const plan = copyPlan(database);
  const names = plan.map(({ name }) => name);
  const all = database.prepare("SELECT COUNT(*) FROM sqlite_master WHERE type = 'table'").pluck();
  expect(names.length).toBe((all.get() as number) - 1);
  for (const name of names) {
    for (const { table } of database.pragma(`foreign_key_list(${name})`) as { table: string }[]) {
      expect([name, names.indexOf(table) < names.indexOf(name)]).toEqual([name, true]);
    }
  }
  expect(plan.find(({ name }) => name === "user_keys")?.bytes).toEqual(["blob"]);
});

test("tables in a ring are none that can be copied", () => {
  const refers: Readonly<Record<string, string[]>> = {
    a: ["b"],
    b: ["c"],
    c: [],
    d: ["e"],
    e: ["d"],
  };
  expect(inOrder(["a", "b", "c"], (name) => refers[name] ?? [])).toEqual(["c", "b", "a"]);
  expect(() => inOrder(["d", "e"], (name) => refers[name] ?? [])).toThrow(/ring/);
});

test("an empty instance has rows just where the migrations made them", async () => {
  const root = await temporaryRoot();
  await (await openStore(root, "command", "test")).close();
  for (const { name, rows, isSingle } of copyPlan(sqliteFile(root))) {
    expect([name, rows]).toEqual([name, isSingle ? 1 : 0]);
  }
});

test("rows go many at once, and bytes as the other database reads them", async () => {
  const database = sqliteFile(await left());
  const table = (name: string) => copyPlan(database).find((one) => one.name === name);
  const keys = table("user_keys");
  if (keys === undefined) throw new Error("no such table");
  expect([...batches(database, keys)].map(({ text }) => JSON.parse(text))).toMatchObject([
    [{ fingerprint: "SHA256:x", blob: "\\x00ff", comment: "é\n\"'\\", options: null }],
  ]);
  const insert = database.prepare(
    "INSERT INTO changes (kind, user_id, detail, at) VALUES ('', 1, ?, 1)",
  );
  for (let i = 0; i < 4_100; i += 1) insert.run("x");
  for (let i = 0; i < 3; i += 1) insert.run("x".repeat(600_000));
  const changes = table("changes");
  if (changes === undefined) throw new Error("no such table");
  const counts = [...batches(database, changes)].map(({ rows }) => rows);
  expect(counts.slice(0, 2)).toEqual([2_000, 2_000]);
  expect(counts.reduce((sum, rows) => sum + rows)).toBe(changes.rows);
  expect(counts.length).toBe(4);
});

test("all is copied and compared, numbers go on, and the file is out of the way", async () => {
  const root = await left();
  const before = sqliteFile(root);
  before.exec("INSERT INTO changes (kind, user_id, at) VALUES ('x', 1, 1), ('x', 1, 1)");
  before.exec("DELETE FROM changes");
  before.exec("INSERT INTO audit (id, at, kind) VALUES (77, 1, 'login')");
  before.exec("DELETE FROM audit");
  const target = new CopyTarget();
  target.tables.set("instance", [{ id: "the one that the migration made" }]);
  const seen: [number, number][] = [];
  const copied = moveDatabase({ root, target, onRows: (...both) => seen.push(both) });
  expect(target.ends).toEqual(["commit"]);
  expect(copied.rows).toMatchObject({ homes: 1, user_keys: 1, instance: 1, nodes: 0, changes: 0 });
  expect(target.tables.get("homes")).toMatchObject([{ name: "ann", holder: null, enabled: 1 }]);
  // Bob had the second number.
  expect(target.counters).toMatchObject({ '"homes"': 2, '"changes"': 2, audit: 77 });
  expect(seen.at(-1)?.[0]).toBe(seen.at(-1)?.[1]);
  expect(readdirSync(join(root, "db")).filter((name) => /sqlite(?!-)/.test(name))).toEqual([
    "moorage.sqlite.copied",
  ]);
});

test("who starts without the other database is told to name it, and to nobody a new one is made", async () => {
  const root = await left();
  moveDatabase({ root, target: new CopyTarget() });
  for (const withoutHomes of [true, false]) {
    await expect(openStore(root, "server", "test", { withoutHomes })).rejects.toThrow(/store\.url/);
  }
  expect(existsSync(join(root, "db", "moorage.sqlite"))).toBe(false);
  // Back with the old books.
  const file = join(root, "db", "moorage.sqlite");
  renameSync(`${file}.copied`, file);
  rmSync(join(root, "db", "postgres"));
  const store = await openStore(root, "command", "test");
  expect((await store.users.list()).map(({ name }) => name)).toEqual(["ann"]);
  await store.close();
});

test("who waited for the lock meanwhile doesn't go on in the old file", async () => {
  const root = await left();
  const lock = new Driver(join(root, "db", "moorage.sqlite"));
  lock.exec("BEGIN IMMEDIATE");
  const late = openStore(root, "command", "test");
  const file = join(root, "db", "moorage.sqlite");
  renameSync(file, `${file}.copied`);
  markElsewhere(root);
  lock.close();
  await expect(late).rejects.toThrow(/store\.url/);
});

test.each<[string, ConstructorParameters<typeof CopyTarget>[0]]>([
  ["a row is lost", { loses: "homes" }],
  ["the database is in use", { busy: true }],
])("all is as it was when %s", async (_, faults) => {
  const root = await left();
  const target = new CopyTarget(faults);
  expect(() => moveDatabase({ root, target })).toThrow();
  expect(target.ends).not.toContain("commit");
  expect(readdirSync(join(root, "db")).filter((name) => /cop/.test(name))).toEqual([]);
  await (await openStore(root, "command", "test")).close();
});

test("a database with an instance is left alone", async () => {
  const root = await left();
  const target = new CopyTarget();
  target.tables.set("audit", [{ id: 1 }]);
  expect(() => moveDatabase({ root, target })).toThrow(/instance in it already/);
  expect(target.tables.get("audit")?.length).toBe(1);
  expect(existsSync(join(root, "db", "moorage.sqlite"))).toBe(true);
});

test("an instance that a process uses is not copied", async () => {
  const root = await left();
  addDeadNode(sqliteFile(root));
  expect(() => moveDatabase({ root, target: new CopyTarget() })).toThrow(/another process/);
});

test("the copy is one of the rows, in few statements", async () => {
  const root = await left();
  const database = sqliteFile(root);
  const insert = database.prepare("INSERT INTO audit (at, kind) VALUES (1, 'login')");
  for (let i = 0; i < 5_000; i += 1) insert.run();
  const target = new CopyTarget();
  copyDatabase(database, target);
  expect(target.tables.get("audit")?.length).toBe(
    copyPlan(database).find((t) => t.name === "audit")?.rows,
  );
  expect(target.statements).toBeLessThan(4 * target.tables.size + 100);
});
