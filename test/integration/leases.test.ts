import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client, SFTPWrapper } from "ssh2";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { openDatabase } from "../../src/store/database.ts";
import { booksEqualDisk, booksGetExact } from "../support/books.ts";
import { Desk, DONE } from "../support/desk.ts";
import { onDisk } from "../support/instance.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { call, openSftp } from "../support/sftp-calls.ts";
import { login, sftp } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;
const MIGRATIONS = new URL("../../db/migrations", import.meta.url).pathname;

let instance: EmptyInstance;
let desk: Desk;
let servers: SpawnedServer[];
let clients: Client[];
let userId: number;

beforeEach(async () => {
  desk = new Desk();
  const keys = [desk.key.public];
  instance = await openInstance([{ name: "ann", keys, quotaBytes: 40 * MIB }]);
  userId = ((await instance.store.users.byName("ann")) as { id: number }).id;
  servers = [];
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  for (const server of servers) await server.kill();
  await instance.close();
  desk.clear();
});

async function start(): Promise<SpawnedServer> {
  const server = await spawnServer(instance.root, []);
  servers.push(server);
  return server;
}

function batch(server: SpawnedServer, ...commands: string[]) {
  return sftp(server, commands, { key: desk.keyFile });
}

async function open(server: SpawnedServer): Promise<SFTPWrapper> {
  const client = await login(server, { username: "ann", privateKey: desk.key.private });
  clients.push(client);
  return openSftp(client);
}

/** An upload that has written `bytes` and is not over. */
async function begin(session: SFTPWrapper, name: string, bytes: number): Promise<Buffer> {
  const handle = await call<Buffer>((done) => session.open(name, "w", done));
  await write(session, handle, 0, bytes);
  return handle;
}

function write(session: SFTPWrapper, handle: Buffer, at: number, bytes: number): Promise<unknown> {
  return call((done) => session.write(handle, Buffer.alloc(bytes, 7), 0, bytes, at, done));
}

async function isHeld(server: SpawnedServer): Promise<boolean> {
  const nodes = await instance.store.nodes.list();
  const { id = "" } = nodes.find(({ pid }) => pid === server.child.pid) ?? {};
  return (await instance.store.leases.heldBy(id)).includes(userId);
}

async function json<T>(...args: string[]): Promise<T> {
  const { code, stdout } = await moorage(instance.root, ...args);
  expect(code).toBe(0);
  return JSON.parse(stdout) as T;
}

interface Used {
  readonly name: string;
  readonly usedBytes: number;
}

test("whoever asks for the usage of a home that is held gets it as it is", async () => {
  const server = await start();
  const session = await open(server);
  const handle = await begin(session, "f", 3 * MIB);
  expect(await isHeld(server)).toBe(true);
  for (let step = 1; step <= 3; step += 1) {
    await write(session, handle, (2 + step) * MIB, MIB);
    await call((done) => session.mkdir(`d${step}`, done));
    const { size } = statSync(join(instance.home("ann"), "f"));
    const [usage] = await json<Used[]>("usage", "--json");
    expect(usage).toMatchObject({ name: "ann", usedBytes: size, files: 1 + step });
    expect(await json("user", "show", "ann", "--json")).toMatchObject({ usedBytes: size });
    const [listed] = await json<Used[]>("user", "list", "--json");
    expect(listed).toMatchObject({ name: "ann", usedBytes: size });
    await booksEqualDisk(instance);
  }
  expect(await isHeld(server)).toBe(true);
});

test("the usage of all users is asked for once", async () => {
  const names = ["bob", "eve"];
  const key = join(instance.root, "key.pub");
  writeFileSync(key, desk.key.public);
  for (const name of names) {
    const added = await moorage(instance.root, "user", "add", name, "--key", key);
    expect(added).toMatchObject({ code: 0 });
  }
  const server = await start();
  for (const user of ["ann", ...names]) {
    const { port } = server;
    expect(await sftp({ port }, ["mkdir d"], { key: desk.keyFile, user })).toMatchObject(DONE);
  }
  const { changes } = instance.store;
  const before = await changes.latestId();
  expect(await json("usage", "--json")).toHaveLength(3);
  expect(await changes.since(before)).toMatchObject([{ kind: "fold" }]);
});

