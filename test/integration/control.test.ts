import { existsSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Io } from "../../src/cli/io.ts";
import { run } from "../../src/cli/run.ts";
import { loadConfig, readSettings } from "../../src/config/load.ts";
import { connectControl } from "../../src/control/client.ts";
import { type RunningServer, startServer } from "../../src/server.ts";
import { openStore, type Store } from "../../src/store/store.ts";
import { booksGetExact } from "../support/books.ts";
import { Desk } from "../support/desk.ts";
import { type EmptyInstance, openInstance } from "../support/server.ts";
import { dial } from "../support/ssh-client.ts";

const MIB = 1024 * 1024;
const PATIENCE = { timeout: 30_000, interval: 50 };

let instance: EmptyInstance;
let desk: Desk;
let servers: { server: RunningServer; store: Store }[];

beforeEach(async () => {
  desk = new Desk();
  instance = await openInstance([
    { name: "ann", keys: [desk.key.public], quotaBytes: 100 * MIB },
    { name: "boss", password: "secret", role: "admin" },
  ]);
  servers = [];
});

afterEach(async () => {
  for (const { server, store } of servers) {
    await server.stop(0);
    await store.close();
  }
  await instance.close();
  desk.clear();
});

/** A server of the instance with the settings of its moorage.toml; several are several nodes. */
async function serve(): Promise<RunningServer> {
  const { root } = instance;
  const flags = { "--host": "127.0.0.1", "--port": "0", "--log-level": "silent" };
  const sources = { root, env: {}, flags };
  const store = await openStore(root, "server", "test");
  const log = pino({ level: "silent" });
  const readNow = () => readSettings(sources);
  const config = loadConfig(sources);
  const server = await startServer({ root, config, store, log, readSettings: readNow });
  servers.push({ server, store });
  desk.target ??= server.address;
  return server;
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a command of the program in this process. */
async function moorage(...args: string[]): Promise<Outcome> {
  const { outcome, done } = start(...args);
  const code = await done;
  return { code, out: outcome.out, err: outcome.err };
}

function start(...args: string[]) {
  const outcome = { out: "", err: "", unread: false };
  const io: Io = {
    env: { MOORAGE_ROOT: instance.root },
    stdin: new PassThrough(),
    out: (text) => {
      outcome.out += text;
    },
    err: (text) => {
      outcome.err += text;
    },
    colour: false,
    unread: () => outcome.unread,
  };
  return { outcome, done: run(args, io) };
}

interface SessionJson {
  readonly id: number;
  readonly user: string;
  readonly transfers: { readonly id: number; readonly path: string; readonly bytes: number }[];
}

async function sessions(): Promise<SessionJson[]> {
  const { code, out } = await moorage("sessions", "--json");
  expect(code).toBe(0);
  return JSON.parse(out);
}

/** Uploads slowly (kbit/s), several files at once in one connection each. */
function slowUpload(name: string, kbit = 8_000) {
  const file = desk.file(name, 40 * MIB);
  return desk.startSftp([`put ${file}`], { options: ["-l", `${kbit}`] });
}

async function uploading(): Promise<SessionJson & { transfer: SessionJson["transfers"][0] }> {
  return vi.waitFor(async () => {
    const [session] = await sessions();
    const [transfer] = session?.transfers ?? [];
    if (session === undefined || transfer === undefined || transfer.bytes === 0) {
      throw new Error("nothing is uploaded yet");
    }
    return { ...session, transfer };
  }, PATIENCE);
}

describe("sessions and kick", () => {
  test("an upload is seen moving, and ended by kick, which its client is told", async () => {
    await serve();
    const upload = slowUpload("big");
    const first = await uploading();
    expect(first).toMatchObject({
      user: "ann",
      remote: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
      client: expect.stringMatching(/OpenSSH/),
      since: expect.stringMatching(/^\d{4}-.*Z$/),
      node: servers[0]?.store.nodeId,
      transfer: { path: "/big", direction: "upload", size: null },
    });
    await vi.waitFor(async () => {
      const [transfer] = (await sessions())[0]?.transfers ?? [];
      expect(transfer?.bytes).toBeGreaterThan(first.transfer.bytes);
      expect(transfer).toMatchObject({ bytesPerSecond: expect.any(Number) });
    }, PATIENCE);
    expect((await moorage("sessions")).out).toMatch(/ann .*127\.0\.0\.1.*\n[\s\S]*upload .*\/big/);
    const kicked = await moorage("kick", `${first.id}`, "--reason", "tea time");
    const cut = "Cut 1 upload: what had arrived is kept.\n";
    expect(kicked).toEqual({ code: 0, out: `Ended session ${first.id}.\n${cut}`, err: "" });
    expect(await sessions()).toEqual([]);
    const { code, stderr } = await upload.result;
    expect(code).not.toBe(0);
    expect(stderr).toContain("ended by an administrator: tea time");
    await booksGetExact(instance);
    expect((await moorage("kick", `${first.id}`)).err).toMatch(/^moorage: no session \d+: .*\n$/);
  });

  test("kick NAME ends all sessions of a user over all processes, and nobody else's", async () => {
    const both = [await serve(), await serve()] as const;
    await instance.addUser({ name: "bob", keys: [desk.key.public] });
    const login = async (server: RunningServer, username: string) => {
      const dialled = dial(server.address, { username, privateKey: desk.key.private });
      await dialled.ready;
      return dialled;
    };
    const anns = [await login(both[0], "ann"), await login(both[1], "ann")];
    const bobs = await login(both[1], "bob");
    const ids = (await sessions()).filter(({ user }) => user === "ann").map(({ id }) => id);
    const { code, out } = await moorage("kick", "ann", "--reason", "tea time", "--json");
    expect({ code, ...JSON.parse(out) }).toEqual({ code: 0, ended: ids, disabled: false });
    expect(ids).toHaveLength(2);
    for (const { closed, disconnects } of anns) {
      await closed;
      expect(disconnects[0]).toContain("ended by an administrator: tea time");
    }
    expect((await sessions()).map(({ user }) => user)).toEqual(["bob"]);
    const again = await moorage("kick", "ann");
    expect(again).toEqual({
      code: 1,
      out: "",
      err: "moorage: ann has no session: `moorage sessions` shows all\n",
    });
    expect((await moorage("kick", "nobody")).err).toMatch(/^moorage: .*nobody.*\n$/);
    const away = await moorage("kick", "ann", "--disable");
    expect(away).toEqual({ code: 0, out: "Disabled ann, who had no session.\n", err: "" });
    const gone = await moorage("kick", "bob", "--disable");
    expect(gone.out).toMatch(/^Ended session \d+ of bob and disabled the account\.\n$/);
    await bobs.closed;
    await expect(login(both[0], "bob")).rejects.toThrow();
  });

  test("a number is a session, and with --user the user of that name", async () => {
    const server = await serve();
    await instance.addUser({ name: "77", keys: [desk.key.public] });
    const number = dial(server.address, { username: "77", privateKey: desk.key.private });
    await number.ready;
    expect((await moorage("kick", "77")).err).toMatch(/^moorage: no session 77: /);
    expect((await moorage("kick", "77", "--user")).out).toMatch(/^Ended session \d+ of 77\.\n$/);
    await number.closed;
  });

  test("kick --disable keeps the user out", async () => {
    await serve();
    const upload = slowUpload("big");
    const { id } = await uploading();
    expect(await moorage("kick", `${id}`, "--disable")).toEqual({
      code: 0,
      out: `Ended session ${id} and disabled the account.\nCut 1 upload: what had arrived is kept.\n`,
      err: "",
    });
    await upload.result;
    expect((await desk.sftp(["pwd"])).code).not.toBe(0);
  });

  test("user disable says what becomes of an upload", async () => {
    await serve();
    const upload = slowUpload("big");
    await uploading();
    expect(await moorage("user", "disable", "ann")).toEqual({
      code: 0,
      out: "Disabled ann: 1 session ends; what has arrived of an upload is kept.\n",
      err: "",
    });
    expect((await upload.result).stderr).toContain("This account has been disabled");
    expect(existsSync(join(instance.root, "homes/ann/big"))).toBe(true);
  });

  test("one of two transfers is ended: it fails, the other and its session go on", async () => {
    const server = await serve();
    const connection = dial(server.address, {
      username: "ann",
      privateKey: desk.key.private,
    });
    await connection.ready;
    try {
      const sftp = await new Promise<import("ssh2").SFTPWrapper>((resolve, reject) => {
        connection.client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper)));
      });
      const call = <T>(begin: (done: (error?: Error | null, value?: T) => void) => void) =>
        new Promise<T>((resolve, reject) => {
          begin((error, value) => (error ? reject(error) : resolve(value as T)));
        });
      const [one, two] = [
        await call<Buffer>((done) => sftp.open("/one", "w", done)),
        await call<Buffer>((done) => sftp.open("/two", "w", done)),
      ];
      const block = Buffer.alloc(30_000, 1);
      const write = (handle: Buffer, position: number) =>
        call((done) =>
          sftp.write(handle, block, 0, block.length, position, (error) => done(error)),
        );
      await write(one, 0);
      await write(two, 0);
      const control = await connectControl(instance.root);
      const [session] = await control.call("sessions.list", {});
      const transfer = session?.transfers.find(({ path }) => path === "/one");
      const ids = { session: session?.id ?? 0, transfer: transfer?.id ?? 0 };
      await control.call("transfers.end", ids);
      control.close();
      await expect(write(one, 30_000)).rejects.toMatchObject({
        code: 4,
        message: "The transfer was ended by an administrator",
      });
      await write(two, 30_000);
      await call((done) => sftp.close(one, done));
      await write(two, 60_000);
      await call((done) => sftp.close(two, done));
      expect(statSync(join(instance.home("ann"), "one")).size).toBe(30_000);
      expect(statSync(join(instance.home("ann"), "two")).size).toBe(90_000);
      await booksGetExact(instance);
    } finally {
      connection.client.end();
      await connection.closed;
    }
  });

  test("two processes: both list all, and either ends a session of the other", async () => {
    const first = await serve();
    const second = await serve();
    const upload = slowUpload("big");
    const { id } = await uploading();
    const nodes = servers.map(({ store }) => store.nodeId);
    for (const server of [first, second]) {
      const control = server.control("test");
      const [session] = await control.call("sessions.list", {});
      expect(session).toMatchObject({ id, node: nodes[0], transfers: [{ path: "/big" }] });
      control.close();
    }
    const control = second.control("test");
    await control.call("sessions.kick", { id });
    control.close();
    expect((await upload.result).stderr).toContain("ended by an administrator");
    expect(await sessions()).toEqual([]);
  });

  test("without a server there are none: exit code 3", async () => {
    for (const args of [["sessions"], ["kick", "1"], ["kick", "ann"], ["reload"]]) {
      const { code, out, err } = await moorage(...args);
      expect({ code, out }).toEqual({ code: 3, out: "" });
      expect(err).toMatch(/^moorage: no server runs on .*\n$/);
    }
  });
});

