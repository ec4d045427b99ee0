import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client, ClientChannel, SFTPWrapper } from "ssh2";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { login, makeKey } from "../support/ssh-client.ts";

// The admin screen over SSH while many sessions transfer and many users exist. MOORAGE_SOAK=full
// makes it as large as it has to be good for, and prints what it took.

const FULL = process.env.MOORAGE_SOAK === "full";
// The server takes no variable of this prefix that is no setting.
delete process.env.MOORAGE_SOAK;
const SCALE = FULL
  ? { users: 10_000, accounts: 25, sessions: 200, presses: 520, pauseMs: 100 }
  : { users: 300, accounts: 3, sessions: 9, presses: 90, pauseMs: 0 };
/** Text and memory of a process grow a little with use; a leak of what is drawn would be far more. */
const MOST_GROWTH = 64 * 1024 * 1024;
const FILE = Buffer.alloc(64 * 1024, 7);

const key = makeKey();
let instance: EmptyInstance | undefined;
let server: SpawnedServer | undefined;
const clients: Client[] = [];

beforeAll(async () => {
  const names = Array.from({ length: SCALE.accounts }, (_, i) => `busy${i}`);
  const made = await openInstance([
    { name: "boss", role: "admin", keys: [key.public] },
    ...names.map((name) => ({ name, keys: [key.public] })),
  ]);
  instance = made;
  for (let i = 0; i < SCALE.users; i++) {
    const name = `user${String(i).padStart(5, "0")}`;
    const limits = { quotaBytes: 1_000_000, quotaFiles: null };
    await made.store.users.add({ name, role: "user", passwordHash: null, ...limits });
  }
  server = await spawnServer(made.root);
}, 300_000);

afterAll(async () => {
  for (const client of clients) client.destroy();
  await server?.kill();
  await instance?.close();
});

function running(): SpawnedServer {
  if (server === undefined) throw new Error("no server");
  return server;
}

async function connect(username: string): Promise<Client> {
  const config = { username, privateKey: key.private, authHandler: ["publickey" as const] };
  const client = await login(running(), config);
  clients.push(client);
  return client;
}

function sftp(client: Client): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, files) => (error ? reject(error) : resolve(files)));
  });
}

/** Uploads again and again until it is told to stop. */
async function transfer(files: SFTPWrapper, name: string, stop: AbortSignal): Promise<number> {
  let count = 0;
  while (!stop.aborted) {
    await new Promise<void>((resolve, reject) => {
      files.writeFile(name, FILE, (error) => (error ? reject(error) : resolve()));
    });
    count += 1;
    // Not all at the same moment: this process has to send it all.
    await sleep(FULL ? 1_000 + Math.random() * 2_000 : 20);
  }
  return count;
}

function screenOf(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const pty = { cols: 120, rows: 40, term: "xterm-256color" };
    client.shell(pty, (error, channel) => (error ? reject(error) : resolve(channel)));
  });
}

/** Resolves when the screen draws something; rejects when it is gone. */
function drawn(channel: ClientChannel): Promise<void> {
  return new Promise((resolve, reject) => {
    const closed = (): void => reject(new Error("the screen is gone"));
    channel.once("close", closed);
    channel.once("data", () => {
      channel.off("close", closed);
      resolve();
    });
  });
}

/** Milliseconds from each key to what it draws. */
async function press(channel: ClientChannel, keys: readonly string[]): Promise<number[]> {
  const times: number[] = [];
  for (const one of keys) {
    const answer = drawn(channel);
    const begin = performance.now();
    channel.write(one);
    await answer;
    times.push(performance.now() - begin);
    if (SCALE.pauseMs > 0) await sleep(SCALE.pauseMs);
  }
  return times;
}

function residentBytes(): number {
  const status = readFileSync(`/proc/${running().child.pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

function mib(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MiB`;
}

/** Each of them changes what is seen, so that it is answered before the next tick of the clock. */
const DOWN = "\x1b[B";
const UP = "\x1b[A";
const KEYS = ["1", "2", DOWN, DOWN, "\x1b[6~", DOWN, "\x1b[F", "\x1b[H", "5", DOWN, UP, "6", "7"];

it("an admin's screen answers each key, and its memory stays", { timeout: 900_000 }, async () => {
  const stop = new AbortController();
  const before = residentBytes();
  const busy: Promise<number>[] = [];
  for (let i = 0; i < SCALE.sessions; i++) {
    const files = await sftp(await connect(`busy${i % SCALE.accounts}`));
    busy.push(transfer(files, `/file${i}`, stop.signal));
  }
  const channel = await screenOf(await connect("boss"));
  await drawn(channel);
  const keys = Array.from({ length: SCALE.presses }, (_, i) => KEYS[i % KEYS.length] as string);
  const third = Math.ceil(keys.length / 3);
  const times = await press(channel, keys.slice(0, third));
  const warm = residentBytes();
  times.push(...(await press(channel, keys.slice(third))));
  const after = residentBytes();
  stop.abort();
  const uploads = (await Promise.all(busy)).reduce((sum, count) => sum + count, 0);

  expect(times).toHaveLength(SCALE.presses);
  expect(uploads).toBeGreaterThanOrEqual(SCALE.sessions);
  expect(after - warm).toBeLessThan(MOST_GROWTH);
  if (FULL) {
    const sorted = times.sort((a, b) => a - b);
    const at = (part: number): string => {
      return `${(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? 0).toFixed(1)} ms`;
    };
    console.log(
      [
        `${SCALE.users} users, ${SCALE.sessions} sessions, ${uploads} uploads, ${times.length} keys`,
        `a key: median ${at(0.5)}, 95 % ${at(0.95)}, 99 % ${at(0.99)}, longest ${at(1)}`,
        `memory: ${mib(before)} at the start, ${mib(warm)} warm, ${mib(after)} at the end`,
      ].join("\n"),
    );
    expect(sorted[Math.floor(sorted.length * 0.95)]).toBeLessThan(100);
  }
});

it("a client that doesn't read costs little, and others are served", async () => {
  const deaf = await screenOf(await connect("boss"));
  await drawn(deaf);
  deaf.pause();
  const before = residentBytes();
  // All is to be drawn anew each time.
  for (let i = 0; i < 4_000; i++) deaf.write("\x0c");
  const other = await screenOf(await connect("boss"));
  await drawn(other);
  await press(other, ["2", DOWN, "5", "1"]);
  expect(residentBytes() - before).toBeLessThan(MOST_GROWTH);
});
