import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { auditSelect, hasText } from "../../../src/store/audit.ts";
import { openDatabase } from "../../../src/store/database.ts";
import {
  rawDatabase,
  sqliteFile,
  sqliteTest,
  storeAt,
  temporaryRoot,
  temporaryStore,
} from "./instance.ts";

async function insertAt(
  root: string,
  times: readonly number[],
  user = "",
  kind = "login",
): Promise<void> {
  const database = await rawDatabase(root);
  const insert = database.prepare('INSERT INTO audit (at, kind, "user") VALUES (?, ?, ?)');
  const count = database.prepare(
    `INSERT INTO audit_counts VALUES (?, ?)
     ON CONFLICT (kind) DO UPDATE SET records = audit_counts.records + excluded.records`,
  );
  database.exec("BEGIN");
  for (const at of times) insert.run(at, kind, user);
  count.run(kind, times.length);
  database.exec("COMMIT");
}

test("keeps every field, and leaves out what was not given", async () => {
  const { store } = await temporaryStore();
  const full = {
    kind: "upload",
    user: "ann",
    actor: "cli:root",
    remote: "192.0.2.1",
    session: 3,
    path: "/a",
    bytes: 0,
    durationMs: 12,
    detail: "d",
  } as const;
  store.audit.record(full);
  store.audit.record({ kind: "server-start" });
  const [second, first] = await store.audit.query();
  expect(first).toEqual({ ...full, id: 1, batch: 1, at: expect.any(Number) });
  expect(second).toEqual({ kind: "server-start", id: 2, at: expect.any(Number) });
});

test("a fraction of a millisecond does no harm", async () => {
  const { store } = await temporaryStore();
  store.audit.record({ kind: "download", durationMs: 1.7 });
  expect(await store.audit.query()).toMatchObject([{ durationMs: 2 }]);
});

test("recording only queues; what is queued is written soon", async () => {
  const { root, store } = await temporaryStore();
  const count = (await rawDatabase(root)).prepare("SELECT count(*) FROM audit").pluck();
  store.audit.record({ kind: "login", user: "ann" });
  expect(count.get()).toBe(0);
  await vi.waitFor(() => expect(count.get()).toBe(1), { timeout: 5_000 });
});

test("500 queued records are written at once", async () => {
  const { root, store } = await temporaryStore();
  const count = (await rawDatabase(root)).prepare("SELECT count(*) FROM audit").pluck();
  for (let n = 0; n < 499; n += 1) store.audit.record({ kind: "login" });
  expect(count.get()).toBe(0);
  store.audit.record({ kind: "login" });
  expect(count.get()).toBe(500);
});

test("what can't be written stays queued, within bounds, and is written later", async () => {
  const { root, store } = await temporaryStore();
  const database = await rawDatabase(root);
  database.exec("ALTER TABLE audit RENAME TO elsewhere");
  for (let n = 0; n < 10_010; n += 1) store.audit.record({ kind: "login", session: n });
  expect(store.audit.lost).toBe(10);
  database.exec("ALTER TABLE elsewhere RENAME TO audit");
  const count = database.prepare("SELECT count(*) FROM audit").pluck();
  await vi.waitFor(() => expect(count.get()).toBe(10_000), { timeout: 5_000 });
});

test("answers newest first, filtered and limited", async () => {
  const { root, store } = await temporaryStore();
  await insertAt(root, [10, 20, 30], "ann");
  await insertAt(root, [15, 25], "bob");
  const times = async (query: Parameters<typeof store.audit.query>[0]) =>
    (await store.audit.query(query)).map((record) => record.at);
  expect(await times({})).toEqual([30, 25, 20, 15, 10]);
  expect(await times({ user: "ann" })).toEqual([30, 20, 10]);
  expect(await times({ since: 15, until: 30 })).toEqual([25, 20, 15]);
  expect(await times({ user: "bob", limit: 1 })).toEqual([25]);
  expect(await times({ kind: "logout" })).toEqual([]);
  expect(await times({ kind: "login", limit: 2 })).toEqual([30, 25]);
  expect(await times({ limit: 0 })).toEqual([]);
});

