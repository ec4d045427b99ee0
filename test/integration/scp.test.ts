import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import type { ClientChannel } from "ssh2";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import {
  type CommandResult,
  command,
  dial,
  makeKey,
  OPENSSH_OPTIONS,
  ssh,
} from "../support/ssh-client.ts";

const key = makeKey();
const QUOTA = 30_000_000;

let server: TestServer;
let local: string;
let keyFile: string;

beforeAll(async () => {
  const user = { name: "ann", keys: [key.public], quotaBytes: QUOTA };
  server = await startTestServer({ users: [user] });
  local = mkdtempSync(`${tmpdir()}/moorage-scp-`);
  keyFile = `${local}/id`;
  writeFileSync(keyFile, key.private, { mode: 0o600 });
  mkdirSync(`${local}/tree/deep`, { recursive: true });
  writeFileSync(`${local}/tree/a b`, randomBytes(100_000));
  writeFileSync(`${local}/tree/deep/large`, randomBytes(5_000_003));
  writeFileSync(`${local}/tree/deep/ü'"`, "");
});

afterAll(async () => {
  await server.stop();
  rmSync(local, { recursive: true });
});

/** "there:" stands for the home on the server. */
function scp(...args: string[]): Promise<CommandResult> {
  const there = "ann@127.0.0.1:";
  const named = args.map((arg) => arg.replace(/^there:/, there));
  return command("scp", ["-P", String(server.port), "-i", keyFile, ...OPENSSH_OPTIONS, ...named]);
}

const differences = (a: string, b: string) => command("diff", ["-r", a, b]);
const fine = { code: 0, stdout: "", stderr: "" };

describe.each(["-O", "-s"])("scp %s", (mode) => {
  it("copies trees there and back", async () => {
    expect(await scp(mode, "-rp", `${local}/tree`, `there:up${mode}`)).toEqual(fine);
    expect(await differences(`${local}/tree`, `${server.home("ann")}/up${mode}`)).toEqual(fine);
    expect(await scp(mode, "-rp", `there:up${mode}`, `${local}/back${mode}`)).toEqual(fine);
    expect(await differences(`${local}/tree`, `${local}/back${mode}`)).toEqual(fine);
    await ssh(server, ["rm -r up*"], { key: keyFile });
  });

  it("refuses what is over the quota, and the rest arrives", async () => {
    mkdirSync(`${server.home("ann")}/full`, { recursive: true });
    writeFileSync(`${local}/1`, "one");
    writeFileSync(`${local}/2`, Buffer.alloc(QUOTA + 1));
    writeFileSync(`${local}/3`, "three");
    const files = ["1", "2", "3"].map((name) => `${local}/${name}`);
    const done = await scp(mode, ...files, "there:full");
    expect(done.code).toBe(1);
    expect(readFileSync(`${server.home("ann")}/full/1`, "utf8")).toBe("one");
    if (mode === "-O") expect(done.stderr).toMatch(/^scp: full\/2: Quota exceeded: /);
    if (mode === "-O") expect(existsSync(`${server.home("ann")}/full/3`)).toBe(true);
    await ssh(server, ["rm -r full"], { key: keyFile });
    const quota = await ssh(server, ["quota"], { key: keyFile });
    const bytes = quota.stdout.split("\n").find((line) => line.startsWith("bytes"));
    expect(bytes?.split(/ +/)).toEqual(["bytes", "0", `${QUOTA}`, `${QUOTA}`, "0%", "/"]);
  });
});

describe("scp -f, read packet by packet as phpseclib does", () => {
  it.each([0, 1, 5, 1000, 32_767, 32_768, 32_769, 300_000])(
    "a file of %i bytes ends with its last packet, and the zero byte comes in the next",
    async (size) => {
      writeFileSync(`${server.home("ann")}/packets`, Buffer.alloc(size, "x"));
      const { client, ready, channelPackets } = dial(server, { privateKey: key.private });
      await ready;
      const exec = promisify<string, ClientChannel>((line, done) => client.exec(line, done));
      const channel = await exec("scp -f packets");
      const closed = new Promise((resolve) => channel.once("close", resolve));
      const received: Buffer[] = [];
      channel.on("data", (data: Buffer) => {
        if (received.length === 0) channel.write("\0");
        received.push(data);
        if (data.at(-1) === 0) channel.end("\0");
      });
      channel.write("\0");
      await closed;
      const record = `C0644 ${size} packets\n`;
      expect(Buffer.concat(received).length).toBe(record.length + size + 1);
      const lengths = channelPackets
        .filter((packet) => packet.startsWith("CHANNEL_DATA"))
        .map((packet) => Number(/\d+$/.exec(packet)?.[0]));
      expect(lengths[0]).toBe(record.length);
      expect(lengths.at(-1)).toBe(1);
      expect(lengths.slice(1, -1).reduce((sum, length) => sum + length, 0)).toBe(size);
      client.end();
    },
  );
});
