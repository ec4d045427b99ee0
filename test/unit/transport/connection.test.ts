import { EventEmitter, once } from "node:events";
import { setImmediate as nextTurn } from "node:timers/promises";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InstanceError } from "../../../src/errors.ts";
import { MemoryBudget } from "../../../src/memory/budget.ts";
import { Refusal } from "../../../src/session/admission.ts";
import type { Session } from "../../../src/session/session.ts";
import { type ConnectionServices, SshConnection } from "../../../src/transport/connection.ts";
import { FakeSsh, Wire } from "./wire.ts";

const GRACE = 120_000;
/** until the keys are agreed on */
const KEYS = 30_000;
const LINGER = 2_000;

let wire: Wire;
let ssh: FakeSsh;
let connection: SshConnection;
/** what ssh2 gets of the client's bytes */
let passed: string[];
/** what its address is charged with */
let charged: string[];
/** its place was left so many times */
let left: { times: number };
/** what comes of a login that is right */
let enter: () => Promise<Session>;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  enter = async () => {
    const memory = new MemoryBudget(2 ** 30).user().session();
    return { memory, touch() {} } as unknown as Session;
  };
  begin();
});

afterEach(() => {
  wire.destroy();
  vi.useRealTimers();
});

function begin(loginGrace = GRACE): void {
  // What an earlier connection still does has no part in the test.
  const [heard, charges, places] = [[] as string[], [] as string[], { times: 0 }];
  [passed, charged, left] = [heard, charges, places];
  wire = new Wire();
  ssh = new FakeSsh(wire);
  const services = {
    config: {
      limits: { loginGrace, loginTries: 6, channelsPerSession: 10 },
      transport: { rekeyBytes: 0, rekeyInterval: 0 },
    },
    log: pino({ level: "silent" }),
    authenticator: { logIn: async () => ({ account: { id: 1, name: "ann" } }) },
    sessions: { open: () => enter() },
    route: () => undefined,
    failedLogins: { add() {} },
    factors: {
      split: async (_user: string, password: string) => ({ password }),
      need: async () => "none",
    },
    penalties: { wait: async () => 0, add: async (_: string, what: string) => charges.push(what) },
  } as unknown as ConnectionServices;
  const leave = (): void => {
    places.times += 1;
  };
  const place = { wait() {}, back: () => true, leave };
  connection = new SshConnection(wire.socket, services, place);
  wire.on("data", (chunk: Buffer) => heard.push(chunk.toString("latin1")));
}

function receive(text: string): void {
  wire.emit("data", Buffer.from(text, "latin1"));
}

/** The client has said who it is. */
function attach(): void {
  receive("SSH-2.0-Test\r\n");
  connection.attach(ssh.connection, ssh.info);
}

function agreeOnKeys(): void {
  ssh._protocol._kex = { _sentNEWKEYS: true };
  receive("keys");
}

/** Proves a login. @returns what came of it */
function login(): Promise<string> {
  return new Promise((resolve) => {
    const fields = { method: "password", username: "ann", password: "secret" };
    const accept = (): void => resolve("let in");
    ssh.emit("authentication", Object.assign(new EventEmitter(), { ...fields, accept }));
    connection.gone.addEventListener("abort", () => resolve("not let in"));
  });
}

describe("the time for a login", () => {
  test.each([
    ["a client that says nothing has half a minute", GRACE, KEYS],
    ["or the time of a login where that is shorter", 10_000, 10_000],
  ])("%s", (_, grace, most) => {
    wire.destroy();
    begin(grace);
    vi.advanceTimersByTime(most - 1);
    expect(wire.writableEnded).toBe(false);
    vi.advanceTimersByTime(1);
    expect(wire.writableEnded).toBe(true);
    expect(charged).toEqual(["no-login"]);
  });

  test("once its keys are agreed on, all of it, from the connection's begin", () => {
    attach();
    vi.advanceTimersByTime(KEYS - 1);
    agreeOnKeys();
    vi.advanceTimersByTime(GRACE - KEYS);
    receive("something that is no login");
    expect(ssh.sent).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(ssh.sent).toEqual(["11: The login took too long"]);
    expect(charged).toEqual(["no-login"]);
  });

  test("ends with the login, and nobody is charged", async () => {
    attach();
    agreeOnKeys();
    expect(await login()).toBe("let in");
    expect(left.times).toBe(1);
    vi.advanceTimersByTime(10 * GRACE);
    wire.emit("close");
    expect(ssh.sent).toEqual([]);
    expect(charged).toEqual([]);
  });
});

