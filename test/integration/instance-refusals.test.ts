import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Driver as Database } from "../../src/store/database-driver.ts";
import {
  makeInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
  TEST_PASSWORD,
} from "../support/server.ts";
import { dial, login } from "../support/ssh-client.ts";

/** The newest schema there is. */
const NEWEST = readdirSync(new URL("../../db/migrations", import.meta.url))
  .filter((name) => name.endsWith(".sql"))
  .map((name) => Number.parseInt(name, 10))
  .sort((a, b) => a - b)
  .at(-1);

let root: string;
let server: SpawnedServer | undefined;

/** An instance with two users, whose store is closed: ann has a file. */
beforeEach(async () => {
  const instance = await openInstance([{ name: "ann" }, { name: "bob" }]);
  root = await makeInstance();
  writeFileSync(join(instance.home("ann"), "file"), "content");
  await instance.control.rescan("ann");
  await instance.store.close();
  rmSync(root, { recursive: true });
  renameSync(instance.root, root);
});

afterEach(async () => {
  await server?.kill();
  server = undefined;
  rmSync(root, { recursive: true, force: true });
});

const path = (...names: string[]): string => join(root, ...names);

/** Something only another program would do to the database. */
function change(sql: string): void {
  const database = new Database(path("db/moorage.sqlite"));
  database.exec(sql);
  database.close();
}

const USING_FILES = [
  ["serve", "--port", "0", "--host", "127.0.0.1"],
  ["user", "add", "carol", "--generate"],
  ["user", "list"],
  ["usage"],
  ["usage", "--rescan"],
];

/** Each command says the same in one line, fails with exit code 1, and makes no home. */
async function refused(reason: RegExp, commands: readonly string[][] = USING_FILES): Promise<void> {
  const before = existsSync(path("homes")) ? readdirSync(path("homes")) : undefined;
  for (const args of commands) {
    const { code, stderr, stdout } = await moorage(root, ...args);
    expect({ args, code, stdout, lines: stderr.trim().split("\n").length }).toEqual({
      args,
      code: 1,
      stdout: "",
      lines: 1,
    });
    expect(stderr).toMatch(reason);
  }
  expect(existsSync(path("homes")) ? readdirSync(path("homes")) : undefined).toEqual(before);
}

/** The login is right, and the user is told that the files can't be reached. */
async function kept(target: SpawnedServer, username: string): Promise<void> {
  const { ready, disconnects } = dial(target, { username, password: TEST_PASSWORD });
  await expect(ready).rejects.toThrow();
  expect(disconnects.join()).toContain("Your files can't be reached now");
}

async function logged(target: SpawnedServer, text: RegExp): Promise<void> {
  await vi.waitFor(() => expect(target.output()).toMatch(text), { timeout: 10_000 });
}

/** The commands go on where they were. */
async function works(): Promise<void> {
  const { code, stderr, stdout } = await moorage(root, "usage", "--json");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject([
    { name: "ann", usedBytes: 7, files: 1 },
    { name: "bob", usedBytes: 0, files: 0 },
  ]);
}

test("a database of a newer version is refused by every command", async () => {
  change("PRAGMA user_version = 999");
  const all = [...USING_FILES, ["status"], ["logs"], ["stop"], ["restart"]];
  await refused(/made by a newer version .*\(schema 999, this one knows \d+\): use that ver/, all);
  change(`PRAGMA user_version = ${NEWEST}`);
  await works();
});

