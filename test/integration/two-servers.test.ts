import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Client, SFTPWrapper } from "ssh2";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { booksGetExact } from "../support/books.ts";
import { Desk, DONE } from "../support/desk.ts";
import { onDisk } from "../support/instance.ts";
import { Sampler } from "../support/sampler.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { call, openSftp } from "../support/sftp-calls.ts";
import { dial, login, sftp } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;
/** Bytes of one WRITE of OpenSSH's sftp. */
const REQUEST = 261_120;

let instance: EmptyInstance;
let desk: Desk;
let servers: SpawnedServer[];
let clients: Client[];
let userId: number;

beforeEach(async () => {
  desk = new Desk();
  const keys = [desk.key.public];
  instance = await openInstance([
    { name: "ann", keys, quotaBytes: 40 * MIB },
    { name: "bob", keys },
  ]);
  userId = ((await instance.store.users.byName("ann")) as { id: number }).id;
  servers = [];
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  for (const server of servers) await server.kill();
  await instance.close();
  desk.clear();
});

async function startBoth(settings: string[] = []): Promise<[SpawnedServer, SpawnedServer]> {
  const both = await Promise.all([
    spawnServer(instance.root, settings),
    spawnServer(instance.root, settings),
  ]);
  servers.push(...both);
  return both;
}

function put(server: SpawnedServer, ...commands: string[]) {
  return sftp(server, commands, { key: desk.keyFile });
}

function stored(name: string): string {
  return join(instance.home("ann"), name);
}

function disk(): { bytes: number; files: number } {
  return onDisk(instance.home("ann"));
}

async function connect(server: SpawnedServer, username = "ann"): Promise<Client> {
  const client = await login(server, { username, privateKey: desk.key.private });
  clients.push(client);
  return client;
}

async function open(server: SpawnedServer): Promise<SFTPWrapper> {
  const client = await connect(server);
  return openSftp(client);
}

