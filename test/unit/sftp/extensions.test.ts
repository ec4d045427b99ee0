import { describe, expect, it } from "vitest";
import { readSpaces } from "../../../src/client/remote/spaces.ts";
import { FsError } from "../../../src/errors.ts";
import { PacketType } from "../../../src/sftp/wire/constants.ts";
import { Reader } from "../../../src/sftp/wire/reader.ts";
import { MOST_SPACES } from "../../../src/sftp/wire/spaces.ts";
import { ROOT, type VirtualPath } from "../../../src/vfs/path.ts";
import { MemoryFs } from "../../support/memory-fs.ts";
import { serveMemory, startMemory } from "../../support/sftp-client-memory.ts";
import { attrs, type Reply, str, u32, u64 } from "../../support/sftp-client-packets.ts";

const codes = (replies: Reply[]) => replies.map((reply) => reply.code);
const numbers = (reply: Reply) => {
  expect(reply.type).toBe(PacketType.EXTENDED_REPLY);
  const count = reply.body.length / 8;
  return Array.from({ length: count }, (_, index) => Number(reply.body.readBigUInt64BE(index * 8)));
};

describe("limits@openssh.com", () => {
  it("tells the real limits", async () => {
    const { client } = await startMemory({}, { maxHandles: 100 });
    const reply = await client.call(client.requests.extended("limits@openssh.com"));
    expect(numbers(reply)).toEqual([262144, 261120, 261120, 100]);
  });
});

describe("statvfs@openssh.com and fstatvfs@openssh.com", () => {
  it("show the quota", async () => {
    const { client } = await startMemory({ quota: 1024 * 1024 });
    await client.put("f", Buffer.alloc(512 * 1024));
    const handle = await client.open("f", 0x01);
    const r = client.requests;
    const expected = [512, 512, 2048, 1024, 1024, 1000, 900, 900, 7, 2, 255];
    expect(numbers(await client.call(r.extended("statvfs@openssh.com", str("/"))))).toEqual(
      expected,
    );
    expect(numbers(await client.call(r.extended("fstatvfs@openssh.com", str(handle))))).toEqual(
      expected,
    );
    const refused = await client.all(
      r.extended("statvfs@openssh.com", str("missing")),
      r.extended("fstatvfs@openssh.com", str("missing!")),
    );
    expect(codes(refused)).toEqual([2, 4]);
  });
});

