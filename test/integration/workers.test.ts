import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Client } from "ssh2";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { connectControl, connectNode } from "../../src/control/client.ts";
import { booksGetExact } from "../support/books.ts";
import { Desk, DONE } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { dial, login } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;
const IDENT = "SSH-2.0-Moorage\r\n";

interface Status {
  readonly running: boolean;
  readonly pid: number;
  readonly sessions: number;
  readonly nodes: readonly { pid: number; sessions: number }[];
  readonly workers: readonly { pid: number; sessions: number; rssBytes: number }[];
}

interface SessionLine {
  readonly id: number;
  readonly node: string;
  readonly remote: string;
  readonly transfers: readonly { path: string }[];
}

let instance: EmptyInstance;
let desk: Desk;
let servers: SpawnedServer[];
let sockets: { destroy(): void }[];

beforeEach(async () => {
  desk = new Desk();
  instance = await openInstance([{ name: "ann", password: "secret", keys: [desk.key.public] }]);
  servers = [];
  sockets = [];
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) await end(server);
  await instance.close();
  desk.clear();
});

/** By force, with all its workers. */
async function end(server: SpawnedServer): Promise<void> {
  const pids = await workerPids();
  await server.kill();
  for (const pid of pids) if (isThere(pid)) process.kill(pid, "SIGKILL");
  await vi.waitFor(() => expect(pids.filter(isThere)).toEqual([]), { timeout: 10_000 });
}

async function start(...settings: string[]): Promise<SpawnedServer> {
  const server = await spawnServer(instance.root, settings, { workers: 2 });
  servers.push(server);
  desk.target = server;
  return server;
}

