import { execFileSync } from "node:child_process";
import type { Socket } from "node:net";
import { promisify } from "node:util";
import type { Client, SFTPWrapper } from "ssh2";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { login, tcp } from "../support/ssh-client.ts";

let instance: EmptyInstance;
let server: SpawnedServer;
let clients: Client[];
let sockets: Socket[];

beforeAll(async () => {
  instance = await openInstance([{ name: "ann" }, { name: "bob" }]);
});

afterAll(() => instance.close());

beforeEach(() => {
  clients = [];
  sockets = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  for (const socket of sockets) socket.destroy();
  await server.kill();
});

async function connect(username: string): Promise<SFTPWrapper> {
  const client = await login(server, { username });
  clients.push(client);
  client.on("error", () => {});
  return promisify<SFTPWrapper>(client.sftp.bind(client))();
}

function open(sftp: SFTPWrapper, name: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    sftp.open(name, "w", (error, handle) => (error ? reject(error) : resolve(handle)));
  });
}

/** Opens files until it is refused, and tells how many were open and what was said. */
async function openMany(sftp: SFTPWrapper): Promise<{ opened: number; text: string }> {
  for (let opened = 0; ; opened += 1) {
    try {
      await open(sftp, `f${opened}`);
    } catch (thrown) {
      return { opened, text: (thrown as Error).message };
    }
  }
}

async function logged(text: RegExp): Promise<void> {
  await vi.waitFor(() => expect(server.output()).toMatch(text), { timeout: 30_000 });
}

test("with 256 descriptors the limits are fitted, said, and hold: others log in and work", async () => {
  server = await spawnServer(instance.root, [], { descriptors: 256 });
  await logged(/"maxSessions":\d+,.*"files":\d+,.*too few file descriptors/);
  const { opened, text } = await openMany(await connect("ann"));
  expect(opened).toBeGreaterThan(10);
  expect(text).toContain("Too many open handles");
  // Connections that say nothing, more than there are descriptors left.
  for (let n = 0; n < 300; n += 1) sockets.push((await tcp(server)).socket);
  // Their places are for somebody who logs in.
  const bob = await vi.waitFor(() => connect("bob"), { timeout: 30_000 });
  await promisify(bob.readdir.bind(bob))(".");
  expect((await moorage(instance.root, "sessions")).code).toBe(0);
  expect(server.output()).not.toContain("no file descriptors left");
});

/** Takes what the process has not opened yet, or gives it back (prlimit(1)). */
function setLimit(descriptors: number): void {
  execFileSync("prlimit", ["--pid", `${server.child.pid}`, `--nofile=${descriptors}:`]);
}

test("when the process has none left that is logged, clients are told, and it goes on after it", async () => {
  server = await spawnServer(instance.root);
  const ann = await connect("ann");
  setLimit(10);
  await expect(promisify(ann.mkdir.bind(ann) as never)("d")).rejects.toThrow(
    "The server has too many files open",
  );
  await logged(/no file descriptors left.*ulimit -n/);
  const told = server.output();
  await expect(promisify(ann.mkdir.bind(ann) as never)("d")).rejects.toThrow();
  setLimit(1024);
  await promisify(ann.mkdir.bind(ann) as never)("d");
  await connect("bob");
  expect(server.output()).toBe(told);
});