describe("spaces@moorage", () => {
  const asked = async (fs: MemoryFs) => {
    const { client } = serveMemory(fs);
    await client.init();
    const reply = await client.call(client.requests.extended("spaces@moorage"));
    expect(reply.type).toBe(PacketType.EXTENDED_REPLY);
    return reply.body;
  };

  it("tells what is used and free to the byte, and in files", async () => {
    const fs = new MemoryFs({ quota: 1_000_001 });
    fs.used = 7;
    const body = await asked(fs);
    expect(readSpaces(new Reader(body))).toEqual([
      {
        path: "/",
        usedBytes: 7,
        totalBytes: 1_000_001,
        freeBytes: 999_994,
        files: { total: 1000, free: 900 },
      },
    ]);
  });

  it("leaves out a folder that is gone or may not be seen by now, and has a most", async () => {
    const fs = new MemoryFs({ quota: 1000 });
    const many = Array.from({ length: 1000 }, (_, index) => `/f${index}` as VirtualPath);
    fs.mounts = () => [ROOT, "/gone" as VirtualPath, "/hidden" as VirtualPath, ...many];
    const stat = await fs.fileSystemStat();
    const fileSystemStat = async (path: VirtualPath) => {
      if (path === "/hidden") throw new FsError("EACCES");
      const mountedOn = path === "/gone" ? ROOT : path;
      return { ...stat, mountedOn, quotaBytes: null, quotaFiles: null };
    };
    Object.assign(fs, { fileSystemStat });
    const told = readSpaces(new Reader(await asked(fs)));
    // Without a quota there is as much as the disk has.
    expect(told[0]).toEqual({ path: "/", usedBytes: 0, totalBytes: 512, freeBytes: 512 });
    const paths = told.map(({ path }) => path);
    expect(paths.slice(0, 3)).toEqual(["/", "/f0", "/f1"]);
    // Who reads a list that is shorter may be sure that it has all.
    expect(paths.length).toBe(MOST_SPACES);
  });

  it("lets others come first again and again, while there are many folders to ask for", async () => {
    const fs = new MemoryFs({ quota: 1000 });
    const folders = Array.from({ length: 400 }, (_, index) => `/f${index}` as VirtualPath);
    fs.mounts = () => [ROOT, ...folders];
    const stat = await fs.fileSystemStat();
    let inThisTurn = 0;
    let most = 0;
    const fileSystemStat = async (path: VirtualPath) => {
      if (inThisTurn === 0) setImmediate(() => (inThisTurn = 0));
      inThisTurn += 1;
      most = Math.max(most, inThisTurn);
      return { ...stat, mountedOn: path };
    };
    Object.assign(fs, { fileSystemStat });
    expect(readSpaces(new Reader(await asked(fs)))).toHaveLength(401);
    expect(most).toBeLessThan(50);
  });

  it("is not read by a client beyond what came", () => {
    const lie = Buffer.alloc(48);
    lie.writeUInt32BE(2);
    expect(() => readSpaces(new Reader(lie))).toThrow("the server's list is damaged");
  });

  it("is not believed by a client where figures are no figures, or a path ends elsewhere", () => {
    const figures = (used: bigint, free: bigint) =>
      Buffer.concat([u32(1), str("/"), ...[used, 9n, free, 1n, 2n].map(u64)]);
    expect(readSpaces(new Reader(figures(3n, 6n)))).toMatchObject([{ usedBytes: 3, freeBytes: 6 }]);
    const long = figures(3n, 6n);
    long.writeUInt32BE(1000, 4);
    for (const lie of [figures(2n ** 63n, 6n), figures(3n, 2n ** 64n - 1n), long]) {
      expect(() => readSpaces(new Reader(lie))).toThrow("the server's list is damaged");
    }
  });
});

describe("posix-rename, hardlink, fsync, lsetstat", () => {
  it("do what they say", async () => {
    const { fs, client } = await startMemory();
    const r = client.requests;
    await client.put("a", "a");
    await client.put("b", "b");
    await client.ok(r.symlink("b", "l"));
    const handle = await client.open("b", 0x03);
    const replies = await client.all(
      r.extended("hardlink@openssh.com", str("a"), str("c")),
      r.extended("hardlink@openssh.com", str("a"), str("b")),
      r.extended("hardlink@openssh.com", str("missing"), str("d")),
      r.extended("posix-rename@openssh.com", str("b"), str("a")),
      r.extended("posix-rename@openssh.com", str("missing"), str("a")),
      r.extended("fsync@openssh.com", str(handle)),
      r.extended("fsync@openssh.com", str("no handle")),
      r.extended("lsetstat@openssh.com", str("l"), attrs({ times: [1, 2] })),
      r.extended("lsetstat@openssh.com", str("missing"), attrs({ times: [1, 2] })),
      r.extended("lsetstat@openssh.com", str("l"), attrs({ size: 0 })),
    );
    expect(codes(replies)).toEqual([0, 4, 2, 0, 2, 0, 4, 0, 2, 5]);
    expect((await client.get("a")).toString()).toBe("b");
    expect((await client.get("c")).toString()).toBe("a");
    expect(fs.calls).toContain("sync");
    expect((await client.call(r.lstat("l"))).attrs.mtime).toBe(2);
  });
});