describe("a login that is right may not be let in", () => {
  test.each([
    ["the server is full", new Refusal("Too many sessions"), "12: Too many sessions"],
    [
      "its home is out of reach",
      new InstanceError("homes/ann is not a directory"),
      "11: Your files can't be reached now: the server's log tells its administrator why",
    ],
    [
      "whatever else",
      new TypeError("x is not a function"),
      "11: The session could not be started: try again later",
    ],
  ])("%s", async (_, error, words) => {
    enter = () => Promise.reject(error);
    attach();
    expect(await login()).toBe("not let in");
    expect(ssh.sent).toEqual([words]);
    expect(connection.gone.aborted).toBe(true);
    expect(charged).toEqual([]);
  });
});

describe("who is no SSH client", () => {
  test("is not heard by ssh2, and its address is charged with that", () => {
    receive("GET / HTTP/1.1\r\n");
    receive("SSH-2.0-Test\r\n");
    expect(passed).toEqual([]);
    expect(charged).toEqual(["no-ssh"]);
    expect(wire.writableEnded).toBe(true);
  });

  test("a line in pieces goes on to ssh2 as one", () => {
    for (const piece of ["SSH-", "2.0-Test", "\r\nmore"]) receive(piece);
    expect(passed).toEqual(["SSH-2.0-Test\r\nmore"]);
  });
});

describe("the last words", () => {
  test("are said once, and nothing is heard behind them", () => {
    attach();
    connection.excuse();
    connection.disconnect("first");
    connection.disconnect("second");
    connection.violation("third");
    receive("more");
    expect(ssh.sent).toEqual(["11: first"]);
    expect(passed).toEqual(["SSH-2.0-Test\r\n"]);
    expect(connection.gone.aborted).toBe(true);
    expect(charged).toEqual([]);
  });

  test("leave a client that doesn't close its end two seconds", () => {
    attach();
    connection.disconnect("bye");
    vi.advanceTimersByTime(LINGER - 1);
    expect(wire.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(wire.destroyed).toBe(true);
  });

  test.each([
    ["something that the client sends", () => receive("pong")],
    ["half a second", () => vi.advanceTimersByTime(500)],
  ])("behind what is still to be shown wait for %s", async (_, happens) => {
    attach();
    connection.disconnect("bye", true);
    await nextTurn();
    expect(ssh.sent).toEqual(["ping"]);
    vi.advanceTimersByTime(499);
    expect(ssh.sent).toEqual(["ping"]);
    happens();
    expect(ssh.sent).toEqual(["ping", "11: bye"]);
  });

  test("are not said by a connection that ssh2 gave up", () => {
    attach();
    Object.assign(ssh._protocol, { _destruct: undefined });
    connection.disconnect("bye");
    expect(ssh.sent).toEqual([]);
    expect(wire.writableEnded).toBe(true);
  });
});

describe("what ssh2 can't read", () => {
  const unreadable = Object.assign(new Error("Bad packet length"), { level: "protocol" });

  test("ends a session with a protocol error", async () => {
    attach();
    await login();
    ssh.emit("error", unreadable);
    expect(ssh.sent).toEqual(["2: Protocol error"]);
  });

  test("ends a stranger's connection without a word", () => {
    attach();
    ssh.emit("error", unreadable);
    expect(ssh.sent).toEqual([]);
    expect(wire.writableEnded).toBe(true);
    expect(charged).toEqual(["no-login"]);
  });

  test("an error of the socket is none of the protocol", async () => {
    attach();
    await login();
    wire.emit("error", Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
    expect(ssh.sent).toEqual([]);
    expect(connection.gone.aborted).toBe(true);
  });
});

describe("attack: a client that asks and reads no answers", () => {
  const packets = async (count: number, size: number): Promise<void> => {
    for (let i = 0; i < count; i++) wire.write(Buffer.alloc(size));
    await nextTurn();
    receive("more");
  };

  test.each([
    ["a stranger, by bytes", false, 1, 64 * 1024],
    ["a stranger, by packets", false, 4_096, 8],
    ["a session, by bytes", true, 1, 8 * 1024 * 1024],
    ["a session, by packets", true, 4_096, 8],
  ])("is not read from until it does: %s", async (_, isLoggedIn, count, size) => {
    attach();
    if (isLoggedIn) await login();
    wire.isStuck = true;
    await packets(count, size);
    expect(wire.isPaused()).toBe(false);
    await packets(1, 1);
    expect(wire.isPaused()).toBe(true);
    const resumed = once(wire, "resume");
    wire.unstick();
    await resumed;
    expect(wire.isPaused()).toBe(false);
  });
});

test("who is gone leaves its place and is charged once, whatever is heard of it later", () => {
  attach();
  wire.emit("error", new Error("gone"));
  wire.emit("end");
  wire.emit("close");
  expect(charged).toEqual(["no-login"]);
  expect(left.times).toBeGreaterThan(0);
  expect(vi.getTimerCount()).toBe(0);
});
