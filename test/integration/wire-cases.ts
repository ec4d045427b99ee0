import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { PacketType, StatusCode } from "../../src/sftp/wire/constants.ts";
import type { SftpClient } from "../support/sftp-client.ts";
import { frame, type Reply, str, u32, u64 } from "../support/sftp-client-packets.ts";

export interface WireOptions {
  /** bytes */
  readonly quota?: number;
  /** the client's SSH identification string */
  readonly ident?: string;
}

/** A server with one user and an empty home. */
export interface WireServer {
  /** A new channel of a new connection, nothing sent on it yet. */
  connect(): Promise<SftpClient>;
  /** Drops the connection of a channel as a lost network does. */
  drop(client: SftpClient): void;
  /** Bytes the user's files take, and how many of them are open in the server. */
  usage(): Promise<{ bytes: number; open: number }>;
  /** Puts empty files named f0, f1, … into a directory that exists. */
  fill(directory: string, count: number): Promise<void>;
  stop(): Promise<void>;
}

export type StartWireServer = (options?: WireOptions) => Promise<WireServer>;

const OK = StatusCode.OK;
const KIB = 1024;

/** What real clients put on the wire, case by case. */
export function wireCases(name: string, start: StartWireServer): void {
  let server: WireServer;
  let client: SftpClient;

  async function begin(options: WireOptions = {}): Promise<void> {
    await server?.stop();
    server = await start(options);
    client = await connect();
  }

  async function connect(): Promise<SftpClient> {
    const next = await server.connect();
    await next.init();
    return next;
  }

  const codes = (replies: Reply[]) => replies.map((reply) => reply.code);
  const size = async (path: string) => (await client.call(client.requests.stat(path))).attrs.size;

  describe(name, () => {
    beforeEach(() => begin());
    afterEach(() => server.stop());

    it("1: answers INIT 3 and 6 with 3, and unknown extensions with OP_UNSUPPORTED", async () => {
      for (const version of [3, 6]) {
        const other = await server.connect();
        const answer = await other.init(version);
        expect(answer.version).toBe(3);
        expect(answer.extensions.get("posix-rename@openssh.com")).toBe("1");
        expect(answer.extensions.get("statvfs@openssh.com")).toBe("2");
      }
      const reply = await client.call(client.requests.extended("nobody@nowhere", u32(1)));
      expect(reply.code).toBe(StatusCode.OP_UNSUPPORTED);
    });

    it("2: OPEN+LSTAT, a chain of MKDIRs and REMOVE+RENAME take effect in order", async () => {
      const r = client.requests;
      const [opened, stat] = await client.all(r.open("new", 0x0a), r.lstat("new"));
      expect(stat?.attrs.size).toBe(0);
      await client.ok(r.close(opened?.handle as Buffer));
      const made = await client.all(r.mkdir("a"), r.mkdir("a/b"), r.mkdir("a/b/c"));
      expect(codes(made)).toEqual([OK, OK, OK]);
      await client.put("old", "old");
      const moved = await client.all(r.remove("new"), r.rename("old", "new"), r.stat("new"));
      expect(codes(moved.slice(0, 2))).toEqual([OK, OK]);
      expect(moved[2]?.attrs.size).toBe(3);
    });

    it("3: 64 WRITEs, CLOSE and STAT in one burst", async () => {
      const r = client.requests;
      const data = randomBytes(64 * 32 * KIB);
      const handle = await client.open("burst", 0x1a);
      const writes = Array.from({ length: 64 }, (_, index) => {
        const at = index * 32 * KIB;
        return r.write(handle, at, data.subarray(at, at + 32 * KIB));
      });
      const replies = await client.all(...writes, r.close(handle), r.stat("burst"));
      expect(codes(replies.slice(0, 65))).toEqual(Array(65).fill(OK));
      expect(replies[65]?.attrs.size).toBe(data.length);
      expect((await client.get("burst")).equals(data)).toBe(true);
    });

    it("4: 50 READDIRs in flight list ten entries once, then CLOSE", async () => {
      const r = client.requests;
      await client.ok(r.mkdir("d"));
      await server.fill("d", 10);
      const handle = (await client.call(r.opendir("d"))).handle;
      const asked = Array.from({ length: 50 }, () => r.readdir(handle));
      const replies = await client.all(...asked, r.close(handle));
      const pages = replies.filter((reply) => reply.type === PacketType.NAME);
      const names = pages.flatMap((page) => page.names.map((entry) => entry.name.toString()));
      const expected = [".", "..", ...Array.from({ length: 10 }, (_, index) => `f${index}`)];
      expect(names.sort()).toEqual(expected.sort());
      const rest = replies.slice(pages.length, 50);
      expect(codes(rest)).toEqual(Array(rest.length).fill(StatusCode.EOF));
      expect(replies[50]?.code).toBe(OK);
    });

    it("5: a READ is full in mid-file, short at the end, then EOF", async () => {
      const r = client.requests;
      const data = randomBytes(600 * KIB);
      await client.put("big", data);
      const handle = await client.open("big", 0x01);
      const [a, b, c, d] = await client.all(
        r.read(handle, 0, 261120),
        r.read(handle, 1000, 300000),
        r.read(handle, data.length - 10, 261120),
        r.read(handle, data.length, 261120),
      );
      expect(a?.data.equals(data.subarray(0, 261120))).toBe(true);
      expect(b?.data.equals(data.subarray(1000, 1000 + 261120))).toBe(true);
      expect(c?.data.equals(data.subarray(-10))).toBe(true);
      expect(d?.code).toBe(StatusCode.EOF);
      const far = await client.call(r.read(handle, 2n ** 63n, 10));
      expect(far.code).toBe(StatusCode.EOF);
    });

    it("5: thirty thousand queued READs are all answered, in order", async () => {
      const r = client.requests;
      const data = randomBytes(261120 + 100);
      await client.put("big", data);
      const handle = await client.open("big", 0x01);
      const asked = Array.from({ length: 30_000 }, (_, index) =>
        r.read(handle, index % 1000 === 0 ? 0 : data.length - 100, 261120),
      );
      const replies = await client.all(...asked);
      const wrong = replies.filter((reply, index) => {
        return reply.data.length !== (index % 1000 === 0 ? 261120 : 100);
      });
      expect(wrong).toEqual([]);
    });

    it("6: scp over a longer file leaves the new length, also when it is empty", async () => {
      const r = client.requests;
      for (const text of ["short", ""]) {
        await client.put("target", "something much longer");
        const handle = await client.open("target", 0x0a, { permissions: 0o644 });
        const sent = text === "" ? [] : [r.write(handle, 0, text)];
        const last = [r.fsetstat(handle, { size: text.length }), r.close(handle)];
        expect(codes(await client.all(...sent, ...last))).toEqual(sent.concat(last).map(() => OK));
        expect((await client.get("target")).toString()).toBe(text);
      }
    });

    it("7: open flags are bits", async () => {
      const written = async (flags: number, text: string) => {
        const handle = await client.open("f", flags);
        await client.ok(client.requests.write(handle, 0, text));
        await client.ok(client.requests.close(handle));
        return (await client.get("f")).toString();
      };
      const missing = await client.call(client.requests.open("nothing", 0x02));
      expect(missing.code).toBe(StatusCode.NO_SUCH_FILE);
      await client.put("f", "0123");
      expect(await written(0x02, "a")).toBe("a123");
      expect(await written(0x06, "b")).toBe("a123b");
      expect(await written(0x0a, "c")).toBe("c123b");
      expect(await written(0x0e, "d")).toBe("c123bd");
      expect(await written(0x12, "e")).toBe("e");
      expect(await written(0x1a, "g")).toBe("g");
      const exclusive = await client.call(client.requests.open("f", 0x2a));
      expect(exclusive.code).toBe(StatusCode.FAILURE);
      await client.ok(client.requests.remove("f"));
      expect(await written(0x2a, "h")).toBe("h");
    });

    it("8: APPEND writes to the end in arrival order, whatever the offsets", async () => {
      const r = client.requests;
      for (const base of [4, 0]) {
        await client.put("log", "head");
        const handle = await client.open("log", 0x0e);
        const parts = Array.from({ length: 40 }, (_, index) => `<${index}>`);
        let at = base;
        const writes = parts.map((part) => {
          at += part.length;
          return r.write(handle, at - part.length, part);
        });
        await client.all(...writes, r.close(handle));
        expect((await client.get("log")).toString()).toBe(`head${parts.join("")}`);
      }
    });

    it("9: OPEN's attributes count only for a file that is created", async () => {
      const mode = async (path: string) =>
        (await client.call(client.requests.stat(path))).attrs.mode;
      const sized = await client.open("sized", 0x1a, { size: 5000, permissions: 0o640 });
      await client.ok(client.requests.close(sized));
      expect(await size("sized")).toBe(0);
      expect(await mode("sized")).toBe(0o100640);
      const plain = await client.open("sized", 0x01, { permissions: 0 });
      await client.ok(client.requests.close(plain));
      expect(await mode("sized")).toBe(0o100640);
      const node = await client.open("node", 0x2a, { permissions: 0o100600 });
      await client.ok(client.requests.close(node));
      expect(await mode("node")).toBe(0o100600);
    });

    it("9a: an owner or group of 0xffffffff stays as it is, whichever way it is set", async () => {
      const r = client.requests;
      const KEEP = 0xffffffff;
      const handle = await client.open("mine", 0x1a);
      const { uid, gid } = (await client.call(r.stat("mine"))).attrs;
      const expected = [
        [[uid, KEEP], OK],
        [[KEEP, gid], OK],
        [[KEEP, KEEP], OK],
        [[uid, gid], OK],
        [[uid + 1, KEEP], StatusCode.PERMISSION_DENIED],
        [[KEEP, gid + 1], StatusCode.PERMISSION_DENIED],
        [[0, 0], StatusCode.PERMISSION_DENIED],
      ] as const;
      for (const [owner, code] of expected) {
        const change = { owner, permissions: 0o640 };
        const answers = await client.all(
          r.setstat("mine", change),
          r.fsetstat(handle, change),
          r.extended("lsetstat@openssh.com", r.setstat("mine", change).subarray(9)),
        );
        expect([owner, ...codes(answers)]).toEqual([owner, code, code, code]);
      }
      const { attrs } = await client.call(r.stat("mine"));
      expect(attrs).toMatchObject({ uid, gid, mode: 0o100640 });
      expect((await client.call(r.setstat("none", { owner: [KEEP, KEEP] }))).code).toBe(
        StatusCode.NO_SUCH_FILE,
      );
    });

    it("10: a time set before CLOSE survives it", async () => {
      const r = client.requests;
      const handle = await client.open("kept", 0x1a);
      const times = [1_000_000_000, 1_100_000_000] as const;
      await client.all(
        r.write(handle, 0, "data"),
        r.fsetstat(handle, { permissions: 0o600, times }),
        r.close(handle),
      );
      const { attrs } = await client.call(r.stat("kept"));
      expect([attrs.atime, attrs.mtime, attrs.mode]).toEqual([...times, 0o100600]);
    });

    it("11: SETSTAT by path right behind CLOSE", async () => {
      const r = client.requests;
      const handle = await client.open("w", 0x1a);
      const times = [1_200_000_000, 1_300_000_000] as const;
      const replies = await client.all(
        ...Array.from({ length: 20 }, (_, index) =>
          r.write(handle, index * 1000, randomBytes(1000)),
        ),
        r.close(handle),
        r.setstat("w", { size: 100, permissions: 0o640, times }),
        r.stat("w"),
      );
      const attrs = replies[22]?.attrs;
      expect(codes(replies.slice(0, 22))).toEqual(Array(22).fill(OK));
      expect(attrs).toMatchObject({ size: 100, mtime: times[1], mode: 0o100640 });
    });

    it("12: limits are what OpenSSH's client can work with", async () => {
      const reply = await client.call(client.requests.extended("limits@openssh.com"));
      expect(reply.type).toBe(PacketType.EXTENDED_REPLY);
      const values = [0, 8, 16, 24].map((at) => Number(reply.body.readBigUInt64BE(at)));
      expect(values.slice(0, 3)).toEqual([262144, 261120, 261120]);
      expect(values[3]).toBeGreaterThanOrEqual(64);
    });

    it("13: over the quota in mid-pipeline every WRITE is answered and the channel lives", async () => {
      await begin({ quota: 100 * KIB });
      const r = client.requests;
      const handle = await client.open("large", 0x1a);
      const writes = Array.from({ length: 32 }, (_, index) =>
        r.write(handle, index * 8 * KIB, Buffer.alloc(8 * KIB, index)),
      );
      const replies = await client.all(...writes, r.close(handle));
      const expected = Array.from({ length: 32 }, (_, index) =>
        index < 12 ? OK : StatusCode.FAILURE,
      );
      expect(codes(replies)).toEqual([...expected, OK]);
      expect(replies[20]?.text).toMatch(/quota/i);
      expect(await size("large")).toBe(96 * KIB);
      expect((await server.usage()).bytes).toBe(96 * KIB);
      await client.put("small", Buffer.alloc(4 * KIB));
      await client.ok(r.remove("large"));
      await client.put("next", Buffer.alloc(90 * KIB));
    });

    it("14: RENAME refuses an existing name, posix-rename replaces it", async () => {
      const r = client.requests;
      await client.put("a", "from a");
      await client.put("b", "b");
      expect((await client.call(r.rename("a", "b"))).code).toBe(StatusCode.FAILURE);
      expect((await client.get("b")).toString()).toBe("b");
      await client.ok(r.extended("posix-rename@openssh.com", str("a"), str("b")));
      expect((await client.get("b")).toString()).toBe("from a");
      expect((await client.call(r.stat("a"))).code).toBe(StatusCode.NO_SUCH_FILE);
    });

    it("15: REALPATH of what clients ask, STAT and LSTAT of a dangling link", async () => {
      const r = client.requests;
      await client.ok(r.mkdir("dir"));
      const cases = { "": "/", ".": "/", "..": "/", missing: "/missing", "dir/": "/dir" };
      for (const [asked, expected] of Object.entries(cases)) {
        expect((await client.call(r.realpath(asked))).name).toBe(expected);
      }
      await client.ok(r.symlink("nowhere", "dangling"));
      expect((await client.call(r.stat("dangling"))).code).toBe(StatusCode.NO_SUCH_FILE);
      expect((await client.call(r.lstat("dangling"))).attrs.mode & 0o170000).toBe(0o120000);
      expect((await client.call(r.readlink("dangling"))).name).toBe("nowhere");
    });

    it("16: SYMLINK's order of arguments goes by the client", async () => {
      const idents: [string, boolean][] = [
        ["SSH-2.0-OpenSSH_9.2", false],
        ["SSH-2.0-paramiko_3.4.0", false],
        ["SSH-2.0-WinSCP_release_6.3", true],
        ["SSH-2.0-SSHJ_0.38.0", true],
        ["SSH-2.0-ssh2js1.17.0", true],
        ["SSH-2.0-libssh_0.10.6", true],
        ["SSH-2.0-libssh2_1.11.1", false],
        ["SSH-2.0-phpseclib_3.0 (openssl)", true],
      ];
      for (const [ident, linkFirst] of idents) {
        await begin({ ident });
        const r = client.requests;
        await client.ok(linkFirst ? r.symlink("link", "target") : r.symlink("target", "link"));
        expect((await client.call(r.readlink("link"))).name).toBe("target");
      }
    });

    it("18: after the client's EOF everything received is done, then the channel ends", async () => {
      const r = client.requests;
      const handle = await client.open("half", 0x1a);
      const writes = Array.from({ length: 30 }, (_, index) => r.write(handle, index * 4, "data"));
      client.send(...writes);
      client.end();
      for (const write of writes) {
        expect((await client.reply()).id).toBe(write.readUInt32BE(5));
      }
      await client.closed;
      client = await connect();
      expect(await size("half")).toBe(120);
    });

    it("22: a handle of 256 bytes, and one used after CLOSE, are bad handles", async () => {
      const r = client.requests;
      await client.put("f", "text");
      const old = await client.open("f", 0x03);
      await client.ok(r.close(old));
      const other = await client.open("f", 0x03);
      expect(other.equals(old)).toBe(false);
      for (const handle of [old, randomBytes(256), Buffer.alloc(0)]) {
        const replies = await client.all(
          r.read(handle, 0, 10),
          r.write(handle, 0, "no"),
          r.fstat(handle),
          r.fsetstat(handle, { size: 0 }),
          r.readdir(handle),
          r.close(handle),
        );
        expect(codes(replies)).toEqual(Array(6).fill(StatusCode.FAILURE));
        expect(replies[0]?.text).toMatch(/bad handle/i);
      }
      expect((await client.get("f")).toString()).toBe("text");
    });

    it("22: a packet over 256 KiB ends its channel and no other", async () => {
      const other = await connect();
      const handle = await client.open("f", 0x1a);
      await client.ok(client.requests.write(handle, 0, Buffer.alloc(261120)));
      client.send(Buffer.concat([u32(256 * KIB + 4096), Buffer.alloc(100)]));
      await client.closed;
      expect((await other.call(other.requests.stat("f"))).attrs.size).toBe(261120);
    });

    it("23: a large directory is listed in pages below 128 KiB", async () => {
      const r = client.requests;
      await client.ok(r.mkdir("many"));
      await server.fill("many", 100_000);
      const handle = (await client.call(r.opendir("many"))).handle;
      const seen = new Set<string>();
      let largest = 0;
      for (;;) {
        const replies = await client.all(...Array.from({ length: 16 }, () => r.readdir(handle)));
        for (const reply of replies) {
          largest = Math.max(largest, reply.frame.length);
          if (reply.type !== PacketType.NAME) continue;
          for (const entry of reply.names) seen.add(entry.name.toString());
        }
        if (replies[15]?.type === PacketType.STATUS) break;
      }
      expect(seen.size).toBe(100_002);
      expect(largest).toBeLessThan(128 * KIB);
    }, 60_000);

    it("23: a name that is not UTF-8 survives", async () => {
      const r = client.requests;
      const odd = Buffer.from([0x66, 0xff, 0xfe, 0x20, 0xc3]);
      await client.put(odd, "odd");
      const handle = (await client.call(r.opendir("/"))).handle;
      const { names } = await client.call(r.readdir(handle));
      const entry = names.find((candidate) => candidate.name.equals(odd));
      expect(entry?.longname.subarray(-odd.length).equals(odd)).toBe(true);
      expect((await client.get(odd)).toString()).toBe("odd");
      const real = await client.call(r.realpath(odd));
      expect(real.names[0]?.name.equals(Buffer.concat([Buffer.from("/"), odd]))).toBe(true);
    });

    it("24: a lost connection keeps the partial file and frees its handle", async () => {
      const r = client.requests;
      const handle = await client.open("partial", 0x1a);
      for (let index = 0; index < 8; index++) {
        await client.ok(r.write(handle, index * 32 * KIB, Buffer.alloc(32 * KIB, 1)));
      }
      // The frame of a further WRITE that never arrives whole.
      client.send(frame(PacketType.WRITE, u32(99), str(handle), u64(0), u32(4000)).subarray(0, 20));
      server.drop(client);
      await client.closed;
      client = await connect();
      const usage = expect.poll(() => server.usage(), { timeout: 10_000 });
      await usage.toEqual({ bytes: 256 * KIB, open: 0 });
      expect(await size("partial")).toBe(256 * KIB);
    });
  });
}
