import { stat } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openStore } from "../../../src/store/store.ts";
import { ENGINE, openTestStore } from "../../support/store-engine.ts";
import {
  newUser,
  rawDatabase,
  sqliteTest,
  storeAt,
  temporaryRoot,
  temporaryStore,
} from "./instance.ts";

sqliteTest("makes a database only its owner can read", async () => {
  const { root } = await temporaryStore();
  const { mode } = await stat(join(root, "db", "moorage.sqlite"));
  expect(mode & 0o777).toBe(0o600);
});

test("keeps what was stored", async () => {
  const root = await temporaryRoot();
  const first = await storeAt(root);
  const { id } = await first.users.add(newUser("ann"));
  await first.close();
  const again = await storeAt(root);
  expect((await again.users.byName("ann"))?.id).toBe(id);
});

test("two stores on one database see each other's writes", async () => {
  const root = await temporaryRoot();
  const [one, two] = [await storeAt(root), await storeAt(root)];
  const { id } = await one.users.add(newUser("ann"));
  await two.users.setEnabled(id, false);
  expect((await one.users.byId(id))?.enabled).toBe(false);
});

test("close writes the audit records still queued and takes the node's row back", async () => {
  const { root, store } = await temporaryStore();
  store.audit.record({ kind: "server-stop" });
  await store.close();
  const database = await rawDatabase(root);
  expect(database.prepare("SELECT kind FROM audit").pluck().all()).toEqual(["server-stop"]);
  expect(database.prepare("SELECT count(*) FROM nodes").pluck().get()).toBe(0);
});

test("close removes the sessions of this process only", async () => {
  const root = await temporaryRoot();
  const [one, two] = [await storeAt(root), await storeAt(root)];
  const { id } = await one.users.add(newUser("ann"));
  const limits = { maxSessions: 5, maxSessionsPerUser: 5, queue: 5 };
  for (const store of [one, two]) {
    await store.sessions.enter({ userId: id, remote: "r", client: "c" }, limits);
  }
  await one.close();
  expect((await two.sessions.list()).map((session) => session.nodeId)).toEqual([two.nodeId]);
});

test("close leaves the node's row while its journal is not settled", async () => {
  const { root, store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  const database = await rawDatabase(root);
  database
    .prepare(
      "INSERT INTO open_files (node_id, user_id, inode, number, path, charged) VALUES (?,?,?,1,?,?)",
    )
    .run(store.nodeId, id, "1:1", Buffer.from("f"), 10);
  await store.close();
  expect(database.prepare("SELECT id FROM nodes").pluck().all()).toEqual([store.nodeId]);
});

test("closing again does nothing", async () => {
  const { store } = await temporaryStore();
  await store.close();
  await expect(store.close()).resolves.toBeUndefined();
});

sqliteTest("opening fails when the place of the database is taken by something else", async () => {
  const root = await temporaryRoot();
  await expect(openStore(join(root, "\0"), "command", "x")).rejects.toThrow();
});

test("a worker never brings a database up to date: others of its version are at work", async () => {
  const { root, store } = await temporaryStore();
  const supervisor = store.nodeId;
  const worker = await openTestStore(root, "server", "0.0.0-test", { supervisor });
  const found = (await store.nodes.list()).find(({ id }) => id === worker.nodeId);
  expect(found).toMatchObject({ supervisor, alive: true });
  await worker.close();
  const older = {
    sqlite: "PRAGMA user_version = 5",
    postgres: "UPDATE schema_version SET version = 0",
  };
  (await rawDatabase(root)).exec(older[ENGINE]);
  const later = openTestStore(root, "server", "0.0.0-test", { supervisor });
  await expect(later).rejects.toThrow("this version of moorage changes the database: stop all");
});