describe("homes without their database", () => {
  const STARTING = USING_FILES.slice(0, 2);

  test("a database that is missing is not made anew beside them, with a fresh admin", async () => {
    renameSync(path("db"), path("elsewhere"));
    await refused(/homes\/ holds .*\(ann, bob\), but db\/moorage\.sqlite is missing/, STARTING);
    expect(existsSync(path("db/moorage.sqlite"))).toBe(false);
    rmSync(path("db"), { recursive: true });
    renameSync(path("elsewhere"), path("db"));
    await works();
  });

  test("an empty database file is none", async () => {
    truncateSync(path("db/moorage.sqlite"));
    await refused(/db\/moorage\.sqlite is missing or empty: mount or restore db\//);
  });

  test("a database without users is not theirs, whatever made it", async () => {
    rmSync(path("homes/.moorage"));
    rmSync(path("db/moorage.sqlite"));
    change("CREATE TABLE something (value)");
    await refused(/db\/moorage\.sqlite has no users: mount or restore db\//);
  });

  test("a database of another instance is refused", async () => {
    change("UPDATE instance SET id = 'another'");
    await refused(/homes\/ belongs to another instance than db\//);
  });

  test("a new disk's lost+found is nobody's home", async () => {
    const fresh = await makeInstance();
    mkdirSync(join(fresh, "homes", "lost+found"));
    expect((await moorage(fresh, "user", "add", "carol", "--generate")).code).toBe(0);
    rmSync(fresh, { recursive: true });
  });
});

describe("homes that are not mounted", () => {
  test("are not made anew on the disk below", async () => {
    renameSync(path("homes"), path("elsewhere"));
    await refused(/are not in homes\/ .*: mount or restore homes\//);
    mkdirSync(path("homes"));
    await refused(/are not in homes\/ .*: mount or restore homes\//);
    rmSync(path("homes"), { recursive: true });
    renameSync(path("elsewhere"), path("homes"));
    await works();
  });

  test("what the refusal names lets the instance go on without its files", async () => {
    rmSync(path("homes"), { recursive: true });
    mkdirSync(path("homes"));
    const { stderr } = await moorage(root, "usage");
    const [, id, file] = /echo (\w+) > (.+)\n$/.exec(stderr) ?? [];
    writeFileSync(file as string, `${id}\n`);
    expect((await moorage(root, "usage", "--rescan")).code).toBe(0);
  });

  test("while the server runs nobody is let in, and nothing is made; status and stop work", async () => {
    server = await spawnServer(root);
    renameSync(path("homes"), path("elsewhere"));
    mkdirSync(path("homes"));
    await kept(server, "ann");
    await logged(server, /homes\/ is not the one of this instance/);
    expect(readdirSync(path("homes"))).toEqual([]);
    expect((await moorage(root, "status")).code).toBe(0);
    expect((await moorage(root, "restart")).stderr).toMatch(/mount or restore homes\//);
    rmSync(path("homes"), { recursive: true });
    renameSync(path("elsewhere"), path("homes"));
    (await login(server, { username: "ann" })).end();
    renameSync(path("homes"), path("elsewhere"));
    expect((await moorage(root, "stop")).code).toBe(0);
  });
});

describe("an instance of a version that made no marks", () => {
  beforeEach(() => {
    rmSync(path("homes/.moorage"));
    change("UPDATE instance SET marked = 0");
  });

  test("is marked by the first command, once", async () => {
    await works();
    const mark = readFileSync(path("homes/.moorage"), "utf8");
    expect(mark).toMatch(/^[0-9a-f]{32}\n$/);
    await works();
    expect(readFileSync(path("homes/.moorage"), "utf8")).toBe(mark);
  });

  test("is refused when none of its homes are there", async () => {
    renameSync(path("homes"), path("elsewhere"));
    mkdirSync(path("homes"));
    await refused(/are not in homes\/ .*: mount or restore homes\//);
  });
});

describe("one home", () => {
  test("a symbolic link in its place is not followed", async () => {
    renameSync(path("homes/ann"), path("elsewhere"));
    symlinkSync(path("elsewhere"), path("homes/ann"));
    await refused(/homes\/ann is a symbolic link: .*mount --bind/, [["usage", "ann", "--rescan"]]);
    server = await spawnServer(root);
    await kept(server, "ann");
    await logged(server, /homes\/ann is a symbolic link/);
    (await login(server, { username: "bob" })).end();
  });

  test("one that is gone is not made anew while its books know files", async () => {
    rmSync(path("homes/ann"), { recursive: true });
    rmSync(path("homes/bob"), { recursive: true });
    server = await spawnServer(root);
    await kept(server, "ann");
    await logged(server, /homes\/ann is missing.*usage ann --rescan/);
    expect(existsSync(path("homes/ann"))).toBe(false);
    (await login(server, { username: "bob" })).end();
    expect((await moorage(root, "usage", "ann", "--rescan")).code).toBe(0);
    (await login(server, { username: "ann" })).end();
    expect(existsSync(path("homes/ann"))).toBe(true);
  });
});

test("host keys that are gone are not made anew: all clients would meet another server", async () => {
  server = await spawnServer(root);
  await server.kill();
  renameSync(path("keys"), path("elsewhere"));
  await refused(/host keys of this instance are not in keys\/: mount or restore keys\//, [
    ["serve", "--port", "0", "--host", "127.0.0.1"],
  ]);
  expect(readdirSync(path("keys"))).toEqual([]);
  await works();
  rmSync(path("keys"), { recursive: true });
  renameSync(path("elsewhere"), path("keys"));
  server = await spawnServer(root);
});
