import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Client } from "ssh2";
import { afterEach, describe, expect, test, vi } from "vitest";
import { type ConfigChange, startTestServer, type TestServer } from "../support/server.ts";
import { dial, login, sftp } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

// Linux has all of 127.0.0.0/8 on the loopback interface: each test's people have addresses there.
const EVE = "127.0.0.66";
const ANN = "127.0.0.2";

const REFUSED = /Too many failed attempts from your address: try again in \d+ minutes/;

/** Nobody exempt, three tries: all else as by default. */
const STRICT: ConfigChange = { penalties: { exempt: [], failures: 3 } };

const servers: TestServer[] = [];
const open: (Client | Socket)[] = [];

afterEach(async () => {
  for (const one of open.splice(0)) one.destroy();
  for (const server of servers.splice(0).reverse()) await server.stop();
});

async function start(config: ConfigChange = STRICT, root?: string): Promise<TestServer> {
  const users = root === undefined ? [{ name: "ann" }] : [];
  const server = await startTestServer({ users, config, ...(root !== undefined && { root }) });
  servers.push(server);
  return server;
}

/** One connection with one wrong password. */
async function guess(server: TestServer, from = EVE, username = "ann"): Promise<void> {
  const passwords = ["wrong"];
  const dialed = dial(server, {
    localAddress: from,
    username,
    authHandler: (_methods, _partial, next) => {
      const password = passwords.shift();
      if (password === undefined) next(false as never);
      else next({ type: "password", username, password });
    },
  });
  open.push(dialed.client);
  await dialed.closed;
}

async function enter(server: TestServer, from: string): Promise<Client> {
  const client = await login(server, { localAddress: from, password: "secret" });
  open.push(client);
  return client;
}

/** How the right password fares from there: the texts of the errors. */
async function refusal(server: TestServer, from: string): Promise<string[]> {
  const dialed = dial(server, { localAddress: from, password: "secret" });
  open.push(dialed.client);
  await dialed.closed;
  await expect(dialed.ready).rejects.toThrow();
  return dialed.errors;
}

function closed(one: Socket | Client): Promise<void> {
  return new Promise((resolve) => one.once("close", () => resolve()));
}

async function raw(server: TestServer, from: string): Promise<{ socket: Socket; all: Buffer[] }> {
  const socket = connect({ port: server.port, host: "127.0.0.1", localAddress: from });
  const all: Buffer[] = [];
  socket.on("data", (chunk) => all.push(chunk));
  socket.on("error", () => {});
  open.push(socket);
  await once(socket, "connect");
  return { socket, all };
}

describe("an address that guesses passwords", () => {
  test("is refused with a text that OpenSSH's client shows, also with the right password", async () => {
    const server = await start();
    for (let n = 0; n < 3; n += 1) await guess(server);
    const options = ["-o", `BindAddress=${EVE}`];
    const result = await sftp(server, ["pwd"], { password: "secret", options });
    expect(result.code).not.toBe(0);
    expect(result.stderr).toMatch(REFUSED);
    expect(await refusal(server, EVE)).toEqual([expect.stringMatching(REFUSED)]);
  });

  test("locks nobody out: the account it guessed at logs in from elsewhere", async () => {
    const server = await start();
    const session = await enter(server, EVE);
    for (let n = 0; n < 3; n += 1) await guess(server);
    await enter(server, ANN);
    expect(await server.control.account("ann")).toMatchObject({ enabled: true });
    // What the address had open goes on.
    await new Promise<void>((resolve, reject) => {
      session.sftp((error) => (error ? reject(error) : resolve()));
    });
  });

  test("gains nothing by unknown names: they count the same", async () => {
    const server = await start();
    for (const name of ["nobody", "root", "../etc"]) await guess(server, EVE, name);
    expect(await refusal(server, EVE)).toEqual([expect.stringMatching(REFUSED)]);
    expect(await server.store.penalties.failed(10)).toMatchObject([
      { source: EVE, failures: 3, users: ["../etc", "root", "nobody"] },
    ]);
  });

  test("gains nothing by sixty connections at once", async () => {
    const auth = { argon2Memory: 1 << 20, argon2Time: 2, argon2Parallelism: 1 };
    const server = await start({ ...STRICT, auth: { ...auth, hashConcurrency: 2 } });
    await Promise.all(Array.from({ length: 60 }, () => guess(server)));
    const [eve] = await server.store.penalties.failed(10);
    // What is being checked at that moment is checked to the end.
    expect(eve?.failures).toBeGreaterThanOrEqual(3);
    expect(eve?.failures).toBeLessThanOrEqual(3 + 2);
  });

  test("gains nothing by another server process of the instance", async () => {
    const server = await start();
    const other = await start(STRICT, server.root);
    await guess(server);
    await guess(other);
    await guess(server);
    for (const one of [server, other]) {
      expect(await refusal(one, EVE)).toEqual([expect.stringMatching(REFUSED)]);
    }
  });

  test("gains nothing by leaving before the answer", async () => {
    const server = await start();
    for (let n = 0; n < 3; n += 1) {
      const dialed = dial(server, {
        localAddress: EVE,
        authHandler: (_methods, _partial, next) => {
          next({ type: "password", username: "ann", password: "wrong" });
          setImmediate(() => dialed.client.end());
        },
      });
      open.push(dialed.client);
      await dialed.closed;
    }
    await vi.waitFor(
      async () => expect(await server.store.penalties.refusedUntil(EVE)).toBeGreaterThan(0),
      { timeout: 20_000 },
    );
  });

  test("is let in again when the penalty is lifted", async () => {
    const server = await start();
    for (let n = 0; n < 3; n += 1) await guess(server);
    await refusal(server, EVE);
    await server.server.control("test").call("penalties.lift", { address: EVE });
    await enter(server, EVE);
    expect(await server.store.audit.query({ kind: "penalty-lifted" })).toMatchObject([
      { actor: "test", remote: EVE },
    ]);
  });

  test("is in the audit trail, once", async () => {
    const server = await start();
    for (let n = 0; n < 3; n += 1) await guess(server);
    for (let n = 0; n < 3; n += 1) await refusal(server, EVE);
    expect(await server.store.audit.query({ kind: "penalty" })).toMatchObject([
      { remote: EVE, user: "ann", detail: expect.stringContaining("refused for 5 minutes") },
    ]);
    expect(await server.store.audit.query({ kind: "login-failed" })).toHaveLength(3);
  });
});

