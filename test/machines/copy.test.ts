import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, beforeAll, expect, test } from "vitest";
import { run as runCommand } from "../../src/cli/run.ts";
import { type Cluster, startCluster } from "../support/postgres.ts";
import { moorage as moorageApart, type SpawnedServer, spawnServer } from "../support/server.ts";
import { makeKey, sftp } from "../support/ssh-client.ts";

const key = makeKey();
const EVENTS = `[[events]]
name = "all"
kinds = ["all"]
command = ["/bin/false"]
[trash]
keep = "1d"
`;

/** All that people can see of an instance. */
const VIEWS: readonly (readonly string[])[] = [
  ["user", "list"],
  ["user", "show", "ann"],
  ["user", "show", "bob"],
  ["user", "totp", "ann"],
  ["user", "access", "bob"],
  ["group", "list"],
  ["folder", "list"],
  ["folder", "show", "inbox"],
  ["trash", "bob", "list"],
  ["ca", "list"],
  ["penalties"],
  ["usage"],
];

let cluster: Cluster;
let root: string;
let url: string;
let server: SpawnedServer | undefined;

beforeAll(async () => {
  cluster = await startCluster();
  url = cluster.createDatabase();
  root = mkdtempSync(join(tmpdir(), "moorage-copy-"));
});

afterAll(async () => {
  await server?.kill();
  await cluster.remove();
  rmSync(root, { recursive: true, force: true });
});

/** Runs a command of the command line, in this process. */
async function moorage(...args: readonly string[]) {
  let [out, err] = ["", ""];
  const io = {
    env: {},
    stdin: new PassThrough().end(),
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
    colour: false,
  };
  const code = await runCommand(["--root", root, ...args], io);
  return { code, out, err };
}

/** One that does what it should. */
async function run(...args: string[]): Promise<string> {
  const { code, out, err } = await moorage(...args);
  expect([args.join(" "), code, err]).toEqual([args.join(" "), 0, ""]);
  return out;
}

async function views(): Promise<unknown[]> {
  const found: unknown[] = [];
  for (const view of VIEWS) found.push([view, JSON.parse(await run(...view, "--json"))]);
  return found;
}

/** Of the audit trail: what was done, not what these commands add to it. */
async function records(): Promise<readonly { readonly id: number; readonly kind: string }[]> {
  return JSON.parse(await run("logs", "--json"));
}

/** What is wrong with the instance, with all homes counted. */
async function faults(): Promise<readonly unknown[]> {
  const { out } = await moorage("check", "--homes", "--json");
  const { findings } = JSON.parse(out) as { findings: { level: string }[] };
  return findings.filter(({ level }) => level === "error");
}

async function populate(): Promise<void> {
  const file = join(root, "key.pub");
  writeFileSync(join(root, "moorage.toml"), EVENTS);
  writeFileSync(file, key.public);
  writeFileSync(join(root, "key"), key.private, { mode: 0o600 });
  for (const name of ["ann", "bob", "zoe"]) {
    await run("user", "add", name, "--key", file, "--quota", "5MB");
  }
  await run("user", "remove", "zoe");
  await run(
    "user",
    "set",
    "bob",
    "--expires",
    "30d",
    "--from",
    "127.0.0.0/8",
    "--max-sessions",
    "3",
  );
  await run("group", "add", "team", "--quota", "7MB");
  await run("group", "join", "team", "bob");
  await run("folder", "add", "inbox", "--quota", "1MB");
  await run("folder", "share", "inbox", "@team", "--at", "/in box", "--access", "add");
  await run("user", "access", "bob", "/private", "none");
  await run("ca", "add", file);
  await run("ban", "192.0.2.7");
  await run("user", "totp", "ann", "enroll", "--no-confirm");
}

async function put(user: string, ...commands: string[]): Promise<void> {
  if (server === undefined) throw new Error("no server");
  const { code, stderr } = await sftp(server, commands, { user, key: join(root, "key") });
  expect([commands, code, stderr]).toEqual([commands, 0, ""]);
}

test("an instance is moved to PostgreSQL as it is, and served from there", async () => {
  await populate();
  server = await spawnServer(root);
  const source = join(root, "key.pub");
  await put("bob", `put ${source} a`, `put ${source} b`, `put ${source} "/in box/c"`, "rm b");
  const whileItRuns = await moorage("store", "copy", "--to", url);
  expect([whileItRuns.code, whileItRuns.err]).toEqual([1, expect.stringMatching(/moorage stop/)]);
  const secret = await moorage("store", "copy", "--to", url.replace("@", ":secret@"));
  expect([secret.code, secret.err]).toEqual([2, expect.stringMatching(/--password-file/)]);
  // Who names the other database too early is told.
  writeFileSync(join(root, "moorage.toml"), `[store]\nurl = "${url}"\n`);
  // In a process of its own: with PostgreSQL a process has other keys for inodes.
  const early = await moorageApart(root, "user", "list");
  expect([early.code, early.stderr]).toEqual([1, expect.stringMatching(/store copy/)]);
  writeFileSync(join(root, "moorage.toml"), EVENTS);
  // What a killed server leaves is booked before.
  await server.kill();
  const before = await views();
  const trail = await records();

  const copied = JSON.parse(await run("store", "copy", "--to", url, "--json"));
  expect(copied).toMatchObject({
    to: url,
    kept: "db/moorage.sqlite.copied",
    rows: { groups: 1, nodes: 0 },
  });
  const stale = await moorage("user", "list");
  expect([stale.code, stale.err]).toEqual([1, expect.stringMatching(/store\.url/)]);
  expect(readdirSync(join(root, "db"))).not.toContain("moorage.sqlite");

  writeFileSync(join(root, "moorage.toml"), `[store]\nurl = "${url}"\n${EVENTS}`);
  expect(await views()).toEqual(before);
  const moved = await records();
  expect(moved.slice(-trail.length)).toEqual(trail);
  expect(await faults()).toEqual([]);

  server = await spawnServer(root);
  await put("bob", `get a ${root}/got`, `put ${source} d`);
  const again = await records();
  expect(new Set(again.map(({ id }) => id)).size).toBe(again.length);
  expect(await faults()).toEqual([]);

  // What is there already is not written over.
  const other = await moorage("store", "copy", "--to", url);
  expect([other.code, other.err]).toEqual([1, expect.stringMatching(/in PostgreSQL/)]);
}, 120_000);
