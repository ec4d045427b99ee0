import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type EmptyInstance, moorage, openInstance, spawnServer } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 120_000 });

const PROGRAM = fileURLToPath(new URL("../../dist/src/moorage.cjs", import.meta.url));
const CHEAP = { MOORAGE_AUTH_ARGON2_MEMORY: "1MiB", MOORAGE_AUTH_ARGON2_TIME: "1" };
const USERS = 300;

let instance: EmptyInstance;
let file: string;
let passwords: string;

beforeEach(async () => {
  instance = await openInstance([]);
  file = join(instance.root, "users.csv");
  passwords = join(instance.root, "users.passwords.csv");
  const names = Array.from({ length: USERS }, (_, at) => `u${at}\n`);
  writeFileSync(file, `name\n${names.join("")}`);
});

afterEach(() => instance.close());

interface Import {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
}

function startImport(): Import {
  const args = [PROGRAM, "--root", instance.root, "user", "import", file];
  const env = { ...process.env, ...CHEAP };
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], env });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { child, ended };
}

/** Kills it when it has said so many lines about its progress. */
function killAtLine(child: ChildProcess, line: number): () => void {
  let text = "";
  child.stderr?.on("data", (bytes: Buffer) => {
    text += bytes.toString();
    if (text.split("\n").length > line) child.kill("SIGKILL");
  });
  return () => {};
}

/** Kills it when something of that name is made in that directory. */
function killAtFile(child: ChildProcess, directory: string, name: string): () => void {
  const watcher = watch(directory, (_, made) => {
    if (made === name) child.kill("SIGKILL");
  });
  return () => watcher.close();
}

async function expectAllOrNone(): Promise<void> {
  const count = await instance.store.users.count();
  expect([0, USERS]).toContain(count);
  if (count === 0) return;
  const lines = readFileSync(passwords, "utf8").trim().split("\n");
  expect(lines).toHaveLength(USERS + 1);
}

test.each([
  ["at its first passwords", (child: ChildProcess) => killAtLine(child, 1)],
  ["at its last passwords", (child: ChildProcess) => killAtLine(child, 10)],
  [
    "at its first home",
    (child: ChildProcess) => killAtFile(child, join(instance.root, "homes"), "u0"),
  ],
  [
    "at its last home",
    (child: ChildProcess) => killAtFile(child, join(instance.root, "homes"), `u${USERS - 1}`),
  ],
  [
    "at its file of passwords",
    (child: ChildProcess) => killAtFile(child, instance.root, "users.passwords.csv"),
  ],
])(
  "attack: kill -9 %s leaves no user or all, and the same file can be imported again",
  async (_, killing) => {
    const { child, ended } = startImport();
    const stop = killing(child);
    await ended;
    stop();
    await expectAllOrNone();
    if ((await instance.store.users.count()) > 0) return;
    rmSync(passwords, { force: true });
    expect(await startImport().ended).toBe(0);
    expect(await instance.store.users.count()).toBe(USERS);
    const users = await instance.store.users.list();
    expect(users.every(({ enabled, usedFiles }) => enabled && usedFiles === 0)).toBe(true);
  },
);

test("a fault in the last line, and nothing is there of the others", async () => {
  writeFileSync(file, `${readFileSync(file, "utf8")}u0\n`);
  const { code, stderr } = await moorage(instance.root, "user", "import", file);
  expect(code).toBe(1);
  expect(stderr).toContain(`line ${USERS + 2}: "u0" is in line 2 already`);
  expect(await instance.store.users.count()).toBe(0);
  expect(existsSync(passwords)).toBe(false);
  expect(readdirSync(join(instance.root, "homes"))).not.toContain("u0");
});

test("who was imported beside a running server logs in with the password in the file", async () => {
  const server = await spawnServer(instance.root);
  try {
    expect(await startImport().ended).toBe(0);
    const [name = "", password = ""] =
      readFileSync(passwords, "utf8").trim().split("\n").at(-1)?.split(",") ?? [];
    expect(name).toBe(`u${USERS - 1}`);
    const client = await login(server, { username: name, password });
    client.end();
  } finally {
    server.child.kill("SIGTERM");
    await server.exited;
  }
});