test("a second process gets the home, an upload in it goes on, and who is alone again holds it", async () => {
  const [one, two] = [await start(), await start()];
  const session = await open(one);
  const handle = await begin(session, "f", MIB);
  expect(await isHeld(one)).toBe(true);

  const file = desk.file("g", 2 * MIB);
  expect(await batch(two, `put ${file} g`, "mkdir d", "rename f d/f")).toMatchObject(DONE);
  expect(await isHeld(one)).toBe(false);
  await write(session, handle, MIB, MIB);
  await call((done) => session.close(handle, done));
  expect(statSync(join(instance.home("ann"), "d/f")).size).toBe(2 * MIB);
  await booksGetExact(instance);

  await vi.waitFor(
    async () => {
      await call((done) => session.rmdir("none", () => done()));
      await call((done) => session.mkdir(`x${Date.now()}`, done));
      expect(await isHeld(one)).toBe(true);
    },
    { timeout: 20_000, interval: 200 },
  );
  await booksEqualDisk(instance);
});

test("a quota that is set lower holds for an upload that is under way", async () => {
  const session = await open(await start());
  const handle = await begin(session, "f", 3 * MIB);
  const set = await moorage(instance.root, "user", "set", "ann", "--quota", "4MiB");
  expect(set.code).toBe(0);
  await write(session, handle, 3 * MIB, MIB);
  await expect(write(session, handle, 4 * MIB, 1)).rejects.toThrow(
    `Quota exceeded: ${4 * MIB} of ${4 * MIB} bytes used, 1 more needed`,
  );
  await booksEqualDisk(instance);
});

test("files put into a held home from outside are counted by a rescan beside an upload", async () => {
  const session = await open(await start());
  const handle = await begin(session, "f", MIB);
  writeFileSync(join(instance.home("ann"), "from-outside"), Buffer.alloc(5000));
  expect((await moorage(instance.root, "usage", "ann", "--rescan")).code).toBe(0);
  await booksEqualDisk(instance);
  await write(session, handle, MIB, MIB);
  await call((done) => session.close(handle, done));
  await booksGetExact(instance);
});

test("what a killed process held is exact at the next request to another one", async () => {
  const [one, two] = [await start(), await start()];
  const session = await open(one);
  await begin(session, "f", 3 * MIB);
  await call((done) => session.mkdir("d", done));
  await begin(session, "d/g", MIB);
  await call((done) => session.rename("d", "e", done));
  expect(await isHeld(one)).toBe(true);
  await one.kill();
  expect(await batch(two, "mkdir after")).toMatchObject(DONE);
  await booksEqualDisk(instance);
  expect(onDisk(instance.home("ann"))).toEqual({ bytes: 4 * MIB, files: 4 });
});

test("with no server left, the command line takes back what a killed one held", async () => {
  const server = await start();
  await begin(await open(server), "f", 3 * MIB);
  await server.kill();
  // Several at once do it once.
  const commands = [1, 2, 3].map(() => json<Used[]>("usage", "--json"));
  for (const [usage] of await Promise.all(commands)) {
    expect(usage).toMatchObject({ usedBytes: 3 * MIB, files: 1 });
  }
  expect(readdirSync(join(instance.root, "db")).filter((name) => /^journal-/.test(name))).toEqual(
    [],
  );
});

test("a process that hangs keeps its home, and another one says so", async () => {
  const [one, two] = [await start(), await start()];
  await begin(await open(one), "f", MIB);
  expect(await isHeld(one)).toBe(true);
  process.kill(one.child.pid as number, "SIGSTOP");
  try {
    const { code, stderr } = await batch(two, "mkdir d");
    expect(code).toBe(1);
    expect(stderr).toContain("Failure");
  } finally {
    process.kill(one.child.pid as number, "SIGCONT");
  }
  expect(await batch(two, "mkdir d")).toMatchObject(DONE);
  await booksGetExact(instance);
});

test("another program's lock on the database holds up nothing in a home that is held", async () => {
  const session = await open(await start());
  const handle = await begin(session, "f", MIB);
  const connection = openDatabase(join(instance.root, "db/moorage.sqlite"), MIGRATIONS);
  connection.exec("BEGIN IMMEDIATE");
  let locked = true;
  try {
    await write(session, handle, MIB, 8 * MIB);
    await call((done) => session.mkdir("d", done));
    await call((done) => session.rename("f", "d/f", done));
    await call((done) => session.mkdir("e", done));
    await call((done) => session.rmdir("e", done));
    connection.exec("ROLLBACK");
    locked = false;
  } finally {
    if (locked) connection.exec("ROLLBACK");
    connection.close();
  }
  expect(readFileSync(join(instance.home("ann"), "d/f"))).toHaveLength(9 * MIB);
  await booksGetExact(instance);
});

test("an account whose home was held a moment ago can be removed with it", async () => {
  const server = await start();
  expect(await batch(server, "mkdir d")).toMatchObject(DONE);
  expect(await isHeld(server)).toBe(true);
  const removed = await moorage(instance.root, "user", "remove", "ann", "--delete-home", "--force");
  expect(removed).toMatchObject({ code: 0 });
  expect(await instance.store.users.byName("ann")).toBeUndefined();
});
