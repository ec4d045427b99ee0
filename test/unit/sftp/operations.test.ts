import { describe, expect, it } from "vitest";
import { toOpenFlags } from "../../../src/sftp/operations/files.ts";
import { sendsLinkFirst } from "../../../src/sftp/symlink-order.ts";
import { PacketType } from "../../../src/sftp/wire/constants.ts";
import { startMemory } from "../../support/sftp-client-memory.ts";
import { frame, type Reply, str, u32 } from "../../support/sftp-client-packets.ts";

const codes = (replies: Reply[]) => replies.map((reply) => reply.code);

describe("OPEN", () => {
  it("takes each flag for what it is", () => {
    const none = {
      read: false,
      write: false,
      append: false,
      create: false,
      truncate: false,
      exclusive: false,
    };
    expect(toOpenFlags(0x01)).toEqual({ ...none, read: true });
    expect(toOpenFlags(0x02)).toEqual({ ...none, write: true });
    expect(toOpenFlags(0x06)).toEqual({ ...none, write: true, append: true });
    expect(toOpenFlags(0x0a)).toEqual({ ...none, write: true, create: true });
    expect(toOpenFlags(0x12)).toEqual({ ...none, write: true, truncate: true });
    expect(toOpenFlags(0x2b)).toEqual({
      ...none,
      read: true,
      write: true,
      create: true,
      exclusive: true,
    });
    expect(toOpenFlags(0)).toEqual({ ...none, read: true });
  });

  it("answers as the filesystem does", async () => {
    const { client } = await startMemory();
    const r = client.requests;
    await client.ok(r.mkdir("d"));
    await client.put("f", "text");
    const replies = await client.all(
      r.open("missing", 0x01),
      r.open("d", 0x01),
      r.open("f/x", 0x01),
      r.open("f", 0x2a),
      r.open("a\0b", 0x1a),
      r.open(Buffer.alloc(5000, "a"), 0x1a),
    );
    expect(codes(replies)).toEqual([2, 4, 2, 4, 5, 5]);
  });
});

describe("attributes", () => {
  it("show the virtual owner", async () => {
    const { client } = await startMemory();
    const handle = await client.open("f", 0x1a);
    const r = client.requests;
    for (const request of [r.stat("f"), r.lstat("f"), r.fstat(handle)]) {
      const { attrs } = await client.call(request);
      expect([attrs.uid, attrs.gid]).toEqual([1042, 1043]);
    }
  });

  it("change by path and by handle", async () => {
    const { client } = await startMemory();
    const r = client.requests;
    const handle = await client.open("f", 0x1b);
    const change = { size: 10, permissions: 0o100600, times: [5, 6] as const };
    await client.ok(r.fsetstat(handle, change));
    expect((await client.call(r.stat("f"))).attrs).toMatchObject({
      size: 10,
      mode: 0o100600,
      atime: 5,
      mtime: 6,
    });
    await client.ok(r.setstat("f", { size: 3, owner: [1042, 1043] }));
    expect((await client.call(r.fstat(handle))).attrs.size).toBe(3);
    const refused = await client.all(
      r.setstat("f", { owner: [0, 0] }),
      r.setstat("missing", { permissions: 0 }),
      r.setstat("f", { size: 2n ** 60n }),
      r.fsetstat(handle, { size: 2n ** 60n }),
      r.fsetstat(await client.open("f", 0x01), { size: 1 }),
    );
    expect(codes(refused)).toEqual([3, 2, 4, 4, 4]);
  });
});

