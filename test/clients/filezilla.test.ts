import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OpenFlag, PacketType, StatusCode } from "../../src/sftp/wire/constants.ts";
import { PacketConnection, type PacketLogin } from "../support/packet-client.ts";
import { startTestServer, TEST_PASSWORD, type TestServer } from "../support/server.ts";
import type { SftpClient } from "../support/sftp-client.ts";
import type { Reply } from "../support/sftp-client-packets.ts";
import { makeKey } from "../support/ssh-client.ts";

/** As FileZilla logs in with the logon type "normal": it answers one challenge with the password. */
const FILEZILLA: PacketLogin = {
  ident: "FileZilla_3.67.0",
  methods: ["none", "keyboard-interactive", "password"],
  password: TEST_PASSWORD,
};

const { OK, EOF, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE } = StatusCode;
const { READ, WRITE, CREAT, TRUNC } = OpenFlag;

const QUOTA = 20_000_000;
/** bytes of a READ and of a WRITE */
const READ_PART = 32_768;
const WRITE_PART = 16_384;
/** bytes under way at once, in either direction */
const WINDOW = 4 * 1024 * 1024;
/** READDIRs under way at once */
const READDIRS = 4;
const MTIME = 1_234_567_890;

let server: TestServer;
let connection: PacketConnection;
let sftp: SftpClient;
let connections: PacketConnection[];

async function connect(login: PacketLogin = FILEZILLA): Promise<void> {
  connection = await PacketConnection.open(server, login);
  connections.push(connection);
  sftp = await connection.sftp();
  expect(await sftp.init()).toMatchObject({ version: 3 });
  expect((await sftp.call(sftp.requests.realpath("."))).name).toBe("/");
}

beforeEach(async () => {
  connections = [];
  const users = [{ name: "ann", password: TEST_PASSWORD, quotaBytes: QUOTA }];
  server = await startTestServer({ users });
  await connect();
});

afterEach(async () => {
  for (const one of connections) one.drop();
  await server.stop();
});

const home = (...names: string[]): string => join(server.home("ann"), ...names);
const codes = (replies: readonly Reply[]): number[] => replies.map(({ code }) => code);

/** Writes `data` from `start` on, a window of requests at a time. Gives the answers. */
async function writeFrom(handle: Buffer, data: Buffer, start = 0): Promise<Reply[]> {
  const answered: Reply[] = [];
  for (let at = start; at < data.length; at += WINDOW) {
    const requests: Buffer[] = [];
    for (let part = at; part < Math.min(data.length, at + WINDOW); part += WRITE_PART) {
      const end = Math.min(part + WRITE_PART, at + WINDOW);
      requests.push(sftp.requests.write(handle, part, data.subarray(part, end)));
    }
    answered.push(...(await sftp.all(...requests)));
  }
  return answered;
}

async function put(name: string, data: Buffer): Promise<void> {
  const handle = await sftp.open(name, WRITE | CREAT | TRUNC, { permissions: 0o644 });
  expect(new Set(codes(await writeFrom(handle, data)))).toEqual(new Set([OK]));
  await sftp.ok(sftp.requests.close(handle));
}

/** `reput`: asks how much is there by the handle, and writes behind it. */
async function reput(name: string, data: Buffer): Promise<number> {
  const handle = await sftp.open(name, WRITE);
  const { size } = (await sftp.call(sftp.requests.fstat(handle))).attrs;
  expect((await writeFrom(handle, data, size)).filter(({ code }) => code !== OK)).toEqual([]);
  await sftp.ok(sftp.requests.close(handle));
  return size;
}

