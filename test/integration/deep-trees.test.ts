import { execFileSync } from "node:child_process";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { OpenFlag, StatusCode } from "../../src/sftp/wire/constants.ts";
import { walk } from "../../src/vfs/walk.ts";
import { booksEqualDisk } from "../support/books.ts";
import { onDisk } from "../support/instance.ts";
import { type Ended, PacketConnection } from "../support/packet-client.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import type { SftpClient } from "../support/sftp-client.ts";

/** Directories one inside the other, and how many of them a client makes at once by their paths. */
const LEVELS = 16_000;
const STEP = 50;

/** What the server may have open: far less than the tree has levels. */
const DESCRIPTORS = 256;

const TIMEOUT = 180_000;
const CONTENT = "at the bottom";

let instance: EmptyInstance;
let server: SpawnedServer;
let connection: PacketConnection;
let sftp: SftpClient;

beforeAll(async () => {
  instance = await openInstance([{ name: "ann" }, { name: "bob" }, { name: "zoe" }]);
  server = await spawnServer(instance.root);
  const limit = ["--pid", `${server.child.pid}`, `--nofile=${DESCRIPTORS}`];
  execFileSync("prlimit", limit);
  const login = { ident: "test", methods: ["password"], password: "secret" } as const;
  connection = await PacketConnection.open(server, login);
  sftp = await connection.sftp();
  await sftp.init();
  await makeDeep();
}, TIMEOUT);

afterAll(async () => {
  connection?.drop();
  await server?.kill();
  await instance?.close();
}, TIMEOUT);

/** Makes /deep by rename chains: a new chain, and what there is moved to its end, again and again. */
async function makeDeep(): Promise<void> {
  const r = sftp.requests;
  const handle = await sftp.open("file", OpenFlag.WRITE | OpenFlag.CREAT);
  await sftp.all(r.write(handle, 0, CONTENT), r.close(handle));
  await sftp.ok(r.mkdir("deep"), r.rename("file", "deep/file"));
  for (let levels = 1; levels < LEVELS; levels += STEP) {
    let path = "next";
    const made = [r.mkdir(path)];
    for (let level = 1; level < STEP; level += 1) {
      path += "/d";
      made.push(r.mkdir(path));
    }
    await sftp.ok(...made, r.rename("deep", `${path}/d`), r.rename("next", "deep"));
  }
}

function depth(): number {
  let directories = 0;
  for (const found of walk(join(instance.home("ann"), "deep"))) {
    if (found?.stat.isDirectory()) directories += 1;
  }
  return directories + 1;
}

/** Runs a command in the user's shell while it is watched how many descriptors the server has. */
async function watched(
  command: string,
  input: string | Buffer = "",
): Promise<Ended & { fds: number }> {
  let fds = 0;
  const look = setInterval(() => {
    fds = Math.max(fds, readdirSync(`/proc/${server.child.pid}/fd`).length);
  }, 5);
  try {
    return { ...(await connection.exec(command, input)), fds };
  } finally {
    clearInterval(look);
  }
}

test("rename chains make trees deeper than any path", async () => {
  expect(depth()).toBeGreaterThanOrEqual(LEVELS);
  const reply = await sftp.call(sftp.requests.lstat(`deep${"/d".repeat(300)}`));
  expect(reply.code).toBe(StatusCode.BAD_MESSAGE);
  await booksEqualDisk(instance);
});

test("the shell counts and searches a tree of any depth in a few descriptors", {
  timeout: TIMEOUT,
}, async () => {
  const levels = depth();
  const du = await watched("du -sb deep");
  expect(du).toMatchObject({ code: 0, stdout: `${CONTENT.length}\tdeep\n`, stderr: "" });
  const find = await watched("find deep -name file");
  expect(find).toMatchObject({ code: 0, stderr: "" });
  expect(find.stdout.split("/")).toHaveLength(levels + 1);
  const empty = await watched("find deep -type d -empty");
  expect(empty).toMatchObject({ code: 0, stdout: "", stderr: "" });
  for (const { fds } of [du, find, empty]) expect(fds).toBeLessThan(100);
});

test("scp sends a tree of any depth", { timeout: TIMEOUT }, async () => {
  const levels = depth();
  const { code, stdout } = await watched("scp -r -f deep", Buffer.alloc(3 * levels + 10));
  expect(code).toBe(0);
  expect(stdout.match(/^D0755 0 (?:d|deep)$/gm)).toHaveLength(levels);
  expect(stdout).toContain(`C0644 ${CONTENT.length} file\n${CONTENT}\0E\n`);
  expect(stdout.match(/(?<=[\n\0])E$/gm)).toHaveLength(levels);
});

test("a rescan counts a tree of any depth, and one home that fails doesn't stop the others", {
  timeout: TIMEOUT,
}, async () => {
  const ann = await moorage(instance.root, "usage", "ann", "--rescan", "--json");
  expect(ann).toMatchObject({ code: 0, stderr: "" });
  const { usedBytes, files } = JSON.parse(ann.stdout);
  expect({ bytes: usedBytes, files }).toEqual(onDisk(instance.home("ann")));
  // What should be a home is a file, and zoe's figures are wrong.
  execFileSync("rm", ["-rf", instance.home("bob")]);
  writeFileSync(instance.home("bob"), "");
  writeFileSync(join(instance.home("zoe"), "new"), "12345");
  const all = await moorage(instance.root, "usage", "--rescan", "--json");
  expect(all.code).toBe(1);
  expect(all.stderr).toMatch(/^moorage: bob not counted again, .*\n$/);
  const found = JSON.parse(all.stdout) as { name: string; usedBytes: number }[];
  expect(found.find(({ name }) => name === "zoe")?.usedBytes).toBe(5);
  expect(found.find(({ name }) => name === "ann")?.usedBytes).toBe(usedBytes);
});

test("the shell copies and removes a tree of any depth, and the usage is the disk's", {
  timeout: TIMEOUT,
}, async () => {
  const levels = depth();
  const copy = await watched("cp -rp deep copy");
  expect(copy).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(onDisk(join(instance.home("ann"), "copy"))).toEqual({
    bytes: CONTENT.length,
    files: levels,
  });
  await booksEqualDisk(instance);
  const removed = await watched("rm -r deep");
  expect(removed).toMatchObject({ code: 0, stdout: "", stderr: "" });
  expect(readdirSync(instance.home("ann"))).toEqual(["copy"]);
  await booksEqualDisk(instance);
  for (const { fds } of [copy, removed]) expect(fds).toBeLessThan(100);
});

test("a user whose tree is deeper than any path is removed with it", {
  timeout: TIMEOUT,
}, async () => {
  const gone = await moorage(instance.root, "user", "remove", "ann", "--delete-home");
  expect(gone).toMatchObject({ code: 0, stderr: "" });
  expect(readdirSync(join(instance.root, "homes"))).toEqual([".moorage", "bob", "zoe"]);
});
