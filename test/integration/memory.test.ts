import { once } from "node:events";
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Client, ClientChannel } from "ssh2";
import { afterEach, describe, expect, test, vi } from "vitest";
import { slabs } from "../../src/memory/slabs.ts";
import { SMALLEST_WINDOW } from "../../src/ssh/receive-window.ts";
import { openInstance, spawnServer, startTestServer, type TestServer } from "../support/server.ts";
import { duplexWire, SftpClient } from "../support/sftp-client.ts";
import { login, openSubsystem, socketOf, type Target } from "../support/ssh-client.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const READ = 255 * KIB;
const FILE = Buffer.alloc(8 * MIB, "moorage");

const BUDGET = 64 * MIB;
/** one user alone has no more than that */
const SHARE = BUDGET / 2;
/** what each session may have in any case: its first channel, one reply, a turn's small answers */
const MINIMUM = SMALLEST_WINDOW + 300 * KIB;

/** For a busy machine. */
const PATIENCE = { timeout: 20_000 };

const USERS = ["ann", "bob", "carol"];
const ATTACKERS = ["ann", "ann", "bob", "bob"];

const clients: Client[] = [];
const servers: TestServer[] = [];

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const server of servers.splice(0)) await server.stop();
});

async function serve(): Promise<TestServer> {
  const users = USERS.map((name) => ({ name }));
  const server = await startTestServer({ users, config: { limits: { memory: BUDGET } } });
  servers.push(server);
  for (const name of USERS) await writeFile(join(server.home(name), "big"), FILE);
  return server;
}

async function enter(target: Target, username: string): Promise<Client> {
  const client = await login(target, { username });
  client.on("error", () => {});
  clients.push(client);
  return client;
}

/** As many channels as the server opens, up to `most`. */
async function openMany<T>(most: number, open: () => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  for (let i = 0; i < most; i++) {
    try {
      opened.push(await open());
    } catch {
      break;
    }
  }
  return opened;
}

async function openSftp(client: Client): Promise<SftpClient> {
  const sftp = new SftpClient(duplexWire(await openSubsystem(client)));
  await sftp.init();
  return sftp;
}

/** Asks for far more than anybody may hold, and reads nothing of it. */
async function readNothing(client: Client): Promise<void> {
  const channels = await openMany(9, () => openSftp(client));
  const handles = await Promise.all(channels.map((sftp) => sftp.open("big", 0x01)));
  socketOf(client).pause();
  for (const [i, sftp] of channels.entries()) {
    const reads = Array.from({ length: 300 }, (_, at) =>
      sftp.requests.read(handles[i] as Buffer, (at % 30) * READ, READ),
    );
    sftp.send(...reads);
  }
}

function exec(client: Client, command: string): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, channel) => (error ? reject(error) : resolve(channel)));
  });
}

/** Lets commands print and reads nothing of it. */
async function watchNothing(client: Client): Promise<void> {
  const channels = await openMany(9, () => exec(client, "cat big big big"));
  for (const channel of channels) channel.pause();
  socketOf(client).pause();
}

/** Fills every window with a request that never becomes whole. */
async function finishNothing(client: Client): Promise<void> {
  const channels = await openMany(9, () => openSubsystem(client));
  for (const channel of channels) {
    const piece = Buffer.alloc(READ);
    piece.writeUInt32BE(256 * KIB);
    channel.write(piece);
  }
}

const ATTACKS: [string, (client: Client) => Promise<void>][] = [
  ["READs that nobody takes the answers of", readNothing],
  ["commands whose output nobody reads", watchNothing],
  ["requests that never become whole", finishNothing],
];

async function copyAndCompare(server: TestServer): Promise<void> {
  const client = await enter(server, "carol");
  const sftp = await openSftp(client);
  await sftp.put("copy", FILE);
  const handle = await sftp.open("copy", 0x01);
  const reads = Array.from({ length: 30 }, (_, at) => sftp.requests.read(handle, at * READ, READ));
  const replies = await sftp.all(...reads);
  expect(Buffer.concat(replies.map(({ data }) => data)).equals(FILE.subarray(0, 30 * READ))).toBe(
    true,
  );
  client.end();
  await once(client, "close");
}

describe("the memory of all sessions has a bound", () => {
  test.each(ATTACKS)("against %s; others go on, and all comes back", async (_, attack) => {
    const server = await serve();
    const { memory } = server.server;
    const attackers = await Promise.all(ATTACKERS.map((name) => enter(server, name)));
    await Promise.all(attackers.map(attack));
    await vi.waitFor(() => expect(memory.used).toBeGreaterThan(10 * MIB), PATIENCE);
    for (let turn = 0; turn < 100; turn++) {
      await nextTurn();
      expect(memory.used).toBeLessThanOrEqual(BUDGET + ATTACKERS.length * MINIMUM);
    }
    await copyAndCompare(server);
    for (const client of attackers) client.destroy();
    await vi.waitFor(() => expect(memory.used).toBe(0), PATIENCE);
    await vi.waitFor(() => expect(slabs.bytesOut).toBe(0), PATIENCE);
  });

  test("a user with many channels leaves others as much as it has", async () => {
    const server = await serve();
    const { memory } = server.server;
    const sessions = await Promise.all(Array.from({ length: 8 }, () => enter(server, "ann")));
    await Promise.all(sessions.map(readNothing));
    await vi.waitFor(() => expect(memory.used).toBeGreaterThan(SHARE / 2), PATIENCE);
    for (let turn = 0; turn < 100; turn++) {
      await nextTurn();
      expect(memory.used).toBeLessThanOrEqual(SHARE + sessions.length * MINIMUM);
    }
    await copyAndCompare(server);
  });

  test("and clients that read on get all they asked for, though it was more than there was", async () => {
    const server = await serve();
    const client = await enter(server, "ann");
    const channels = await openMany(9, () => openSftp(client));
    const answers = channels.map(async (sftp) => {
      const handle = await sftp.open("big", 0x01);
      const reads = Array.from({ length: 60 }, (_, at) =>
        sftp.requests.read(handle, (at % 30) * READ, READ),
      );
      for (const { data } of await sftp.all(...reads)) expect(data.length).toBe(READ);
    });
    await Promise.all(answers);
    client.end();
    await vi.waitFor(() => expect(server.server.memory.used).toBe(0), PATIENCE);
  });
});

/** What the process has in memory, in bytes. */
function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * KIB;
}

test("a server that was made to hold much gives it back to the system", async () => {
  const instance = await openInstance([{ name: "ann" }]);
  const spawned = await spawnServer(instance.root, ["--limits-memory", "256MiB"]);
  try {
    const pid = spawned.child.pid as number;
    await writeFile(join(instance.home("ann"), "big"), FILE);
    const before = residentBytes(pid);
    const attackers = await Promise.all(Array.from({ length: 6 }, () => enter(spawned, "ann")));
    await Promise.all(attackers.map(readNothing));
    await vi.waitFor(() => expect(residentBytes(pid)).toBeGreaterThan(before + 40 * MIB), PATIENCE);
    // Half of the budget for one user, and as much again for what is not counted.
    for (let turn = 0; turn < 100; turn++) {
      await nextTurn();
      expect(residentBytes(pid)).toBeLessThan(before + 256 * MIB);
    }
    for (const client of attackers) client.destroy();
    await vi.waitFor(() => expect(residentBytes(pid)).toBeLessThan(1.5 * before), {
      timeout: 90_000,
      interval: 500,
    });
  } finally {
    await spawned.kill();
    await instance.close();
  }
}, 150_000);