test("following: after an id, oldest first", async () => {
  const { store } = await temporaryStore();
  for (const user of ["ann", "bob", "ann"]) store.audit.record({ kind: "login", user });
  const ids = async (query: Parameters<typeof store.audit.query>[0]) =>
    (await store.audit.query(query)).map((record) => record.id);
  expect(await ids({ afterId: 0 })).toEqual([1, 2, 3]);
  expect(await ids({ afterId: 1, limit: 1 })).toEqual([2]);
  expect(await ids({ afterId: 1, user: "ann" })).toEqual([3]);
  expect(await ids({ afterId: 3 })).toEqual([]);
});

test("a query takes text as a value, never as SQL", async () => {
  const { root, store } = await temporaryStore();
  await insertAt(root, [1], "ann");
  expect(await store.audit.query({ user: "' OR 1=1 --" })).toEqual([]);
});

sqliteTest.each([
  ["the newest", {}],
  ["a user", { user: "a" }],
  ["a kind", { kind: "login" }],
  ["a span of time", { since: 5, until: 9 }],
  ["following", { afterId: 3 }],
] as const)("asking for %s needs neither a scan of all nor a sort", async (_, query) => {
  const { root } = await temporaryStore();
  const { sql, values } = auditSelect(query);
  const plan = sqliteFile(root)
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...values)
    .map((step) => step.detail)
    .join("; ");
  expect(plan).toContain("USING");
  expect(plan).not.toContain("TEMP B-TREE");
});

test("prunes by age and by number, oldest first, in more than one step", async () => {
  const { root, store } = await temporaryStore();
  const now = Date.now();
  await insertAt(root, [...Array(2_500).fill(now - 100_000), ...Array(3_200).fill(now)]);
  expect(await store.audit.prune(50_000, 10_000)).toBe(2_500);
  expect(await store.audit.prune(50_000, 700)).toBe(2_500);
  const kept = await store.audit.query({ limit: 10_000 });
  expect(kept).toHaveLength(700);
  expect(kept.at(-1)?.id).toBe(5_001);
  expect(await store.audit.prune(50_000, 700)).toBe(0);
});

test("a flood of one kind pushes out itself, not the traces of administration", async () => {
  const { root, store } = await temporaryStore();
  const now = Date.now();
  const times = (from: number, length: number) => Array.from({ length }, (_, n) => now + from + n);
  await insertAt(root, times(0, 100), "", "user-remove");
  await insertAt(root, times(1_000, 400), "", "upload");
  await insertAt(root, times(2_000, 4_000), "", "login-failed");
  // The program's own count as well.
  for (let n = 0; n < 1_000; n += 1) store.audit.record({ kind: "login-failed" });
  store.audit.flush();
  const kept = async () => {
    const kinds = ["user-remove", "upload", "login-failed"] as const;
    const found = kinds.map((kind) => store.audit.query({ kind, limit: 10_000 }));
    return (await Promise.all(found)).map((records) => records.length);
  };
  expect(await store.audit.prune(1_000_000, 1_000)).toBe(4_500);
  expect(await kept()).toEqual([100, 400, 500]);
  await store.audit.prune(1_000_000, 600);
  expect(await kept()).toEqual([100, 250, 250]);
  const [oldest] = await store.audit.query({ kind: "login-failed", afterId: 0, limit: 1 });
  expect(oldest?.at).toBe(now + 2_000 + 3_750);
  const counts = (await rawDatabase(root)).prepare("SELECT sum(records) FROM audit_counts").pluck();
  expect(counts.get()).toBe(600);
});

sqliteTest("records from before they were counted by kind are counted at the upgrade", async () => {
  const root = await temporaryRoot();
  const migrations = join(root, "migrations");
  const all = join(import.meta.dirname, "../../../db/migrations");
  mkdirSync(migrations);
  for (const name of ["001_init.sql", "002_digests.sql"]) {
    copyFileSync(join(all, name), join(migrations, name));
  }
  const old = openDatabase(join(root, "db/moorage.sqlite"), migrations);
  const insert = old.prepare("INSERT INTO audit (at, kind) VALUES (?, ?)");
  for (let n = 0; n < 20; n += 1) insert.run(Date.now(), n < 5 ? "user-add" : "login");
  old.close();
  const store = await storeAt(root);
  expect(await store.audit.prune(1_000_000, 8)).toBe(12);
  expect(await store.audit.query({ kind: "user-add" })).toHaveLength(5);
});

