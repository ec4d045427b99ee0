import { existsSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Client } from "ssh2";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Desk } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
  startTestServer,
} from "../support/server.ts";
import { dial, login, sftp } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

// Linux has all of 127.0.0.0/8 on the loopback interface.
/** For a busy machine. */
const PATIENCE = { timeout: 20_000 };

const ANN = "127.0.0.2";
const EVE = "127.0.0.3";

const REFUSED = "Connections from your address are refused";
// SSH_DISCONNECT_BY_APPLICATION
const BANNED = "11: Your address was banned by an administrator";
const NOT_ALLOWED_ANY_MORE = "11: Connections from your address are not allowed any more";

let instance: EmptyInstance;
let desk: Desk;
let servers: SpawnedServer[];
let clients: { destroy(): void }[];

beforeEach(async () => {
  desk = new Desk();
  instance = await openInstance([{ name: "ann", password: "secret", keys: [desk.key.public] }]);
  servers = [];
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  for (const server of servers) await stop(server);
  await instance.close();
  desk.clear();
});

async function stop(server: SpawnedServer): Promise<void> {
  server.child.kill("SIGTERM");
  await server.exited;
}

function configure(allow: readonly string[], deny: readonly string[] = []): void {
  const text = `[access]\nallow = ${JSON.stringify(allow)}\ndeny = ${JSON.stringify(deny)}\n`;
  writeFileSync(join(instance.root, "moorage.toml"), text);
}

async function start(workers = 1): Promise<SpawnedServer> {
  const server = await spawnServer(instance.root, [], { workers });
  servers.push(server);
  return server;
}

interface Visitor {
  readonly client: Client;
  readonly closed: Promise<unknown>;
  readonly disconnects: readonly string[];
}

/** A session from an address. */
async function enter(server: SpawnedServer, localAddress: string): Promise<Visitor> {
  const dialed = dial(server, { localAddress, username: "ann", privateKey: desk.key.private });
  clients.push(dialed.client);
  await dialed.ready;
  return dialed;
}

/** What stock sftp shows, with a login that is right. */
async function openSsh(server: SpawnedServer, from: string): Promise<string> {
  const options = ["-o", `BindAddress=${from}`];
  const { code, stderr } = await sftp(server, ["pwd"], { password: "secret", options });
  return code === 0 ? "in" : stderr;
}

async function refusal(server: SpawnedServer, localAddress: string): Promise<readonly string[]> {
  const dialed = dial(server, { localAddress, username: "ann", privateKey: desk.key.private });
  clients.push(dialed.client);
  await expect(dialed.ready).rejects.toThrow();
  await dialed.closed;
  return dialed.errors;
}

async function cli(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await moorage(instance.root, ...args);
  return code === 0 ? stdout : `${code}: ${stderr}`;
}

async function audited(kind: "session-kick" | "refused-address" | "ban" | "login") {
  const all = await instance.store.audit.query({ kind, afterId: 0 });
  return all.map(({ user, remote, detail }) => ({
    user,
    remote: remote?.replace(/:\d+$/, ""),
    detail,
  }));
}

describe.each([1, 2])("with %i process(es) that serve", (workers) => {
  test("access.allow lets nobody else in, and tells it once", async () => {
    configure(["127.0.0.2/31"], [ANN]);
    const server = await start(workers);
    await enter(server, EVE);
    // What is denied is so though it is allowed.
    expect(await openSsh(server, ANN)).toContain(REFUSED);
    expect(await openSsh(server, "127.0.0.4")).toContain(REFUSED);
    for (let n = 0; n < 5; n += 1) await refusal(server, ANN);
    expect(await openSsh(server, EVE)).toBe("in");
    await stop(server);
    expect(await audited("refused-address")).toEqual([
      { user: undefined, remote: ANN, detail: "address in access.deny" },
      { user: undefined, remote: "127.0.0.4", detail: "address not in access.allow" },
      {
        user: undefined,
        remote: undefined,
        detail: "5 more connections from addresses that may not connect",
      },
    ]);
    expect(await instance.store.penalties.failed(10)).toEqual([]);
  });

  test("a reload ends the sessions of who may not come any more, and only them", async () => {
    configure([]);
    const server = await start(workers);
    const [ann, eve] = [await enter(server, ANN), await enter(server, EVE)];
    configure([ANN]);
    expect(await cli("reload")).toBe("In force now: access.allow\n");
    await eve.closed;
    expect(eve.disconnects).toEqual([NOT_ALLOWED_ANY_MORE]);
    // The process that is asked has the list at once, the others within a tenth of a second.
    await vi.waitFor(async () => expect(await refusal(server, EVE)).toEqual([REFUSED]), PATIENCE);
    await vi.waitFor(async () => {
      expect(await audited("session-kick")).toEqual([
        { user: "ann", remote: EVE, detail: "address not in access.allow" },
      ]);
    });
    configure([], ["::ffff:127.0.0.2"]);
    await cli("reload");
    await ann.closed;
    expect(ann.disconnects).toEqual([NOT_ALLOWED_ANY_MORE]);
    await vi.waitFor(() => enter(server, EVE), PATIENCE);
  });

  test("a wrong list is refused with the line, and nothing changes", async () => {
    configure([], [EVE]);
    const server = await start(workers);
    configure([], ["127.0.0.0/33"]);
    const problem = /access\.deny.*"127\.0\.0\.0\/33" is no address or network/;
    expect(await cli("config", "check")).toMatch(problem);
    expect(await cli("reload")).toMatch(problem);
    expect(await refusal(server, EVE)).toEqual([REFUSED]);
    await enter(server, ANN);
  });

  test("a ban ends what is open from there, holds over a restart, and is lifted", async () => {
    const server = await start(workers);
    const [ann, first, second] = [
      await enter(server, ANN),
      await enter(server, EVE),
      await enter(server, EVE),
    ];
    expect(await cli("ban", EVE, "--for", "1h", "--reason", "guesses")).toMatch(
      /^Banned 127\.0\.0\.3 until [-\d: ]+; ended sessions \d+, \d+\.\n$/,
    );
    for (const eve of [first, second]) {
      await eve.closed;
      expect(eve.disconnects).toEqual([BANNED]);
    }
    expect(await openSsh(server, EVE)).toContain(REFUSED);
    await new Promise<void>((resolve, reject) => {
      ann.client.sftp((error) => (error ? reject(error) : resolve()));
    });
    await stop(server);
    expect(await audited("session-kick")).toEqual([
      { user: "ann", remote: EVE, detail: "address banned" },
      { user: "ann", remote: EVE, detail: "address banned" },
    ]);
    const again = await start(workers);
    expect(await refusal(again, EVE)).toEqual([REFUSED]);
    expect(await cli("unban", EVE)).toBe("127.0.0.3 is not banned any more.\n");
    await enter(again, EVE);
  });
});

