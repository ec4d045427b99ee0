import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { type CommandResult, command, makeKey } from "../support/ssh-client.ts";

const key = makeKey();
const QUOTA = 40_000_000;
const NAMES = [
  "plain",
  "a b",
  "q'uote",
  'dou"ble',
  "back\\slash",
  "ünïcode",
  "$dollar;semi&",
  "(x)[y]{z}",
];

let server: TestServer;
let local: string;

beforeAll(async () => {
  const user = { name: "ann", keys: [key.public], quotaBytes: QUOTA };
  server = await startTestServer({ users: [user] });
  local = mkdtempSync(`${tmpdir()}/moorage-rclone-`);
  writeFileSync(`${local}/id`, key.private, { mode: 0o600 });
  writeFileSync(
    `${local}/rclone.conf`,
    `[moorage]\ntype = sftp\nhost = 127.0.0.1\nport = ${server.port}\nuser = ann\nkey_file = ${local}/id\n`,
  );
  mkdirSync(`${local}/data/deep/er`, { recursive: true });
  for (const name of NAMES) writeFileSync(`${local}/data/${name}`, randomBytes(1000));
  writeFileSync(`${local}/data/deep/er/large`, randomBytes(6_000_000));
  writeFileSync(`${local}/data/deep/empty`, "");
});

afterAll(async () => {
  await server.stop();
  rmSync(local, { recursive: true });
});

async function rclone(...args: string[]): Promise<CommandResult> {
  const config = ["--config", `${local}/rclone.conf`, "--retries", "1"];
  try {
    return await command("rclone", [...config, ...args]);
  } catch (error) {
    throw new Error("rclone is missing: install the package rclone", { cause: error });
  }
}

describe("rclone with defaults", () => {
  it("copies, and finds the checksum commands by itself", async () => {
    const done = await rclone("copy", "-vv", `${local}/data`, "moorage:data");
    expect([done.code, done.stderr]).toEqual([0, expect.any(String)]);
    expect(done.stderr).toMatch(/shell type "?unix/i);
    expect(done.stderr).toMatch(/(md5|sha1) = \w+ OK/i);
    const config = readFileSync(`${local}/rclone.conf`, "utf8");
    expect(config).toContain("shell_type = unix");
    expect(config).toContain("md5sum_command = md5sum");
    expect(config).toContain("sha1sum_command = sha1sum");
  });

  it("check and hashsum agree", async () => {
    const check = await rclone("check", `${local}/data`, "moorage:data");
    expect([check.code, check.stderr]).toEqual([0, expect.stringContaining("0 differences found")]);
    expect(check.stderr).not.toContain("could not be checked");
    const sums = await rclone("hashsum", "md5", "moorage:data");
    const lines = sums.stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(NAMES.length + 2);
    for (const name of NAMES) {
      const md5 = createHash("md5")
        .update(readFileSync(`${local}/data/${name}`))
        .digest("hex");
      expect(lines).toContain(`${md5}  ${name}`);
    }
    const sha1 = await rclone("hashsum", "sha1", "moorage:data/deep");
    expect(sha1.stdout).toContain("da39a3ee5e6b4b0d3255bfef95601890afd80709  empty");
  });

  it("syncs by checksum only what has changed", async () => {
    const path = `${server.home("ann")}/data/plain`;
    const before = readFileSync(path);
    writeFileSync(path, randomBytes(1000));
    const done = await rclone("sync", "--checksum", "-v", `${local}/data`, "moorage:data");
    expect(done.code).toBe(0);
    expect(done.stderr).toMatch(/plain: Copied/);
    expect(done.stderr).not.toMatch(/large: Copied/);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it("about shows the quota", async () => {
    const about = JSON.parse((await rclone("about", "--json", "moorage:")).stdout);
    expect(about.total).toBe(Math.floor(QUOTA / 1024) * 1024);
    expect(about.used + about.free).toBe(about.total);
    expect(about.used).toBeGreaterThan(6_000_000);
  });
});
