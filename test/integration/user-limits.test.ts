import { existsSync } from "node:fs";
import argon2 from "argon2";
import type { Client } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import type { AuditKind } from "../../src/store/types.ts";
import { Desk, DONE } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
  startTestServer,
  type TestServer,
} from "../support/server.ts";
import { dial, login, ssh, startMaster, type Target } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// Linux has all of 127.0.0.0/8 on the loopback interface.
const HOME = "127.0.0.2";
const ELSEWHERE = "127.0.0.3";
const NO_LIMITS = {
  expiresAt: null,
  from: null,
  auth: null,
  maxSessions: null,
  uploadRate: null,
  downloadRate: null,
  trashKeep: null,
};

/** For a busy machine. */
const PATIENCE = { timeout: 20_000 };

const desk = new Desk();
const open: Client[] = [];

function ends(client: Client): Promise<void> {
  return new Promise((resolve) => client.once("close", () => resolve()));
}

afterEach(() => {
  for (const client of open.splice(0)) client.destroy();
});

afterAll(() => desk.clear());

describe("one server", () => {
  let server: TestServer;

  beforeAll(async () => {
    const users = ["ann", "bob"].map((name) => ({
      name,
      password: "secret",
      keys: [desk.key.public],
    }));
    server = await startTestServer({
      users,
      config: { penalties: { exempt: [], failures: 1000 } },
    });
    desk.target = server;
  });

  afterEach(async () => {
    await server.control.set("ann", NO_LIMITS);
    await vi.waitFor(async () => expect(await server.store.sessions.list()).toEqual([]), PATIENCE);
  });

  afterAll(() => server.stop());

  /** All that a client sees of a login by password that fails. */
  async function seen(localAddress: string, password: string, username = "ann") {
    const methods: unknown[] = [];
    const left = [password];
    const { client, ...ending } = dial(server, {
      localAddress,
      username,
      authHandler: (possible, partial, next) => {
        methods.push([possible, partial]);
        const tried = left.shift();
        if (tried === undefined) next(false as never);
        else next({ type: "password", username, password: tried });
      },
    });
    open.push(client);
    await ending.closed;
    const { errors, disconnects, banners, channelPackets } = ending;
    return { errors, disconnects, banners, channelPackets, methods };
  }

  /** The newest first. */
  async function newest(kind: AuditKind, limit = 1) {
    return server.store.audit.query({ kind, limit });
  }

  async function enter(localAddress: string, username = "ann") {
    const dialed = dial(server, { localAddress, username, privateKey: desk.key.private });
    open.push(dialed.client);
    await dialed.ready;
    return dialed;
  }

  test.each([
    ["from elsewhere", { from: [`${HOME}/32`] }, "password, not from this address"],
    ["after the expiry", { expiresAt: 1 }, "password, the account has expired"],
    ["by another method", { auth: ["key"] }, "password, not by this method"],
  ] as const)("attack: a user logs in %s with the right password", async (_, limits, reason) => {
    await server.control.set("ann", limits);
    const verify = vi.spyOn(argon2, "verify");
    const wrong = await seen(ELSEWHERE, "wrong");
    const hashes = verify.mock.calls.length;
    const right = await seen(ELSEWHERE, "secret");
    expect(right).toEqual(wrong);
    expect(await seen(ELSEWHERE, "secret", "nobody")).toEqual(wrong);
    expect([hashes, verify.mock.calls.length]).toEqual([1, 3]);
    verify.mockRestore();
    const records = await newest("login-failed", 3);
    expect(records.map(({ user, detail }) => [user, detail])).toEqual([
      ["nobody", "password"],
      ["ann", reason],
      ["ann", "password"],
    ]);
    expect(records[1]?.remote).toContain(ELSEWHERE);
  });

  test("attack: who has a right password that is of no use there is refused for a time all the same", async () => {
    await server.control.set("ann", { from: [HOME] });
    const eve = "127.0.0.66";
    await seen(eve, "secret");
    await seen(eve, "secret");
    const known = await server.store.penalties.failed(100);
    expect(known.find(({ source }) => source === eve)).toMatchObject({ failures: 2 });
  });

  test("attack: what may follow a failed login tells no users apart by their methods", async () => {
    await server.control.set("ann", { auth: ["key"] });
    const lists = await Promise.all(
      ["ann", "bob", "nobody"].map(async (name) => (await seen(HOME, "wrong", name)).methods),
    );
    expect(lists[0]).toEqual([
      [null, null],
      [["publickey", "password", "keyboard-interactive"], false],
    ]);
    expect(lists[1]).toEqual(lists[0]);
    expect(lists[2]).toEqual(lists[0]);
  });

  test("OpenSSH: a key lets in from the user's address, and from elsewhere looks like nobody's", async () => {
    await server.control.set("ann", { from: [HOME] });
    const from = (address: string) => ({
      options: ["-o", `BindAddress=${address}`, "-o", "PreferredAuthentications=publickey"],
    });
    expect(await desk.sftp(["pwd"], from(HOME))).toMatchObject(DONE);
    const refused = await desk.sftp(["pwd"], from(ELSEWHERE));
    const stranger = await desk.sftp(["pwd"], { ...from(ELSEWHERE), user: "nobody" });
    expect(refused.code).toBe(255);
    expect(refused.stderr.replace("ann@", "nobody@")).toBe(stranger.stderr);
    const [record] = await newest("login-failed");
    expect(record).toMatchObject({ user: "ann", detail: "publickey, not from this address" });
  });

  test("OpenSSH: a password lets in from the user's address only", async () => {
    await server.control.set("ann", { from: [HOME] });
    const at = (address: string) =>
      ssh(server, ["pwd"], {
        password: "secret",
        options: ["-o", `BindAddress=${address}`, "-o", "NumberOfPasswordPrompts=1"],
      });
    expect(await at(HOME)).toMatchObject({ code: 0, stdout: "/\n" });
    // sshpass has codes of its own.
    expect((await at(ELSEWHERE)).code).not.toBe(0);
  });

  test("OpenSSH: with auth key only the key lets in, with auth password only the password", async () => {
    const key = () => desk.sftp(["pwd"], { options: ["-o", "PreferredAuthentications=publickey"] });
    const password = (kind: string) =>
      ssh(server, ["pwd"], {
        password: "secret",
        options: ["-o", `PreferredAuthentications=${kind}`, "-o", "NumberOfPasswordPrompts=1"],
      });
    await server.control.set("ann", { auth: ["key"] });
    expect((await key()).code).toBe(0);
    for (const kind of ["password", "keyboard-interactive"]) {
      expect((await password(kind)).code).not.toBe(0);
    }
    await server.control.set("ann", { auth: ["password"] });
    expect((await key()).code).toBe(255);
    for (const kind of ["password", "keyboard-interactive"]) {
      expect((await password(kind)).code).toBe(0);
    }
  });

  test("open sessions end with a clear text when the account expires, and nobody comes in again", async () => {
    const [ann, bob] = [await enter(HOME), await enter(HOME, "bob")];
    const shell = startMaster(server, { key: desk.keyFile });
    await vi.waitFor(
      async () => expect(await server.store.sessions.list()).toHaveLength(3),
      PATIENCE,
    );
    await server.control.set("ann", { expiresAt: Date.now() + 300 });
    await ann.closed;
    expect(ann.disconnects).toEqual(["11: This account has expired"]);
    expect((await shell.result).stderr).toContain("This account has expired");
    expect((await seen(HOME, "secret")).errors).not.toEqual([]);
    const details = (await newest("logout", 2)).map(({ user, detail }) => [user, detail]);
    expect(details).toEqual(Array(2).fill(["ann", "This account has expired"]));
    expect(existsSync(server.home("ann"))).toBe(true);
    expect((await server.store.sessions.list()).map(({ user }) => user)).toEqual(["bob"]);
    const gone = ends(bob.client);
    bob.client.end();
    await gone;
  });

  test("a change ends the sessions that are against it at once, and no others", async () => {
    const [here, there] = [await enter(HOME), await enter(ELSEWHERE)];
    await server.control.set("ann", { from: [HOME], auth: ["key"] });
    await there.closed;
    expect(there.disconnects).toEqual(["11: This account may no longer be used from your address"]);
    expect(await server.store.sessions.list()).toHaveLength(1);
    await server.control.set("ann", { auth: ["password"] });
    await here.closed;
    expect(here.disconnects).toEqual([
      "11: This account may no longer be used by the method you logged in with",
    ]);
  });

  test("a user's own number of sessions counts, and is named", async () => {
    await server.control.set("ann", { maxSessions: 1 });
    const first = await enter(HOME);
    const second = dial(server, { privateKey: desk.key.private });
    open.push(second.client);
    await second.closed;
    expect(second.errors).toEqual(["You already have 1 session, the most you may have at once"]);
    first.client.end();
  });
});