test("a ban holds in another server process of the instance, too", async () => {
  const [one, two] = [await start(), await start(2)];
  const eves = [await enter(one, EVE), await enter(two, EVE)];
  expect(await cli("ban", "127.0.0.3/32")).toMatch(/ended sessions \d+, \d+\.\n$/);
  for (const eve of eves) {
    await eve.closed;
    expect(eve.disconnects).toEqual([BANNED]);
  }
  for (const server of [one, two]) {
    expect(await refusal(server, EVE)).toEqual([REFUSED]);
    await enter(server, ANN);
  }
});

// The server listens on IPv6 and IPv4: clients of IPv4 arrive as ::ffff:127.0.0.3.
test.runIf(hasIpv6())("an address of IPv4 is the same where the server listens on ::", async () => {
  const server = await startTestServer({
    users: [{ name: "ann", keys: [desk.key.public] }],
    config: {
      server: { host: "::", port: 0 },
      access: { allow: ["127.0.0.0/8"], deny: [EVE] },
    },
  });
  try {
    const privateKey = desk.key.private;
    const from = (localAddress: string) => dial(server, { localAddress, privateKey });
    const six = dial(server, { host: "::1", privateKey });
    const [ann, eve] = [from(ANN), from(EVE)];
    clients.push(six.client, ann.client, eve.client);
    await ann.ready;
    await Promise.all([six.closed, eve.closed]);
    expect([six.errors, eve.errors]).toEqual([[REFUSED], [REFUSED]]);
    await server.server.control("test").call("bans.set", { address: "::ffff:127.0.0.2" });
    await ann.closed;
    expect(ann.disconnects).toEqual([BANNED]);
  } finally {
    await server.stop();
  }
});

function hasIpv6(): boolean {
  return Object.values(networkInterfaces()).some((all) =>
    all?.some(({ address }) => address === "::1"),
  );
}

test("whether the login is right makes no difference to who is banned", async () => {
  const server = await start();
  await cli("ban", EVE);
  const options = ["-o", `BindAddress=${EVE}`];
  const texts = await Promise.all(
    [
      { user: "ann", password: "secret" },
      { user: "ann", password: "wrong" },
      { user: "nobody", password: "secret" },
    ].map((who) => sftp(server, ["pwd"], { ...who, options })),
  );
  // What the server said: in which order ssh and sftp say the rest is the machine's.
  const shown = texts.map(
    ({ stderr }) => /^Received disconnect.* port \d+:(.*)$/m.exec(stderr)?.[1],
  );
  expect(shown).toEqual(Array(3).fill(`12: ${REFUSED}`));
  expect(await instance.store.audit.query({ kind: "login-failed" })).toEqual([]);
});

test("a download from a banned address ends, and the upload's books are exact", async () => {
  const server = await start();
  const { client, closed } = await enter(server, EVE);
  const channel = await new Promise<import("ssh2").SFTPWrapper>((resolve, reject) => {
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
  });
  const stream = channel.createWriteStream("half");
  stream.on("error", () => {});
  await new Promise((resolve) => stream.write(Buffer.alloc(100_000), resolve));
  expect(await cli("ban", "127.0.0.0/30")).toMatch(/ended session \d+\.\n$/);
  await closed;
  expect(existsSync(join(instance.home("ann"), "half"))).toBe(true);
  await stop(server);
  const usage = JSON.parse((await moorage(instance.root, "usage", "--json")).stdout);
  expect(usage).toMatchObject([{ name: "ann", usedBytes: 100_000 }]);
});

test("a login waits from an address that is banned meanwhile: it is not let in", async () => {
  const server = await start();
  const stranger = dial(server, {
    localAddress: EVE,
    username: "ann",
    authHandler: (_methods, _partial, next) => {
      void cli("ban", EVE).then(() => {
        next({ type: "publickey", username: "ann", key: desk.key.private });
      });
    },
  });
  clients.push(stranger.client);
  await expect(stranger.ready).rejects.toThrow();
  await stranger.closed;
  // The server ends the connection, or the login is proven before that and gets no session.
  expect(stranger.disconnects).toEqual([expect.stringMatching(`^1[12]: ${REFUSED}$`)]);
  expect(await audited("login")).toEqual([]);
  await login(server, { localAddress: ANN, privateKey: desk.key.private }).then((client) =>
    clients.push(client),
  );
});
