import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { OpenFlag, PacketType, StatusCode } from "../../src/sftp/wire/constants.ts";
import { PacketConnection, type PacketLogin } from "../support/packet-client.ts";
import { startTestServer, TEST_PASSWORD, type TestServer } from "../support/server.ts";
import type { SftpClient } from "../support/sftp-client.ts";
import { type ClientAttrs, type Reply, str, u32, u64 } from "../support/sftp-client-packets.ts";
import { makeKey } from "../support/ssh-client.ts";

/** As WinSCP logs in with a stored password: it answers one prompt that is not echoed. */
const WINSCP: PacketLogin = {
  ident: "WinSCP_release_6.3.5",
  methods: ["none", "keyboard-interactive", "password"],
  password: TEST_PASSWORD,
};

const { OK, EOF, NO_SUCH_FILE, FAILURE } = StatusCode;
const { READ, WRITE, CREAT, TRUNC, EXCL } = OpenFlag;

const QUOTA = 20_000_000;
const PART = 32_768;
/** WRITEs it has under way at once */
const WRITES = 64;
const READS = 32;
const MTIME = 1_234_567_890;

let server: TestServer;
let connection: PacketConnection;
let sftp: SftpClient;
let connections: PacketConnection[];

async function connect(login: PacketLogin = WINSCP): Promise<void> {
  connection = await PacketConnection.open(server, login);
  connections.push(connection);
  sftp = await connection.sftp();
  await sftp.init();
}

beforeEach(async () => {
  connections = [];
  server = await startTestServer({
    users: [{ name: "ann", password: TEST_PASSWORD, quotaBytes: QUOTA }],
  });
  await connect();
});

afterEach(async () => {
  for (const one of connections) one.drop();
  await server.stop();
});

const home = (...names: string[]): string => join(server.home("ann"), ...names);
const codes = (replies: readonly Reply[]): number[] => replies.map(({ code }) => code);

/** The parts of `data` from `start` on, up to 64 requests at once. Gives the answers' codes. */
async function writeParts(handle: Buffer, data: Buffer, start = 0): Promise<number[]> {
  const answered: number[] = [];
  for (let at = start; at < data.length; at += WRITES * PART) {
    const requests: Buffer[] = [];
    for (let part = at; part < Math.min(data.length, at + WRITES * PART); part += PART) {
      requests.push(sftp.requests.write(handle, part, data.subarray(part, part + PART)));
    }
    answered.push(...codes(await sftp.all(...requests)));
  }
  return answered;
}

/** An upload by way of `name.filepart`, as for every file above 100 KB. */
async function upload(name: string, data: Buffer, last: ClientAttrs = {}): Promise<void> {
  const r = sftp.requests;
  const [there, part] = await sftp.all(r.lstat(name), r.lstat(`${name}.filepart`));
  const resumed = part?.type === PacketType.ATTRS ? part.attrs.size : undefined;
  const how = resumed === undefined ? WRITE | CREAT | TRUNC : WRITE | CREAT;
  const handle = await sftp.open(`${name}.filepart`, how, { size: data.length });
  expect(new Set(await writeParts(handle, data, resumed))).toEqual(new Set([OK]));
  await sftp.ok(r.close(handle));
  if (there?.type === PacketType.ATTRS) await sftp.ok(r.remove(name));
  await sftp.ok(r.rename(`${name}.filepart`, name));
  await sftp.ok(r.setstat(name, { times: [MTIME, MTIME], ...last }));
}

