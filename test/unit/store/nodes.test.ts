import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { addDeadNode, newUser, rawDatabase, storeAt, temporaryStore } from "./instance.ts";
import { compileStore, StoreChild } from "./processes.ts";

let compiled: Awaited<ReturnType<typeof compileStore>>;

beforeAll(async () => {
  compiled = await compileStore();
});

afterAll(() => compiled.remove());

test("lists this process", async () => {
  const { root, store } = await temporaryStore();
  await store.nodes.setListen("127.0.0.1:2222");
  const second = await storeAt(root);
  expect((await store.nodes.list()).map((node) => node.id).sort()).toEqual(
    [store.nodeId, second.nodeId].sort(),
  );
  const own = (await second.nodes.list()).find((node) => node.id === store.nodeId);
  expect(own).toMatchObject({
    kind: "server",
    pid: process.pid,
    listen: "127.0.0.1:2222",
    version: "0.0.0-test",
    alive: true,
  });
  expect(await store.nodes.dead()).toEqual([]);
});

test("a node from before a reboot is dead", async () => {
  const { root, store } = await temporaryStore();
  addDeadNode(await rawDatabase(root), "before-reboot");
  expect((await store.nodes.dead()).map((node) => node.id)).toEqual(["before-reboot"]);
});

test("a node whose pid now belongs to another process is dead", async () => {
  const { root, store } = await temporaryStore();
  const boot = (await readFile("/proc/sys/kernel/random/boot_id", "latin1")).trim();
  (await rawDatabase(root))
    .prepare(
      "INSERT INTO nodes VALUES ('reused', 'server', ?, '1', ?, '', 'x', 1, 0, 0, '', '', '', 0, 0, 0)",
    )
    .run(process.pid, boot);
  expect((await store.nodes.dead()).map((node) => node.id)).toEqual(["reused"]);
});

test("a killed process is dead, a living one is not, a closed one is gone", async () => {
  const { root, store } = await temporaryStore();
  const wait =
    "say(store.nodeId); process.stdin.once('data', () => store.close().then(() => process.exit(0)));";
  const killed = await StoreChild.start(compiled.directory, root, wait);
  const closed = await StoreChild.start(compiled.directory, root, wait);
  onTestFinished(() => Promise.all([killed.kill(), closed.kill()]).then(() => undefined));
  const [killedId, closedId] = await Promise.all([killed.heard(), closed.heard()]);
  expect(await store.nodes.dead()).toEqual([]);
  await killed.kill();
  closed.process.stdin?.end("stop\n");
  await closed.exited();
  expect((await store.nodes.dead()).map((node) => node.id)).toEqual([killedId]);
  expect((await store.nodes.list()).some((node) => node.id === closedId)).toBe(false);
});

test("removing a dead node takes its sessions along", async () => {
  const { root, store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  const database = await rawDatabase(root);
  addDeadNode(database);
  database
    .prepare(
      "INSERT INTO sessions (node_id,user_id,state,remote,client,since) VALUES ('dead',?,'active','','',1)",
    )
    .run(id);
  await store.nodes.remove("dead");
  expect(await store.nodes.dead()).toEqual([]);
  expect(database.prepare("SELECT count(*) FROM sessions").pluck().get()).toBe(0);
  await store.nodes.remove("dead");
});

test("a node with a journal can't be removed", async () => {
  const { root, store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  const database = await rawDatabase(root);
  addDeadNode(database);
  database
    .prepare("INSERT INTO open_files VALUES (?, '1:1:1', 'dead', 1, ?, 10, 0, 0, 0)")
    .run(id, Buffer.from([0]));
  await expect(store.nodes.remove("dead")).rejects.toThrow("journal");
  expect(await store.nodes.dead()).toHaveLength(1);
});
