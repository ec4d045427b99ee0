import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Desk, DONE } from "../support/desk.ts";
import { ask, seriesIn } from "../support/metrics.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { login } from "../support/ssh-client.ts";

let instance: EmptyInstance;
let desk: Desk;
let server: SpawnedServer;

beforeAll(async () => {
  desk = new Desk();
  instance = await openInstance([{ name: "ann", password: "secret", keys: [desk.key.public] }]);
  const settings = ["--metrics-listen", "db/metrics.sock", "--metrics-users", "true"];
  server = await spawnServer(instance.root, settings, { workers: 2 });
  desk.target = server;
  await vi.waitFor(() => statSync(at().socketPath), { timeout: 10_000 });
});

afterAll(async () => {
  server.child.kill("SIGTERM");
  await server.exited;
  await instance.close();
  desk.clear();
});

const at = () => ({ socketPath: join(instance.root, "db", "metrics.sock") });

async function scrape(): Promise<Map<string, number>> {
  const { status, text } = await ask(at(), "/metrics");
  expect(status).toBe(200);
  return seriesIn(text);
}

/** What was scraped last may be shown for half a second more. */
async function figures(expected: Record<string, number>): Promise<Map<string, number>> {
  let all = new Map<string, number>();
  await vi.waitFor(
    async () => {
      all = await scrape();
      const found = Object.fromEntries(Object.keys(expected).map((name) => [name, all.get(name)]));
      expect(found).toEqual(expected);
    },
    { timeout: 10_000 },
  );
  return all;
}

async function workers(): Promise<number[]> {
  const nodes = await instance.store.nodes.list();
  return nodes.filter(({ supervisor, alive }) => supervisor !== "" && alive).map(({ pid }) => pid);
}

const MOVED = {
  'moorage_logins_total{method="publickey",result="accepted"}': 2,
  'moorage_logins_total{method="password",result="failed"}': 1,
  'moorage_transfer_bytes_total{direction="upload"}': 100_000,
  'moorage_transfer_bytes_total{direction="download"}': 100_000,
  'moorage_transfer_files_total{direction="upload",result="done"}': 1,
  'moorage_transfer_files_total{direction="download",result="done"}': 1,
  moorage_connections_total: 3,
};

test("what people did is counted, over all processes, in one answer", async () => {
  desk.file("a.bin", 100_000);
  expect(await desk.sftp([`put ${desk.path("a.bin")}`])).toMatchObject(DONE);
  expect(await desk.sftp([`get a.bin ${desk.path("b.bin")}`])).toMatchObject(DONE);
  const wrong = login(server, { username: "ann", password: "wrong", localAddress: "127.0.0.9" });
  await expect(wrong).rejects.toThrow();
  const all = await figures({
    ...MOVED,
    moorage_sessions: 0,
    moorage_workers: 2,
    moorage_users: 1,
    moorage_processes_unreached: 0,
    'moorage_quota_used_bytes{kind="user"}': 100_000,
    'moorage_user_used_bytes{user="ann"}': 100_000,
    'moorage_transfers{direction="upload"}': 0,
    'moorage_transfers{direction="download"}': 0,
    'moorage_queue_length{queue="files"}': 0,
    'moorage_queue_length{queue="store"}': 0,
    'moorage_queue_length{queue="passwords"}': 0,
    moorage_disk_full: 0,
  });
  const count = all.get('moorage_store_write_duration_seconds_count{step="commit"}') ?? 0;
  expect(count).toBeGreaterThan(5);
  const pids = [...all.keys()].flatMap(
    (name) => /_memory_bytes\{.*pid="(\d+)"/.exec(name)?.[1] ?? [],
  );
  expect(pids.map(Number).sort()).toEqual([server.child.pid, ...(await workers())].sort());
});

test("nothing in it is secret, or a path", async () => {
  const { text } = await ask(at(), "/metrics");
  const key = readFileSync(join(instance.root, "keys", "ssh_host_ed25519_key"), "latin1");
  for (const word of ["a.bin", instance.root, "127.0.0", "secret", key.slice(60, 90)]) {
    expect(text).not.toContain(word);
  }
});

test("totals never go down: neither by new workers nor by one that is killed", async () => {
  const before = await figures(MOVED);
  const old = await workers();
  expect(await moorage(instance.root, "restart", "--drain", "0s")).toMatchObject({ code: 0 });
  await vi.waitFor(async () => {
    const now = await workers();
    expect(now.filter((pid) => old.includes(pid))).toEqual([]);
    expect(now).toHaveLength(2);
  }, 20_000);
  await figures({ ...MOVED, moorage_processes_unreached: 0 });
  const [victim = 0] = await workers();
  process.kill(victim, "SIGKILL");
  await vi.waitFor(async () => {
    const now = await workers();
    expect(now).toHaveLength(2);
    expect(now).not.toContain(victim);
  }, 20_000);
  const after = await figures({ ...MOVED, moorage_workers: 2, moorage_processes_unreached: 0 });
  for (const [name, value] of before) {
    if (/_total|_count|_bucket/.test(name))
      expect(after.get(name), name).toBeGreaterThanOrEqual(value);
  }
});

test("the command prints the same, and what is healthy says so", async () => {
  const { code, stdout } = await moorage(instance.root, "metrics");
  expect(code).toBe(0);
  expect(
    [...seriesIn(stdout).keys()].filter((name) => name.startsWith("moorage_user_")),
  ).toHaveLength(4);
  expect(seriesIn(stdout).get("moorage_connections_total")).toBe(3);
  const healthy = { status: 200, text: "login ok\nwrite ok\n" };
  expect(await ask(at(), "/healthz")).toMatchObject(healthy);
  expect(statSync(at().socketPath).mode & 0o777).toBe(0o660);
});