describe("copy-data", () => {
  async function start() {
    const served = await startMemory({ quota: 100 });
    await served.client.put("source", "0123456789");
    const source = await served.client.open("source", 0x03);
    const target = await served.client.open("target", 0x1b);
    const copy = (from: Buffer, at: number | bigint, length: number | bigint, to: Buffer, n = 0) =>
      served.client.requests.extended(
        "copy-data",
        str(from),
        u64(at),
        u64(length),
        str(to),
        u64(n),
      );
    return { ...served, source, target, copy };
  }

  it("copies ranges, and to the end for a length of 0", async () => {
    const { client, source, target, copy } = await start();
    expect(
      codes(await client.all(copy(source, 2, 3, target), copy(source, 7, 0, target, 3))),
    ).toEqual([0, 0]);
    expect((await client.get("target")).toString()).toBe("234789");
  });

  it("says EOF when the source was shorter than asked", async () => {
    const { client, source, target, copy } = await start();
    const asked = [copy(source, 8, 5, target), copy(source, 2n ** 60n, 1, target)];
    asked.push(copy(source, 0, 2n ** 64n - 1n, target, 50), copy(source, 2n ** 60n, 0, target));
    expect(codes(await client.all(...asked))).toEqual([1, 1, 1, 0]);
    const text = (await client.get("target")).toString();
    expect([text.slice(0, 2), text.slice(50)]).toEqual(["89", "0123456789"]);
  });

  it("within a file refuses ranges that overlap", async () => {
    const { client, source, copy } = await start();
    const replies = await client.all(
      copy(source, 0, 5, source, 3),
      copy(source, 3, 0, source, 5),
      copy(source, 0, 5, source, 5),
      copy(source, 5, 0, source, 0),
    );
    expect(codes(replies)).toEqual([5, 5, 0, 0]);
  });

  it("needs the right handles and the quota", async () => {
    const { client, source, copy } = await start();
    const onlyReading = await client.open("source", 0x01);
    const onlyWriting = await client.open("other", 0x0a);
    const appending = await client.open("other", 0x06);
    const replies = await client.all(
      copy(source, 0, 0, onlyReading),
      copy(onlyWriting, 0, 0, source),
      copy(source, 0, 0, appending),
      copy(source, 0, 0, Buffer.alloc(8)),
      copy(source, 0, 0, onlyWriting, 2 ** 50),
      copy(source, 0, 0, onlyWriting, 95),
    );
    expect(codes(replies)).toEqual([4, 4, 5, 4, 4, 4]);
    expect(replies[5]?.text).toMatch(/quota/i);
  });
});

describe("expand-path@openssh.com and home-directory", () => {
  it("know the user's own home only", async () => {
    const { client } = await startMemory();
    const r = client.requests;
    await client.ok(r.mkdir("d"));
    const expand = async (path: string) =>
      client.call(r.extended("expand-path@openssh.com", str(path)));
    const known = { "~": "/", "~/d": "/d", "~ada": "/", "~ada/d/../d": "/d", d: "/d", "": "/" };
    for (const [path, name] of Object.entries(known)) expect((await expand(path)).name).toBe(name);
    expect((await expand("~root/d")).code).toBe(2);
    for (const user of ["", "ada"]) {
      expect((await client.call(r.extended("home-directory", str(user)))).name).toBe("/");
    }
    expect((await client.call(r.extended("home-directory", str("root")))).code).toBe(2);
  });
});

describe("users-groups-by-id@openssh.com", () => {
  it("names the virtual owner and nobody else", async () => {
    const { client } = await startMemory();
    const ask = (users: Buffer, groups: Buffer) =>
      client.call(
        client.requests.extended("users-groups-by-id@openssh.com", str(users), str(groups)),
      );
    const reply = await ask(Buffer.concat([u32(0), u32(1042), u32(1043)]), u32(1043));
    expect(reply.body).toEqual(
      Buffer.concat([str(Buffer.concat([str(""), str("ada"), str("")])), str(str("users"))]),
    );
    expect((await ask(Buffer.alloc(0), Buffer.alloc(0))).body).toEqual(
      Buffer.concat([str(""), str("")]),
    );
    expect((await ask(Buffer.alloc(5), Buffer.alloc(0))).code).toBe(5);
    expect((await ask(Buffer.alloc(4 * 5000), Buffer.alloc(0))).code).toBe(5);
  });
});
