import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  cpSync,
  existsSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Client } from "ssh2";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { makeInstance } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
const BIN = join(PROJECT, "dist/src/moorage.cjs");
const PATIENCE = { timeout: 60_000, interval: 50 };

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000 });

let root: string;
let children: ChildProcess[];
let clients: Client[];

beforeEach(async () => {
  root = await makeInstance();
  // Cheap hashing, so that the tests are quick.
  settings("");
  children = [];
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  const pid = pidFile();
  if (pid !== undefined && isServer(pid)) process.kill(pid, "SIGKILL");
  for (const child of children) child.kill("SIGKILL");
  await vi.waitFor(() => expect(pid !== undefined && isServer(pid)).toBe(false), PATIENCE);
  await rm(root, { recursive: true, force: true });
});

function settings(more: string): void {
  writeFileSync(join(root, "moorage.toml"), `[auth]\nargon2_memory = "1MiB"\n${more}`);
}

function file(name: string): string {
  return join(root, name);
}

/** Nobody else's process is ever signalled: it must be a server of this test's instance. */
function isServer(pid: number): boolean {
  try {
    // A zombie's command line is empty.
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(root);
  } catch {
    return false;
  }
}

function pidFile(): number | undefined {
  if (!existsSync(file("db/moorage.pid"))) return undefined;
  return Number(readFileSync(file("db/moorage.pid"), "utf8"));
}

function logged(): { msg: string; pid: number; [field: string]: unknown }[] {
  const lines = readFileSync(file("db/moorage.log"), "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
}

function environment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("MOORAGE_"));
  return { ...Object.fromEntries(kept), ...more };
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the program to its end. What it leaves running must not hold its output open. */
function moorage(
  args: string[],
  env: NodeJS.ProcessEnv = {},
  program: string = BIN,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const all = [program, "--root", root, ...args];
    execFile(process.execPath, all, { env: environment(env) }, (error, out, err) => {
      resolve({ code: error === null ? 0 : Number(error.code), out, err });
    });
  });
}

const LOOPBACK = ["--host", "127.0.0.1", "--port", "0"];

async function detach(
  args: string[] = [],
  env: NodeJS.ProcessEnv = {},
  program: string = BIN,
): Promise<Outcome & { pid: number; port: number; password: string }> {
  const outcome = await moorage(["serve", "--detach", ...LOOPBACK, ...args], env, program);
  expect(outcome).toMatchObject({ code: 0, err: "" });
  const port = Number(/listens on 127\.0\.0\.1:(\d+)$/m.exec(outcome.out)?.[1]);
  const password = /shown only this once: (\S+)$/m.exec(outcome.out)?.[1] ?? "";
  return { ...outcome, pid: pidFile() ?? 0, port, password };
}

async function gone(pid: number): Promise<void> {
  await vi.waitFor(() => expect(isServer(pid)).toBe(false), PATIENCE);
}

async function message(text: string): Promise<Record<string, unknown>> {
  return vi.waitFor(() => {
    const line = logged().find(({ msg }) => msg === text);
    if (line === undefined) throw new Error(`not logged: ${text}`);
    return line;
  }, PATIENCE);
}

/** A copy of the program whose packages lie behind symbolic links, as pnpm and others install them. */
function installByLinks(directory: string): string {
  for (const name of ["package.json", "dist/src", "dist/admin", "db/migrations"]) {
    cpSync(join(PROJECT, name), join(directory, name), { recursive: true });
  }
  symlinkSync(join(PROJECT, "node_modules"), join(directory, "node_modules"));
  return join(directory, "dist/src/moorage.cjs");
}

describe("serve --detach", () => {
  test("starts where node_modules is a symbolic link", async () => {
    const { pid } = await detach([], {}, installByLinks(file("program")));
    expect(await moorage(["stop"])).toMatchObject({ code: 0 });
    await gone(pid);
  });

  test("returns when the server listens, and leaves a daemon that only its owner can look into", async () => {
    const { out, pid, port, password } = await detach();
    expect(out).toContain(`It runs in the background (pid ${pid}) and logs to db/moorage.log.\n`);
    const client = await login({ port }, { username: "admin", password });
    clients.push(client);
    for (const name of ["db/moorage.pid", "db/moorage.log", "db/moorage.sqlite"]) {
      expect(statSync(file(name)).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(`/proc/${pid}/status`, "latin1")).toMatch(/^Umask:\s0077$/m);
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc_pid_stat(5): after the name state, parent, group, session, terminal.
    const [, , , session, terminal] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    expect({ session: Number(session), terminal }).toEqual({ session: pid, terminal: "0" });
    expect(readFileSync(file("db/moorage.log"), "utf8")).not.toContain(password);
    client.end();
    expect(await moorage(["stop"])).toMatchObject({ code: 0, out: `Stopped (pid ${pid}).\n` });
    expect(pidFile()).toBeUndefined();
    expect(logged().map(({ msg }) => msg)).toEqual(
      expect.arrayContaining(["listening", "login", "stopping", "stopped"]),
    );
  });

  test("tells why it could not start, by its exit code, too", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    try {
      const { port } = taken.address() as { port: number };
      const where = ["--host", "127.0.0.1", "--port", `${port}`];
      expect(await moorage(["serve", "--detach", ...where])).toEqual({
        code: 1,
        out: "",
        err: `moorage: can't listen on 127.0.0.1 port ${port}: the port is in use: stop what uses it, or give another --port\n`,
      });
    } finally {
      taken.close();
    }
    expect(existsSync(file("db/moorage.pid"))).toBe(false);
    settings("[limits]\nqueue = -1\n");
    const { code, err } = await moorage(["serve", "--detach"]);
    expect({ code, err }).toEqual({ code: 2, err: expect.stringMatching(/^moorage: .*queue/) });
  });

  test("twice is refused; on the same port in the foreground, too, and says who has it", async () => {
    const { pid, port } = await detach();
    expect(await moorage(["serve", "--detach", ...LOOPBACK])).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringMatching(
        new RegExp(`^moorage: .*in the background already \\(pid ${pid}\\): use .*restart.*\\n$`),
      ),
    });
    const where = ["--host", "127.0.0.1", "--port", `${port}`];
    expect(await moorage(["serve", ...where])).toMatchObject({
      code: 1,
      out: "",
      err: expect.stringContaining(`by this instance's own server (pid ${pid})`),
    });
    expect(pidFile()).toBe(pid);
  });

  test("a pid file that a crash left behind, or that names a stranger, is in nobody's way", async () => {
    const { pid } = await detach();
    process.kill(pid, "SIGKILL");
    await gone(pid);
    expect(pidFile()).toBe(pid);
    const second = await detach();
    expect(pidFile()).not.toBe(pid);
    await moorage(["stop"]);
    // As if the number had been given to another program since.
    writeFileSync(file("db/moorage.pid"), `${process.pid}\n`, { mode: 0o600 });
    const third = await detach();
    expect(third.pid).not.toBe(process.pid);
    expect(third.pid).not.toBe(second.pid);
  });
});