describe("two workers", () => {
  let instance: EmptyInstance;
  let server: SpawnedServer;

  beforeAll(async () => {
    instance = await openInstance([{ name: "ann", keys: [desk.key.public] }]);
    server = await spawnServer(instance.root, [], { workers: 2 });
  });

  afterAll(async () => {
    server.child.kill("SIGTERM");
    await server.exited;
    await instance.close();
  });

  function enter(target: Target, localAddress: string): Promise<Client> {
    return login(target, { localAddress, privateKey: desk.key.private });
  }

  test("a user's own limits hold in both, and a change ends sessions in both", async () => {
    const set = (...args: string[]) => moorage(instance.root, "user", "set", "ann", ...args);
    expect((await set("--max-sessions", "3")).code).toBe(0);
    const knocks = Array.from({ length: 12 }, (_, n) => enter(server, n % 2 ? HOME : ELSEWHERE));
    const inside = (await Promise.allSettled(knocks)).flatMap((knock) =>
      knock.status === "fulfilled" ? [knock.value] : [],
    );
    open.push(...inside);
    expect(inside).toHaveLength(3);
    for (const client of inside) client.end();
    await vi.waitFor(
      async () => expect(await instance.store.sessions.list()).toEqual([]),
      PATIENCE,
    );
    const [here, there] = [await enter(server, HOME), await enter(server, ELSEWHERE)];
    open.push(here, there);
    const nodes = (await instance.store.sessions.list()).map(({ nodeId }) => nodeId);
    expect(new Set(nodes).size).toBe(2);
    const gone = ends(there);
    expect((await set("--from", HOME)).code).toBe(0);
    await gone;
    expect(await instance.store.sessions.list()).toHaveLength(1);
    const all = ends(here);
    expect((await set("--expires", "0s")).code).toBe(0);
    await all;
  });
});
