import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { booksGetExact } from "../support/books.ts";
import { onDisk } from "../support/instance.ts";
import { startTestServer, TEST_PASSWORD, type TestServer } from "../support/server.ts";
import { makeKey } from "../support/ssh-client.ts";
import { Mount, type MountOptions, run, runOk } from "../support/sshfs.ts";
import { PYTHON } from "./suite/system.ts";

/** For a busy machine; alone each test takes a few seconds. */
const TIMEOUT = 180_000;

const QUOTA = 200_000_000;

/** Random operations, and the sequence of chances. */
const OPERATIONS = process.env.SSHFS_OPERATIONS ?? "3000";
const SEED = process.env.SSHFS_SEED ?? "1";

let server: TestServer;
let desk: string;
let keyFile: string;
let mounts: Mount[];

beforeEach(async () => {
  mounts = [];
  desk = mkdtempSync(join(tmpdir(), "moorage-desk-"));
  keyFile = join(desk, "id");
  const key = makeKey("ed25519");
  writeFileSync(keyFile, key.private, { mode: 0o600 });
  server = await startTestServer({
    users: [{ name: "ann", keys: [key.public], password: TEST_PASSWORD, quotaBytes: QUOTA }],
  });
});

afterEach(async () => {
  try {
    for (const mount of mounts) await mount.close();
  } finally {
    await server.stop();
  }
  rmSync(desk, { recursive: true, force: true });
});

/** A mount of its own, unmounted after the test. */
async function mounted(options: MountOptions = {}): Promise<Mount> {
  const path = join(desk, `mount-${mounts.length}`);
  const mount = await Mount.open(server, path, {
    ...(options.password === undefined ? { key: keyFile } : {}),
    ...options,
    options: ["idmap=user", ...(options.options ?? [])],
  });
  mounts.push(mount);
  return mount;
}

