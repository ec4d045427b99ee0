import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { dial, login } from "../support/ssh-client.ts";

const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
const BIN = join(
  PROJECT,
  JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")).bin.moorage,
);
const SIGNALS = join(PROJECT, "dist/src/cli/signals.js");
const LOG = join(PROJECT, "dist/src/log.js");

let root: string;
let servers: Server[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-bin-"));
  // Cheap hashing, so that the tests are quick.
  writeFileSync(
    join(root, "moorage.toml"),
    `[auth]
argon2_memory = "1MiB"
argon2_time = 1
password_min_length = 1
password_strength = 0
`,
  );
  servers = [];
});

afterEach(async () => {
  for (const { child, exited } of servers) {
    child.kill("SIGKILL");
    await exited;
  }
  rmSync(root, { recursive: true });
});

function environment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("MOORAGE_"));
  return { ...Object.fromEntries(kept), MOORAGE_ROOT: root };
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function moorage(args: string[], input = ""): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [BIN, ...args],
      { env: environment(), cwd: root },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    );
    child.stdin?.end(input);
  });
}

interface Server {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  readonly exited: Promise<number | NodeJS.Signals>;
  /** what it has printed so far */
  readonly printed: { out: string; err: string };
}

function spawnServer(...args: string[]): Server {
  const child = spawn(process.execPath, [BIN, "serve", ...args], {
    env: environment(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = { out: "", err: "" };
  child.stdout.on("data", (data) => {
    printed.out += data;
  });
  child.stderr.on("data", (data) => {
    printed.err += data;
  });
  const exited = once(child, "close").then(([code, signal]) => code ?? signal);
  const server = { child, exited, printed };
  servers.push(server);
  return server;
}

/** A server that listens, on any free port. */
async function serve(...args: string[]): Promise<Server & { port: number }> {
  const server = spawnServer("--host", "127.0.0.1", "--port", "0", ...args);
  let ended = false;
  void server.exited.then(() => {
    ended = true;
  });
  await vi.waitFor(
    () => {
      if (!ended) expect(server.printed.out).toMatch(/^Users: \d+$/m);
    },
    { timeout: 20_000, interval: 20 },
  );
  if (ended) throw new Error(`the server ended: ${server.printed.err}`);
  const port = /listens on 127\.0\.0\.1:(\d+)$/m.exec(server.printed.out)?.[1];
  return { ...server, port: Number(port) };
}

function passwordIn(text: string): string {
  return /password, shown only this once: (\S+)$/m.exec(text)?.[1] ?? "";
}

describe("serve", () => {
  test("the first start makes an admin, prints the password once, and it works", async () => {
    const server = await serve();
    const { out, err } = server.printed;
    const password = passwordIn(out);
    expect(password.length).toBeGreaterThanOrEqual(20);
    expect(out.split(password)).toHaveLength(2);
    expect(out).toMatch(new RegExp(`^ +sftp -P ${server.port} admin@localhost$`, "m"));
    expect(out.match(/SHA256:[A-Za-z0-9+/]{43}$/gm)).toHaveLength(3);
    expect(out).toMatch(/^Users: 1$/m);
    for (const line of err.trimEnd().split("\n")) expect(() => JSON.parse(line)).not.toThrow();
    expect(err).not.toContain(password);
    for (const log of [err, readFileSync(join(root, "db/moorage.sqlite"), "latin1")]) {
      expect(log).not.toContain(password);
    }
    (await login(server, { username: "admin", password })).end();
    expect(await moorage(["stop"])).toMatchObject({ code: 0, err: "" });
    expect(await server.exited).toBe(0);

    const again = await serve();
    expect(again.printed.out).toMatch(/^Users: 1$/m);
    expect(again.printed.out).not.toContain("password");
    expect(again.printed.out.match(/SHA256:\S+/g)).toEqual(out.match(/SHA256:\S+/g));
  });

  test("an instance that has users gets no admin", async () => {
    await moorage(["user", "add", "alice", "--password-stdin"], "secret\n");
    const { printed } = await serve();
    expect(printed.out).toMatch(/^Users: 1$/m);
    expect(printed.out).not.toContain("admin");
  });

  test("a port in use is one clear line and exit code 1, and the admin's password is not lost", async () => {
    const first = await serve();
    const other = mkdtempSync(join(tmpdir(), "moorage-bin-"));
    try {
      const args = ["--root", other, "--host", "127.0.0.1", "--port", `${first.port}`];
      const second = spawnServer(...args);
      expect(await second.exited).toBe(1);
      expect(second.printed).toEqual({
        out: "",
        err: expect.stringMatching(/^moorage: can't listen on .*: the port is in use.*\n$/),
      });
      const list = await moorage(["--root", other, "user", "list", "--json"]);
      expect(JSON.parse(list.out)).toEqual([]);
    } finally {
      rmSync(other, { recursive: true });
    }
  });

  test("host keys that others can read are refused in one clear line", async () => {
    const server = await serve();
    server.child.kill("SIGINT");
    expect(await server.exited).toBe(0);
    chmodSync(join(root, "keys/ssh_host_ed25519_key"), 0o644);
    const refused = spawnServer("--port", "0");
    expect(await refused.exited).toBe(1);
    expect(refused.printed).toEqual({
      out: "",
      err: expect.stringMatching(/^moorage: keys\/ssh_host_ed25519_key can be read by others.*\n$/),
    });
  });

  test("bad settings are listed before anything is made", async () => {
    writeFileSync(join(root, "moorage.toml"), "[limits]\nqueue = -1\n");
    const { code, out, err } = await moorage(["serve", "--port", "x"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^moorage: moorage\.toml:2 .*\nmoorage: --port: .*\n$/);
    expect(existsSync(join(root, "db"))).toBe(false);
  });

  test("goes on when nobody reads its output any more", async () => {
    const server = await serve("--log-level", "debug");
    server.child.stdout.destroy();
    server.child.stderr.destroy();
    const password = passwordIn(server.printed.out);
    for (const _ of [1, 2]) {
      (await login(server, { username: "admin", password })).end();
    }
    expect((await moorage(["stop"])).code).toBe(0);
    expect(await server.exited).toBe(0);
  });

  test("logs to a file when told to, and standard error stays empty", async () => {
    const server = await serve("--log-file", "db/moorage.log");
    await moorage(["stop"]);
    await server.exited;
    expect(server.printed.err).toBe("");
    const lines = readFileSync(join(root, "db/moorage.log"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(["listening", "stopping", "stopped"]);
  });
});

/** What each process tells of its event loop. */
const LOOP_DELAY = {
  p50Ms: expect.any(Number),
  p99Ms: expect.any(Number),
  maxMs: expect.any(Number),
};

describe("status and stop", () => {
  test("of an instance with two servers", async () => {
    const first = await serve();
    const second = await serve();
    const status = await moorage(["status", "--json"]);
    expect(status.code).toBe(0);
    expect(JSON.parse(status.out)).toMatchObject({
      running: true,
      pid: first.child.pid,
      listen: `127.0.0.1:${first.port}`,
      sessions: 0,
      version: expect.stringMatching(/^\d+\./),
      uptimeSeconds: expect.any(Number),
      loopDelay: LOOP_DELAY,
      nodes: [
        { pid: first.child.pid, loopDelay: LOOP_DELAY },
        { pid: second.child.pid, loopDelay: LOOP_DELAY },
      ],
    });
    const text = (await moorage(["status"])).out;
    expect(text).toMatch(/ DELAY {2}VERSION/);
    expect(text).toMatch(new RegExp(`127\\.0\\.0\\.1:${second.port} .* \\d+ ms `));
    expect(await moorage(["stop"])).toMatchObject({ code: 0, err: "" });
    expect(await Promise.all([first.exited, second.exited])).toEqual([0, 0]);
    expect(await moorage(["status"])).toMatchObject({ code: 3, err: "" });
    expect(await moorage(["stop"])).toMatchObject({ code: 3, out: "" });
  });

  test("a server that was killed is not running", async () => {
    const server = await serve();
    server.child.kill("SIGKILL");
    await server.exited;
    const status = await moorage(["status", "--json"]);
    expect(status.code).toBe(3);
    expect(JSON.parse(status.out)).toMatchObject({ running: false, nodes: [] });
    expect((await moorage(["stop"])).code).toBe(3);
  });

  test("a second signal ends a process that is still stopping, an echo of the first doesn't", async () => {
    const script = `
      import { stopSignal } from ${JSON.stringify(SIGNALS)};
      setInterval(() => {}, 1000);
      // The time of an echo is over when the test says so.
      globalThis.setTimeout = (over) => {
        process.once("SIGUSR2", () => {
          over();
          console.log("over");
        });
      };
      const stop = stopSignal();
      console.log("ready");
      console.log(await stop);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const exited = once(child, "exit");
    try {
      const lines = child.stdout.setEncoding("utf8")[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe("ready\n");
      child.kill("SIGINT");
      expect((await lines.next()).value).toBe("SIGINT\n");
      child.kill("SIGINT");
      child.kill("SIGUSR2");
      expect((await lines.next()).value).toBe("over\n");
      child.kill("SIGTERM");
      expect(await exited).toEqual([null, "SIGTERM"]);
    } finally {
      child.kill("SIGKILL");
      await exited;
    }
  });
});

describe("a log that takes nothing any more", () => {
  test("because its disk is full doesn't keep the server from ending", async () => {
    symlinkSync("/dev/full", join(root, "full.log"));
    const { child, exited } = await serve("--log-file", "full.log");
    child.kill("SIGTERM");
    expect(await exited).toBe(0);
  });

  test("because nobody reads it doesn't keep the process from ending", async () => {
    const config = { level: "info", file: "", format: "json" };
    const script = `
      import { closeLog, createLog } from ${JSON.stringify(LOG)};
      const log = createLog(${JSON.stringify(config)}, "/");
      for (let i = 0; i < 300; i++) log.info("x".repeat(1000));
      await closeLog(log);
      process.exit(7);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "ignore", "pipe"],
      timeout: 25_000,
      killSignal: "SIGKILL",
    });
    expect(await once(child, "exit")).toEqual([7, null]);
  });
});

describe("changes take effect at once on open sessions", () => {
  async function open(name: string, server: { port: number }) {
    const connection = dial(server, { username: name, password: "secret" });
    await connection.ready;
    return connection;
  }

  test("disable ends them, and enable lets in again", async () => {
    await moorage(["user", "add", "alice", "--password-stdin"], "secret\n");
    const server = await serve();
    const session = await open("alice", server);
    const status = JSON.parse((await moorage(["status", "--json"])).out);
    expect(status.sessions).toBe(1);
    const [alice] = JSON.parse((await moorage(["user", "list", "--json"])).out);
    expect(alice.lastLoginAt).toMatch(/^\d{4}-.*Z$/);
    await moorage(["user", "disable", "alice"]);
    await session.closed;
    const refused = dial(server, { username: "alice", password: "secret" });
    await expect(refused.ready).rejects.toThrow();
    await moorage(["user", "enable", "alice"]);
    (await open("alice", server)).client.end();
  });

  test("remove ends them, then deletes the home", async () => {
    await moorage(["user", "add", "alice", "--password-stdin"], "secret\n");
    const server = await serve();
    const session = await open("alice", server);
    const removed = await moorage(["user", "remove", "alice", "--delete-home"]);
    expect(removed).toEqual({ code: 0, out: "Removed alice; its home is deleted.\n", err: "" });
    await session.closed;
    expect(existsSync(join(root, "homes/alice"))).toBe(false);
  });
});

describe("the program", () => {
  test("reads a password from a pipe, of one line, and prints no secrets", async () => {
    const added = await moorage(["user", "add", "alice", "--password-stdin"], "secret one\nmore\n");
    expect(added).toMatchObject({ code: 0, err: "" });
    expect(added.out).not.toContain("secret");
    const shown = await moorage(["user", "show", "alice", "--json"]);
    expect(JSON.parse(shown.out)).toMatchObject({ name: "alice", quotaBytes: 10_240_000_000 });
    expect(shown.out).not.toContain("argon2");
  });

  test("commands at the same time don't get in each other's way", async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const added = await Promise.all(names.map((name) => moorage(["user", "add", name], "")));
    expect(added.map(({ code, err }) => ({ code, err }))).toEqual(
      names.map(() => ({ code: 0, err: "" })),
    );
    const list = JSON.parse((await moorage(["user", "list", "--json"])).out);
    expect(list.map((user: { name: string }) => user.name)).toEqual(names);
  });

  test("can be executed as it was built", () => {
    expect(() => accessSync(BIN, constants.X_OK)).not.toThrow();
  });

  test("the exit codes", async () => {
    expect((await moorage(["--version"])).code).toBe(0);
    expect((await moorage(["user", "list"])).code).toBe(1);
    expect((await moorage(["nonsense"])).code).toBe(2);
    expect((await moorage(["status"])).code).toBe(3);
  });
});
