import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, ClientChannel } from "ssh2";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { connect } from "../../src/cli/client/connect.ts";
import { realEngine } from "../../src/cli/client/real-engine.ts";
import { ClientRun } from "../support/client-run.ts";
import { Desk, DONE } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { type CommandResult, login, ssh } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

/** A server looks for changes ten times a second; and a busy machine takes its time. */
const PATIENCE = { timeout: 20_000 };

const QUOTA = 100_000;
const desk = new Desk();
const AS = { user: "ann", key: desk.keyFile };
let instance: EmptyInstance;
let server: SpawnedServer;
let local: string;

async function admin(...args: string[]): Promise<string> {
  const done = await moorage(instance.root, ...args);
  expect([done.code, done.stderr]).toEqual([0, ""]);
  return done.stdout;
}

function shell(line: string): Promise<CommandResult> {
  return ssh({ port: server.port }, [line], AS);
}

/** What a command in an open session prints. */
async function said(client: Client, line: string): Promise<string> {
  const channel = await new Promise<ClientChannel>((resolve, reject) => {
    client.exec(line, (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  let output = "";
  channel.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(channel, "close");
  return output;
}

/** Lines of our own client's shell. */
async function ours(lines: string): Promise<ClientRun> {
  const run = new ClientRun(realEngine(), lines);
  const login = { port: server.port, identity: [desk.keyFile], config: "none", acceptNew: true };
  const flags = { ...login, jobs: 1, verify: true, resume: true };
  await connect(run.context, "ann@127.0.0.1", flags, run.around);
  return run;
}

async function listed(): Promise<string[]> {
  const files = JSON.parse(await admin("trash", "ann", "list", "--json"));
  return files.map(({ path, size }: { path: string; size: number }) => `${path} ${size}`);
}

beforeAll(async () => {
  local = mkdtempSync(join(tmpdir(), "moorage-trash-"));
  instance = await openInstance([{ name: "ann", keys: [desk.key.public], quotaBytes: QUOTA }]);
  server = await spawnServer(instance.root, [], { workers: 2 });
  desk.target = { port: server.port };
  process.env.HOME = local;
  process.env.XDG_STATE_HOME = join(local, "state");
});

afterAll(async () => {
  await server.kill();
  await instance.close();
  await desk.clear();
  rmSync(local, { recursive: true, force: true });
});

test("in force at once on an open session; by shell, sftp, administrator; exact in check and backup", async () => {
  const client = await login(
    { port: server.port },
    { username: "ann", privateKey: desk.key.private },
  );
  writeFileSync(join(local, "src"), "src");
  await desk.sftp([`put ${join(local, "src")} src`], AS);
  await said(client, "cp src z; rm z");
  expect(await listed()).toEqual([]);
  await admin("user", "set", "ann", "--trash-keep", "30d");
  await vi.waitFor(async () => {
    await said(client, "cp src a; rm a");
    expect(await listed()).toContain("/a 3");
  }, PATIENCE);
  await admin("trash", "ann", "empty", "--yes");

  for (const text of ["first", "second"]) {
    writeFileSync(join(local, "f"), text);
    const batch = ["-mkdir d", `put ${join(local, "f")} d/f`];
    await desk.sftp(batch, AS);
  }
  expect(await listed()).toEqual(["/d/f 5"]);
  expect((await shell("rm -r d; find .; ls -a")).stdout.toString()).not.toContain("trash");
  expect(await listed()).toEqual(["/d/f 5", "/d/f 6"]);
  expect((await shell("trash restore d/f; cat d/f")).stdout.toString()).toBe(
    "restored /d/f\nsecond",
  );
  const refused = await shell("trash restore d/f");
  expect([refused.code, refused.stderr.toString()]).toEqual([
    1,
    "trash: cannot restore 'd/f': File exists\n",
  ]);
  expect((await shell("cat .moorage-trash/*; rm -r .moorage-trash")).code).not.toBe(0);

  const run = await ours("trash list\ntrash restore -f d/f\ntrash list d\n");
  expect(run.written.text).toMatch(/ \/d\/f\n.*restored \/d\/f\n\w+ .* \/d\/f\n/s);
  const wrong = await ours("trash restore none\n");
  expect(wrong.code).not.toBe(0);
  expect(wrong.written.errors).toContain("is not in the trash");
  await shell("trash restore -f d/f");

  const archive = join(local, "backup.tgz");
  await admin("backup", archive, "--homes");
  const restored = join(local, "restored");
  const done = await moorage(restored, "restore", archive);
  expect(done.code).toBe(0);
  const check = await moorage(restored, "check", "--json");
  expect(check.stdout).not.toContain("booked");
  const there = JSON.parse((await moorage(restored, "trash", "ann", "list", "--json")).stdout);
  expect(there).toMatchObject([{ path: "/d/f", size: 5 }]);

  // Filled to the brim: what was removed gives way.
  await shell("rm src");
  writeFileSync(join(local, "big"), Buffer.alloc(QUOTA - 6));
  expect(await desk.sftp([`put ${join(local, "big")} big`], AS)).toMatchObject(DONE);
  expect(await listed()).toEqual([]);
  const usage = JSON.parse(await admin("usage", "ann", "--json"));
  expect(JSON.stringify(usage)).toContain(`"usedBytes":${QUOTA}`);
  await admin("usage", "ann", "--rescan");
  expect(JSON.stringify(JSON.parse(await admin("usage", "ann", "--json")))).toContain(
    `"usedBytes":${QUOTA}`,
  );
  client.end();
  expect(readFileSync(join(local, "f"), "utf8")).toBe("second");
});
