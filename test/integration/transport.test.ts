import { randomBytes } from "node:crypto";
import { type EventEmitter, once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect as connectTcp, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client, ClientChannel } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { parsePublicKey } from "../../src/auth/keys.ts";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import {
  type ClientProtocol,
  command,
  dial,
  login,
  makeKey,
  openSubsystem,
  protocolOf,
  rekeyedByServer,
  sftp,
  ssh,
} from "../support/ssh-client.ts";

const key = makeKey("ed25519");
const USERS = [{ name: "ann", password: "secret", keys: [key.public] }];
/** ssh-audit objects to the NIST curves as such; old clients have nothing better in common with us. */
const NIST_CURVES =
  /^\((kex|key)\) ecd(h|sa)-sha2-nistp\d+ +-- \[fail\] using weak elliptic curves$/;

/** For a busy machine. */
const PATIENCE = { timeout: 10_000 };

let server: TestServer;
let directory: string;
let keyFile: string;
let payload: Buffer;
let payloadFile: string;
const clients: Client[] = [];
const others: TestServer[] = [];

beforeAll(async () => {
  server = await startTestServer({ users: USERS });
  directory = await mkdtemp(join(tmpdir(), "moorage-transport-"));
  keyFile = join(directory, "id");
  await writeFile(keyFile, key.private, { mode: 0o600 });
  payload = randomBytes(12 * 1024 * 1024 + 4_321);
  payloadFile = join(directory, "payload");
  await writeFile(payloadFile, payload);
});

afterAll(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const other of others.splice(0)) await other.stop();
});

async function loggedIn(target: TestServer = server): Promise<Client> {
  const client = await login(target, { privateKey: key.private, strictVendor: false });
  clients.push(client);
  return client;
}

async function another(options: TestServerOptions): Promise<TestServer> {
  const made = await startTestServer({ users: USERS, ...options });
  others.push(made);
  return made;
}

/** Puts the payload, gets it back, and tells whether the bytes are the same at every stop. */
async function roundTrip(target: TestServer, options: string[] = []): Promise<void> {
  const back = join(directory, `back-${Math.random()}`);
  const commands = [`put ${payloadFile} f`, `get f ${back}`];
  const result = await sftp(target, commands, { key: keyFile, options });
  expect(result).toMatchObject({ code: 0, stderr: "" });
  expect((await readFile(join(target.home("ann"), "f"))).equals(payload)).toBe(true);
  expect((await readFile(back)).equals(payload)).toBe(true);
  await rm(back);
}

describe("algorithms", () => {
  test("ssh-audit finds nothing that fails", async () => {
    const { stdout } = await command("ssh-audit", [
      "--no-colors",
      "--level=info",
      "-p",
      String(server.port),
      "127.0.0.1",
    ]);
    expect(stdout).toContain("(kex) curve25519-sha256");
    expect(stdout).toContain("SSH-2.0-Moorage");
    const failed = stdout.split("\n").filter((line) => line.includes("[fail]"));
    expect(failed.filter((line) => !NIST_CURVES.test(line))).toEqual([]);
  });

  test("the offer is what was decided, ssh-rsa is not in it", async () => {
    const { stdout } = await command("ssh-audit", ["-j", "-p", String(server.port), "127.0.0.1"]);
    const offer = JSON.parse(stdout) as Record<"kex" | "key", { algorithm: string }[]> & {
      enc: string[];
      mac: string[];
      compression: string[];
    };
    const names = (list: { algorithm: string }[]) => list.map(({ algorithm }) => algorithm).sort();
    expect(names(offer.key)).toEqual(
      ["ecdsa-sha2-nistp256", "rsa-sha2-256", "rsa-sha2-512", "ssh-ed25519"].sort(),
    );
    expect(offer.mac).toEqual([
      "hmac-sha2-256-etm@openssh.com",
      "hmac-sha2-512-etm@openssh.com",
      "hmac-sha2-256",
      "hmac-sha2-512",
    ]);
    expect(offer.enc).not.toContainEqual(expect.stringContaining("cbc"));
    expect(offer.compression).toEqual(["none"]);
    expect(offer.kex[0]?.algorithm).toBe("mlkem768x25519-sha256");
    expect(names(offer.kex)).toContain("kex-strict-s-v00@openssh.com");
  });

  test.each([
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes128-ctr",
    "aes256-ctr",
  ])("a transfer with %s arrives whole", async (cipher) => {
    await roundTrip(server, ["-o", `Ciphers=${cipher}`]);
  });

  test.each(["hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"])(
    "a transfer with AES-CTR and %s arrives whole, also over key exchanges",
    async (mac) => {
      await roundTrip(server, [
        "-o",
        "Ciphers=aes256-ctr",
        "-o",
        `MACs=${mac}`,
        "-o",
        "RekeyLimit=1M",
      ]);
    },
  );

  test.each([
    "curve25519-sha256",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
  ])("OpenSSH agrees on keys with %s", async (algorithm) => {
    const options = ["-o", `KexAlgorithms=${algorithm}`];
    const result = await sftp(server, ["pwd"], { key: keyFile, options });
    expect(result).toMatchObject({ code: 0, stderr: "" });
  });

  test.each(["ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"])(
    "OpenSSH verifies the %s host key",
    async (algorithm) => {
      const options = ["-o", `HostKeyAlgorithms=${algorithm}`];
      const result = await sftp(server, ["pwd"], { key: keyFile, options });
      expect(result).toMatchObject({ code: 0, stderr: "" });
    },
  );
});