describe("WinSCP's log-in and first requests", () => {
  test("one prompt that is not echoed, so that a stored password answers it", () => {
    expect(connection.rounds).toEqual([
      [{ text: expect.stringMatching(/password/i), echo: false }],
    ]);
  });

  test("a key goes first", async () => {
    const key = makeKey("ed25519");
    await server.addUser({ name: "bob", keys: [key.public] });
    const methods = ["none", "publickey", "keyboard-interactive"] as const;
    await connect({ ...WINSCP, methods, key: key.private, user: "bob" });
    expect(connection.rounds).toEqual([]);
  });

  test("version 3, and every extension it makes use of", async () => {
    for (const version of [3, 6]) {
      const other = await connection.sftp();
      const greeting = await other.init(version);
      expect(greeting.version).toBe(3);
      const { extensions } = greeting;
      expect(extensions.get("statvfs@openssh.com")).toBe("2");
      expect(extensions.get("hardlink@openssh.com")).toBe("1");
      expect(extensions.get("limits@openssh.com")).toBe("1");
      for (const name of [
        "copy-data",
        "check-file",
        "check-file-name",
        "posix-rename@openssh.com",
      ]) {
        expect(extensions.has(name), name).toBe(true);
      }
      other.end();
    }
    const limits = await sftp.call(sftp.requests.extended("limits@openssh.com"));
    expect(Number(limits.body.readBigUInt64BE(0))).toBeGreaterThanOrEqual(PART);
  });

  test("the first directory, read one page ahead, with owner and rights in the long names", async () => {
    for (let n = 0; n < 130; n += 1) writeFileSync(home(`file ${n}`), "12345", { mode: 0o640 });
    mkdirSync(home("directory"), { mode: 0o750 });
    const r = sftp.requests;
    expect((await sftp.call(r.realpath("."))).name).toBe("/");
    const { handle } = await sftp.call(r.opendir("/"));
    const pages = await sftp.all(...Array.from({ length: 4 }, () => r.readdir(handle)));
    await sftp.ok(r.close(handle));
    const entries = pages.flatMap((page) => (page.type === PacketType.NAME ? page.names : []));
    expect(pages.at(-1)?.code).toBe(EOF);
    expect(entries).toHaveLength(133);
    expect(entries.map(({ name }) => name.toString())).toContain("..");
    for (const { name, longname, attrs } of entries) {
      const columns = longname.toString().split(/ +/);
      expect(columns[0], name.toString()).toMatch(/^[d-][rwx-]{9}$/);
      expect(columns.slice(2, 4)).toEqual(["ann", "ann"]);
      expect(columns[0]?.startsWith("d")).toBe(((attrs?.mode ?? 0) & 0o170000) === 0o040000);
    }
  });
});