function python(script: string, ...args: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../support/${script}`, import.meta.url));
  return runOk(PYTHON, [file, ...args], { env: { LC_ALL: "C.UTF-8" } });
}

async function use(name: string, mount: Mount): Promise<void> {
  await runOk("mkdir", [mount.at(name)]);
  await python("sshfs-uses.py", name, mount.at(name));
}

const NO_CACHES = ["dir_cache=no", "attr_timeout=0", "entry_timeout=0"];

/** Ways to mount that people use, each with how to log in. */
const WAYS: readonly (readonly [string, MountOptions])[] = [
  ["a key", {}],
  [
    "a password, reconnecting",
    { password: TEST_PASSWORD, options: ["reconnect", "ServerAliveInterval=15"] },
  ],
  ["no caches", { options: [...NO_CACHES, "direct_io"] }],
  ["several connections and no waiting for writes", { options: ["max_conns=3"] }],
];

describe("a mount by sshfs", () => {
  test.each(WAYS)("with %s", { timeout: TIMEOUT }, async (_, options) => {
    const mount = await mounted(options);
    for (const name of ["editors", "open_files", "tree"]) await use(name, mount);
    if (!options.options?.includes("direct_io")) await use("holes", mount);
    await mount.close();
    await booksGetExact(server, { timeout: 60_000 });
  });

  test("of a directory of the home shows no more than that", { timeout: TIMEOUT }, async () => {
    mkdirSync(join(server.home("ann"), "in/side"), { recursive: true });
    const mount = await mounted({ directory: "in" });
    expect(await runOk("ls", ["-A", mount.path])).toBe("side\n");
    await runOk("touch", [mount.at("side/new")]);
    expect(readdirSync(join(server.home("ann"), "in/side"))).toEqual(["new"]);
  });

  test("lets chown and chgrp name one's own, and nobody else", { timeout: TIMEOUT }, async () => {
    const mount = await mounted();
    const [uid, gid] = [`${process.getuid?.()}`, `${process.getgid?.()}`];
    await runOk("touch", [mount.at("file")]);
    await runOk("chown", [uid, mount.at("file")]);
    await runOk("chgrp", [gid, mount.at("file")]);
    await runOk("chown", [`${uid}:${gid}`, mount.at("file")]);
    await runOk("install", ["-g", gid, "-m", "640", mount.at("file"), mount.at("installed")]);
    expect(await runOk("stat", ["-c", "%a", mount.at("installed")])).toBe("640\n");
    for (const name of ["chown", "chgrp"]) {
      const { code, stderr } = await run(name, ["12345", mount.at("file")]);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr: expect.stringMatching(/: (Permission denied|Operation not permitted)\n$/),
      });
    }
  });

  test("holds a git repository", { timeout: TIMEOUT }, async () => {
    const mount = await mounted();
    const git = (...args: string[]): Promise<string> => runOk("git", args, { cwd: desk, env: GIT });
    const here = join(desk, "here");
    await git("init", "-q", "-b", "main", mount.at("work"));
    for (let n = 0; n < 12; n += 1) {
      const file = mount.at("work", `file-${n % 5}`);
      await runOk("sh", ["-c", `seq ${n} ${n * 700} > ${file}`]);
      await git("-C", mount.at("work"), "add", "-A");
      await git("-C", mount.at("work"), "commit", "-q", "-m", `number ${n}`);
    }
    await git("-C", mount.at("work"), "checkout", "-q", "-b", "side", "HEAD~3");
    await git("-C", mount.at("work"), "checkout", "-q", "main");
    await git("-C", mount.at("work"), "gc", "-q");
    // Without numbers of inodes over SFTP git can't tell that a hard link is one.
    await git("clone", "-q", "--no-hardlinks", mount.at("work"), mount.at("clone"));
    await git("clone", "-q", mount.at("clone"), here);
    for (const place of [mount.at("work"), mount.at("clone"), here]) {
      await git("-C", place, "fsck", "--full", "--strict");
      expect(await git("-C", place, "status", "--porcelain")).toBe("");
      expect((await git("-C", place, "log", "--oneline")).trim().split("\n")).toHaveLength(12);
    }
    await runOk("sh", ["-c", `echo pushed > ${join(here, "file-0")}`]);
    await git("-C", here, "commit", "-q", "-a", "-m", "from here");
    await git("-C", here, "push", "-q", "origin", "main:from-here");
    expect(await git("-C", mount.at("clone"), "show", "from-here:file-0")).toBe("pushed\n");
    await mount.close();
    await booksGetExact(server, { timeout: 60_000 });
  });

  test("takes what tar unpacks, and packs the same again", { timeout: TIMEOUT }, async () => {
    const source = makeTree(join(desk, "source"));
    const mount = await mounted();
    const [all, links] = [join(desk, "all.tar"), join(desk, "links.tar")];
    await runOk("tar", ["-C", source, "-cf", all, "."]);
    makeLinks(source);
    await runOk("tar", ["-C", source, "-cf", links, "link", "dangling"]);
    const there = mount.at("there");
    await runOk("mkdir", [there]);
    await runOk("tar", ["-C", there, "-xpf", all]);
    await runOk("tar", ["-C", there, "--compare", "-f", all]);
    // sshfs follows a link to set its owner and time, and so can't set those of the link.
    await runOk("tar", ["-C", there, "-xf", links, "--touch", "--no-same-owner"]);
    await runOk("diff", ["-r", "--no-dereference", source, there]);
    await runOk("tar", ["-C", there, "-cf", join(desk, "back.tar"), "."]);
    await runOk("tar", ["-C", there, "--compare", "-f", join(desk, "back.tar")]);
    await mount.close();
    await booksGetExact(server, { timeout: 60_000 });
  });

  test("holds an SQLite database", { timeout: TIMEOUT }, async () => {
    const mount = await mounted();
    await use("database", mount);
    await mount.close();
    await booksGetExact(server, { timeout: 60_000 });
  });

  test("keeps every byte that fio writes", { timeout: TIMEOUT }, async () => {
    const mount = await mounted();
    const job = ["--directory", mount.path, "--size=6m", "--ioengine=psync", "--verify=crc32c"];
    const checks = ["--do_verify=1", "--verify_fatal=1", "--randseed=7", "--allow_mounted_write=1"];
    // It leaves the state of its verification in the current directory otherwise.
    checks.push("--verify_state_save=0");
    await runOk("fio", [
      "--name=large",
      "--rw=randwrite",
      "--bs=16k",
      "--fsync=64",
      ...job,
      ...checks,
    ]);
    await runOk("fio", [
      "--name=mixed",
      "--rw=randrw",
      "--bsrange=1k-64k",
      "--numjobs=2",
      ...job,
      ...checks,
    ]);
    await mount.close();
    await booksGetExact(server, { timeout: 60_000 });
  });

  test.each([
    ["with caches", [], []],
    ["without, and with hard links", NO_CACHES, ["links"]],
  ])(
    `is the same as a local directory after ${OPERATIONS} random operations, %s`,
    { timeout: TIMEOUT },
    async (_, options, extra) => {
      const mount = await mounted({ options });
      const local = join(desk, "local");
      mkdirSync(local);
      await runOk("mkdir", [mount.at("mirror")]);
      await python("sshfs-mirror.py", mount.at("mirror"), local, OPERATIONS, SEED, ...extra);
      await mount.close();
      await booksGetExact(server, { timeout: 60_000 });
      await runOk("diff", ["-r", "--no-dereference", local, join(server.home("ann"), "mirror")]);
    },
  );

  test("shows the quota as its size, and stays in it", { timeout: TIMEOUT }, async () => {
    await server.control.set("ann", { quotaBytes: 10 * 1024 * 1024 });
    const mount = await mounted();
    const df = async (): Promise<number[]> => {
      const columns = "--output=size,used,avail";
      const text = await runOk("df", ["-k", columns, mount.path]);
      return (text.split("\n")[1] ?? "").trim().split(/ +/).map(Number);
    };
    expect(await df()).toEqual([10_240, 0, 10_240]);
    await runOk("dd", [
      "if=/dev/zero",
      `of=${mount.at("fits")}`,
      "bs=1M",
      "count=4",
      "status=none",
    ]);
    expect(await df()).toEqual([10_240, 4_096, 6_144]);
    const full = await run("dd", ["if=/dev/zero", `of=${mount.at("large")}`, "bs=1M", "count=20"]);
    expect(full.code).not.toBe(0);
    expect(full.stderr).toMatch(/Input\/output error|No space left|Disk quota exceeded/);
    const sparse = await run("truncate", ["-s", "100M", mount.at("sparse")]);
    expect(sparse.code).not.toBe(0);
    const { bytes } = onDisk(server.home("ann"));
    expect(bytes).toBeLessThanOrEqual(10 * 1024 * 1024);
    expect(bytes).toBeGreaterThan(8 * 1024 * 1024);
    // The mount goes on: what is removed makes room.
    await runOk("rm", ["-f", mount.at("large"), mount.at("sparse")]);
    await runOk("dd", [
      "if=/dev/zero",
      `of=${mount.at("again")}`,
      "bs=1M",
      "count=6",
      "status=none",
    ]);
    expect(await df()).toEqual([10_240, 10_240, 0]);
    await mount.close();
    await booksGetExact(server, { timeout: 60_000 });
  });

  test("two of them see what the other did", { timeout: TIMEOUT }, async () => {
    const options = ["dir_cache=no"];
    const [one, two] = [await mounted({ options }), await mounted({ options })];
    await runOk("sh", ["-c", `echo first > ${one.at("f")}`]);
    expect(await runOk("cat", [two.at("f")])).toBe("first\n");
    await runOk("sh", ["-c", `echo second >> ${two.at("f")} && mv ${two.at("f")} ${two.at("g")}`]);
    expect(await runOk("cat", [one.at("g")])).toBe("first\nsecond\n");
    expect((await run("cat", [one.at("f")])).code).not.toBe(0);
  });
});

/** Git off the machine's own settings. */
const GIT = {
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_CONFIG_SYSTEM: "/dev/null",
  GIT_AUTHOR_NAME: "Ann",
  GIT_AUTHOR_EMAIL: "ann@example.org",
  GIT_COMMITTER_NAME: "Ann",
  GIT_COMMITTER_EMAIL: "ann@example.org",
};

/** Files of many sizes and modes, in directories. */
function makeTree(top: string): string {
  const sizes = [0, 1, 511, 512, 10_240, 32_767, 32_768, 32_769, 261_121, 3_000_000];
  for (const directory of ["", "a", "a/b", "a/b/c", "with spaces", "empty"]) {
    mkdirSync(join(top, directory), { recursive: true });
    if (directory === "empty") continue;
    for (const [n, size] of sizes.entries()) {
      if (directory !== "" && n > 7) continue;
      const mode = [0o644, 0o755, 0o600, 0o440][n % 4] as number;
      writeFileSync(join(top, directory, `file ${n}`), Buffer.alloc(size, 65 + n), { mode });
    }
  }
  return top;
}

/** None that leads up or starts with a slash: sshfs shows those only when told to. */
function makeLinks(top: string): void {
  symlinkSync("a/b/file 3", join(top, "link"));
  symlinkSync("nowhere", join(top, "dangling"));
}