/** `get` and `reget`, with as many READs under way as the window holds. */
async function get(name: string, start = 0): Promise<Buffer> {
  const handle = await sftp.open(name, READ);
  const parts: Buffer[] = [];
  for (let at = start, done = false; !done; at += WINDOW) {
    const reads: Buffer[] = [];
    for (let part = at; part < at + WINDOW; part += READ_PART) {
      reads.push(sftp.requests.read(handle, part, READ_PART));
    }
    for (const reply of await sftp.all(...reads)) {
      if (reply.type === PacketType.DATA) parts.push(reply.data);
      else expect(reply.code).toBe(EOF);
      done ||= reply.type !== PacketType.DATA;
    }
  }
  await sftp.ok(sftp.requests.close(handle));
  return Buffer.concat(parts);
}

describe("FileZilla's logon", () => {
  test("with a password: one challenge of one hidden prompt", () => {
    const prompt = { text: expect.stringMatching(/password/i), echo: false };
    expect(connection.rounds).toEqual([[prompt]]);
  });

  test("with a key file", async () => {
    const key = makeKey("rsa");
    await server.addUser({ name: "bob", keys: [key.public] });
    const methods = ["none", "publickey"] as const;
    const login = { ...FILEZILLA, methods, key: key.private, user: "bob" };
    const bob = await PacketConnection.open(server, login);
    connections.push(bob);
    const channel = await bob.sftp();
    await channel.init();
    expect((await channel.call(channel.requests.realpath("."))).name).toBe("/");
  });

  test("a wrong password is refused, not hung up on in silence", async () => {
    const wrong = { ...FILEZILLA, password: "wrong" };
    await expect(PacketConnection.open(server, wrong)).rejects.toThrow(/authentication methods/);
  });
});

describe("FileZilla's listing", () => {
  test("four READDIRs under way, every line of the form it insists on", async () => {
    const old = new Date("2019-03-04T05:06:07Z");
    for (let n = 0; n < 250; n += 1) writeFileSync(home(`file-${n}`), Buffer.alloc(n));
    mkdirSync(home("a directory"));
    symlinkSync("file-9", home("link"));
    const r = sftp.requests;
    await sftp.ok(r.setstat("file-7", { times: [old.getTime() / 1000, old.getTime() / 1000] }));
    const { handle } = await sftp.call(r.opendir("/"));
    const replies: Reply[] = [];
    while (replies.every(({ type }) => type === PacketType.NAME)) {
      replies.push(
        ...(await sftp.all(...Array.from({ length: READDIRS }, () => r.readdir(handle)))),
      );
    }
    await sftp.ok(r.close(handle));
    const ends = replies.filter(({ type }) => type !== PacketType.NAME);
    expect(replies.slice(-ends.length)).toEqual(ends);
    expect(new Set(codes(ends))).toEqual(new Set([EOF]));
    const lines = replies.slice(0, -ends.length).flatMap(({ names }) => names);
    expect(lines).toHaveLength(254);
    const form =
      /^[-dl][rwx-]{9} +\d+ \S+ +\S+ +(\d+) [A-Z][a-z]{2} [ \d]\d (?:\d\d:\d\d| \d{4}) (.+)$/;
    for (const { name, longname, attrs } of lines) {
      const [, size, shown] = form.exec(longname.toString()) ?? [];
      expect([shown, Number(size)], longname.toString()).toEqual([name.toString(), attrs?.size]);
    }
    const listed = new Map(lines.map(({ name, longname }) => [`${name}`, `${longname}`]));
    expect(listed.get("file-7")).toMatch(/ Mar {2}4 {2}2019 file-7$/);
    expect(listed.get("link")).toMatch(/^l.* link$/);
  });

  test("of what is missing or a file: a status with code 2, and it goes on", async () => {
    const r = sftp.requests;
    await sftp.put("file", "");
    const refused = await sftp.all(r.opendir("missing"), r.opendir("file"), r.stat("missing"));
    expect(codes(refused)).toEqual([NO_SUCH_FILE, NO_SUCH_FILE, NO_SUCH_FILE]);
    expect((await sftp.call(r.realpath("..//d/../file"))).name).toBe("/file");
  });
});