describe("re-keying", () => {
  test.each(["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"])(
    "by the client every 1 MB, with %s",
    async (cipher) => {
      await roundTrip(server, ["-o", "RekeyLimit=1M", "-o", `Ciphers=${cipher}`]);
    },
  );

  test("by the server every 1 MB", async () => {
    const rekeying = await another({ config: { transport: { rekeyBytes: 1024 * 1024 } } });
    await roundTrip(rekeying);
    const client = await loggedIn(rekeying);
    let exchanges = 0;
    (client as EventEmitter).on("handshake", () => {
      exchanges += 1;
    });
    await transfer(client, 4 * 1024 * 1024);
    expect(exchanges).toBeGreaterThanOrEqual(3);
  });

  test("by both at once", async () => {
    const rekeying = await another({ config: { transport: { rekeyBytes: 1024 * 1024 } } });
    await roundTrip(rekeying, ["-o", "RekeyLimit=1M"]);
  });

  test("by a client that sends other packets meanwhile, too", async () => {
    const client = await loggedIn();
    const protocol = protocolOf(client);
    const others = [
      Buffer.from([2, 0, 0, 0, 1, 65]),
      Buffer.from([3, 0, 0, 0, 0]),
      Buffer.from([4, 1, 0, 0, 0, 1, 65, 0, 0, 0, 0]),
      // GLOBAL_REQUEST of keepalive@openssh.com, without a reply wanted
      Buffer.concat([Buffer.from([80, 0, 0, 0, 21]), Buffer.from("keepalive@openssh.com\0")]),
    ];
    for (let i = 0; i < 3; i += 1) {
      const rekeyed = once(client, "handshake");
      protocol.rekey();
      for (const payload of others) sendAtOnce(protocol, payload);
      await rekeyed;
      await transfer(client, 100_000);
    }
  });

  test("by the server after a time", async () => {
    const rekeying = await another({ config: { transport: { rekeyInterval: 50 } } });
    const client = await loggedIn(rekeying);
    await rekeyedByServer(client);
    await openSubsystem(client);
  });
});

/** Writes and reads back a file with ssh2's own SFTP client. */
async function transfer(client: Client, bytes: number): Promise<void> {
  const channel = await new Promise<import("ssh2").SFTPWrapper>((resolve, reject) => {
    client.sftp((error, wrapper) => (error ? reject(error) : resolve(wrapper)));
  });
  const data = randomBytes(bytes);
  const source = join(directory, `source-${Math.random()}`);
  const target = `${source}.back`;
  await writeFile(source, data);
  const promised = (start: (done: (error?: Error | null) => void) => void): Promise<void> =>
    new Promise((resolve, reject) => start((error) => (error ? reject(error) : resolve())));
  await promised((done) => channel.fastPut(source, "t", done));
  await promised((done) => channel.fastGet("t", target, done));
  expect((await readFile(target)).equals(data)).toBe(true);
  channel.end();
}

