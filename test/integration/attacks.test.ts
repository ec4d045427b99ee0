import { channel } from "node:diagnostics_channel";
import { once } from "node:events";
import { statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { Client } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { duplexWire, SftpClient } from "../support/sftp-client.ts";
import { attrs, str, u64 } from "../support/sftp-client-packets.ts";
import {
  dial,
  login,
  makeKey,
  openSubsystem,
  protocolOf,
  socketOf,
} from "../support/ssh-client.ts";

const PATIENCE = { timeout: 20_000, interval: 5 };
/** Takes seconds to copy, and no more of the disk than that should a copy not end. */
const HUGE = 8_000_000_000;
const key = makeKey("ed25519");

let server: TestServer;
const clients: Client[] = [];
const sockets: Socket[] = [];

beforeAll(async () => {
  const users = ["ann", "bob", "eve"].map((name) => ({ name, keys: [key.public] }));
  server = await startTestServer({ users, config: { limits: { maxUnauthenticated: 8 } } });
});

afterAll(() => server.stop());

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
  for (const socket of sockets.splice(0)) socket.destroy();
});

async function sftpOf(username: string): Promise<SftpClient> {
  // A name of its own: npm's ssh2 is known to send a link before its target, and these requests do not.
  const client = await login(server, { username, privateKey: key.private, ident: "wire" });
  client.on("error", () => {});
  clients.push(client);
  const wire = new SftpClient(duplexWire(await openSubsystem(client)));
  await wire.init();
  return wire;
}

/** Starts to copy a huge file that takes no room; resolves to the copy when some of it is there. */
async function startHugeCopy(user: string): Promise<string> {
  const sftp = await sftpOf(user);
  const r = sftp.requests;
  const source = await sftp.open("source", 0x1b);
  await sftp.ok(r.fsetstat(source, { size: HUGE }));
  const target = await sftp.open("target", 0x1a);
  sftp.send(r.extended("copy-data", str(source), u64(1), u64(0), str(target), u64(0)));
  const file = join(server.home(user), "target");
  await vi.waitFor(() => expect(statSync(file).size).toBeGreaterThan(0), PATIENCE);
  return file;
}

async function sessionsOf(user: string): Promise<number> {
  return (await server.store.sessions.list()).filter((session) => session.user === user).length;
}

describe("a copy that takes long", () => {
  test("ends when the user is disabled, who can be removed then", async () => {
    const file = await startHugeCopy("bob");
    await server.control.disable("bob");
    await vi.waitFor(async () => expect(await sessionsOf("bob")).toBe(0), PATIENCE);
    expect(statSync(file).size).toBeLessThan(HUGE - 1);
    expect(await server.control.remove("bob", { deleteHome: true })).toEqual({ homeDeleted: true });
  });

  test("ends when the client goes away", async () => {
    const file = await startHugeCopy("eve");
    for (const client of clients) client.destroy();
    await vi.waitFor(async () => expect(await sessionsOf("eve")).toBe(0), PATIENCE);
    expect(statSync(file).size).toBeLessThan(HUGE - 1);
  });
});

describe("files and directories", () => {
  test("every directory stays open to the server: it must find what a crash left open", async () => {
    const sftp = await sftpOf("ann");
    const r = sftp.requests;
    await sftp.ok(r.mkdir("made", { permissions: 0 }));
    await sftp.ok(r.mkdir("changed"));
    await sftp.ok(r.setstat("changed", { permissions: 0o7000 }));
    await sftp.ok(r.setstat("/", { permissions: 0 }));
    for (const path of ["made", "changed", "/"]) {
      expect((await sftp.call(r.stat(path))).attrs.mode & 0o7777).toBe(0o500);
    }
    expect((await sftp.call(r.mkdir("refused"))).code).toBe(3);
    await sftp.ok(r.setstat("/", { permissions: 0o700 }));
  });

  test("lsetstat gives no size to what a link leads to", async () => {
    const sftp = await sftpOf("ann");
    const r = sftp.requests;
    await sftp.put("victim", "data");
    await sftp.ok(r.symlink("victim", "link"));
    const change = r.extended("lsetstat@openssh.com", str("link"), attrs({ size: 0 }));
    expect((await sftp.call(change)).code).toBe(5);
    expect((await sftp.get("victim")).toString()).toBe("data");
  });
});

describe("before the login", () => {
  test("an address that holds all places does not lock another one out", async () => {
    for (let i = 0; i < 8; i += 1) {
      const socket = connect({ port: server.port, host: "127.0.0.1", localAddress: "127.0.0.2" });
      sockets.push(socket.on("error", () => {}));
      await once(socket, "data");
    }
    await sftpOf("ann");
  });

  test("answers that nobody reads are bounded, and nothing more is read then", async () => {
    const accepted: Socket[] = [];
    const onSocket = (message: unknown): void => {
      accepted.push((message as { socket: Socket }).socket);
    };
    channel("net.server.socket").subscribe(onSocket);
    try {
      const { client } = dial(server, { authHandler: () => {} });
      clients.push(client);
      await once(client, "handshake");
      socketOf(client).pause();
      const [ours] = accepted as [Socket];
      // Until the kernel's buffers are full and the server has stopped reading.
      await vi.waitFor(() => {
        for (let i = 0; i < 20_000; i += 1) protocolOf(client).ping();
        expect(ours.isPaused()).toBe(true);
      }, PATIENCE);
      expect(ours.writableLength).toBeLessThan(512 * 1024);
    } finally {
      channel("net.server.socket").unsubscribe(onSocket);
    }
  });
});

describe("guessed passwords", () => {
  test("from many addresses don't keep out those who log in with keys", async () => {
    // One hash at a time, each of so much work that the others wait behind it.
    const slow = await startTestServer({
      users: [{ name: "ann", keys: [key.public] }],
      config: {
        limits: { maxUnauthenticated: 4 },
        auth: { argon2Memory: 64 * 1024 * 1024, argon2Time: 4, hashConcurrency: 1 },
      },
    });
    try {
      for (let n = 0; n < 16; n += 1) {
        const localAddress = `127.0.0.${2 + (n % 5)}`;
        const { client, ready } = dial(slow, {
          username: "ann",
          password: "a guess",
          localAddress,
        });
        clients.push(client);
        ready.catch(() => {});
        // It has asked for a method that needs a hash, and waits.
        await vi.waitFor(
          () => expect(protocolOf(client)._authsQueue).toEqual(["password"]),
          PATIENCE,
        );
      }
      for (let n = 0; n < 6; n += 1) {
        (await login(slow, { username: "ann", privateKey: key.private })).end();
      }
    } finally {
      for (const client of clients.splice(0)) client.destroy();
      await slow.stop();
    }
  });
});