describe("reload", () => {
  test("a limit of the file holds from then on, in all processes; the rest is named", async () => {
    const file = join(instance.root, "moorage.toml");
    writeFileSync(file, "[limits]\nmax_sessions_per_user = 1\n");
    const both = [await serve(), await serve()] as const;
    const login = (server: RunningServer) =>
      dial(server.address, { username: "ann", privateKey: desk.key.private });
    const first = login(both[0]);
    await first.ready;
    await expect(login(both[1]).ready).rejects.toThrow();
    writeFileSync(file, "[limits]\nmax_sessions_per_user = 2\n[digests]\nworkers = 2\n");
    const { code, out } = await moorage("reload", "--json");
    expect({ code, result: JSON.parse(out) }).toEqual({
      code: 0,
      result: { applied: ["limits.max_sessions_per_user"], needRestart: ["digests.workers"] },
    });
    const second = await vi.waitFor(async () => {
      const again = login(both[1]);
      await again.ready;
      return again;
    }, PATIENCE);
    await expect(login(both[0]).ready).rejects.toThrow();
    writeFileSync(file, "[limits]\nmax_sessions_per_user = 0\n");
    const wrong = await moorage("reload");
    expect(wrong).toMatchObject({ code: 2, out: "" });
    expect(wrong.err).toMatch(/^moorage: moorage\.toml:2 .*whole number.*\n$/);
    for (const one of [first, second]) one.client.end();
  });

  test("the banner and the log's level", async () => {
    const server = await serve();
    writeFileSync(join(instance.root, "moorage.toml"), '[server]\nbanner = "Hear, hear"\n');
    expect((await moorage("reload")).out).toBe("In force now: server.banner\n");
    expect((await moorage("reload")).out).toBe("Nothing changed.\n");
    const connection = dial(server.address, { username: "boss", password: "secret" });
    await connection.ready;
    expect(connection.banners).toEqual(["Hear, hear"]);
    connection.client.end();
  });
});