describe("restart", () => {
  test("stops, and starts with the same options and variables, and logs where it is told", async () => {
    settings('[log]\nfile = "db/other.log"\n');
    const first = await detach(["--limits-max-sessions=77"], { MOORAGE_LIMITS_QUEUE: "5" });
    const { code, out, err } = await moorage(["restart"], { MOORAGE_LIMITS_QUEUE: "9" });
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^Moorage \S+ listens on 127\.0\.0\.1:\d+\n/);
    for (const text of [first.out, out]) expect(text).toContain("logs to db/other.log");
    expect(existsSync(file("db/moorage.log"))).toBe(false);
    expect(isServer(first.pid)).toBe(false);
    const pid = pidFile() ?? 0;
    expect(pid).not.toBe(first.pid);
    expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).toContain("--limits-max-sessions=77\0");
    expect(readFileSync(`/proc/${pid}/environ`, "utf8")).toContain("MOORAGE_LIMITS_QUEUE=5\0");
  });

  test("of nothing is told with exit code 3", async () => {
    expect(await moorage(["restart"])).toMatchObject({
      code: 3,
      out: "",
      err: expect.stringMatching(/^moorage: no server runs on .*there is no instance in it.*\n$/),
    });
  });

  test.each([
    ["a terminal", "", /was not started by `serve --detach`.*restart it where it was started/],
    ["systemd", "SYSTEMD_EXEC_PID=$$", /is run by systemd: use `systemctl restart .+`/],
  ])("leaves a server of %s alone, and says what to use", async (_, variable, text) => {
    const command = `${variable} exec "$0" "$@"`;
    const args = [process.execPath, BIN, "--root", root, "serve", ...LOOPBACK];
    const stdio = ["ignore", "pipe", "ignore"] as const;
    const child = spawn("sh", ["-c", command, ...args], { env: environment(), stdio: [...stdio] });
    children.push(child);
    await once(child.stdout as NodeJS.ReadableStream, "data");
    await vi.waitFor(async () => expect((await moorage(["status"])).code).toBe(0), PATIENCE);
    const { code, err } = await moorage(["restart"]);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(text) });
    expect(child.exitCode).toBeNull();
    child.kill("SIGTERM");
    await once(child, "exit");
  });
});

describe("signals", () => {
  test("SIGHUP reads the settings again; wrong ones change nothing; it never ends the server", async () => {
    const { pid } = await detach();
    settings("[limits]\nmax_sessions = 77\n");
    process.kill(pid, "SIGHUP");
    expect(await message("settings read again")).toMatchObject({
      applied: ["limits.max_sessions"],
      needRestart: [],
    });
    settings("[limits]\nmax_sessions = -1\n");
    process.kill(pid, "SIGHUP");
    await message("settings not read again");
    expect((await moorage(["status"])).code).toBe(0);
  });

  test("a log that is copied and truncated goes on at its beginning", async () => {
    const { pid } = await detach();
    await message("listening");
    truncateSync(file("db/moorage.log"));
    process.kill(pid, "SIGHUP");
    await message("settings read again");
    expect(readFileSync(file("db/moorage.log"), "latin1").startsWith("{")).toBe(true);
  });

  test("a second SIGTERM ends a graceful stop at once", async () => {
    const { pid, port, password } = await detach();
    const client = await login({ port }, { username: "admin", password });
    clients.push(client);
    await new Promise<void>((resolve, reject) => {
      client.sftp((error, sftp) => {
        if (error) reject(error);
        // An upload that never ends.
        else sftp.open("/upload", "w", (failed) => (failed ? reject(failed) : resolve()));
      });
    });
    process.kill(pid, "SIGTERM");
    await message("stopping");
    // An echo of the first one counts as the first: so again, until one counts.
    await vi.waitFor(() => {
      if (isServer(pid)) process.kill(pid, "SIGTERM");
      expect(isServer(pid)).toBe(false);
    }, PATIENCE);
    expect(logged().map(({ msg }) => msg)).not.toContain("stopped");
    expect((await moorage(["status"])).code).toBe(3);
    // It had no time to remove its pid file; the next one replaces that.
    expect((await detach()).pid).not.toBe(pid);
  });
});