describe("directories", () => {
  it("are listed with long names and attributes, . and .. first", async () => {
    const { client } = await startMemory();
    const r = client.requests;
    await client.ok(r.mkdir("d", { permissions: 0o40750 }));
    await client.put("f", "12345");
    await client.ok(r.symlink("f", "l"));
    const handle = (await client.call(r.opendir("."))).handle;
    const { names } = await client.call(r.readdir(handle));
    const lines = names.map((entry) => entry.longname.toString());
    expect(lines[0]).toMatch(/^drwxr-xr-x +1 ada {6}users +0 .* \.$/);
    expect(lines[2]).toMatch(/^drwxr-x--- .* d$/);
    expect(lines[3]).toMatch(/^-rw-rw-rw- +1 ada {6}users {10,}5 .* f$/);
    expect(lines[4]).toMatch(/^lrwxrwxrwx .* l$/);
    expect(names[3]?.attrs).toMatchObject({ size: 5, uid: 1042, gid: 1043, mode: 0o100666 });
    expect((await client.call(r.readdir(handle))).code).toBe(1);
    expect((await client.call(r.readdir(handle))).code).toBe(1);
    await client.ok(r.close(handle));
  });

  it("stay below 128 KiB a page with the longest names", async () => {
    const { client } = await startMemory();
    for (let index = 0; index < 250; index++) {
      await client.put(String(index).padStart(255, "x"), "");
    }
    const handle = (await client.call(client.requests.opendir("/"))).handle;
    let entries = 0;
    for (;;) {
      const reply = await client.call(client.requests.readdir(handle));
      if (reply.type === PacketType.STATUS) break;
      expect(reply.frame.length).toBeLessThan(128 * 1024);
      entries += reply.names.length;
    }
    expect(entries).toBe(252);
  });

  it("refuse what they can't do", async () => {
    const { client } = await startMemory();
    const r = client.requests;
    await client.ok(r.mkdir("d"));
    await client.ok(r.mkdir("d/e"));
    const replies = await client.all(
      r.mkdir("d"),
      r.mkdir("x/y"),
      r.rmdir("d"),
      r.rmdir("missing"),
      r.remove("d"),
      r.opendir("missing"),
      r.rmdir("d/e"),
      r.rmdir("d"),
    );
    expect(codes(replies)).toEqual([4, 2, 4, 2, 4, 2, 0, 0]);
  });
});

describe("SYMLINK", () => {
  it("knows who sends the link first", () => {
    const idents = [
      "SSH-2.0-WinSCP_release_6.1.2",
      "SSH-2.0-SSHJ_0.38.0",
      "SSH-2.0-AsyncSSH_2.10.1",
      "SSH-2.0-ssh2js1.17.0",
      "SSH-2.0-ssh2js0.4.10",
      "SSH-2.0-libssh_0.10.6",
      "SSH-2.0-libssh-0.5.5",
      "SSH-2.0-phpseclib_3.0 (libsodium, openssl, gmp)",
      "SSH-1.99-libssh_0.11.1",
    ];
    for (const ident of idents) {
      expect([ident, sendsLinkFirst(ident)]).toEqual([ident, true]);
    }
    const others = [
      "SSH-2.0-OpenSSH_9.9",
      "SSH-2.0-libssh2_1.11.1",
      "SSH-2.0-paramiko_3.4.0",
      "SSH-2.0-Go",
      "SSH-2.0-APACHE-SSHD-2.12.0",
      "SSH-2.0-JSCH_0.2.17",
      "SSH-2.0-Renci.SshNet.SshClient.2024.1.0",
      "SSH-2.0-FileZilla_3.66.4",
      "SSH-2.0-Cyberduck/8.7.1.40770 (Mac OS X/14.2) (x86_64)",
      "SSH-2.0-moved from ssh2js1.17.0",
      "SSH-2.0-",
      "",
      "sftp",
    ];
    for (const ident of others) expect([ident, sendsLinkFirst(ident)]).toEqual([ident, false]);
  });
});

describe("malformed requests", () => {
  it("are answered with BAD_MESSAGE, each type", async () => {
    const { client } = await startMemory();
    const short = Buffer.from([0, 0, 0, 9, 1]);
    const types = [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 200];
    for (const type of types) {
      const reply = await client.call(frame(type, u32(type), short));
      expect([type, reply.code]).toEqual([type, 5]);
    }
    const attrs = await client.call(frame(PacketType.SETSTAT, u32(1), str("f"), u32(1)));
    expect(attrs.code).toBe(5);
  });

  it("of unknown types are answered with OP_UNSUPPORTED", async () => {
    const { client } = await startMemory();
    for (const type of [0, 2, 21, 101, 105, 201, 255]) {
      expect((await client.call(frame(type, u32(type), str("x")))).code).toBe(8);
    }
  });
});
