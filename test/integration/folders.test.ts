import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import type { Client, ClientChannel } from "ssh2";
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
import { type CommandResult, command, login, ssh } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** A server looks for changes ten times a second; and a busy machine takes its time. */
const PATIENCE = { timeout: 20_000 };

const desk = new Desk();
let instance: EmptyInstance;
let server: SpawnedServer;

/** Runs the program on the instance; what it says on success. */
async function admin(...args: string[]): Promise<string> {
  const done = await moorage(instance.root, ...args);
  expect([done.code, done.stderr]).toEqual([0, ""]);
  return done.stdout;
}

function by(user: string) {
  return { user, key: desk.keyFile };
}

/** A command in the user's shell. */
function shell(user: string, line: string): Promise<CommandResult> {
  return ssh({ port: server.port }, [line], by(user));
}

/** What the books say of a folder, and what is on the disk. */
async function counted(name: string) {
  const [json, found] = [await admin("folder", "show", name, "--json"), onDisk(disk(name))];
  const { usedBytes: bytes, files } = JSON.parse(json) as { usedBytes: number; files: number };
  expect({ bytes, files }).toEqual(found);
  return bytes;
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

const disk = (name: string): string => `${instance.root}/homes/@${name}`;

beforeAll(async () => {
  const users = ["ann", "bob", "cem"].map((name) => ({ name, keys: [desk.key.public] }));
  instance = await openInstance(users);
  server = await spawnServer(instance.root, [], { workers: 2 });
  desk.target = { port: server.port };
  desk.file("small", "small\n");
  desk.file("big", 300_000);
});

afterAll(async () => {
  await server.kill();
  await instance.close();
  desk.clear();
});

let count = 0;
let name = "";

beforeEach(async () => {
  count += 1;
  name = `f${count}`;
  await admin("folder", "add", name, "--quota", "1MB");
  await admin("folder", "share", name, "ann");
});

describe("a shared folder, by real clients on two workers", () => {
  it("takes what sftp and scp put, each way, and counts it", async () => {
    expect(await desk.sftp([`put ${desk.path("big")} ${name}/a`], by("ann"))).toMatchObject(DONE);
    for (const [flags, target] of [
      [[], "b"],
      [["-O"], "c"],
    ] as const) {
      const paths = [...flags, desk.path("big"), `remote:${name}/${target}`];
      expect(await desk.scp(paths, by("ann"))).toMatchObject(DONE);
    }
    expect(await counted(name)).toBe(900_000);
    const over = await desk.scp(["-O", desk.path("big"), `remote:${name}/d`], by("ann"));
    expect(over.stderr).toContain("Quota exceeded: 900000 of 1000000 bytes used");
    expect(await counted(name)).toBe(900_000);
    const back = await desk.scp([`remote:${name}/b`, desk.path("back")], by("ann"));
    expect(back).toMatchObject(DONE);
    expect(desk.read("back")).toEqual(desk.read("big"));
  });

  it("is exact when members write at once, each on a worker of their own", async () => {
    await admin("folder", "share", name, "bob", "--at", "/theirs");
    const put = (user: string, at: string) =>
      desk.sftp(
        Array.from({ length: 40 }, (_, i) => `-put ${desk.path("small")} ${at}/${user}${i}`),
        by(user),
      );
    const done = await Promise.all([put("ann", name), put("bob", "theirs"), put("ann", name)]);
    expect(done.map(({ code }) => code)).toEqual([0, 0, 0]);
    expect(await counted(name)).toBe(80 * 6);
    const removed = await Promise.all(
      ["ann", "bob"].map((user) =>
        desk.sftp([`rm ${user === "ann" ? name : "theirs"}/${user}*`], by(user)),
      ),
    );
    expect(removed.map(({ code }) => code)).toEqual([0, 0]);
    expect(await counted(name)).toBe(0);
  });

  it("is in an open session when it is shared, and gone when it is not", async () => {
    const client = await login(
      { port: server.port },
      { username: "bob", privateKey: desk.key.private },
    );
    try {
      const says = (line: string, text: string) =>
        vi.waitFor(async () => expect(await said(client, line)).toBe(text), PATIENCE);
      const isThere = `ls -d ${name} || echo none`;
      await says(isThere, "none\n");
      await admin("folder", "share", name, "bob", "--access", "read");
      await says(isThere, `${name}\n`);
      await says(`mkdir ${name}/d || echo refused`, "refused\n");
      await admin("folder", "share", name, "bob");
      await says(`mkdir -p ${name}/d && ls ${name} || echo refused`, "d\n");
      await admin("folder", "unshare", name, "bob");
      await says(`ls ${name} || echo gone`, "gone\n");
    } finally {
      client.end();
    }
  });

  it("works in the shell: df, du, find, mv across, checksums", async () => {
    await desk.sftp([`put ${desk.path("big")} own`, `mkdir ${name}/d`], by("ann"));
    const moved = await shell("ann", `mv own ${name}/d/mine && ls ${name}/d && ls own`);
    expect(moved.stdout).toBe("mine\n");
    expect(readFileSync(`${disk(name)}/d/mine`)).toEqual(desk.read("big"));
    expect((await shell("ann", `df -k ${name}/d`)).stdout).toMatch(
      new RegExp(`moorage +976 +293 +683 +31% /${name}\n`),
    );
    expect((await shell("ann", `du -sb ${name}`)).stdout).toBe(`300000\t${name}\n`);
    expect((await shell("ann", `find ${name} -type f`)).stdout).toBe(`${name}/d/mine\n`);
    expect((await shell("ann", `md5sum ${name}/d/mine`)).stdout).toMatch(/^[0-9a-f]{32} /);
    const back = await shell("ann", `mv ${name}/d back && ls back`);
    expect(back.stdout).toBe("mine\n");
    expect(await counted(name)).toBe(0);
    await shell("ann", "rm -r back");
  });

  it("is named in the audit trail, with who", async () => {
    await admin("folder", "share", name, "bob", "--at", "/else");
    await desk.sftp([`put ${desk.path("small")} else/x`, "rename else/x else/y"], by("bob"));
    await desk.sftp([`get ${name}/y ${desk.path("y")}`, `rm ${name}/y`], by("ann"));
    const lines = (await admin("logs", "--json", "-n", "50")).trim();
    const records = (JSON.parse(lines) as { kind: string; user: string; path: string }[]).map(
      ({ kind, user, path }) => `${kind} ${user} ${path}`,
    );
    for (const [kind, user, path] of [
      ["upload", "bob", "x"],
      ["rename", "bob", "x"],
      ["download", "ann", "y"],
      ["remove", "ann", "y"],
    ]) {
      expect(records).toContain(`${kind} ${user} @${name}/${path}`);
    }
  });

  it("goes with rclone, to a folder that only takes", async () => {
    await admin("folder", "share", name, "cem", "--at", "/in", "--access", "drop");
    const config = `[m]\ntype = sftp\nhost = 127.0.0.1\nport = ${server.port}\nuser = cem\nkey_file = ${desk.keyFile}\n`;
    writeFileSync(desk.path("rclone.conf"), config, { mode: 0o600 });
    const args = [
      "--config",
      desk.path("rclone.conf"),
      "--retries",
      "1",
      "--sftp-disable-hashcheck",
    ];
    const done = await command("rclone", [...args, "copy", desk.path("big"), "m:in"]);
    expect([done.code, done.stderr]).toEqual([0, expect.any(String)]);
    expect(readFileSync(`${disk(name)}/big`)).toEqual(desk.read("big"));
    expect((await command("rclone", [...args, "ls", "m:in"])).stdout).toBe("");
    expect(await counted(name)).toBe(300_000);
  });
});

describe("commands", () => {
  it("answer by JSON as documented", async () => {
    await admin("folder", "share", name, "bob", "--access", "add", "--at", "/a//b/");
    expect(JSON.parse(await admin("folder", "show", `@${name}`, "--json"))).toEqual({
      name,
      quotaBytes: 1_000_000,
      trashKeep: null,
      usedBytes: 0,
      files: 0,
      quotaFiles: expect.anything(),
      createdAt: expect.any(String),
      shares: [
        { to: "ann", at: `/${name}`, access: "full" },
        { to: "bob", at: "/a/b", access: "add" },
      ],
    });
    await admin("user", "access", "bob", "/a/b/deep", "none");
    const found = JSON.parse(
      await admin("user", "access", "bob", "--explain", "/a/b/deep/x", "--json"),
    );
    expect(found).toMatchObject({
      path: "/a/b/deep/x",
      access: "none",
      rulePath: "/a/b/deep",
      rules: [{ path: "/a/b/deep", source: "user", of: "bob" }],
      others: [{ path: "/a/b", access: "add", source: "share", folder: name }],
    });
    await admin("user", "access", "bob", "/a/b/deep", "--remove");
    expect(await admin("user", "access", "bob")).toContain(`folder @${name}`);
    const usage = JSON.parse(await admin("usage", `@${name}`, "--rescan", "--json"));
    expect(usage).toMatchObject({ name: `@${name}`, usedBytes: 0 });
  });

  it.each([
    [["folder", "show", "nothing"], 1, 'no folder "nothing"'],
    [["folder", "share", "nothing", "ann"], 1, "no folder"],
    [["folder", "set"], 2, "missing required argument"],
    [["user", "access", "ann", "/x"], 2, "give a mode"],
    [["user", "access", "ann", "/x", "write"], 2, "no mode of access"],
    [["user", "access", "ann", "x", "read"], 2, "begins with a slash"],
    [["user", "access", "nobody", "/x", "read"], 1, 'no user "nobody"'],
    [["user", "access", "@nobody", "/x", "read"], 1, 'no group "@nobody"'],
    [["user", "access", "ann", "/x", "--remove"], 1, "has no rule for /x"],
  ])("%j: exit code %i, and why", async (args, code, why) => {
    const done = await moorage(instance.root, ...args);
    expect(done.code).toBe(code);
    expect(done.stderr).toContain(why);
    expect(done.stderr.trim().split("\n")).toHaveLength(1);
  });
});