describe("a refused connection", () => {
  test("gets identification and DISCONNECT at once, before any key exchange, and is closed", async () => {
    const server = await start();
    for (let n = 0; n < 3; n += 1) await guess(server);
    const { socket, all } = await raw(server, EVE);
    await closed(socket);
    const said = Buffer.concat(all);
    const ident = "SSH-2.0-Moorage\r\n";
    expect(said.toString("latin1", 0, ident.length)).toBe(ident);
    const packet = said.subarray(ident.length);
    // RFC 4253 section 6: length, padding's length, payload, padding; blocks of eight.
    expect(packet.readUInt32BE(0)).toBe(packet.length - 4);
    expect(packet.length % 8).toBe(0);
    expect(packet[4]).toBeGreaterThanOrEqual(4);
    // SSH_MSG_DISCONNECT, SSH_DISCONNECT_TOO_MANY_CONNECTIONS
    expect(packet[5]).toBe(1);
    expect(packet.readUInt32BE(6)).toBe(12);
    expect(packet.toString("utf8", 14, 14 + packet.readUInt32BE(10))).toMatch(REFUSED);
  });

  test("is closed also when the client floods and never reads", async () => {
    const server = await start();
    for (let n = 0; n < 3; n += 1) await guess(server);
    const { socket } = await raw(server, EVE);
    socket.pause();
    const flood = setInterval(() => socket.write(Buffer.alloc(65_536)), 5);
    try {
      await closed(socket);
    } finally {
      clearInterval(flood);
    }
    await enter(server, ANN);
  });

  test("does not extend the penalty", async () => {
    const server = await start();
    for (let n = 0; n < 3; n += 1) await guess(server);
    const until = await server.store.penalties.refusedUntil(EVE);
    for (let n = 0; n < 20; n += 1) await refusal(server, EVE);
    expect(await server.store.penalties.refusedUntil(EVE)).toBe(until);
  });
});

describe("connections without a login", () => {
  test("that speak no SSH are refused after a few", async () => {
    const penalties = { exempt: [], failures: 3, noSsh: 5 * 60_000 };
    const server = await start({ penalties });
    for (let n = 0; n < 3; n += 1) {
      const { socket } = await raw(server, EVE);
      socket.write("GET / HTTP/1.1\r\n\r\n");
      await closed(socket);
    }
    expect(await refusal(server, EVE)).toEqual([expect.stringMatching(REFUSED)]);
    await enter(server, ANN);
  });

  test("that only connect are refused after many", async () => {
    const penalties = { exempt: [], failures: 3, noLogin: 2 * 60_000 };
    const server = await start({ penalties });
    for (let n = 0; n < 8; n += 1) {
      const { socket } = await raw(server, EVE);
      socket.end();
      await closed(socket);
    }
    expect(await refusal(server, EVE)).toEqual([expect.stringMatching(REFUSED)]);
  });

  test("that logged in or that the server itself ends don't count", async () => {
    const server = await start({ penalties: { exempt: [], failures: 3, noLogin: 2 * 60_000 } });
    for (let n = 0; n < 3; n += 1) {
      const client = await enter(server, ANN);
      client.end();
      await closed(client);
    }
    await raw(server, ANN);
    const { server: running, store } = server;
    await running.stop(0);
    expect(await store.penalties.failed(10)).toEqual([]);
    expect(await store.penalties.refusedUntil(ANN)).toBe(0);
  });
});

test("loopback is exempt by default, and shows its failures all the same", async () => {
  const server = await start({});
  for (let n = 0; n < 11; n += 1) await guess(server, "127.0.0.1");
  await enter(server, "127.0.0.1");
  expect(await server.store.penalties.failed(10)).toMatchObject([
    { source: "127.0.0.1", failures: 11 },
  ]);
});
