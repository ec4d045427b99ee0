import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { connectControl, connectNode } from "../../../src/control/client.ts";
import { SocketDirectory, socketName } from "../../../src/control/place.ts";
import { CONTROL_VERSION, type Control, type ServerLine } from "../../../src/control/protocol.ts";
import { ControlSocket } from "../../../src/control/socket.ts";
import { ControlDesk } from "./desk.ts";

const PATIENCE = { timeout: 30_000, interval: 20 };

let desk: ControlDesk;
let socket: ControlSocket;
let open: { destroy(): void }[];

beforeEach(async () => {
  desk = await ControlDesk.open();
  socket = await ControlSocket.listen(desk.service);
  open = [];
});

afterEach(async () => {
  for (const one of open) one.destroy();
  await socket.close();
  await desk.close();
});

async function client(): Promise<Control> {
  const control = await connectControl(desk.root);
  open.push({ destroy: () => control.close() });
  return control;
}

/** A bare connection, with the lines the server sent. */
class Raw {
  readonly socket: Socket;
  readonly closed: Promise<void>;
  text = "";

  constructor() {
    const directory = new SocketDirectory(desk.root);
    this.socket = connect(directory.path(socketName(desk.store.nodeId)));
    this.closed = new Promise((resolve) => this.socket.once("close", () => resolve()));
    this.socket.once("connect", () => directory.close());
    this.socket.on("error", () => {});
    this.socket.on("data", (chunk) => {
      this.text += chunk;
    });
    open.push(this.socket);
  }

  get lines(): (ServerLine & { moorage?: number })[] {
    return this.text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  }

  async until(lines: number): Promise<this> {
    await vi.waitFor(() => expect(this.lines.length).toBeGreaterThanOrEqual(lines), PATIENCE);
    return this;
  }
}

function call(id: number, method = "hostKeys", params: unknown = {}): string {
  return `${JSON.stringify({ id, call: method, params })}\n`;
}

describe("who gets in", () => {
  test("the socket is the owner's alone, and so is what its directory holds", async () => {
    const names = readdirSync(join(desk.root, "db")).filter((name) => name.includes("control"));
    expect(names).toEqual([socketName(desk.store.nodeId)]);
    const stat = statSync(join(desk.root, "db", names[0] ?? ""));
    expect(stat.isSocket()).toBe(true);
    expect(stat.mode & 0o777).toBe(0o600);
    expect(stat.uid).toBe(process.getuid?.());
  });

  test("a directory that others can write is closed to them first", async () => {
    await socket.close();
    chmodSync(join(desk.root, "db"), 0o777);
    socket = await ControlSocket.listen(desk.service);
    expect(statSync(join(desk.root, "db")).mode & 0o777).toBe(0o755);
    expect(await (await client()).call("hostKeys", {})).toHaveLength(1);
  });

  test("an instance's path may be longer than a socket's address", async () => {
    const root = join(await mkdtemp(join(tmpdir(), "moorage-control-")), "x".repeat(200));
    mkdirSync(root);
    const far = await ControlDesk.open(root);
    const there = await ControlSocket.listen(far.service);
    try {
      const control = await connectControl(root);
      expect(await control.call("hostKeys", {})).toHaveLength(1);
      control.close();
    } finally {
      await there.close();
      await far.close();
      rmSync(join(root, ".."), { recursive: true });
    }
  });

  test("where no server runs that is said, with its exit code", async () => {
    await socket.close();
    const gone = { exitCode: 3, message: expect.stringMatching(/^no server runs on /) };
    await expect(connectControl(desk.root)).rejects.toMatchObject(gone);
    await expect(connectControl(join(desk.root, "nothing"))).rejects.toMatchObject(gone);
    await expect(connectNode(desk.root, desk.store.nodeId)).rejects.toMatchObject(gone);
    socket = await ControlSocket.listen(desk.service);
  });

  test("what a killed process left behind is passed over, and taken away at the next start", async () => {
    const directory = new SocketDirectory(desk.root);
    const dead = socketName("00000000-0000-4000-8000-000000000000");
    const left = createServer();
    await new Promise<void>((resolve) => left.listen(directory.path("left"), resolve));
    const { renameSync } = await import("node:fs");
    renameSync(directory.path("left"), directory.path(dead));
    await new Promise((resolve) => left.close(resolve));
    expect(directory.sockets()).toHaveLength(2);
    expect(await (await client()).call("hostKeys", {})).toHaveLength(1);
    await socket.close();
    socket = await ControlSocket.listen(desk.service);
    expect(directory.sockets().map(({ name }) => name)).toEqual([socketName(desk.store.nodeId)]);
    directory.close();
  });
});