describe("one quota", () => {
  test("uploads through both that fit to the last byte all succeed", async () => {
    const both = await startBoth();
    const size = 5 * MIB;
    const files = Array.from({ length: 8 }, (_, i) => desk.file(`f${i}`, size));
    const sampler = new Sampler(instance.home("ann"));
    const results = await Promise.all(
      files.map((file, i) => put(both[i % 2] as SpawnedServer, `put ${file}`)),
    );
    const most = await sampler.stop();
    for (const result of results) expect(result).toMatchObject(DONE);
    expect(disk()).toEqual({ bytes: 40 * MIB, files: 8 });
    expect(most).toBeLessThanOrEqual(40 * MIB);
    for (const [i, file] of files.entries()) {
      expect(readFileSync(stored(`f${i}`)).equals(readFileSync(file))).toBe(true);
    }
    await booksGetExact(instance);
  });

  test("uploads through both at the last bytes: never over, and no room is left unused", async () => {
    const both = await startBoth();
    const sizes = [11, 3, 9, 1, 13, 7, 2, 12].map((mib, i) => mib * MIB + i * 777);
    const files = sizes.map((size, i) => desk.file(`f${i}`, size));
    const sampler = new Sampler(instance.home("ann"));
    const results = await Promise.all(
      files.map((file, i) => put(both[i % 2] as SpawnedServer, `put ${file}`)),
    );
    const most = await sampler.stop();
    expect(most).toBeLessThanOrEqual(40 * MIB);
    const { bytes } = disk();
    expect(bytes).toBeLessThanOrEqual(40 * MIB);
    // Whoever was refused had asked for no more than this.
    expect(40 * MIB - bytes).toBeLessThan(REQUEST);
    expect(results.map(({ code }) => code)).toContain(1);
    for (const { code, stderr } of results) {
      if (code !== 0) expect(stderr).toMatch(/^\s*write remote "\/f\d": Failure\s*$/);
    }
    await booksGetExact(instance);

    // What was cut off goes on through the other server, as soon as there is room.
    const { code } = await moorage(instance.root, "user", "set", "ann", "--quota", "none");
    expect(code).toBe(0);
    for (const [i, file] of files.entries()) {
      const other = both[(i + 1) % 2] as SpawnedServer;
      if (results[i]?.code !== 0) {
        expect(await put(other, `reput ${file} f${i}`)).toMatchObject(DONE);
      }
      expect(readFileSync(stored(`f${i}`)).equals(readFileSync(file))).toBe(true);
    }
    await booksGetExact(instance);
  });

  test("room that one server holds ahead of need goes to the other when that needs it", async () => {
    const [a, b] = await startBoth();
    const slow = desk.file("slow", 8 * MIB);
    const rest = desk.file("rest", 32 * MIB);
    desk.target = a;
    const upload = desk.startSftp([`put ${slow}`], { options: ["-l", "40000"] });
    await vi.waitFor(() => expect(statSync(stored("slow")).size).toBeGreaterThan(2 * MIB), {
      timeout: 10_000,
    });
    // The slow one has not arrived yet, but what both need together fits.
    expect(await put(b, `put ${rest}`)).toMatchObject(DONE);
    expect(await upload.result).toMatchObject(DONE);
    expect(disk()).toEqual({ bytes: 40 * MIB, files: 2 });
    await booksGetExact(instance);
  });

  test("the files' limit is one, too", async () => {
    const both = await startBoth();
    await instance.control.set("ann", { quotaFiles: 50 });
    const results = await Promise.all(
      Array.from({ length: 6 }, (_, i) => {
        const commands = Array.from({ length: 20 }, (_, j) => `-mkdir d-${i}-${j}`);
        return put(both[i % 2] as SpawnedServer, ...commands);
      }),
    );
    expect(results.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(disk().files).toBe(50);
    await booksGetExact(instance);
  });
});

describe("one file through both", () => {
  test("open in both it is charged once, and each writes its part", async () => {
    const both = await startBoth();
    const sessions = await Promise.all(both.map((server) => open(server)));
    const part = MIB;
    const data = readFileSync(desk.file("data", 8 * part));
    const handles: Buffer[] = [];
    for (const [i, session] of sessions.entries()) {
      handles.push(await call<Buffer>((done) => session.open("f", i === 0 ? "w" : "r+", done)));
    }
    await Promise.all(
      Array.from({ length: 8 }, (_, i) => {
        const [session, handle] = [sessions[i % 2], handles[i % 2]] as [SFTPWrapper, Buffer];
        return call((done) => session.write(handle, data, i * part, part, i * part, done));
      }),
    );
    for (const [i, session] of sessions.entries()) {
      await call((done) => session.close(handles[i] as Buffer, done));
    }
    expect(readFileSync(stored("f")).equals(data)).toBe(true);
    await booksGetExact(instance);
  });

  test("put by many at once it is one of theirs, and charged for what it is", async () => {
    const both = await startBoth();
    const files = [3, 5, 4, 6].map((mib, i) => desk.file(`f${i}`, mib * MIB));
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(
        files.map((file, i) => put(both[i % 2] as SpawnedServer, `put ${file} same`)),
      );
      await booksGetExact(instance);
    }
    const alone = files[0] as string;
    expect(await put(both[0], `put ${alone} same`)).toMatchObject(DONE);
    expect(readFileSync(stored("same")).equals(readFileSync(alone))).toBe(true);
    await booksGetExact(instance);
  });

  test("removed and replaced through one while the other writes on", async () => {
    const [a, b] = await startBoth();
    const session = await open(a);
    const data = readFileSync(desk.file("data", 2 * MIB));
    const other = desk.file("other", MIB);
    const handle = await call<Buffer>((done) => session.open("f", "w", done));
    await call((done) => session.write(handle, data, 0, MIB, 0, done));
    expect(await put(b, "rm f", `put ${other} f`)).toMatchObject(DONE);
    await call((done) => session.write(handle, data, MIB, MIB, MIB, done));
    // The removed file is still charged: it takes room until it is closed.
    const { usedBytes } = await instance.store.ledger.usage(userId);
    expect(usedBytes).toBeGreaterThanOrEqual(3 * MIB);
    await call((done) => session.close(handle, done));
    expect(disk()).toEqual({ bytes: MIB, files: 1 });
    await booksGetExact(instance);
  });
});