describe("FileZilla's transfers", () => {
  test("up and down again, a window of requests under way", async () => {
    const data = randomBytes(5_000_003);
    await put("f", data);
    expect(readFileSync(home("f")).equals(data)).toBe(true);
    expect((await get("f")).equals(data)).toBe(true);
    await put("f", data.subarray(0, 1000));
    expect((await get("f")).equals(data.subarray(0, 1000))).toBe(true);
  });

  test("cut off and resumed in both directions", async () => {
    const data = randomBytes(6_000_000);
    const handle = await sftp.open("f", WRITE | CREAT | TRUNC);
    await writeFrom(handle, data.subarray(0, 2_000_001));
    connection.drop();
    await connect();
    expect(await reput("f", data)).toBe(2_000_001);
    expect(readFileSync(home("f")).equals(data)).toBe(true);
    expect((await get("f", 4_000_001)).equals(data.subarray(4_000_001))).toBe(true);
    expect(await reput("f", data)).toBe(data.length);
  });

  test("keeps the time: STAT, then SETSTAT with what else it read", async () => {
    await put("f", randomBytes(100));
    const { atime } = (await sftp.call(sftp.requests.stat("f"))).attrs;
    await sftp.ok(sftp.requests.setstat("f", { times: [atime, MTIME] }));
    expect(statSync(home("f")).mtimeMs / 1000).toBe(MTIME);
  });

  test("over the quota: a text to show, nothing lost, the rest once there is room", async () => {
    await server.control.set("ann", { quotaBytes: 1_000_000 });
    const data = randomBytes(2_000_000);
    const handle = await sftp.open("f", WRITE | CREAT | TRUNC);
    const answered = await writeFrom(handle, data);
    expect(answered).toHaveLength(Math.ceil(data.length / WRITE_PART));
    const refused = answered.filter(({ code }) => code !== OK);
    expect(new Set(codes(refused))).toEqual(new Set([FAILURE]));
    expect(refused[0]?.text).toMatch(/^Quota exceeded: \d+ of 1000000 bytes used, \d+ more needed/);
    await sftp.ok(sftp.requests.close(handle));
    const { size } = (await sftp.call(sftp.requests.stat("f"))).attrs;
    expect(size).toBe((answered.length - refused.length) * WRITE_PART);
    // Each try gets no further, so that it does not try for ever.
    const again = await sftp.open("f", WRITE);
    expect((await writeFrom(again, data.subarray(0, size + WRITE_PART), size))[0]?.code).toBe(
      FAILURE,
    );
    await sftp.ok(sftp.requests.close(again));
    await server.control.set("ann", { quotaBytes: QUOTA });
    await vi.waitFor(() => expect(reput("f", data)).resolves.toBe(size), 30_000);
    expect(readFileSync(home("f")).equals(data)).toBe(true);
  });
});

describe("FileZilla's other commands", () => {
  test("makes directories one below the other, removes, renames, changes rights", async () => {
    const r = sftp.requests;
    const made = await sftp.all(r.mkdir("/a"), r.mkdir("/a/b"), r.mkdir("/a/b"), r.mkdir("/x/y"));
    expect(codes(made)).toEqual([OK, OK, FAILURE, NO_SUCH_FILE]);
    await put("/a/b/f", Buffer.from("f"));
    await put("/a/b/g", Buffer.from("g"));
    expect((await sftp.call(r.rename("/a/b/f", "/a/b/g"))).code).toBe(FAILURE);
    await sftp.ok(r.rename("/a/b/f", "/a/b/h"));
    await sftp.ok(r.setstat("/a/b/h", { permissions: 0o400 }));
    expect((await sftp.call(r.stat("/a/b/h"))).attrs.mode).toBe(0o100400);
    expect((await sftp.call(r.open("/a/b/h", WRITE))).code).toBe(PERMISSION_DENIED);
    const removed = await sftp.all(r.remove("/a/b/g"), r.remove("/a/b/h"), r.rmdir("/a/b"));
    expect(codes(removed)).toEqual([OK, OK, OK]);
    expect(readdirSync(home())).toEqual(["a"]);
  });
});