describe("calls and subscriptions", () => {
  test("many calls at once are answered each with its own", async () => {
    const control = await client();
    await Promise.all(["ann", "bob", "eve"].map((name) => desk.addUser(name)));
    const names = Array.from({ length: 60 }, (_, n) => ["ann", "bob", "eve"][n % 3] ?? "");
    const shown = await Promise.all(names.map((name) => control.call("users.show", { name })));
    expect(shown.map(({ user }) => user.name)).toEqual(names);
  });

  test("errors are those of inside, with text and exit code", async () => {
    const control = await client();
    await expect(control.call("users.show", { name: "x" })).rejects.toMatchObject({
      name: "ControlError",
      exitCode: 1,
      message: expect.stringMatching(/no user "x"/),
    });
    await expect(control.call("nonsense" as "hostKeys", {})).rejects.toMatchObject({ exitCode: 2 });
  });

  test("who acts is the system's user, or who he says", async () => {
    writeFileSync(join(desk.root, "moorage.toml"), 'log.level = "debug"\n');
    await (await client()).call("reload", {});
    const named = await connectControl(desk.root, { actor: "tui:eve" });
    await named.call("reload", {});
    named.close();
    const [first, second] = await desk.audited();
    expect(first).toMatch(/^reload cli:\S+ log\.level$/);
    expect(second).toBe("reload tui:eve");
  });

  test("a setting is changed over it, of those in the list", async () => {
    const control = await client();
    const set = (name: string, value: string) => control.call("settings.set", { name, value });
    expect(await set("limits.queue", "9")).toMatchObject({ value: "9", inForce: true });
    await expect(set("log.file", "db/x.log")).rejects.toThrow(
      "log.file is changed in moorage.toml",
    );
    await expect(set("limits.queue", "x".repeat(20_001))).rejects.toThrow(/settings\.set: value/);
    expect(readFileSync(join(desk.root, "moorage.toml"), "utf8")).toBe("[limits]\nqueue = 9\n");
  });

  test("a subscription tells what changes until it is closed", async () => {
    const control = await client();
    const seen: boolean[] = [];
    const { close } = control.subscribe("stopping", {}, ({ stopping }) => seen.push(stopping));
    await vi.waitFor(() => expect(seen).toEqual([false]), PATIENCE);
    desk.stopping = true;
    desk.service.sessionsChanged();
    await vi.waitFor(() => expect(seen).toEqual([false, true]), PATIENCE);
    close();
    desk.stopping = false;
    await control.call("hostKeys", {});
    desk.service.sessionsChanged();
    await control.call("hostKeys", {});
    expect(seen).toEqual([false, true]);
  });

  test("of 100 subscriptions those beyond the bound are refused, the others work", async () => {
    const control = await client();
    const told = new Set<number>();
    const refused: string[] = [];
    for (let n = 0; n < 100; n += 1) {
      control.subscribe(
        "stopping",
        {},
        () => told.add(n),
        (why) => refused.push(why),
      );
    }
    await vi.waitFor(() => expect(told.size + refused.length).toBe(100), PATIENCE);
    expect(told.size).toBe(64);
    expect(new Set(refused)).toEqual(new Set(["too many subscriptions"]));
    expect(await control.call("hostKeys", {})).toHaveLength(1);
  });

  test("when the server goes, everything that is open is told", async () => {
    const control = await client();
    const waiting = control.call("sessions.kick", {
      id: await desk.enter(await desk.addUser("ann")),
    });
    waiting.catch(() => {});
    await vi.waitFor(async () => expect(await desk.changes()).toHaveLength(1), PATIENCE);
    await socket.close();
    await expect(waiting).rejects.toThrow("the server has gone away");
    expect(await control.closed).toBe("the server has gone away");
    await expect(control.call("hostKeys", {})).rejects.toThrow("the server has gone away");
    const [session] = await desk.store.sessions.list();
    await desk.store.sessions.leave(session?.id ?? 0);
    socket = await ControlSocket.listen(desk.service);
  });
});

