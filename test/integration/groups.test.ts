import { statSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Desk, DONE } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { call, openSftp } from "../support/sftp-calls.ts";
import { dial, login } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

// Linux has all of 127.0.0.0/8 on the loopback interface.
const HOME = "127.0.0.2";
const ELSEWHERE = "127.0.0.3";
const KIB = 1024;
/** For a busy machine. */
const PATIENCE = { timeout: 20_000 };

describe.each([1, 2])("%i processes", (workers) => {
  const desk = new Desk();
  const open: Client[] = [];
  let instance: EmptyInstance;
  let server: SpawnedServer;

  beforeAll(async () => {
    const keys = [desk.key.public];
    instance = await openInstance([
      { name: "ann", keys },
      { name: "bob", keys },
    ]);
    server = await spawnServer(instance.root, ["--quota-default", "1MiB"], { workers });
    desk.target = server;
    await run("group", "add", "students");
    await run("group", "join", "students", "ann", "bob");
  });

  afterEach(async () => {
    for (const client of open.splice(0)) client.destroy();
    const away = ["--expires", "none", "--from", "any", "--auth", "any", "--max-sessions", "none"];
    await run("group", "set", "students", ...away, "--quota", "default");
    await run("group", "join", "students", "ann", "bob");
    await vi.waitFor(
      async () => expect(await instance.store.sessions.list()).toEqual([]),
      PATIENCE,
    );
  });

  afterAll(async () => {
    server.child.kill("SIGTERM");
    await server.exited;
    await instance.close();
    desk.clear();
  });

  async function run(...args: string[]): Promise<string> {
    const env = { MOORAGE_QUOTA_DEFAULT: "1MiB" };
    const { code, stderr, stdout } = await moorage(instance.root, ...args);
    expect({ env, args, code, stderr }).toEqual({ env, args, code: 0, stderr: "" });
    return stdout;
  }

  async function used(name: string): Promise<number | undefined> {
    const { leases, users } = instance.store;
    await leases.exact();
    return (await users.byName(name))?.usedBytes;
  }

  function dialed(localAddress: string, username = "ann") {
    const one = dial(server, { localAddress, username, privateKey: desk.key.private });
    open.push(one.client);
    return one;
  }

  async function enter(localAddress: string, username = "ann") {
    const one = dialed(localAddress, username);
    await one.ready;
    return one;
  }

  test("group set --from ends the members' sessions from elsewhere, and lets none in", async () => {
    const [here, there, bob] = [
      await enter(HOME),
      await enter(ELSEWHERE),
      await enter(ELSEWHERE, "bob"),
    ];
    await run("user", "set", "bob", "--from", `${HOME},${ELSEWHERE}`);
    await run("group", "set", "students", "--from", HOME);
    await there.closed;
    expect(there.disconnects).toEqual(["11: This account may no longer be used from your address"]);
    const refused = dialed(ELSEWHERE);
    await refused.closed;
    expect(refused.errors).not.toEqual([]);
    // Who has a list of the own is not held against the group's, and who is at home stays.
    const users = (await instance.store.sessions.list()).map(({ user }) => user).sort();
    expect(users).toEqual(["ann", "bob"]);
    for (const { client } of [here, bob]) client.end();
    await run("user", "set", "bob", "--from", "any");
  });

  test("group set --expires ends the members' sessions; who has left the group stays", async () => {
    const [ann, bob] = [await enter(HOME), await enter(HOME, "bob")];
    await run("group", "leave", "students", "bob");
    await run("group", "set", "students", "--expires", "0s");
    await ann.closed;
    expect(ann.disconnects).toEqual(["11: This account has expired"]);
    expect((await instance.store.sessions.list()).map(({ user }) => user)).toEqual(["bob"]);
    await run("group", "join", "students", "bob");
    await bob.closed;
    expect(bob.disconnects).toEqual(["11: This account has expired"]);
  });

  test("group set --auth and group remove: what ends a session, and what lets in again", async () => {
    const ann = await enter(HOME);
    await run("group", "add", "extern", "--auth", "password");
    await run("group", "join", "@extern", "ann");
    await ann.closed;
    expect(ann.disconnects).toEqual([
      "11: This account may no longer be used by the method you logged in with",
    ]);
    await run("group", "remove", "extern", "--yes");
    (await enter(HOME)).client.end();
  });

  test("group set --max-sessions counts at once, with those that are open", async () => {
    await run("group", "set", "students", "--max-sessions", "2");
    const first = await enter(HOME);
    await enter(HOME);
    const third = dialed(HOME);
    await third.closed;
    expect(third.errors).toEqual(["You already have 2 sessions, the most you may have at once"]);
    await run("group", "set", "students", "--max-sessions", "1");
    first.client.end();
    await vi.waitFor(
      async () => expect(await instance.store.sessions.list()).toHaveLength(1),
      PATIENCE,
    );
    const again = dialed(HOME);
    await again.closed;
    expect(again.errors).toEqual(["You already have 1 session, the most you may have at once"]);
    await run("group", "leave", "students", "ann");
    (await enter(HOME)).client.end();
  });

  test("a group's quota holds to the byte for a file that is open", async () => {
    await run("user", "set", "bob", "--quota", "default");
    const client = await login(server, { username: "bob", privateKey: desk.key.private });
    open.push(client);
    const sftp = await openSftp(client);
    const file = await call<Buffer>((done) => sftp.open("it", "w", done));
    const write = (at: number, bytes: number) =>
      call((done) => sftp.write(file, Buffer.alloc(bytes), 0, bytes, at, done));
    await write(0, 20 * KIB);
    await run("group", "set", "students", "--quota", "21KiB");
    // What was charged ahead of need is given back when the server has seen the change.
    await vi.waitFor(async () => expect(await used("bob")).toBe(20 * KIB), PATIENCE);
    await write(20 * KIB, KIB);
    await expect(write(21 * KIB, 1)).rejects.toThrow(/quota/i);
    await run("group", "set", "students", "--quota", "none");
    await write(21 * KIB, 2 * KIB);
    await run("group", "set", "students", "--quota", "23KiB");
    await vi.waitFor(async () => expect(await used("bob")).toBe(23 * KIB), PATIENCE);
    await expect(write(23 * KIB, 1)).rejects.toThrow(/quota/i);
    await run("group", "leave", "students", "bob");
    await write(23 * KIB, KIB);
    await call((done) => sftp.close(file, done));
    expect(statSync(join(instance.home("bob"), "it")).size).toBe(24 * KIB);
  });

  test("a group's quota holds to the byte over sessions, and leaving gives the default back", async () => {
    await run("user", "set", "ann", "--quota", "default");
    await run("group", "set", "students", "--quota", "100KiB");
    const put = (bytes: number) => {
      desk.file("it", bytes);
      return desk.sftp([`put ${desk.path("it")} it`]);
    };
    const stored = () => statSync(join(instance.home("ann"), "it")).size;
    expect((await put(100 * KIB)).code).toBe(0);
    expect((await put(100 * KIB + 1)).code).toBe(1);
    expect(stored()).toBeLessThanOrEqual(100 * KIB);
    await run("group", "set", "students", "--quota", "120KiB");
    expect(await put(120 * KIB)).toMatchObject(DONE);
    expect((await put(120 * KIB + 1)).code).toBe(1);
    await run("group", "leave", "students", "ann");
    const [ann] = JSON.parse(await run("user", "list", "--json")) as { quotaOwn: boolean }[];
    expect(ann).toMatchObject({ quotaOwn: false, groups: [] });
    expect(await put(200 * KIB)).toMatchObject(DONE);
    // Above its quota a user keeps what there is, and writes nothing more.
    await run("group", "join", "students", "ann");
    await run("group", "set", "students", "--quota", "10KiB");
    expect((await desk.sftp([`put ${desk.file("more", 1)} more`])).code).toBe(1);
    expect(stored()).toBe(200 * KIB);
  });
});
