import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { connect } from "../../src/cli/client/connect.ts";
import { put, sync } from "../../src/cli/client/one-job.ts";
import type { TransferFlags } from "../../src/cli/client/options.ts";
import { realEngine } from "../../src/cli/client/real-engine.ts";
import { Operations } from "../../src/client/remote/operations.ts";
import type { ClientConnection } from "../../src/client/remote/remote.ts";
import type { Ending } from "../../src/client/types.ts";
import { ClientRun } from "../support/client-run.ts";
import { type ClientHome, connectClient, makeClientHome } from "../support/engine.ts";
import { type LineProxy, startProxy } from "../support/proxy.ts";
import {
  moorage,
  openInstance,
  spawnServer,
  startTestServer,
  type TestServer,
} from "../support/server.ts";

const SIZE = 6_000_000;

let home: ClientHome;
let server: TestServer;
let local: string;

beforeAll(async () => {
  home = await makeClientHome();
  local = mkdtempSync(join(tmpdir(), "moorage-ended-"));
  process.env.HOME = local;
  process.env.XDG_STATE_HOME = join(local, "state");
  delete process.env.SSH_AUTH_SOCK;
  writeFileSync(join(local, "big.bin"), randomBytes(SIZE));
  const keys = [home.key.public];
  server = await startTestServer({
    users: [
      { name: "ann", keys },
      { name: "ben", keys },
    ],
  });
});

afterAll(async () => {
  await server?.stop();
  await home?.remove();
  rmSync(local, { recursive: true, force: true });
});

function flags(more: Partial<TransferFlags> = {}): TransferFlags {
  const identity = [home.path("key")];
  const login = { port: server.port, identity, config: "none", acceptNew: true };
  return { ...login, jobs: 2, verify: true, resume: true, ...more };
}

/** Begins an upload that takes some seconds, and ends its session when a part of it is there. */
async function kickedPut(user: string, kick: string[], more: Partial<TransferFlags> = {}) {
  const run = new ClientRun(realEngine());
  const names = [join(local, "big.bin"), `${user}@127.0.0.1:`];
  const whole = put(run.context, names, flags({ limitRate: 2_000_000, ...more }), run.around);
  const part = join(server.home(user), "big.bin.part");
  const size = () => (existsSync(part) ? statSync(part).size : 0);
  await vi.waitFor(() => expect(size()).toBeGreaterThan(1_500_000), { timeout: 30_000 });
  const [session] = JSON.parse((await moorage(server.root, "sessions", "--json")).stdout);
  expect(session.transfers).toMatchObject([{ direction: "upload", size: SIZE }]);
  expect((await moorage(server.root, "kick", user, ...kick)).code).toBe(0);
  await whole;
  return run;
}

const MAINTENANCE =
  "the server ended the session: The session was ended by an administrator: maintenance";

describe("a session that the server ends on purpose", () => {
  it("ends a job with the server's reason, and the same command goes on", async () => {
    const run = await kickedPut("ann", ["--reason", "maintenance"]);
    expect(run.code).toBe(9);
    expect(run.written.errors.replace(/^remembered.*\n/, "")).toBe(`${MAINTENANCE}\n`);
    expect(run.written.text).toContain("what arrived is kept: the same command again goes on\n");
    expect(run.written.text).not.toContain("connected again");
    const again = new ClientRun(realEngine());
    await put(again.context, [join(local, "big.bin"), "ann@127.0.0.1:"], flags(), again.around);
    expect(again.code).toBe(0);
    expect(again.written.text).toMatch(/^big\.bin: goes on at [2-5]\.\d\d MB of 6\.00 MB$/m);
    const there = readFileSync(join(server.home("ann"), "big.bin"));
    expect(there.equals(readFileSync(join(local, "big.bin")))).toBe(true);
  }, 60_000);

  it("says so in JSON, also of a user that was disabled", async () => {
    const run = await kickedPut("ben", ["--disable"], { json: true });
    expect(run.code).toBe(9);
    const events = run.written.text.split("\n").filter(Boolean);
    const failed = events.map((line) => JSON.parse(line)).filter(({ type }) => type === "failed");
    expect(failed).toEqual([
      {
        type: "failed",
        file: 0,
        source: "",
        code: "session-ended",
        message: expect.stringMatching(/^the server ended the session: .*(administrator|disabled)/),
        resumable: true,
      },
    ]);
  }, 60_000);

  it("ends a job that only removes any more", async () => {
    const there = join(server.home("ann"), "surplus");
    mkdirSync(there);
    for (const name of ["a", "b", "c"]) writeFileSync(join(there, name), name);
    mkdirSync(join(local, "nothing"), { recursive: true });
    const remove = Operations.prototype.remove;
    const removed = vi.spyOn(Operations.prototype, "remove");
    removed.mockImplementation(async function (this: Operations, path) {
      await moorage(server.root, "kick", "ann", "--reason", "maintenance");
      return remove.call(this, path);
    });
    const run = new ClientRun(realEngine());
    const how = { ...flags(), delete: true };
    const places = [`${join(local, "nothing")}/`, "ann@127.0.0.1:surplus"];
    await sync(run.context, places, how, run.around);
    removed.mockRestore();
    expect(run.code).toBe(9);
    expect(run.written.errors).toContain(MAINTENANCE);
    expect(readdirSync(there)).toEqual(["a", "b", "c"]);
  }, 60_000);

  it("ends a script that waits for its next line", async () => {
    const run = new ClientRun(realEngine());
    const stdin = new PassThrough();
    Object.assign(run.context.io, { stdin });
    const ended = connect(run.context, "ann@127.0.0.1", flags(), run.around);
    stdin.write("pwd\n");
    await vi.waitFor(() => expect(run.written.text).toBe("/\n"), { timeout: 30_000 });
    await moorage(server.root, "kick", "ann", "--reason", "maintenance");
    await ended;
    expect(run.code).toBe(9);
    expect(run.written.errors).toContain(`${MAINTENANCE}\n`);
  }, 60_000);
});