test("a text is looked for in all that a record says, among the newest that fit the rest", async () => {
  const { store } = await temporaryStore();
  store.audit.record({ kind: "upload", user: "ann", path: "/Photos/100%_a.jpg" });
  store.audit.record({ kind: "upload", user: "bob", path: "/x", detail: "verified" });
  store.audit.record({ kind: "login", user: "bob", remote: "192.0.2.1:50000", actor: "Ann@host" });
  const found = async (text: string) => (await store.audit.query({ text })).map(({ user }) => user);
  expect(await found("photos")).toEqual(["ann"]);
  expect(await found("ANN")).toEqual(["bob", "ann"]);
  expect(await found("192.0.2.1:")).toEqual(["bob"]);
  expect(await found("0%_A")).toEqual(["ann"]);
  expect(await found("%")).toEqual(["ann"]);
  expect(await found("nobody")).toEqual([]);
  expect(await store.audit.query({ text: "bob", kind: "upload" })).toMatchObject([{ path: "/x" }]);
  const all = await store.audit.query();
  for (const text of ["photos", "ANN", "0%_A", "verif", "nobody"]) {
    const same = all.filter((record) => hasText(record, text)).map(({ user }) => user);
    expect(same).toEqual(await found(text));
  }
});

test("pruning ends quietly when the store is closed meanwhile", async () => {
  const root = await temporaryRoot();
  const store = await storeAt(root);
  await insertAt(root, Array(5_000).fill(1));
  const pruning = store.audit.prune(0, 0);
  await store.close();
  expect(await pruning).toBeLessThan(5_000);
});

test("texts that a client can make very long are kept as their beginning and end", async () => {
  const { store } = await temporaryStore();
  const path = `/begin${"x".repeat(16_000)}end`;
  store.audit.record({ kind: "rename", path, detail: `to ${path}` });
  store.audit.record({ kind: "mkdir", path: "/short" });
  const [short, long] = await store.audit.query();
  expect(short?.path).toBe("/short");
  for (const text of [long?.path, long?.detail]) {
    expect(text?.length).toBe(1024);
    expect(text).toMatch(/^(to )?\/beginx+…x+end$/);
  }
});

test("what is held becomes one record, as what it turned out to be", async () => {
  const { root, store } = await temporaryStore();
  const soon = store.audit.hold({ kind: "upload", path: "/a.part" });
  soon.settle({ kind: "upload", path: "/a" });
  const later = store.audit.hold({ kind: "upload", path: "/b.part" });
  await store.audit.flush();
  const rows = (await rawDatabase(root)).prepare("SELECT count(*) FROM audit_held").pluck();
  expect(rows.get()).toBe(1);
  expect(await store.audit.query()).toMatchObject([{ path: "/a" }]);
  later.settle({ kind: "upload", path: "/b" });
  later.settle({ kind: "upload", path: "/c" });
  expect(await store.audit.query()).toMatchObject([{ path: "/b" }, { path: "/a" }]);
  expect(rows.get()).toBe(0);
});

test("what a process held when it died is recorded once, by whoever comes first", async () => {
  const { root, store } = await temporaryStore();
  const other = await storeAt(root);
  store.audit.hold({ kind: "upload", path: "/a.part" });
  await store.audit.flush();
  other.audit.recoverHeld(new Set([store.nodeId, other.nodeId]));
  expect(await other.audit.query()).toEqual([]);
  const third = await storeAt(root);
  for (const one of [other, third]) one.audit.recoverHeld(new Set([other.nodeId]));
  await Promise.all([other.audit.flush(), third.audit.flush()]);
  expect(await other.audit.query()).toMatchObject([{ kind: "upload", path: "/a.part" }]);
  expect(await other.audit.count()).toBe(1);
});