describe("one number of sessions", () => {
  test("50 logins through both against 10 places: never 11, all come in", async () => {
    const limits = ["--limits-max-sessions", "10", "--limits-queue", "100"];
    const both = await startBoth([...limits, "--limits-max-sessions-per-user", "50"]);
    const { sessions } = instance.store;
    let entered = 0;
    let inside = 0;
    let most = 0;
    const visit = async (i: number): Promise<void> => {
      const { client, ready, closed } = dial(both[i % 2] as SpawnedServer, {
        username: i % 4 < 2 ? "ann" : "bob",
        privateKey: desk.key.private,
      });
      clients.push(client);
      await ready;
      entered += 1;
      inside += 1;
      most = Math.max(most, inside);
      // All places are taken before the first one leaves.
      await vi.waitFor(() => expect(entered).toBeGreaterThanOrEqual(10), { timeout: 20_000 });
      const { active } = await sessions.counts();
      expect(active).toBeLessThanOrEqual(10);
      inside -= 1;
      client.end();
      await closed;
    };
    await Promise.all(Array.from({ length: 50 }, (_, i) => visit(i)));
    expect(entered).toBe(50);
    expect(most).toBe(10);
    await vi.waitFor(async () => {
      expect(await sessions.counts()).toEqual({ active: 0, waiting: 0 });
    });
  });

  test("a user's share is counted over both", async () => {
    const both = await startBoth(["--limits-max-sessions-per-user", "4"]);
    const knocks = Array.from({ length: 12 }, (_, i) => {
      const dialed = dial(both[i % 2] as SpawnedServer, { privateKey: desk.key.private });
      clients.push(dialed.client);
      return dialed.ready.then(
        () => true,
        () => false,
      );
    });
    const admitted = (await Promise.all(knocks)).filter((one) => one);
    expect(admitted).toHaveLength(4);
    (await connect(both[0], "bob")).end();
  });

  test("the places of a server that was killed are free again", async () => {
    const [a, b] = await startBoth(["--limits-max-sessions", "3"]);
    for (let i = 0; i < 3; i += 1) await connect(a);
    await a.kill();
    for (let i = 0; i < 3; i += 1) await connect(b);
    expect(await instance.store.sessions.counts()).toEqual({ active: 3, waiting: 0 });
  });
});

