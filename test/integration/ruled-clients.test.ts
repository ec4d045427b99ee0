import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, statSync, truncateSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { Desk, DONE } from "../support/desk.ts";
import { onDisk } from "../support/instance.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { type CommandResult, ssh } from "../support/ssh-client.ts";
import { Mount, run, runOk } from "../support/sshfs.ts";

// What docs/clients.md says of folders where files can only be added or dropped.

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const desk = new Desk();
let instance: EmptyInstance;
let server: SpawnedServer;
let ann: { user: string; key: string };
let count = 0;
let name = "";

async function admin(...args: string[]): Promise<string> {
  const done = await moorage(instance.root, ...args);
  expect([done.code, done.stderr]).toEqual([0, ""]);
  return done.stdout;
}

const disk = (...rest: string[]): string => [`${instance.root}/homes/@${name}`, ...rest].join("/");
const stored = (): string[] => readdirSync(disk()).sort();
const shell = (line: string): Promise<CommandResult> => ssh({ port: server.port }, [line], ann);

/** Our own client, with a home of its own. */
function client(...args: string[]) {
  return run(process.execPath, clientArgs(args), { env: clientEnv() });
}

function startClient(...args: string[]) {
  const env = { ...process.env, ...clientEnv() };
  return spawn(process.execPath, clientArgs(args), { env, stdio: "ignore" });
}

function clientEnv() {
  return Object.fromEntries(
    ["HOME", "XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"].map((key) => [
      key,
      desk.path("config"),
    ]),
  );
}

function clientArgs([command = "", ...rest]: string[]): string[] {
  const flags = ["-P", String(server.port), "-i", desk.keyFile, "--accept-new"];
  return ["dist/src/moorage.cjs", command, ...flags, ...rest];
}

async function counted(): Promise<void> {
  const { usedBytes: bytes, files } = JSON.parse(await admin("folder", "show", name, "--json"));
  expect({ bytes, files }).toEqual(onDisk(disk()));
}

beforeAll(async () => {
  const users = ["ann", "bob"].map((user) => ({ name: user, keys: [desk.key.public] }));
  instance = await openInstance(users);
  server = await spawnServer(instance.root, [], { workers: 2 });
  desk.target = { port: server.port };
  ann = { user: "ann", key: desk.keyFile };
  desk.file("small", "small\n");
  desk.file("big", 3_000_000);
  mkdirSync(desk.path("config"));
  mkdirSync(desk.path("tree", "sub"), { recursive: true });
  desk.file("tree/x", "x");
  desk.file("tree/sub/y", "y");
});

afterAll(async () => {
  await server.kill();
  await instance.close();
  desk.clear();
});

beforeEach(async () => {
  count += 1;
  name = `f${count}`;
  await admin("folder", "add", name, "--quota", "100MB");
  await admin("folder", "share", name, "bob");
  const bob = { user: "bob", key: desk.keyFile };
  const made = [`put ${desk.path("small")} ${name}/theirs`, `mkdir ${name}/dir`];
  expect(await desk.sftp(made, bob)).toMatchObject(DONE);
});

describe("add", () => {
  beforeEach(() => admin("folder", "share", name, "ann", "--access", "add"));

  it.each([
    ["sftp put -R", () => desk.sftp([`put -pR ${desk.path("tree")} ${name}/`], ann)],
    ["scp -r", () => desk.scp(["-pr", desk.path("tree"), `remote:${name}/`], ann)],
    ["scp -O -r", () => desk.scp(["-Opr", desk.path("tree"), `remote:${name}/`], ann)],
    ["moorage put -r", () => client("put", "-r", desk.path("tree"), `ann@127.0.0.1:${name}/`)],
  ])("%s uploads a directory, once", async (_client, upload) => {
    expect((await upload()).code).toBe(0);
    expect(readFileSync(disk("tree", "sub", "y"), "utf8")).toBe("y");
    desk.file("tree/sub/y", "z");
    expect((await upload()).code).not.toBe(0);
    expect(readFileSync(disk("tree", "sub", "y"), "utf8")).toBe("y");
    desk.file("tree/sub/y", "y");
    await counted();
  });

  it("moorage put gives a file its name when it is whole, and overwrites none", async () => {
    const target = `ann@127.0.0.1:${name}/`;
    expect((await client("put", desk.path("big"), `${target}big`)).code).toBe(0);
    expect(readFileSync(disk("big"))).toEqual(desk.read("big"));
    const over = await client("put", desk.path("big"), `${target}theirs`);
    expect(over.code).toBe(1);
    expect(over.stderr).toContain("permission denied");
    expect(readFileSync(disk("theirs"), "utf8")).toBe("small\n");
    expect(stored()).toEqual(["big", "dir", "theirs"]);
    await counted();
  });
});

describe.each(["add", "drop"])("%s", (access) => {
  it("moorage put that was cut is done by another session, from its beginning", async () => {
    await admin("folder", "share", name, "ann", "--access", access);
    const source = desk.file(`large-${name}`, 1);
    truncateSync(source, 400_000_000);
    await admin("folder", "set", name, "--quota", "none");
    const cut = startClient("put", source, `ann@127.0.0.1:${name}/large`);
    await vi.waitFor(() => expect(onDisk(disk()).bytes).toBeGreaterThan(10_000_000), {
      timeout: 30_000,
      interval: 5,
    });
    cut.kill("SIGKILL");
    await once(cut, "exit");
    expect(stored()).not.toContain("large");
    const done = await client("put", source, `ann@127.0.0.1:${name}/large`);
    expect([done.code, done.stderr]).toEqual([0, ""]);
    expect(statSync(disk("large")).size).toBe(400_000_000);
  });
});