describe("WinSCP's uploads", () => {
  test("by way of .filepart: nothing under the name before all is there", async () => {
    const data = randomBytes(3_000_000);
    await upload("new.bin", data, { permissions: 0o640 });
    expect(readdirSync(home())).toEqual(["new.bin"]);
    expect(readFileSync(home("new.bin")).equals(data)).toBe(true);
    const { mode, mtimeMs } = statSync(home("new.bin"));
    expect([mode & 0o777, mtimeMs / 1000]).toEqual([0o640, MTIME]);
  });

  test("over an existing file: removed, then the part renamed", async () => {
    await upload("f", randomBytes(500_000));
    const shorter = randomBytes(200_000);
    await upload("f", shorter);
    expect(readdirSync(home())).toEqual(["f"]);
    expect(readFileSync(home("f")).equals(shorter)).toBe(true);
  });

  test("cut off, then resumed behind what is there", async () => {
    const data = randomBytes(4_000_000);
    const handle = await sftp.open("big.filepart", WRITE | CREAT | TRUNC, { size: data.length });
    expect(await writeParts(handle, data.subarray(0, 40 * PART))).toHaveLength(40);
    connection.drop();
    await connect();
    const part = await sftp.call(sftp.requests.lstat("big.filepart"));
    expect(part.attrs.size).toBe(40 * PART);
    await upload("big", data);
    expect(readdirSync(home())).toEqual(["big"]);
    expect(readFileSync(home("big")).equals(data)).toBe(true);
  });

  test("of a small file: exclusive first, then asked about, all requests at once", async () => {
    const r = sftp.requests;
    const attrs = { size: 5, permissions: 0o644 };
    const first = await sftp.open("small", WRITE | CREAT | EXCL, attrs);
    expect(codes(await sftp.all(r.write(first, 0, "first"), r.close(first)))).toEqual([OK, OK]);
    const again = await sftp.call(r.open("small", WRITE | CREAT | EXCL, attrs));
    expect(again.code).toBe(FAILURE);
    const handle = await sftp.open("small", WRITE | CREAT | TRUNC, { size: 1_000_000 });
    expect((await sftp.call(r.fstat(handle))).attrs.size).toBe(0);
    const answered = await sftp.all(
      r.write(handle, 0, "2nd"),
      r.close(handle),
      r.setstat("small", { times: [MTIME, MTIME], permissions: 0o600 }),
      r.lstat("small"),
    );
    expect(codes(answered.slice(0, 3))).toEqual([OK, OK, OK]);
    expect(answered[3]?.attrs).toMatchObject({ size: 3, mtime: MTIME, mode: 0o100600 });
  });

  test("over the quota: every WRITE answered with a text, the part kept and resumed later", async () => {
    await server.control.set("ann", { quotaBytes: 2_000_000 });
    const data = randomBytes(3_000_000);
    const r = sftp.requests;
    const handle = await sftp.open("big.filepart", WRITE | CREAT | TRUNC);
    const answered = await writeParts(handle, data);
    const stored = answered.indexOf(FAILURE);
    expect(answered).toHaveLength(Math.ceil(data.length / PART));
    expect(new Set(answered.slice(stored))).toEqual(new Set([FAILURE]));
    const refused = await sftp.call(r.write(handle, stored * PART, Buffer.alloc(PART)));
    expect(refused.text).toMatch(/^Quota exceeded: \d+ of 2000000 bytes used, \d+ more needed/);
    await sftp.ok(r.close(handle));
    expect((await sftp.call(r.lstat("big.filepart"))).attrs.size).toBe(stored * PART);
    await server.control.set("ann", { quotaBytes: QUOTA });
    await vi.waitFor(async () => expect(await room()).toBeGreaterThan(3_000_000), 30_000);
    await upload("big", data);
    expect(readFileSync(home("big")).equals(data)).toBe(true);
  });
});

/** Bytes free, as WinSCP computes them: blocks times f_bsize. */
async function room(): Promise<number> {
  const reply = await sftp.call(sftp.requests.extended("statvfs@openssh.com", str("/")));
  const field = (index: number): number => Number(reply.body.readBigUInt64BE(index * 8));
  expect(field(0)).toBe(field(1));
  return field(0) * field(4);
}

describe("WinSCP's downloads", () => {
  test("32 READs under way, all full, from the start and from where it was", async () => {
    const data = randomBytes(2_500_000);
    writeFileSync(home("f"), data);
    const r = sftp.requests;
    for (const start of [0, 1_000_001]) {
      expect((await sftp.call(r.lstat("f"))).attrs.size).toBe(data.length);
      const handle = await sftp.open("f", READ);
      const got: Buffer[] = [];
      for (let at = start; at < data.length; at += READS * PART) {
        const reads = Array.from({ length: READS }, (_, n) => r.read(handle, at + n * PART, PART));
        for (const [n, reply] of (await sftp.all(...reads)).entries()) {
          const left = data.length - (at + n * PART);
          if (left <= 0) expect(reply.code).toBe(EOF);
          else got.push(reply.data);
          if (left > 0) expect(reply.data.length).toBe(Math.min(PART, left));
        }
      }
      await sftp.ok(r.close(handle));
      expect(Buffer.concat(got).equals(data.subarray(start))).toBe(true);
    }
  });
});

