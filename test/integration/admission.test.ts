import type { Client } from "ssh2";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import { dial, login, makeKey } from "../support/ssh-client.ts";

const key = makeKey("ed25519");
const USERS = [
  { name: "ann", keys: [key.public] },
  { name: "bob", keys: [key.public] },
];

/** For a busy machine. */
const PATIENCE = { timeout: 10_000 };

let servers: TestServer[] = [];

async function start(options: TestServerOptions): Promise<TestServer> {
  const server = await startTestServer(options);
  servers.push(server);
  return server;
}

afterEach(async () => {
  // The last one made uses the first one's instance.
  for (const server of servers.reverse()) await server.stop();
  servers = [];
});

function knock(server: TestServer, username = "ann") {
  return dial(server, { username, privateKey: key.private });
}

/** Resolves when the server has shown it a text: here, its place in the queue. */
async function told({ banners }: ReturnType<typeof knock>): Promise<void> {
  await vi.waitFor(() => expect(banners).toHaveLength(1), PATIENCE);
}

describe("admission", () => {
  test("100 logins at once against 10 places: never 11, all ten used, the rest in order", async () => {
    const server = await start({
      users: USERS,
      config: {
        limits: { maxSessions: 10, maxSessionsPerUser: 200, queue: 200, maxUnauthenticated: 200 },
      },
    });
    const inside: Client[] = [];
    let entered = 0;
    const knocks = Array.from({ length: 100 }, () => {
      const { client, ready, closed } = knock(server);
      void ready.then(() => {
        inside.push(client);
        entered += 1;
      });
      return closed;
    });
    const { sessions } = server.store;
    await vi.waitFor(
      async () => expect(await sessions.counts()).toEqual({ active: 10, waiting: 90 }),
      { timeout: 20_000, interval: 20 },
    );
    for (let left = 100; left > 0; left--) {
      const places = Math.min(10, left);
      await vi.waitFor(() => expect(inside).toHaveLength(places), { timeout: 5_000, interval: 2 });
      expect(entered).toBe(100 - left + places);
      const { active } = await sessions.counts();
      // The last ones' rows may still be there; while others wait the number is exact.
      if (left >= 10) expect(active).toBe(10);
      else expect(active).toBeLessThanOrEqual(10);
      inside.shift()?.end();
    }
    await Promise.all(knocks);
    const records = await server.store.audit.query({ kind: "login", limit: 200 });
    const order = records.reverse().map((record) => record.session as number);
    expect(order).toHaveLength(100);
    // Numbers are given when a login is proven, so this is the order they came in.
    expect(order).toEqual([...order].sort((a, b) => a - b));
    await vi.waitFor(async () => {
      expect(await server.store.sessions.counts()).toEqual({ active: 0, waiting: 0 });
    }, PATIENCE);
  });

  test("who waits is told the place, and comes in when one leaves", async () => {
    const server = await start({ users: USERS, config: { limits: { maxSessions: 1 } } });
    const first = await login(server, { privateKey: key.private });
    const second = knock(server);
    await told(second);
    expect(second.banners[0]).toBe("The server is full: you are number 1 in the queue.");
    first.end();
    await second.ready;
    second.client.end();
  });

  test("who is over the user's share is refused at once with a text", async () => {
    const server = await start({ users: USERS, config: { limits: { maxSessionsPerUser: 1 } } });
    const first = await login(server, { privateKey: key.private });
    const second = knock(server);
    await second.closed;
    expect(second.disconnects).toEqual([
      "12: You already have 1 session, the most one user may have at once",
    ]);
    const other = knock(server, "bob");
    await other.ready;
    const refused = await server.store.audit.query({ kind: "refused-session" });
    expect(refused.map((record) => record.user)).toEqual(["ann"]);
    first.end();
    other.client.end();
  });

  test("a full queue refuses, a long wait ends, both with a text", async () => {
    const server = await start({
      users: USERS,
      config: { limits: { maxSessions: 1, queue: 1, queueTimeout: 2_000 } },
    });
    const first = await login(server, { privateKey: key.private });
    const waiting = knock(server);
    await told(waiting);
    const refused = knock(server);
    await refused.closed;
    expect(refused.disconnects).toEqual([
      "12: The server is full (1 session) and so is its queue: try again later",
    ]);
    await waiting.closed;
    expect(waiting.disconnects).toEqual([
      "12: The server is full (1 session) and no place became free: try again later",
    ]);
    first.end();
  });

  test("who goes away while waiting leaves the queue", async () => {
    const server = await start({ users: USERS, config: { limits: { maxSessions: 1 } } });
    const first = await login(server, { privateKey: key.private });
    const waiting = knock(server);
    await told(waiting);
    waiting.client.destroy();
    await vi.waitFor(async () => {
      expect(await server.store.sessions.counts()).toEqual({ active: 1, waiting: 0 });
    }, PATIENCE);
    first.end();
  });

  test("waiting does not count as taking long to log in", async () => {
    const server = await start({
      users: USERS,
      config: { limits: { maxSessions: 1, loginGrace: 100_000, queueTimeout: 1_000_000 } },
    });
    const first = await login(server, { privateKey: key.private });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const waiting = dial(server, { privateKey: key.private, readyTimeout: 0 });
    await told(waiting);
    vi.advanceTimersByTime(200_000);
    vi.useRealTimers();
    first.end();
    await waiting.ready;
    waiting.client.end();
  });

  test("a user disabled while waiting is shown out and blocks nobody", async () => {
    const server = await start({ users: USERS, config: { limits: { maxSessions: 1 } } });
    const first = await login(server, { username: "bob", privateKey: key.private });
    const waiting = knock(server);
    await told(waiting);
    const behind = knock(server, "bob");
    await told(behind);
    await server.control.disable("ann");
    await waiting.closed;
    expect(waiting.disconnects).toEqual(["11: This account has been disabled"]);
    first.end();
    await behind.ready;
    behind.client.end();
  });

  test("two server processes on one instance share the places", async () => {
    const config = { limits: { maxSessions: 1 } };
    const one = await start({ users: USERS, config });
    const two = await start({ root: one.root, config });
    const first = await login(one, { privateKey: key.private });
    const second = knock(two);
    await told(second);
    first.end();
    await second.ready;
    expect(await one.store.sessions.counts()).toEqual({ active: 1, waiting: 0 });
    second.client.end();
  });
});