describe("drop", () => {
  beforeEach(() => admin("folder", "share", name, "ann", "--access", "drop"));

  it.each([
    ["sftp", () => desk.sftp([`put -p ${desk.path("big")} ${name}/theirs`], ann)],
    ["scp", () => desk.scp(["-p", desk.path("big"), `remote:${name}/theirs`], ann)],
    ["scp -O", () => desk.scp(["-Op", desk.path("big"), `remote:${name}/theirs`], ann)],
    ["moorage put", () => client("put", desk.path("big"), `ann@127.0.0.1:${name}/theirs`)],
  ])("%s uploads a large file, whatever has its name", async (_client, upload) => {
    expect((await upload()).code).toBe(0);
    expect(stored()).toHaveLength(3);
    const other = stored().find((one) => one.startsWith("theirs-")) ?? "";
    expect(readFileSync(disk(other))).toEqual(desk.read("big"));
    expect(readFileSync(disk("theirs"), "utf8")).toBe("small\n");
    await counted();
  });

  it.each([
    ["sftp put -R", () => desk.sftp([`put -R ${desk.path("tree")} ${name}/`], ann)],
    ["scp -r", () => desk.scp(["-r", desk.path("tree"), `remote:${name}/`], ann)],
    ["scp -O -r", () => desk.scp(["-Or", desk.path("tree"), `remote:${name}/`], ann)],
    ["moorage put -r", () => client("put", "-r", desk.path("tree"), `ann@127.0.0.1:${name}/`)],
  ])("%s makes no directory there", async (_client, upload) => {
    expect((await upload()).code).not.toBe(0);
    expect(stored()).toEqual(["dir", "theirs"]);
  });

  it("takes the same name twice from one session", async () => {
    const puts = [1, 2].map(() => `put ${desk.path("small")} ${name}/twice`);
    expect(await desk.sftp(puts, ann)).toMatchObject(DONE);
    expect(stored().filter((one) => one.startsWith("twice"))).toHaveLength(2);
  });

  it.each([
    "ls -laR NAME",
    "find NAME; ls -d */",
    "du -a NAME",
    "echo NAME/* NAME/t*",
    "cat NAME/theirs",
    "md5sum NAME/theirs NAME/*",
    "cp -r NAME copy && find copy",
    "test -e NAME/theirs && echo theirs",
    "df; quota",
  ])("the shell's %s shows nothing of what is in it", async (line) => {
    const { stdout, stderr } = await shell(line.replaceAll("NAME", name));
    const said = (stdout + stderr).replaceAll(`${name}/theirs: No such file`, "");
    expect(said).not.toMatch(/theirs|\bdir\b/);
    await shell("rm -r copy");
  });

  it("gives nothing to sftp and scp", async () => {
    for (const got of [
      await desk.sftp([`get ${name}/theirs ${desk.path("got")}`], ann),
      await desk.scp([`remote:${name}/theirs`, desk.path("got")], ann),
      await desk.scp(["-O", `remote:${name}/theirs`, desk.path("got")], ann),
    ]) {
      expect(got.code).not.toBe(0);
    }
    await desk.scp(["-r", `remote:${name}`, desk.path(`copy-${name}`)], ann);
    await desk.scp(["-Or", `remote:${name}`, desk.path(`old-${name}`)], ann);
    expect(readdirSync(desk.path(`copy-${name}`))).toEqual([]);
    expect(readdirSync(desk.path(`old-${name}`))).toEqual([]);
  });
});

describe("sshfs of a home with folders in it", () => {
  it("tells each one's space, moves across by copying, and takes a git repository", async () => {
    await admin("folder", "share", name, "ann");
    const path = desk.path(`mount-${name}`);
    const mount = await Mount.open(server, path, {
      key: desk.keyFile,
      options: ["workaround=renamexdev"],
    });
    try {
      await runOk("sh", ["-c", `printf mine > '${mount.at("mine")}'`]);
      await runOk("mv", [mount.at("mine"), mount.at(name, "moved")]);
      expect(readFileSync(disk("moved"), "utf8")).toBe("mine");
      expect(await runOk("df", ["--output=size,target", mount.at(name)])).toContain("97656");
      const repository = desk.path(`repository-${name}`);
      await runOk("git", ["init", "-q", repository]);
      const as = ["-c", "user.name=ann", "-c", "user.email=ann@example.org"];
      const commit = [...as, "commit", "-q", "--allow-empty", "-m", "first"];
      await runOk("git", ["-C", repository, ...commit]);
      await runOk("git", ["clone", "-q", repository, mount.at(name, "clone")]);
      const safe = ["-c", "safe.directory=*"];
      const log = await runOk("git", [
        ...safe,
        "-C",
        mount.at(name, "clone"),
        "log",
        "--format=%s",
      ]);
      expect(log.trim()).toBe("first");
      await runOk("rm", ["-rf", mount.at(name, "clone")]);
      await runOk("mv", [mount.at(name, "moved"), mount.at("back")]);
      expect(stored()).toEqual(["dir", "theirs"]);
    } finally {
      await mount.close();
    }
    await counted();
  });
});