it("who did nothing for too long is told at once, and may connect again", async () => {
  const users = [{ name: "ann", keys: [home.key.public] }];
  const strict = await startTestServer({ users, config: { limits: { idleTimeout: 200 } } });
  try {
    const connection = await connectClient(home, strict.port);
    const ended = new Promise<Ending>((resolve) => {
      connection.onEnd = resolve;
    });
    expect(await ended).toEqual({
      reason: "the server says: The session was idle for too long",
      final: false,
    });
    expect((await connection.stat("/")).type).toBe("directory");
    await connection.close();
  } finally {
    await strict.stop();
  }
}, 60_000);

it("a lost connection is made anew when the sessions that stood in its way have ended", async () => {
  const users = [{ name: "ann", keys: [home.key.public] }];
  const one = await startTestServer({ users, config: { limits: { maxSessionsPerUser: 1 } } });
  const proxy: LineProxy = await startProxy({ target: () => one.port });
  try {
    const connection = await connectClient(home, proxy.port);
    connection.retry = { tries: 100, firstMs: 20, longestMs: 100 };
    const lost = new Promise<Ending>((resolve) => {
      connection.onEnd = resolve;
    });
    proxy.cut();
    await lost;
    const open = async () => (await moorage(one.root, "sessions", "--json")).stdout;
    await vi.waitFor(async () => expect(JSON.parse(await open())).toEqual([]), { timeout: 20_000 });
    let other: ClientConnection | undefined = await connectClient(home, one.port);
    const reasons: string[] = [];
    connection.onReconnect = (event) => {
      if (event.type !== "reconnecting") return;
      reasons.push(event.reason);
      if (!event.reason.includes("You already have 1 session")) return;
      void other?.close();
      other = undefined;
    };
    expect((await connection.stat("/")).type).toBe("directory");
    expect(reasons.some((reason) => reason.includes("You already have 1 session"))).toBe(true);
    await connection.close();
  } finally {
    await proxy.close();
    await one.stop();
  }
}, 60_000);

describe("a server that stops", () => {
  it("says so at once to a client that does nothing, which may connect again", async () => {
    const instance = await openInstance([{ name: "ann", keys: [home.key.public] }]);
    let spawned = await spawnServer(instance.root);
    const proxy: LineProxy = await startProxy({ target: () => spawned.port });
    try {
      const connection = await connectClient(home, proxy.port);
      const ended = new Promise<Ending>((resolve) => {
        connection.onEnd = resolve;
      });
      spawned.child.kill("SIGTERM");
      expect(await ended).toEqual({
        reason: "the server says: The server is stopping: try again later",
        final: false,
      });
      await spawned.exited;
      spawned = await spawnServer(instance.root);
      const reasons: string[] = [];
      connection.onReconnect = (event) => {
        if (event.type === "reconnecting") reasons.push(event.reason);
      };
      expect((await connection.stat("/")).type).toBe("directory");
      expect(reasons[0]).toBe("the server says: The server is stopping: try again later");
      await connection.close();
    } finally {
      await proxy.close();
      await spawned.kill();
      await instance.close();
    }
  }, 60_000);
});