describe("what a bad program sends", () => {
  test.each([
    ["garbage", "\u0000\u0001\u0002\n"],
    ["no JSON", "GET / HTTP/1.1\r\n\r\n"],
    ["JSON of another shape", '{"id":1,"run":"rm"}\n'],
    ["a number that is none", '{"id":-1,"call":"overview","params":{}}\n'],
    ["an actor with control characters", '{"actor":"a\\u001b[31m"}\n'],
    ["a huge line", `${"x".repeat(300_000)}\n`],
  ])("%s: told so, and closed; the others go on", async (_, text) => {
    const other = await client();
    const raw = await new Raw().until(1);
    raw.socket.write(text);
    await raw.closed;
    expect(raw.lines[0]).toMatchObject({ moorage: CONTROL_VERSION, pid: process.pid });
    expect(raw.lines.at(-1)).toMatchObject({ id: 0, error: { exitCode: 2 } });
    expect(await other.call("hostKeys", {})).toHaveLength(1);
  });

  test("half a line, and gone", async () => {
    const raw = await new Raw().until(1);
    raw.socket.write(call(1).slice(0, 10));
    raw.socket.destroy();
    await raw.closed;
    expect(await (await client()).call("hostKeys", {})).toHaveLength(1);
  });

  test("a line byte by byte is a line", async () => {
    const raw = await new Raw().until(1);
    for (const byte of call(5)) raw.socket.write(byte);
    await raw.until(2);
    expect(raw.lines[1]).toMatchObject({ id: 5, result: [{ algorithm: "ssh-ed25519" }] });
  });

  test("gone in the middle of a call: it is done all the same", async () => {
    await desk.addUser("ann");
    const raw = await new Raw().until(1);
    raw.socket.end(call(1, "users.set", { name: "ann", role: "admin" }));
    raw.socket.destroySoon();
    await vi.waitFor(
      async () => expect((await desk.store.users.byName("ann"))?.role).toBe("admin"),
      PATIENCE,
    );
  });

  test("a flood of calls is answered whole, a few at a time", async () => {
    let now = 0;
    let most = 0;
    desk.host.sessions = async () => {
      now += 1;
      most = Math.max(most, now);
      await new Promise(setImmediate);
      now -= 1;
      return [];
    };
    const raw = await new Raw().until(1);
    const count = 2_000;
    const flood = Array.from({ length: count }, (_, n) => call(n, "sessions.own"));
    raw.socket.write(flood.join(""));
    await raw.until(count + 1);
    expect(most).toBe(8);
    const ids = raw.lines.slice(1).map((line) => (line as ServerLine).id);
    expect(new Set(ids).size).toBe(count);
  });

  test("who asks for much and reads nothing makes the server stop asking for more", async () => {
    let asked = 0;
    const big = { id: 1, idle: 0, transfers: [] };
    const userId = await desk.addUser("ann");
    for (let n = 0; n < 60; n += 1) await desk.enter(userId);
    const ids = (await desk.store.sessions.list()).map(({ id }) => id);
    desk.host.sessions = async () => {
      asked += 1;
      return ids.map((id) => ({ ...big, id }));
    };
    const raw = await new Raw().until(1);
    raw.socket.pause();
    const count = 1_000;
    const flood = Array.from({ length: count }, (_, n) => call(n, "sessions.own"));
    raw.socket.write(flood.join(""));
    let before = -1;
    // It has stopped when nothing was asked during half a second.
    await vi.waitFor(
      () => {
        const quiet = asked > 8 && asked === before;
        before = asked;
        expect(quiet).toBe(true);
      },
      { timeout: 30_000, interval: 500 },
    );
    expect(asked).toBeLessThan(count);
    raw.socket.resume();
    await raw.until(count + 1);
    expect(asked).toBe(count);
  });

  test("a slow reader of a state gets the newest when it reads again, and no backlog", async () => {
    const userId = await desk.addUser("ann");
    for (let n = 0; n < 60; n += 1) await desk.enter(userId);
    const ids = (await desk.store.sessions.list()).map(({ id }) => id);
    let idle = 0;
    desk.host.sessions = async () => ids.map((id) => ({ id, idle, transfers: [] }));
    const raw = await new Raw().until(1);
    raw.socket.write('{"id":1,"subscribe":"sessions","params":{}}\n');
    await raw.until(2);
    raw.socket.pause();
    const events = 1_000;
    while (idle < events) {
      idle += 1;
      desk.service.feeds.sessions.poke();
      await desk.service.feeds.sessions.settled();
    }
    raw.socket.resume();
    await vi.waitFor(() => {
      expect(raw.lines.at(-1)).toMatchObject({ id: 1, event: { 0: { idle: events } } });
    }, PATIENCE);
    expect(raw.lines.length).toBeLessThan(events / 2);
  });

  test("a slow reader of the log misses nothing, or is told that it does", async () => {
    const raw = await new Raw().until(1);
    raw.socket.write('{"id":1,"subscribe":"log","params":{}}\n');
    await raw.until(2);
    raw.socket.pause();
    const detail = "x".repeat(1_000);
    const write = (count: number): void => {
      for (let n = 0; n < count; n += 1) desk.store.audit.record({ kind: "login", detail });
    };
    let last = 0;
    desk.as().subscribe("log", {}, (records) => {
      last = records.at(-1)?.id ?? last;
    });
    const told = (id: number) => vi.waitFor(() => expect(last).toBe(id), PATIENCE);
    await told(0);
    write(3_000);
    const newest = async () => (await desk.store.audit.query({ limit: 1 }))[0]?.id ?? 0;
    expect(await newest()).toBe(3_000);
    await told(3_000);
    raw.socket.resume();
    const ids = () =>
      raw.lines.flatMap((line) => ("event" in line ? (line.event as { id: number }[]) : []));
    await vi.waitFor(() => expect(ids().at(-1)?.id).toBe(3_000), PATIENCE);
    expect(ids().map(({ id }) => id)).toEqual(Array.from({ length: 3_000 }, (_, n) => n + 1));
    raw.socket.pause();
    for (let n = 0; n < 10; n += 1) {
      write(2_000);
      await newest();
    }
    await told(23_000);
    raw.socket.resume();
    const message = expect.stringMatching(/faster than they were read/);
    await vi.waitFor(
      () => expect(raw.lines.at(-1)).toMatchObject({ id: 1, error: { message } }),
      PATIENCE,
    );
  });

  test("more programs than there is room for are told so", async () => {
    const raws = Array.from({ length: 64 }, () => new Raw());
    await Promise.all(raws.map((raw) => raw.until(1)));
    await expect(connectControl(desk.root)).rejects.toThrow(/too many programs/);
    raws[0]?.socket.destroy();
    await vi.waitFor(async () => (await client()).call("hostKeys", {}), PATIENCE);
  });
});

describe("a server of another kind", () => {
  let other: Server;

  async function serving(line: string): Promise<void> {
    await socket.close();
    const directory = new SocketDirectory(desk.root);
    other = createServer((connection) => {
      open.push(connection);
      connection.on("error", () => {});
      connection.write(line);
    });
    const path = directory.path(socketName(desk.store.nodeId));
    await new Promise<void>((resolve) => other.listen(path, resolve));
    directory.close();
  }

  afterEach(async () => {
    for (const one of open) one.destroy();
    await new Promise((resolve) => other.close(resolve));
    rmSync(join(desk.root, "db", socketName(desk.store.nodeId)), { force: true });
    socket = await ControlSocket.listen(desk.service);
  });

  test.each([
    ['{"moorage":3,"version":"9.0.0","pid":1,"node":"x"}\n', /version 9\.0\.0.*restart it/],
    ['{"id":0,"error":{"message":"too many","exitCode":1}}\n', /too many/],
    ["SSH-2.0-x\n", /doesn't understand/],
    ["null\n", /doesn't understand/],
    ["{}\n", /no server of moorage/],
  ])("%j is refused in clear words", async (line, text) => {
    await serving(line);
    await expect(connectControl(desk.root)).rejects.toThrow(text);
  });
});
