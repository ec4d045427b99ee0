import { randomBytes } from "node:crypto";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { OpenFlag, PacketType, StatusCode } from "../../src/sftp/wire/constants.ts";
import { PacketConnection, type PacketLogin } from "../support/packet-client.ts";
import { startTestServer, TEST_PASSWORD, type TestServer } from "../support/server.ts";
import type { SftpClient } from "../support/sftp-client.ts";
import { type Reply, str } from "../support/sftp-client-packets.ts";

/** Cyberduck asks with "none" what there is. */
const CYBERDUCK: PacketLogin = {
  ident: "Cyberduck/9.0.2.42108 (Mac OS X/14.5) (aarch64)",
  methods: ["none", "password"],
  password: TEST_PASSWORD,
};

const { OK, EOF, NO_SUCH_FILE, FAILURE, OP_UNSUPPORTED } = StatusCode;
const { READ, WRITE, CREAT, TRUNC } = OpenFlag;

const QUOTA = 20_000_000;
const PART = 32_768;
/** requests it sends before it waits for an answer */
const UNCONFIRMED = 64;
const MTIME = 1_234_567_890;

let server: TestServer;
let connection: PacketConnection;
let sftp: SftpClient;
let connections: PacketConnection[];

async function connect(): Promise<void> {
  connection = await PacketConnection.open(server, CYBERDUCK);
  connections.push(connection);
  sftp = await connection.sftp();
  expect(await sftp.init()).toMatchObject({ version: 3 });
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

async function write(handle: Buffer, data: Buffer, start = 0): Promise<number[]> {
  const answered: number[] = [];
  for (let at = start; at < data.length; at += UNCONFIRMED * PART) {
    const requests: Buffer[] = [];
    for (let part = at; part < Math.min(data.length, at + UNCONFIRMED * PART); part += PART) {
      requests.push(sftp.requests.write(handle, part, data.subarray(part, part + PART)));
    }
    answered.push(...codes(await sftp.all(...requests)));
  }
  return answered;
}

/** A file written whole, by the flags that go with what it knows of it. */
async function writeFile(name: string, data: Buffer, flags: number): Promise<void> {
  const handle = await sftp.open(name, flags);
  expect(new Set(await write(handle, data))).toEqual(new Set([OK]));
  await sftp.ok(sftp.requests.close(handle));
}

describe("Cyberduck's connection", () => {
  test("none is refused with the methods there are, then the password is taken", () => {
    expect(connection.rounds).toEqual([]);
  });

  test("finds its directory, and all of a listing by attributes", async () => {
    mkdirSync(home("d"));
    writeFileSync(home("f"), "12345", { mode: 0o640 });
    symlinkSync("d", home("to d"));
    symlinkSync("missing", home("to nothing"));
    const r = sftp.requests;
    expect((await sftp.call(r.realpath("."))).name).toBe("/");
    const { handle } = await sftp.call(r.opendir("/"));
    const page = await sftp.call(r.readdir(handle));
    expect((await sftp.call(r.readdir(handle))).code).toBe(EOF);
    await sftp.ok(r.close(handle));
    const types = new Map(page.names.map(({ name, attrs }) => [`${name}`, attrs?.mode ?? 0]));
    expect(types.get("d")).toBe(0o040755);
    expect(types.get("f")).toBe(0o100640);
    expect(types.get("to d")).toBe(0o120777);
    // Every link is read, and what it leads to looked at.
    expect((await sftp.call(r.readlink("/to d"))).name).toBe("d");
    expect((await sftp.call(r.stat("/d"))).attrs.mode).toBe(0o040755);
    expect((await sftp.call(r.readlink("/to nothing"))).name).toBe("missing");
    expect((await sftp.call(r.stat("/missing"))).code).toBe(NO_SUCH_FILE);
  });
});

describe("Cyberduck's uploads", () => {
  test("of a new file, under a name of its own first, then renamed", async () => {
    const data = randomBytes(3_000_001);
    const r = sftp.requests;
    expect((await sftp.call(r.lstat("/f"))).code).toBe(NO_SUCH_FILE);
    const temporary = "/f-0b1c2d3e-4f50-4a6b-8c7d-9e0f1a2b3c4d";
    await writeFile(temporary, data, CREAT | TRUNC | WRITE);
    await sftp.ok(r.rename(temporary, "/f"));
    await sftp.ok(r.setstat("/f", { permissions: 0o644 }));
    await sftp.ok(r.setstat("/f", { times: [MTIME + 5, MTIME] }));
    expect(readdirSync(home())).toEqual(["f"]);
    expect(readFileSync(home("f")).equals(data)).toBe(true);
    expect(statSync(home("f")).mtimeMs / 1000).toBe(MTIME);
  });

  test("over an existing file: written aside, the old one removed, renamed", async () => {
    const r = sftp.requests;
    await writeFile("/f", randomBytes(500_000), CREAT | TRUNC | WRITE);
    const data = randomBytes(100_000);
    await writeFile("/f-temporary", data, CREAT | TRUNC | WRITE);
    expect((await sftp.call(r.rename("/f-temporary", "/f"))).code).toBe(FAILURE);
    expect(codes(await sftp.all(r.remove("/f"), r.rename("/f-temporary", "/f")))).toEqual([OK, OK]);
    expect(readdirSync(home())).toEqual(["f"]);
    expect(readFileSync(home("f")).equals(data)).toBe(true);
  });

  test("over an existing file in place: TRUNC without CREAT", async () => {
    const data = randomBytes(100_000);
    expect((await sftp.call(sftp.requests.open("/f", TRUNC | WRITE))).code).toBe(NO_SUCH_FILE);
    await writeFile("/f", randomBytes(500_000), CREAT | TRUNC | WRITE);
    await writeFile("/f", data, TRUNC | WRITE);
    expect(readFileSync(home("f")).equals(data)).toBe(true);
  });

  test("over a link: the link is removed and a file made", async () => {
    writeFileSync(home("other"), "other");
    symlinkSync("other", home("f"));
    await sftp.ok(sftp.requests.remove("/f"));
    await writeFile("/f", Buffer.from("new"), CREAT | TRUNC | WRITE);
    expect(["f", "other"].map((name) => readFileSync(home(name), "utf8"))).toEqual([
      "new",
      "other",
    ]);
  });

  test("cut off and resumed: WRITE alone, from the size on", async () => {
    const data = randomBytes(4_000_000);
    const handle = await sftp.open("/f", CREAT | WRITE);
    await write(handle, data.subarray(0, 50 * PART));
    connection.drop();
    await connect();
    const { size } = (await sftp.call(sftp.requests.lstat("/f"))).attrs;
    expect(size).toBe(50 * PART);
    const again = await sftp.open("/f", WRITE);
    expect(new Set(await write(again, data, size))).toEqual(new Set([OK]));
    await sftp.ok(sftp.requests.close(again));
    expect(readFileSync(home("f")).equals(data)).toBe(true);
  });

  test("over the quota: all 64 answered, and the temporary file can be removed", async () => {
    await server.control.set("ann", { quotaBytes: 1_000_000 });
    const handle = await sftp.open("/f-temporary", CREAT | TRUNC | WRITE);
    const answered = await write(handle, Buffer.alloc(UNCONFIRMED * PART));
    expect(answered).toHaveLength(UNCONFIRMED);
    expect(answered.at(-1)).toBe(FAILURE);
    const r = sftp.requests;
    expect(codes(await sftp.all(r.close(handle), r.remove("/f-temporary")))).toEqual([OK, OK]);
    await writeFile("/small", Buffer.alloc(900_000), CREAT | TRUNC | WRITE);
  });
});

describe("Cyberduck's other commands", () => {
  test("downloads with READs ahead, whole and from an offset", async () => {
    const data = randomBytes(1_500_000);
    writeFileSync(home("f"), data);
    for (const start of [0, 777_777]) {
      const handle = await sftp.open("/f", READ);
      const reads = Array.from({ length: UNCONFIRMED }, (_, n) =>
        sftp.requests.read(handle, start + n * PART, PART),
      );
      const replies = await sftp.all(...reads);
      const got = replies.filter(({ type }) => type === PacketType.DATA).map((one) => one.data);
      expect(Buffer.concat(got).equals(data.subarray(start))).toBe(true);
      expect(replies.at(-1)?.code).toBe(EOF);
      await sftp.ok(sftp.requests.close(handle));
    }
  });

  test("a copy on the server is refused as unknown, so that it copies by itself", async () => {
    await sftp.put("/f", "data");
    const copy = sftp.requests.extended("copy-file", str("/f"), str("/g"), Buffer.from([0]));
    expect((await sftp.call(copy)).code).toBe(OP_UNSUPPORTED);
    expect((await sftp.call(sftp.requests.lstat("/g"))).code).toBe(NO_SUCH_FILE);
  });

  test("makes an empty file, a directory, a link; moves and deletes", async () => {
    const r = sftp.requests;
    const made = await sftp.open("/empty", CREAT | TRUNC, { permissions: 0o644 });
    await sftp.ok(r.close(made));
    expect(statSync(home("empty")).size).toBe(0);
    await sftp.ok(r.mkdir("/d", { permissions: 0o755 }));
    // It hands its library's arguments over the other way round, as OpenSSH's server reads them.
    await sftp.ok(r.symlink("d", "/link"));
    expect(readlinkSync(home("link"))).toBe("d");
    await sftp.ok(r.rename("/empty", "/d/full"));
    expect((await sftp.call(r.rmdir("/d"))).code).toBe(FAILURE);
    const gone = await sftp.all(r.remove("/link"), r.remove("/d/full"), r.rmdir("/d"));
    expect(codes(gone)).toEqual([OK, OK, OK]);
    expect(readdirSync(home())).toEqual([]);
  });

  test("asks for the space by statvfs, or by df within a pipe, which ends at once", async () => {
    const reply = await sftp.call(sftp.requests.extended("statvfs@openssh.com", str("/")));
    expect(reply.body.readBigUInt64BE(2 * 8) * reply.body.readBigUInt64BE(0)).toBeLessThanOrEqual(
      BigInt(QUOTA),
    );
    const ended = await connection.exec("df -Pk / | awk '{print $3, $4}'");
    expect(ended.code).not.toBe(0);
    expect(ended.stdout).toBe("");
  });
});
