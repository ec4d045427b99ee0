import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Client, FileEntry, SFTPWrapper, Stats } from "ssh2";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { SqliteDatabase } from "../../src/store/database.ts";
import { Driver as Database } from "../../src/store/database-driver.ts";
import type { Account } from "../../src/store/types.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";

const SIZE = 3 * 1024 * 1024;
const CHUNK = 32 * 1024;

let server: TestServer;
let other: SqliteDatabase;
let clients: Client[];
const big = randomBytes(SIZE);

beforeAll(async () => {
  server = await startTestServer({ users: [{ name: "ann" }, { name: "bob" }] });
  writeFileSync(join(server.home("ann"), "big"), big);
});

afterAll(() => server.stop());

/** The lock of another program: of an administrator's sqlite3, of a backup. */
beforeEach(() => {
  clients = [];
  other = new Database(join(server.root, "db", "moorage.sqlite"));
});

afterEach(() => {
  other.close();
  for (const client of clients) client.end();
});

async function connect(username: string): Promise<SFTPWrapper> {
  const client = await login(server, { username });
  clients.push(client);
  return promisify<SFTPWrapper>(client.sftp.bind(client))();
}

function lock(): void {
  other.exec("BEGIN IMMEDIATE");
}

function unlock(): void {
  other.exec("COMMIT");
}

function open(sftp: SFTPWrapper, name: string, flags: "r" | "w"): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sftp.open(name, flags, (error, handle) => (error ? reject(error) : resolve(handle)));
  });
}

async function download(sftp: SFTPWrapper, handle: Buffer): Promise<Buffer> {
  const data = Buffer.alloc(SIZE);
  for (let at = 0; at < SIZE; at += CHUNK) {
    await new Promise<void>((resolve, reject) => {
      sftp.read(handle, data, at, CHUNK, at, (error) => (error ? reject(error) : resolve()));
    });
  }
  return data;
}

function writeFile(sftp: SFTPWrapper, name: string, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    sftp.writeFile(name, text, (error) => (error ? reject(error) : resolve()));
  });
}

test("while another program holds the database, downloads, listings and STATs go on; a put waits", async () => {
  const [reader, writer] = [await connect("ann"), await connect("bob")];
  const handle = await open(reader, "big", "r");
  lock();
  let stored = false;
  const put = writeFile(writer, "new", "waited").then(() => {
    stored = true;
  });
  // All of this is answered while nobody but the other program can write to the database.
  expect((await download(reader, handle)).equals(big)).toBe(true);
  const stat = await promisify<string, Stats>(reader.stat.bind(reader))("big");
  const list = await promisify<string, FileEntry[]>(reader.readdir.bind(reader))(".");
  expect([stat.size, list.map(({ filename }) => filename)]).toEqual([SIZE, ["big"]]);
  expect(stored).toBe(false);
  unlock();
  await put;
  expect(readFileSync(join(server.home("bob"), "new"), "utf8")).toBe("waited");
});

test("a login waits for the database, and is let in when it is free", async () => {
  const present = await connect("ann");
  lock();
  const coming = connect("bob");
  for (let i = 0; i < 5; i += 1) await promisify(present.stat.bind(present))("big");
  unlock();
  await coming;
});

/** A home that the server does not hold: each change is a transaction. */
async function shareHome(name: string): Promise<void> {
  const { id } = (await server.store.users.byName(name)) as Account;
  await server.store.leases.share(id);
}

test("what waits too long is refused in clear words, and the session goes on", async () => {
  const sftp = await connect("bob");
  await shareHome("bob");
  lock();
  await expect(writeFile(sftp, "late", "x")).rejects.toThrow("The server's database is busy");
  unlock();
  await writeFile(sftp, "late", "done");
  expect(readFileSync(join(server.home("bob"), "late"), "utf8")).toBe("done");
});