describe("logs", () => {
  test("-f goes on with what is recorded, by user and kind; also after the server", async () => {
    await serve();
    const following = start("logs", "-f", "--user", "ann", "--kind", "login", "--json");
    const lines = () =>
      following.outcome.out
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));
    for (const count of [1, 2]) {
      await desk.sftp(["pwd"]);
      await vi.waitFor(() => expect(lines()).toHaveLength(count), PATIENCE);
    }
    expect(lines()[1]).toMatchObject({
      kind: "login",
      user: "ann",
      at: expect.stringMatching(/Z$/),
    });
    following.outcome.unread = true;
    expect(await following.done).toBe(0);
    await servers[0]?.server.stop(0);
    const { code, out } = await moorage("logs", "--since", "1h", "-n", "3", "--json");
    expect(code).toBe(0);
    const records = JSON.parse(out);
    expect(records).toHaveLength(3);
    expect(records.at(-1)).toMatchObject({ kind: "server-stop" });
    expect((await moorage("logs", "--user", "ann")).out).toMatch(
      /\d\d:\d\d:\d\d {2}login +ann {2}/,
    );
    const later = new Date(Date.now() + 60_000).toISOString();
    expect((await moorage("logs", "--since", later)).out).toBe("");
    expect((await moorage("logs", "--since", "soon")).code).toBe(2);
    expect((await moorage("logs", "--kind", "nonsense")).code).toBe(2);
  });
});

