import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { instanceStatus, notRunning } from "../../../src/control/nodes.ts";
import { stopServers } from "../../../src/control/stop-servers.ts";
import { Driver } from "../../../src/store/database-driver.ts";
import { openStore, type Store } from "../../../src/store/store.ts";

let root: string;
let command: Store;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "moorage-nodes-"));
  command = await openStore(root, "command", "1.0.0");
});

afterEach(async () => {
  await command.close();
  rmSync(root, { recursive: true });
});

test("a command's own process is no running server", async () => {
  expect(await instanceStatus(command, "1.0.0", root)).toEqual(notRunning("1.0.0"));
});

test("tells where the servers listen and counts the sessions of all", async () => {
  const servers = [
    await openStore(root, "server", "0.9.0"),
    await openStore(root, "server", "1.0.0"),
  ] as const;
  const limits = { maxSessions: 2, maxSessionsPerUser: 9, queue: 9 };
  const user = await command.users.add({
    name: "alice",
    role: "user",
    passwordHash: null,
    quotaBytes: null,
    quotaFiles: null,
  });
  try {
    await servers[0].nodes.setListen("127.0.0.1:2222");
    for (const server of [...servers, servers[1]]) {
      await server.sessions.enter({ userId: user.id, remote: "::1", client: "t" }, limits);
    }
    const status = await instanceStatus(command, "1.0.0", root);
    expect(status).toMatchObject({ running: true, pid: process.pid, sessions: 2, waiting: 1 });
    expect(status.uptimeSeconds).toBeGreaterThanOrEqual(0);
    const listens = status.nodes.map(({ listen, sessions }) => ({ listen, sessions }));
    expect(listens).toContainEqual({ listen: "127.0.0.1:2222", sessions: 1 });
    expect(listens).toContainEqual({ listen: "", sessions: 1 });
  } finally {
    for (const server of servers) await server.close();
  }
});

test("stop never signals a stranger that has got a dead server's process id", async () => {
  const stranger = spawn("sleep", ["60"]);
  const ended = new Promise((resolve) => stranger.once("exit", (_, signal) => resolve(signal)));
  const database = new Driver(join(root, "db/moorage.sqlite"));
  database
    .prepare(
      `INSERT INTO nodes SELECT 'dead', 'server', ?, start_time, boot_id, '', '1', 0, 0, 0, '', '', '', 0, 0, 0
       FROM nodes WHERE id = ?`,
    )
    .run(stranger.pid, command.nodeId);
  database.close();
  try {
    const options = { onWait: () => {}, progressMs: 100, timeoutMs: 1000 };
    expect(await stopServers(command, options)).toEqual([]);
    expect(await instanceStatus(command, "1", root)).toMatchObject({ running: false });
  } finally {
    stranger.kill("SIGKILL");
  }
  expect(await ended).toBe("SIGKILL");
});