function isThere(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

async function json<T>(...args: string[]): Promise<T> {
  return JSON.parse((await moorage(instance.root, ...args, "--json")).stdout) as T;
}

const status = () => json<Status>("status");
const sessions = () => json<SessionLine[]>("sessions");

async function workerPids(): Promise<number[]> {
  return (await instance.store.nodes.list())
    .filter(({ supervisor, alive }) => supervisor !== "" && alive)
    .map(({ pid }) => pid);
}

async function enter(server: SpawnedServer, localAddress: string): Promise<Client> {
  const client = await login(server, { localAddress, privateKey: desk.key.private });
  client.on("error", () => {});
  sockets.push(client);
  return client;
}

/** A client that says nothing; `text` is all that it has read so far. */
function arrive({ port }: SpawnedServer, localAddress: string, first = "") {
  const socket: Socket = connect({ port, host: "127.0.0.1", localAddress });
  socket.on("error", () => {});
  sockets.push(socket);
  if (first !== "") socket.write(first);
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  const text = () => Buffer.concat(chunks).toString("latin1");
  const greeted = () => vi.waitFor(() => expect(text()).toContain(IDENT), { timeout: 10_000 });
  return { socket, text, closed, greeted };
}

/** The worker that has a session: its process id. */
async function workerOf(session: SessionLine | undefined): Promise<number> {
  const nodes = await instance.store.nodes.list();
  return nodes.find(({ id }) => id === session?.node)?.pid ?? 0;
}

describe("placement", () => {
  test("clients of two addresses are served by two workers, those of one address by one", async () => {
    const server = await start();
    for (const address of ["127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.2"]) {
      await enter(server, address);
    }
    const nodes = (await sessions()).map(({ node }) => node);
    expect(new Set(nodes).size).toBe(2);
    expect(nodes).toEqual([nodes[0], nodes[1], nodes[1], nodes[0]]);
    const { pid, workers, nodes: all, ...rest } = await status();
    expect(rest).toMatchObject({ running: true, sessions: 4 });
    expect(pid).toBe(server.child.pid);
    expect(all).toMatchObject([{ pid, sessions: 4 }]);
    expect(workers.map((worker) => worker.sessions)).toEqual([2, 2]);
    for (const { rssBytes } of workers) expect(rssBytes).toBeGreaterThan(10 * MIB);
    const { stdout } = await moorage(instance.root, "status");
    const [first, second] = workers.map(
      (worker) => `${worker.pid} \\(2 sessions, \\d+(\\.\\d)? MB\\)`,
    );
    expect(stdout).toMatch(new RegExp(`^Workers: ${first}, ${second}$`, "m"));
  });

  test("a session knows its client's address, and what was sent before it had a worker is read", async () => {
    const server = await start();
    const client = arrive(server, "127.0.0.2", "SSH-2.0-Early\r\nno packet of SSH at all");
    await client.closed;
    // The answer to the identification, and to what came with it.
    expect(client.text().slice(IDENT.length)).toContain("curve25519-sha256");
    await enter(server, "127.0.0.5");
    expect(await sessions()).toMatchObject([{ remote: expect.stringMatching(/^127\.0\.0\.5:/) }]);
  });
});

describe("strangers", () => {
  test("are bounded over all workers, and who has logged in is none any more", async () => {
    const server = await start("--limits-max-unauthenticated", "2");
    await enter(server, "127.0.0.2");
    await arrive(server, "127.0.0.2").greeted();
    await arrive(server, "127.0.0.3").greeted();
    const third = arrive(server, "127.0.0.4");
    await third.closed;
    expect(third.text()).toBe("Not allowed at this time\r\n");
  });

  test("of the address that has most have to go for another one, in whatever worker they are", async () => {
    const server = await start("--limits-max-unauthenticated", "3");
    const first = arrive(server, "127.0.0.2");
    await first.greeted();
    await arrive(server, "127.0.0.2").greeted();
    await arrive(server, "127.0.0.3").greeted();
    await arrive(server, "127.0.0.4").greeted();
    await first.closed;
  });

  test("a place is free as soon as its client is gone", async () => {
    const server = await start("--limits-max-unauthenticated", "1");
    const first = arrive(server, "127.0.0.2");
    await first.greeted();
    first.socket.destroy();
    await vi.waitFor(
      async () => {
        const next = arrive(server, "127.0.0.3");
        await Promise.race([next.greeted(), next.closed]);
        expect(next.text()).toBe(IDENT);
      },
      { timeout: 10_000 },
    );
  });

  test("a wrong password that a worker heard is a penalty that holds at the door", async () => {
    const server = await start("--penalties-failures", "1", "--penalties-exempt", "");
    const wrong = dial(server, { localAddress: "127.0.0.2", password: "wrong" });
    sockets.push(wrong.client);
    await wrong.closed;
    const next = arrive(server, "127.0.0.2");
    await next.closed;
    expect(next.text()).toMatch(/Too many failed attempts/);
    await enter(server, "127.0.0.3");
  });
});

describe("one server", () => {
  test("sessions and kick reach all workers", async () => {
    const server = await start();
    const clients = [await enter(server, "127.0.0.2"), await enter(server, "127.0.0.3")];
    const closed = clients.map(
      (client) => new Promise<void>((done) => client.once("close", () => done())),
    );
    for (const { id } of await sessions()) {
      expect(await moorage(instance.root, "kick", `${id}`)).toMatchObject(DONE);
    }
    await Promise.all(closed);
    expect(await sessions()).toEqual([]);
  });

  test("whichever process is asked, the figures are those of the whole server", async () => {
    const server = await start();
    for (const address of ["127.0.0.2", "127.0.0.3"]) await enter(server, address);
    const nodes = (await instance.store.nodes.list()).filter(({ kind }) => kind === "server");
    expect(nodes).toHaveLength(3);
    for (const { id, supervisor } of nodes) {
      const control = await connectNode(instance.root, id);
      // A worker replaces none, and its screens don't offer it.
      expect((await control.call("overview", {})).canRenew).toBe(supervisor === "");
      sockets.push({ destroy: () => control.close() });
      await vi.waitFor(
        async () => {
          const { pid, sessions: open, totals } = await control.call("overview", {});
          expect({ pid, active: open.active }).toEqual({ pid: server.child.pid, active: 2 });
          expect(totals.logins).toBe(2);
        },
        { timeout: 10_000 },
      );
    }
    const first = await connectControl(instance.root);
    sockets.push({ destroy: () => first.close() });
    const { node } = await first.call("overview", {});
    expect(nodes.find(({ id }) => id === node)?.supervisor).toBe("");
  });

  test("the transfers of all workers are shown", async () => {
    const server = await start();
    for (const [i, address] of ["127.0.0.2", "127.0.0.3"].entries()) {
      const client = await enter(server, address);
      await new Promise<void>((resolve, reject) => {
        client.sftp((error, sftp) => {
          if (error) reject(error);
          else sftp.open(`f${i}`, "w", (failed) => (failed ? reject(failed) : resolve()));
        });
      });
    }
    const paths = (await sessions()).flatMap(({ transfers }) => transfers.map(({ path }) => path));
    expect(paths).toEqual(["/f0", "/f1"]);
  });

  test("stop ends all processes, and the sessions of all workers", async () => {
    const server = await start();
    const clients = [await enter(server, "127.0.0.2"), await enter(server, "127.0.0.3")];
    const closed = clients.map(
      (client) => new Promise<void>((done) => client.once("close", () => done())),
    );
    const pids = await workerPids();
    const { code, stdout } = await moorage(instance.root, "stop");
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Stopped (pid ${server.child.pid}).\n` });
    await Promise.all(closed);
    expect(await server.exited).toBe(0);
    expect(pids.filter(isThere)).toEqual([]);
    expect(await instance.store.nodes.list()).toHaveLength(1);
    expect(server.output()).not.toMatch(/error|warn/i);
  });

  test("a port that is taken ends the start as without workers", async () => {
    const { port } = await start();
    const { code, stderr } = await moorage(
      instance.root,
      ...["serve", "--host", "127.0.0.1", "--port", `${port}`, "--server-workers", "2"],
    );
    expect(code).toBe(1);
    expect(stderr).toMatch(/the port is in use by this instance's own server \(pid \d+\)/);
    expect((await status()).workers).toHaveLength(2);
  });
});

test("a worker without a supervisor does not start", async () => {
  const { code, stderr } = await moorage(instance.root, "serve", "--worker");
  expect(code).toBe(1);
  expect(stderr).toBe("moorage: workers are started by their supervisor: use `moorage serve`\n");
});

describe("a process is killed", () => {
  test("a worker: the others' sessions live, the books get exact, and a new one serves", async () => {
    const server = await start();
    const stays = await enter(server, "127.0.0.2");
    const file = desk.file("f", 16 * MIB);
    const upload = desk.startSftp([`put ${file}`], { options: ["-l", "40000"] });
    const stored = join(instance.home("ann"), "f");
    await vi.waitFor(() => expect(statSync(stored).size).toBeGreaterThan(MIB), { timeout: 10_000 });
    const all = await sessions();
    const dies = await workerOf(all.find(({ transfers }) => transfers.length > 0));
    expect(dies).not.toBe(await workerOf(all.find(({ transfers }) => transfers.length === 0)));
    process.kill(dies, "SIGKILL");
    await upload.result;
    const isReplaced = async () => {
      const { workers } = await status();
      return workers.length === 2 && !workers.some(({ pid }) => pid === dies);
    };
    await vi.waitFor(async () => expect(await isReplaced()).toBe(true), { timeout: 20_000 });
    await booksGetExact(instance);
    expect(await instance.store.nodes.dead()).toEqual([]);
    expect((await status()).workers.map((worker) => worker.sessions).sort()).toEqual([0, 1]);
    await enter(server, "127.0.0.9");
    expect((await status()).workers.map((worker) => worker.sessions)).toEqual([1, 1]);
    const text = await new Promise((resolve, reject) => {
      stays.exec("pwd", (error, channel) => {
        if (error) reject(error);
        else channel.on("data", (data: Buffer) => resolve(data.toString()));
      });
    });
    expect(text).toBe("/\n");
    expect(await desk.sftp([`reput ${file}`])).toMatchObject(DONE);
    expect(readFileSync(stored).equals(readFileSync(file))).toBe(true);
  });

  test("the supervisor: its workers end by themselves, and a new server takes the port", async () => {
    const server = await start();
    const client = await enter(server, "127.0.0.2");
    const closed = new Promise<void>((done) => client.once("close", () => done()));
    const pids = await workerPids();
    await server.kill();
    await closed;
    await vi.waitFor(() => expect(pids.filter(isThere)).toEqual([]), { timeout: 10_000 });
    expect(await status()).toMatchObject({ running: false, workers: [] });
    await booksGetExact(instance);
    const again = await spawnServer(instance.root, ["--port", `${server.port}`], { workers: 2 });
    servers.push(again);
    await enter(again, "127.0.0.2");
  });
});

describe("signals", () => {
  /** A session with an upload that never ends. */
  async function upload(server: SpawnedServer): Promise<Client> {
    const client = await enter(server, "127.0.0.2");
    await new Promise<void>((resolve, reject) => {
      client.sftp((error, sftp) => {
        if (error) reject(error);
        else sftp.open("f", "w", (failed) => (failed ? reject(failed) : resolve()));
      });
    });
    return client;
  }

  test("a second SIGTERM ends the workers as well, at once", async () => {
    const server = await start("--log-level", "info");
    await upload(server);
    const pids = await workerPids();
    server.child.kill("SIGTERM");
    await vi.waitFor(() => expect(server.output()).toContain('"stopping"'), { timeout: 10_000 });
    // An echo of the first one counts as the first: so again, until one counts.
    await vi.waitFor(
      () => {
        server.child.kill("SIGTERM");
        expect(server.child.signalCode).toBe("SIGTERM");
      },
      { timeout: 10_000 },
    );
    await vi.waitFor(() => expect(pids.filter(isThere)).toEqual([]), { timeout: 10_000 });
    expect(server.output()).not.toContain('"stopped"');
    // As the next server's start does, the command settles what was left.
    expect((await moorage(instance.root, "usage")).code).toBe(0);
    await booksGetExact(instance);
  });

  test("a signal to a worker alone ends that one gracefully, and a new one takes its place", async () => {
    const server = await start();
    await enter(server, "127.0.0.2");
    const [session] = await sessions();
    const left = await workerOf(session);
    process.kill(left, "SIGTERM");
    const isReplaced = async () => {
      const pids = await workerPids();
      return pids.length === 2 && !pids.includes(left);
    };
    await vi.waitFor(async () => expect(await isReplaced()).toBe(true), { timeout: 20_000 });
    await enter(server, "127.0.0.2");
  });

  test("SIGHUP reads the settings again, in all workers", async () => {
    const server = await start("--log-level", "info");
    writeFileSync(join(instance.root, "moorage.toml"), "[limits]\nchannels_per_session = 1\n");
    server.child.kill("SIGHUP");
    const lines = () => server.output().match(/^\{.*"settings read again".*$/gm) ?? [];
    const readers = () => new Set(lines().map((line) => JSON.parse(line).pid));
    await vi.waitFor(() => expect(readers().size).toBe(3), { timeout: 10_000 });
    for (const address of ["127.0.0.2", "127.0.0.3"]) {
      const client = await enter(server, address);
      await new Promise<void>((resolve, reject) => {
        client.sftp((error) => (error ? reject(error) : resolve()));
      });
      const second = new Promise((resolve) => client.sftp((error) => resolve(error?.message)));
      expect(await second).toMatch(/Too many channels/);
    }
  });
});

describe("restart --drain", () => {
  test("new workers serve, and an old one ends with its last session", async () => {
    const server = await start();
    const client = await enter(server, "127.0.0.2");
    const before = await workerPids();
    expect(await moorage(instance.root, "restart", "--drain", "10m")).toMatchObject(DONE);
    const [session] = await sessions();
    const old = await workerOf(session);
    expect(before).toContain(old);
    const isAlone = async () => (await workerPids()).filter((pid) => before.includes(pid));
    await vi.waitFor(async () => expect(await isAlone()).toEqual([old]), { timeout: 20_000 });
    await enter(server, "127.0.0.2");
    expect(before).not.toContain(await workerOf((await sessions())[1]));
    client.end();
    await vi.waitFor(async () => expect(await isAlone()).toEqual([]), { timeout: 20_000 });
    expect(await status()).toMatchObject({ pid: server.child.pid, sessions: 1 });
    expect((await status()).workers).toHaveLength(2);
  });

  test("after the time the old ones' sessions end", async () => {
    const server = await start();
    const client = await enter(server, "127.0.0.2");
    const closed = new Promise<void>((done) => client.once("close", () => done()));
    expect(await moorage(instance.root, "restart", "--drain", "0")).toMatchObject(DONE);
    await closed;
    await enter(server, "127.0.0.2");
  });

  test("a server without workers says so", async () => {
    servers.push(await spawnServer(instance.root));
    const { code, stderr } = await moorage(instance.root, "restart", "--drain", "10m");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^moorage: the server has no workers that could be replaced: .*\n$/);
  });

  test("what the new workers would refuse changes nothing", async () => {
    const server = await start();
    const before = await workerPids();
    writeFileSync(join(instance.root, "moorage.toml"), "[auth]\nhash_queue = -1\n");
    const { code, stderr } = await moorage(instance.root, "restart", "--drain", "10m");
    expect(code).toBe(1);
    expect(stderr).toMatch(/the old workers go on: moorage.toml:2 .*hash_queue/);
    expect((await workerPids()).sort()).toEqual(before.sort());
    await enter(server, "127.0.0.2");
  });
});