describe("the command line reaches both", () => {
  test("disable and remove end the sessions of both at once", async () => {
    const both = await startBoth();
    for (const [user, ...act] of [
      ["ann", "disable", "ann"],
      ["bob", "remove", "bob", "--delete-home"],
    ] as const) {
      const open = both.map((server) => {
        return dial(server, { username: user, privateKey: desk.key.private });
      });
      clients.push(...open.map(({ client }) => client));
      await Promise.all(open.map(({ ready }) => ready));
      expect(await moorage(instance.root, "user", ...act)).toMatchObject({ code: 0, stderr: "" });
      await Promise.all(open.map(({ closed }) => closed));
      for (const { disconnects } of open) {
        expect(disconnects).toEqual([`11: This account has been ${act[0]}d`]);
      }
      for (const server of both) {
        await expect(
          login(server, { username: user, privateKey: desk.key.private }),
        ).rejects.toThrow();
      }
    }
  });

  test("a key that is removed ends its sessions on both", async () => {
    const both = await startBoth();
    const open = both.map((server) => dial(server, { privateKey: desk.key.private }));
    clients.push(...open.map(({ client }) => client));
    await Promise.all(open.map(({ ready }) => ready));
    const [key] = await instance.control.listKeys("ann");
    const print = key?.fingerprint as string;
    const removed = await moorage(instance.root, "user", "key", "remove", "ann", print);
    expect(removed).toMatchObject({ code: 0, stderr: "" });
    await Promise.all(open.map(({ closed }) => closed));
  });

  test("a lower quota stops open uploads on both, a higher one lets them go on", async () => {
    const both = await startBoth();
    const data = Buffer.alloc(MIB, "x");
    const sessions = await Promise.all(both.map((server) => open(server)));
    const handles = await Promise.all(
      sessions.map((session, i) => call<Buffer>((done) => session.open(`f${i}`, "w", done))),
    );
    const write = (i: number, at: number): Promise<unknown> => {
      const [session, handle] = [sessions[i], handles[i]] as [SFTPWrapper, Buffer];
      return call((done) => session.write(handle, data, 0, MIB, at * MIB, done));
    };
    await Promise.all([write(0, 0), write(1, 0)]);
    const lower = await moorage(instance.root, "user", "set", "ann", "--quota", "3MiB");
    expect(lower).toMatchObject({ code: 0, stderr: "" });
    // Room reserved ahead under the old quota counts no more once the change has arrived.
    await booksGetExact(instance);
    await write(0, 1);
    for (const i of [0, 1]) {
      await expect(write(i, 2)).rejects.toThrow(/^Quota exceeded: 3145728 of 3145728 bytes used/);
    }
    expect(disk()).toEqual({ bytes: 3 * MIB, files: 2 });
    await moorage(instance.root, "user", "set", "ann", "--quota", "6MiB");
    await Promise.all([write(0, 2), write(1, 1)]);
    await write(1, 2);
    await expect(write(1, 3)).rejects.toThrow(/^Quota exceeded: 6291456 of 6291456 bytes used/);
    for (const [i, session] of sessions.entries()) {
      await call((done) => session.close(handles[i] as Buffer, done));
    }
    expect(disk()).toEqual({ bytes: 6 * MIB, files: 2 });
    await booksGetExact(instance);
  });
});

describe("one of them is killed", () => {
  test("the other settles its books, and the uploads go on there", async () => {
    const [a, b] = await startBoth();
    const files = [0, 1, 2].map((i) => desk.file(`f${i}`, 8 * MIB));
    const uploads = files.map((file) => {
      desk.target = a;
      return desk.startSftp([`put ${file}`], { options: ["-l", "16000"] });
    });
    const sizes = () => [0, 1, 2].map((i) => statSync(stored(`f${i}`)).size);
    await vi.waitFor(() => expect(Math.min(...sizes())).toBeGreaterThan(MIB), { timeout: 10_000 });
    await a.kill();
    await Promise.all(uploads.map(({ result }) => result));
    await booksGetExact(instance);
    expect(await instance.store.nodes.dead()).toEqual([]);
    for (const [i, file] of files.entries()) {
      expect(await put(b, `reput ${file} f${i}`)).toMatchObject(DONE);
      expect(readFileSync(stored(`f${i}`)).equals(readFileSync(file))).toBe(true);
    }
    await booksGetExact(instance);
  });

  test("what fits is not refused meanwhile, though the dead one held room ahead", async () => {
    const [a, b] = await startBoth();
    const slow = desk.file("slow", 30 * MIB);
    desk.target = a;
    const upload = desk.startSftp([`put ${slow}`], { options: ["-l", "40000"] });
    await vi.waitFor(() => expect(statSync(stored("slow")).size).toBeGreaterThan(2 * MIB), {
      timeout: 10_000,
    });
    await a.kill();
    await upload.result;
    const rest = desk.file("rest", 40 * MIB - disk().bytes);
    expect(await put(b, `put ${rest}`)).toMatchObject(DONE);
    expect(disk().bytes).toBe(40 * MIB);
    await booksGetExact(instance);
  });
});