/** Sends a packet in the middle of a key exchange, too, when ssh2 holds others back. */
function sendAtOnce(protocol: ClientProtocol, payload: Buffer): void {
  const { _packetRW, _cipher } = protocol as unknown as {
    _packetRW: {
      write: {
        allocStartKEX: number;
        alloc(length: number, force: boolean): Buffer;
        finalize(packet: Buffer, force: boolean): Buffer;
      };
    };
    _cipher: { encrypt(packet: Buffer): void };
  };
  const packet = _packetRW.write.alloc(payload.length, true);
  payload.copy(packet, _packetRW.write.allocStartKEX);
  _cipher.encrypt(_packetRW.write.finalize(packet, true));
}

/** A way to the server on which everything takes `delay` milliseconds, in each direction. */
async function longLine(
  target: TestServer,
  delay: number,
): Promise<{ port: number; stop(): void }> {
  const sockets = new Set<Socket>();
  const carry = (from: Socket, to: Socket): void => {
    from.setNoDelay(true);
    from.on("error", () => {});
    from.on("data", (chunk) => setTimeout(() => to.write(chunk), delay));
    from.on("close", () => to.destroy());
    sockets.add(from);
  };
  const relay = createServer((near) => {
    const far = connectTcp(target.port, "127.0.0.1");
    carry(near, far);
    carry(far, near);
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const { port } = relay.address() as { port: number };
  const stop = (): void => {
    relay.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port, stop };
}

describe("the receive window", () => {
  /** How far the server lets a client send ahead in the end, after an upload. */
  async function windowAfterUpload(target: { port: number }): Promise<number> {
    const client = await login(target, { privateKey: key.private });
    clients.push(client);
    const wrapper = await new Promise<import("ssh2").SFTPWrapper>((resolve, reject) => {
      client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    await new Promise<void>((resolve, reject) => {
      wrapper.fastPut(payloadFile, "window", { concurrency: 256 }, (error) =>
        error ? reject(error) : resolve(),
      );
    });
    return (wrapper as unknown as { outgoing: { window: number } }).outgoing.window;
  }

  const MIB = 1024 * 1024;

  test("stays small on a short line", async () => {
    expect(await windowAfterUpload(server)).toBeLessThanOrEqual(4 * MIB);
  });

  test("grows on a long line, so that the distance does not limit the speed", async () => {
    const line = await longLine(server, 25);
    try {
      expect(await windowAfterUpload(line)).toBeGreaterThan(4 * MIB);
    } finally {
      line.stop();
    }
    expect((await readFile(join(server.home("ann"), "window"))).equals(payload)).toBe(true);
  });
});

/** Everything a channel said until it closed, in order. */
async function listen(
  open: (done: (error: Error | undefined, channel: ClientChannel) => void) => unknown,
): Promise<string[]> {
  const events: string[] = [];
  await new Promise<void>((resolve, reject) => {
    open((error, channel) => {
      if (error) return reject(error);
      channel.on("data", (chunk: Buffer) => events.push(`out ${chunk.toString()}`));
      channel.stderr.on("data", (chunk: Buffer) => events.push(`err ${chunk.toString()}`));
      channel.on("exit", (code) => events.push(`exit ${code}`));
      channel.on("end", () => events.push("end"));
      channel.on("close", () => resolve());
    });
  });
  return [...events, "close"];
}

describe("what a session may start", () => {
  test("a command: data, error text, exit status, EOF, close in order", async () => {
    const { client, ready, channelPackets } = dial(server, { privateKey: key.private });
    clients.push(client);
    await ready;
    const heard = await listen((done) => client.exec("echo hello; nosuch", done));
    // ssh2's client tells of output late: the order is that of the packets.
    const said = ["out hello\n", expect.stringMatching(/^err .*nosuch/), "exit 127"];
    expect(heard).toEqual(expect.arrayContaining(said));
    expect(channelPackets.filter((line) => !line.includes("WINDOW_ADJUST"))).toEqual([
      "CHANNEL_OPEN_CONFIRMATION s:0",
      "CHANNEL_SUCCESS",
      "CHANNEL_DATA 6",
      expect.stringMatching(/^CHANNEL_EXTENDED_DATA \d+$/),
      "CHANNEL_REQUEST exit-status: 127",
      "CHANNEL_EOF",
      "CHANNEL_CLOSE",
    ]);
  });

  test("OpenSSH's ssh with a command, also when its input ends at once", async () => {
    const result = await ssh(server, ["md5sum"], { key: keyFile });
    expect(result).toMatchObject({ code: 0, stdout: "d41d8cd98f00b204e9800998ecf8427e  -\n" });
  });

  test("a transfer over sftp ends with status 0", async () => {
    const result = await sftp(server, ["ls"], { key: keyFile });
    expect(result.code).toBe(0);
  });

  test("an unknown subsystem is refused, the connection goes on", async () => {
    const client = await loggedIn();
    await expect(openSubsystem(client, "netconf")).rejects.toThrow();
    (await openSubsystem(client)).end();
  });

  test("env and pty are accepted: rclone gives up on a refused env", async () => {
    const client = await loggedIn();
    const options = { env: { LANG: "C", FOO: "bar" }, pty: true };
    expect(await listen((done) => client.exec("ls", options, done))).toContain("exit 0");
  });

  test("forwarding of ports, sockets, agent and X11 is refused", async () => {
    const client = await loggedIn();
    const refused = (start: (done: (error?: Error | null) => void) => void): Promise<string> =>
      new Promise((resolve) => start((error) => resolve(error?.message ?? "accepted")));
    expect(await refused((done) => client.forwardIn("127.0.0.1", 0, done))).toContain("Unable");
    expect(
      await refused((done) => client.forwardOut("127.0.0.1", 0, "127.0.0.1", server.port, done)),
    ).toContain("open failure");
    expect(
      await refused((done) => client.openssh_forwardOutStreamLocal("/run/x.sock", done)),
    ).toContain("open failure");
    expect(
      await refused((done) => client.openssh_forwardInStreamLocal("/tmp/x.sock", done)),
    ).toContain("Unable");
    expect(await refused((done) => client.exec("ls", { x11: true }, done))).toContain("X11");
  });

  test("channels of a session are bounded, and closing one makes room", async () => {
    const small = await another({ config: { limits: { channelsPerSession: 2 } } });
    const client = await loggedIn(small);
    const first = await openSubsystem(client);
    await openSubsystem(client);
    await expect(openSubsystem(client)).rejects.toThrow("Channel open failure");
    const closed = once(first, "close");
    first.resume().end();
    await closed;
    await openSubsystem(client);
  });

  test("two channels of one connection work side by side", async () => {
    const client = await loggedIn();
    await Promise.all([transfer(client, 300_000), openSubsystem(client)]);
  });
});

describe("the end of a session", () => {
  test("an idle session is told so and ended", async () => {
    const strict = await another({ config: { limits: { idleTimeout: 200 } } });
    const dialed = dial(strict, { privateKey: key.private });
    await dialed.ready;
    await openSubsystem(dialed.client);
    await dialed.closed;
    expect(dialed.disconnects).toEqual(["11: The session was idle for too long"]);
  });

  test("a session with a transfer under way is not idle, whatever its pace", async () => {
    const strict = await another({ config: { limits: { idleTimeout: 3_000 } } });
    const dialed = dial(strict, { privateKey: key.private });
    clients.push(dialed.client);
    await dialed.ready;
    const channel = await openSubsystem(dialed.client);
    let closed = false;
    void dialed.closed.then(() => {
      closed = true;
    });
    // An INIT packet, a byte now and then.
    for (const byte of [0, 0, 0, 64, 1, 0, 0, 0, 3, ...Array(6).fill(0)]) {
      channel.write(Buffer.from([byte]));
      await new Promise((resolve) => setTimeout(resolve, 250));
      expect(closed).toBe(false);
    }
  });

  test.each([
    ["disabled", "This account has been disabled", (s: TestServer) => s.control.disable("ann")],
    ["removed", "This account has been removed", (s: TestServer) => s.control.remove("ann", {})],
  ] as const)("a user who is %s is shown out at once", async (_, text, act) => {
    const target = await another({});
    const dialed = dial(target, { privateKey: key.private });
    await dialed.ready;
    await act(target);
    await dialed.closed;
    expect(dialed.disconnects).toEqual([`11: ${text}`]);
  });

  test("removing a key ends the sessions that used it, and no others", async () => {
    const other = makeKey("ed25519");
    const target = await another({
      users: [{ name: "ann", keys: [key.public, other.public] }],
    });
    const kept = dial(target, { privateKey: other.private });
    const ended = dial(target, { privateKey: key.private });
    clients.push(kept.client);
    await Promise.all([kept.ready, ended.ready]);
    await target.control.removeKey("ann", parsePublicKey(key.public).fingerprint);
    await ended.closed;
    expect(ended.disconnects).toEqual(["11: The key you logged in with has been removed"]);
    expect(kept.disconnects).toEqual([]);
    await vi.waitFor(async () => expect(await target.server.sessions()).toHaveLength(1), PATIENCE);
  });

  test("stopping waits for a transfer, ends idle sessions at once, and says why", async () => {
    const target = await startTestServer({ users: USERS });
    const idle = dial(target, { privateKey: key.private });
    const busy = dial(target, { privateKey: key.private });
    await Promise.all([idle.ready, busy.ready]);
    const wrapper = await new Promise<import("ssh2").SFTPWrapper>((resolve, reject) => {
      busy.client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const handle = await new Promise<Buffer>((resolve, reject) => {
      wrapper.open("f", "w", (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const stopped = target.server.stop(20_000);
    await idle.closed;
    expect(idle.disconnects).toEqual(["11: The server is stopping: try again later"]);
    await expect(login(target, { privateKey: key.private })).rejects.toThrow();
    await new Promise<void>((resolve, reject) => {
      wrapper.write(handle, Buffer.from("saved"), 0, 5, 0, (e) => (e ? reject(e) : resolve()));
    });
    await new Promise<void>((resolve) => wrapper.close(handle, () => resolve()));
    await busy.closed;
    await stopped;
    expect(await readFile(join(target.home("ann"), "f"), "utf8")).toBe("saved");
    await target.stop();
  });

  test("the audit trail tells the whole story", async () => {
    const target = await another({});
    await sftp(target, [`put ${payloadFile} f`, "mkdir d", "rename f d/g", "rm d/g", "rmdir d"], {
      key: keyFile,
    });
    await vi.waitFor(async () => {
      const records = await target.store.audit.query({ user: "ann", limit: 50 });
      const kinds = records.reverse().map((record) => record.kind);
      expect(kinds).toEqual([
        "user-add",
        "login",
        "upload",
        "mkdir",
        "rename",
        "remove",
        "rmdir",
        "logout",
      ]);
    }, PATIENCE);
    const [upload] = await target.store.audit.query({ kind: "upload" });
    expect(upload).toMatchObject({ path: "/f", bytes: payload.length });
    expect(upload?.remote).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test("live sessions are listed with their transfers", async () => {
    const client = await loggedIn();
    const wrapper = await new Promise<import("ssh2").SFTPWrapper>((resolve, reject) => {
      client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const handle = await new Promise<Buffer>((resolve, reject) => {
      wrapper.open("listed", "w", (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    await new Promise<void>((resolve, reject) => {
      wrapper.write(handle, Buffer.alloc(1_000), 0, 1_000, 0, (e) => (e ? reject(e) : resolve()));
    });
    const views = await server.server.sessions();
    const view = views.find(({ transfers }) => transfers.length > 0);
    expect(view).toMatchObject({
      user: "ann",
      node: server.store.nodeId,
      client: expect.stringContaining("SSH-2.0-OpenSSH_9.2p1"),
      transfers: [{ path: "/listed", direction: "upload", bytes: 1_000, size: null }],
    });
    expect(server.server.kick(view?.id ?? 0, "Enough for today")).toBe(true);
    expect(server.server.kick(999_999, "nobody")).toBe(false);
    await once(client, "close");
  });
});

test("keepalive requests are answered", async () => {
  const client = await loggedIn();
  for (let i = 0; i < 100; i++) protocolOf(client).ping();
  (await openSubsystem(client)).end();
});
