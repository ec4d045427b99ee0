import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Desk } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { dial, OPENSSH_OPTIONS } from "../support/ssh-client.ts";
import { Tmux } from "../support/tmux.ts";

// Settings that are changed while a server with workers runs: by command, and at the screen over SSH.

const PATIENCE = { timeout: 30_000, interval: 50 };
const STORY = { timeout: 240_000 };
const TEXT =
  "# ours\n[server] # greets\nbanner = 'Hello' # short\n\n[metrics]\npublic = true\n# the end\n";

let instance: EmptyInstance;
let server: SpawnedServer;
let desk: Desk;

beforeAll(async () => {
  desk = new Desk();
  instance = await openInstance([
    { name: "boss", role: "admin", keys: [desk.key.public] },
    { name: "ann", password: "secret" },
  ]);
  writeFileSync(join(instance.root, "moorage.toml"), TEXT);
  const env = { MOORAGE_QUOTA_FILES: "5000", MOORAGE_METRICS_LISTEN: "0.0.0.0:0" };
  server = await spawnServer(instance.root, ["--limits-queue", "7"], { workers: 2, env });
}, 120_000);

afterAll(async () => {
  await server.kill();
  await instance.close();
  desk.clear();
});

const file = () => readFileSync(join(instance.root, "moorage.toml"), "utf8");

/** What a client is shown before it logs in. */
async function banner(): Promise<string | undefined> {
  const connection = dial({ port: server.port }, { username: "ann", password: "secret" });
  await connection.ready;
  connection.client.end();
  return connection.banners[0];
}

async function recorded(): Promise<string[]> {
  const records = await instance.store.audit.query({ kind: "setting-set", afterId: 0 });
  return records.map(({ actor = "", detail }) => `${actor.replace(/:\d+$/, "")}: ${detail}`);
}

describe("config set", () => {
  test("is in force in all workers, and the rest of the file stays", async () => {
    expect(await banner()).toBe("Hello");
    const { stdout, stderr, code } = await moorage(
      instance.root,
      "config",
      "set",
      "server.banner",
      "Hear",
    );
    expect({ stdout, stderr, code }).toEqual({
      stdout: "server.banner is Hear (it was Hello). It is in force.\n",
      stderr: "",
      code: 0,
    });
    expect(file()).toBe(TEXT.replace("'Hello'", '"Hear"'));
    // More connections than there are workers.
    await vi.waitFor(async () => {
      expect(await Promise.all([1, 2, 3, 4].map(banner))).toEqual(Array(4).fill("Hear"));
    }, PATIENCE);
    const back = await moorage(instance.root, "config", "unset", "server.banner");
    expect(back.stdout).toBe('server.banner is "", the default (it was Hear). It is in force.\n');
    expect(file()).toBe(TEXT.replace("banner = 'Hello' ", ""));
    await vi.waitFor(async () => expect(await banner()).toBeUndefined(), PATIENCE);
    expect((await recorded()).map((text) => text.replace(/^cli:\S+: /, ""))).toEqual([
      "server.banner = Hear, was Hello",
      'server.banner = "", was Hear',
    ]);
  });

  test("says what needs a restart", async () => {
    const text = await moorage(instance.root, "config", "set", "digests.workers", "3");
    expect(text.stdout).toMatch(/It needs a restart: `moorage restart`\.\n$/);
    const json = await moorage(instance.root, "config", "set", "digests.workers", "2", "--json");
    expect(JSON.parse(json.stdout)).toEqual({
      name: "digests.workers",
      value: 2,
      before: 3,
      changed: true,
      running: true,
      inForce: false,
    });
  });

  test("refuses what the running server has from a flag or its environment", async () => {
    const before = file();
    for (const [name, origin] of [
      ["limits.queue", "--limits-queue"],
      ["quota.files", "MOORAGE_QUOTA_FILES"],
    ] as const) {
      const { code, stderr } = await moorage(instance.root, "config", "set", name, "9");
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: `moorage: ${name} comes from ${origin}; the file would have no effect\n`,
      });
    }
    expect(file()).toBe(before);
  });
});

test("what only the server finds wrong is taken back, and it goes on as it was", async () => {
  const before = file();
  const { code, stderr } = await moorage(instance.root, "config", "unset", "metrics.public");
  expect({ code, stderr }).toEqual({
    code: 2,
    stderr: expect.stringMatching(
      /^moorage: the server did not take it, and moorage\.toml is as it was: MOORAGE_METRICS_LISTEN: 0\.0\.0\.0:0 is no address of this machine alone.*\n$/,
    ),
  });
  expect(file()).toBe(before);
  expect((await moorage(instance.root, "reload")).stdout).not.toContain("metrics");
});

describe("at the screen over ssh", () => {
  test(
    "a setting is changed, its default taken again, and others are explained",
    STORY,
    async () => {
      const tmux = await Tmux.start({ columns: 100, rows: 30 });
      try {
        const options = [...OPENSSH_OPTIONS, "-o", "IdentitiesOnly=yes", "-i", desk.keyFile];
        await tmux.enter(`clear; ssh -t ${options.join(" ")} -p ${server.port} boss@127.0.0.1`);
        await tmux.waitFor("2 Users 3 Groups");
        await tmux.type("9");
        await tmux.waitFor(/limits\.max_sessions +256 +default +at once/);
        await tmux.type("/limits.max_sessions");
        await tmux.press("Enter", "Enter");
        await tmux.waitFor(/from 1 to 100000; here at least 4\. The/);
        await tmux.press("C-u");
        await tmux.type("none");
        await tmux.press("Enter");
        await tmux.waitFor(
          'limits.max_sessions: must be a whole number from 1 to 100000, not "none"',
        );
        expect(file()).not.toContain("max_sessions");
        await tmux.press("C-u");
        await tmux.type("99");
        await tmux.press("Enter");
        await tmux.waitFor("limits.max_sessions is 99 now: in force.");
        await tmux.waitFor(/limits\.max_sessions +99 +moorage\.toml:\d+ +at once/);
        expect(file()).toContain("\n[limits]\nmax_sessions = 99\n");
        // The one that listens is another process than the one of the screen.
        await tmux.waitFor(/\/99 sessions/);
        await tmux.type("d");
        await tmux.waitFor("Take the default of limits.max_sessions?");
        await tmux.type("y");
        await tmux.waitFor(/limits\.max_sessions +256 +default +at once/);
        await tmux.press("Escape");
        await tmux.type("/log.file");
        await tmux.press("Enter", "Enter");
        await tmux.waitFor(/it says which files the[ │\n]+server writes/);
        await tmux.press("Enter");
        await tmux.type("q");
      } finally {
        await tmux.stop();
      }
      await vi.waitFor(async () => {
        expect((await recorded()).slice(-2)).toEqual([
          "boss@127.0.0.1: limits.max_sessions = 99, was 256",
          "boss@127.0.0.1: limits.max_sessions = 256, was 99",
        ]);
      }, PATIENCE);
    },
  );
});