describe("WinSCP's other commands", () => {
  test("checksums by check-file-name, five under way", async () => {
    const data = randomBytes(700_000);
    for (let n = 0; n < 5; n += 1) writeFileSync(home(`f${n}`), data.subarray(n));
    for (const algorithm of ["sha256", "sha1", "md5"]) {
      const list = [algorithm, "sha1", "sha512", "crc32"].join(",");
      const replies = await sftp.all(
        ...[0, 1, 2, 3, 4].map((n) =>
          sftp.requests.extended(
            "check-file-name",
            str(`/f${n}`),
            str(list),
            u64(0),
            u64(0),
            u32(0),
          ),
        ),
      );
      for (const [n, { type, body }] of replies.entries()) {
        const digest = createHash(algorithm).update(data.subarray(n)).digest();
        expect(type).toBe(PacketType.EXTENDED_REPLY);
        expect(body.equals(Buffer.concat([str(algorithm), digest]))).toBe(true);
      }
    }
  });

  test("rights and times by path; what is missing is told as missing", async () => {
    const r = sftp.requests;
    await sftp.put("f", "data");
    await sftp.ok(r.mkdir("d", { permissions: 0o755 }));
    await sftp.ok(r.setstat("d", { permissions: 0o700 }));
    await sftp.ok(r.setstat("f", { permissions: 0o444 }));
    await sftp.ok(r.setstat("d", { times: [MTIME, MTIME] }));
    await sftp.ok(r.setstat("f", { times: [MTIME, MTIME], permissions: 0o604 }));
    expect((await sftp.call(r.lstat("d"))).attrs).toMatchObject({ mode: 0o040700, mtime: MTIME });
    expect((await sftp.call(r.lstat("f"))).attrs).toMatchObject({ mode: 0o100604, mtime: MTIME });
    const missing = [
      r.setstat("x", { permissions: 0o600 }),
      r.lstat("x"),
      r.remove("x"),
      r.rmdir("x"),
    ];
    expect(codes(await sftp.all(...missing))).toEqual([2, 2, 2, 2]);
    expect(NO_SUCH_FILE).toBe(2);
  });

  test("a link, with its name before its target; a hard link; a duplicate on the server", async () => {
    const r = sftp.requests;
    const data = randomBytes(400_000);
    await sftp.put("f", data);
    await sftp.ok(r.symlink("link", "f"));
    expect((await sftp.call(r.readlink("link"))).name).toBe("f");
    expect((await sftp.call(r.stat("link"))).attrs.size).toBe(data.length);
    await sftp.ok(r.extended("hardlink@openssh.com", str("/f"), str("/hard")));
    const source = await sftp.open("f", READ);
    const target = await sftp.open("copy", WRITE | CREAT | EXCL);
    const copy = [str(source), u64(0), u64(0), str(target), u64(0)];
    await sftp.ok(r.extended("copy-data", ...copy));
    expect(codes(await sftp.all(r.close(source), r.close(target)))).toEqual([OK, OK]);
    for (const name of ["hard", "copy"]) expect(readFileSync(home(name)).equals(data)).toBe(true);
  });

  test("renames never replace; a directory is emptied and removed", async () => {
    const r = sftp.requests;
    await sftp.put("a", "a");
    await sftp.put("b", "b");
    const refused = await sftp.call(r.rename("a", "b"));
    expect([refused.code, refused.text]).toEqual([FAILURE, "File already exists"]);
    await sftp.ok(r.extended("posix-rename@openssh.com", str("a"), str("b")));
    expect(readFileSync(home("b"), "utf8")).toBe("a");
    await sftp.ok(r.mkdir("d"));
    await sftp.put("d/f", "");
    expect((await sftp.call(r.rmdir("d"))).code).toBe(FAILURE);
    expect(codes(await sftp.all(r.remove("d/f"), r.rmdir("d"), r.lstat("d")))).toEqual([OK, OK, 2]);
  });

  test("the space that is left is the quota's", async () => {
    expect(await room()).toBe(Math.floor(QUOTA / 1024) * 1024);
    await sftp.put("f", Buffer.alloc(1024 * 1024));
    expect(await room()).toBe(Math.floor(QUOTA / 1024) * 1024 - 1024 * 1024);
  });

  test("its look for another server's program is refused at once", async () => {
    const command = ["/usr/lib", "/usr/local/lib"]
      .map((at) => `test -x ${at}/sftp-server && exec ${at}/sftp-server`)
      .join("\n");
    const ended = await connection.exec(`${command}\nexec sftp-server`);
    expect(ended.code).not.toBe(0);
    expect(ended.stdout).toBe("");
  });
});