describe("stop", () => {
  test("lets a transfer end within the grace, and lets nobody in meanwhile", async () => {
    const server = await serve();
    const upload = slowUpload("big", 80_000);
    await uploading();
    const stopping = start("stop", "--grace", "5m");
    await vi.waitFor(async () => {
      const control = await connectControl(instance.root);
      const { stopping: now } = await control.call("overview", {});
      control.close();
      expect(now).toBe(true);
    }, PATIENCE);
    expect((await desk.sftp(["pwd"])).code).not.toBe(0);
    expect(await upload.result).toMatchObject({ code: 0 });
    await server.stopped;
    await servers[0]?.store.close();
    expect(await stopping.done).toBe(0);
    expect(statSync(join(instance.home("ann"), "big")).size).toBe(40 * MIB);
  });

  test("says what it waits for, and again ends it at once", async () => {
    const server = await serve();
    const upload = slowUpload("big", 400);
    await uploading();
    const stopping = start("stop", "--grace", "1h");
    await vi.waitFor(
      () => expect(stopping.outcome.err).toMatch(/transfers to end .*: 1 file is still open/),
      PATIENCE,
    );
    const again = start("stop");
    await server.stopped;
    await servers[0]?.store.close();
    expect(await Promise.all([stopping.done, again.done])).toEqual([0, 0]);
    expect((await upload.result).stderr).toContain("The server is stopping");
    await booksGetExact(instance);
  });
});
