import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import type { Client, ClientChannel, SFTPWrapper } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { startTestServer, type TestServer, type TestServerOptions } from "../support/server.ts";
import {
  channelIds,
  dial,
  login,
  makeKey,
  openSubsystem,
  protocolOf,
  socketOf,
  tcp,
} from "../support/ssh-client.ts";

const key = makeKey("ed25519");
const USERS = [{ name: "ann", keys: [key.public] }];

/** For a busy machine. */
const PATIENCE = { timeout: 10_000 };

let server: TestServer;
const clients: Client[] = [];
const others: TestServer[] = [];

beforeAll(async () => {
  server = await startTestServer({ users: USERS });
});

afterAll(() => server.stop());

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  for (const other of others.splice(0)) await other.stop();
  // Whatever was done to it, the server still serves.
  const client = await login(server, { privateKey: key.private });
  (await openSubsystem(client)).end();
  client.end();
  await once(client, "close");
});

async function loggedIn(target: TestServer = server) {
  const dialed = dial(target, { privateKey: key.private });
  clients.push(dialed.client);
  await dialed.ready;
  return dialed;
}

async function another(options: TestServerOptions): Promise<TestServer> {
  const made = await startTestServer({ users: USERS, ...options });
  others.push(made);
  return made;
}

const IDENT = Buffer.from("SSH-2.0-Garbage\r\n");

/** A packet as before the first key exchange: length, padding length, payload, padding. */
function plainPacket(payload: Buffer): Buffer {
  const padding = 16 - ((5 + payload.length) % 8);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(1 + payload.length + padding);
  head[4] = padding;
  return Buffer.concat([head, payload, Buffer.alloc(padding)]);
}

const GARBAGE: [string, () => Buffer][] = [
  ["nothing", () => Buffer.alloc(0)],
  ["an HTTP request", () => Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n")],
  ["a TLS hello", () => Buffer.from("16030100a5010000a10303", "hex")],
  ["random bytes", () => randomBytes(2_000)],
  ["an endless identification", () => Buffer.from(`SSH-2.0-${"x".repeat(100_000)}`)],
  ["an SSH 1 client", () => Buffer.from("SSH-1.5-old\r\n")],
  ["an identification without a version", () => Buffer.from("SSH-\r\n")],
  ["random bytes after the identification", () => Buffer.concat([IDENT, randomBytes(4_000)])],
  ["a packet of 4 GB", () => Buffer.concat([IDENT, Buffer.alloc(64, 0xff)])],
  ["an empty packet", () => Buffer.concat([IDENT, plainPacket(Buffer.alloc(0))])],
  ["a broken KEXINIT", () => Buffer.concat([IDENT, plainPacket(Buffer.from([20, 1, 2, 3]))])],
  [
    "a KEXINIT of random lists",
    () => Buffer.concat([IDENT, plainPacket(Buffer.concat([Buffer.from([20]), randomBytes(500)]))]),
  ],
  ["a login before the keys", () => Buffer.concat([IDENT, plainPacket(Buffer.from([50, 0, 0]))])],
  ["an unknown message", () => Buffer.concat([IDENT, plainPacket(Buffer.from([200]))])],
];

describe("before the login", () => {
  test.each(GARBAGE)("%s costs a connection and nothing else", async (_, make) => {
    const { socket, said } = await tcp(server);
    socket.write(make());
    await nextTurn();
    socket.end();
    expect(await said).toMatch(/^SSH-2\.0-Moorage\r\n/);
  });

  test("garbage from many at once, cut into random pieces, leaves the server serving", async () => {
    const attack = async (round: number): Promise<void> => {
      const [, make] = GARBAGE[round % GARBAGE.length] as [string, () => Buffer];
      const { socket, said } = await tcp(server);
      const data = Buffer.concat([make(), randomBytes(round * 7)]);
      for (let at = 0; at < data.length; ) {
        const end = at + 1 + Math.floor(Math.random() * 300);
        socket.write(data.subarray(at, end));
        at = end;
        if (round % 3 === 0) await nextTurn();
      }
      if (round % 2 === 0) socket.destroy();
      else socket.end();
      await said;
    };
    for (let wave = 0; wave < 5; wave++) {
      await Promise.all(Array.from({ length: 30 }, (_, i) => attack(wave * 30 + i)));
    }
  });

  test("an identification that comes byte by byte is understood", async () => {
    const trickle = createServer(async (client) => {
      const upstream = connect(server.port, "127.0.0.1").setNoDelay(true);
      upstream.pipe(client);
      upstream.on("error", () => {});
      client.on("error", () => {});
      client.on("close", () => upstream.destroy());
      let first = true;
      for await (const chunk of client as AsyncIterable<Buffer>) {
        if (!first) upstream.write(chunk);
        else {
          for (const byte of chunk.subarray(0, 20)) {
            upstream.write(Buffer.from([byte]));
            await sleep(2);
          }
          upstream.write(chunk.subarray(20));
        }
        first = false;
      }
    });
    trickle.listen(0, "127.0.0.1");
    await once(trickle, "listening");
    try {
      const { port } = trickle.address() as { port: number };
      const client = await login({ port }, { privateKey: key.private });
      client.end();
      await once(client, "close");
    } finally {
      trickle.close();
    }
  });

  test("a channel, a request and data before the login are refused", async () => {
    const dialed = dial(server, {
      authHandler: () => {
        const protocol = protocolOf(dialed.client);
        protocol.session(0, 1 << 20, 32_768);
        protocol.subsystem(0, "sftp", true);
        protocol.channelData(0, Buffer.from("data"));
        protocol.tcpipForward("0.0.0.0", 0, true);
        dialed.client.end();
      },
    });
    clients.push(dialed.client);
    await dialed.closed;
    await expect(dialed.ready).rejects.toThrow();
    expect(dialed.channelPackets).toEqual(["CHANNEL_OPEN_FAILURE"]);
  });
});

/** An SFTP channel on which INIT was answered and a file of `bytes` zeros is open for reading. */
async function openZeros(client: Client, bytes: number): Promise<SFTPWrapper> {
  const wrapper = await new Promise<SFTPWrapper>((resolve, reject) => {
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
  });
  await new Promise<void>((resolve, reject) => {
    wrapper.writeFile("zeros", Buffer.alloc(bytes), (e) => (e ? reject(e) : resolve()));
  });
  return wrapper;
}

/**
 * True when all that waits in the socket gets out; false when nothing of it did while the server
 * did a lot for another client.
 */
async function leaves(socket: Socket, other: Client): Promise<boolean> {
  for (let still = 0; still < 20 && socket.writableLength > 0; still++) {
    const before = socket.writableLength;
    const channel = await openSubsystem(other);
    channel.resume().end();
    await once(channel, "close");
    if (socket.writableLength < before) still = 0;
  }
  return socket.writableLength === 0;
}

function u32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

/** A READ of `length` bytes from offset 0 (draft-ietf-secsh-filexfer-02 section 6.4). */
function readRequest(handle: Buffer, length: number): Buffer {
  const body = Buffer.concat([
    Buffer.from([5]),
    u32(1),
    u32(handle.length),
    handle,
    Buffer.alloc(8),
    u32(length),
  ]);
  return Buffer.concat([u32(body.length), body]);
}

describe("after the login", () => {
  test("a client that sends past its window is thrown out", async () => {
    const { client, disconnects, closed } = await loggedIn();
    const wrapper = await openZeros(client, 1 << 20);
    const handle = await new Promise<Buffer>((resolve, reject) => {
      wrapper.open("zeros", "r", (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const { theirs } = channelIds(wrapper as unknown as ClientChannel);
    // It takes no answers, so the server soon takes no more requests and grants no more window.
    const batch = Buffer.concat(Array(1_000).fill(readRequest(handle, 32_768)));
    const socket = socketOf(client);
    socket.pause();
    for (let sent = 0; sent < 20 << 20 && !socket.destroyed; sent += batch.length) {
      protocolOf(client).channelData(theirs, batch.subarray(0, 32_000));
      await nextTurn();
    }
    socket.resume();
    await closed;
    expect(disconnects).toEqual(["2: Protocol error"]);
  });

  test.each([0, 1, 511])(
    "a client that takes packets of %d bytes gets no such channel, and goes on",
    async (size) => {
      const { client, channelPackets } = await loggedIn();
      protocolOf(client).session(77, 1 << 20, size);
      (await openSubsystem(client)).end();
      expect(channelPackets[0]).toBe("CHANNEL_OPEN_FAILURE");
    },
  );

  test("10,000 requests at once are all answered, in order", async () => {
    const { client } = await loggedIn();
    const answered: number[] = [];
    for (let i = 0; i < 10_000; i++) {
      client.forwardIn("127.0.0.1", 1 + i, () => answered.push(i));
    }
    await vi.waitFor(() => expect(answered).toHaveLength(10_000), { timeout: 20_000 });
    expect(answered).toEqual(Array.from({ length: 10_000 }, (_, i) => i));
  });

  test("answers nobody reads stop the reading of requests, not the server", async () => {
    const { client } = await loggedIn();
    const { client: other } = await loggedIn();
    const socket = socketOf(client);
    socket.pause();
    let asked = 0;
    do {
      for (let i = 0; i < 20_000; i++) protocolOf(client).ping();
      asked += 20_000;
      expect(asked).toBeLessThan(3_000_000);
    } while (await leaves(socket, other));
  });

  test("channel opens without end get no more than the limit", async () => {
    const { client, channelPackets } = await loggedIn();
    const results = await Promise.allSettled(
      Array.from({ length: 3_000 }, () => openSubsystem(client)),
    );
    const opened = results.filter(({ status }) => status === "fulfilled").length;
    expect(opened).toBe(server.config.limits.channelsPerSession);
    expect(channelPackets.filter((line) => line.startsWith("CHANNEL_OPEN_FAILURE"))).toHaveLength(
      3_000 - opened,
    );
  });

  test("channels opened and closed unused are answered and forgotten", async () => {
    const { client, channelPackets } = await loggedIn();
    const protocol = protocolOf(client);
    const rounds = 200;
    for (let i = 0; i < rounds; i++) {
      protocol.session(1_000 + i, 1 << 20, 32_768);
      // The server numbers its channels from 0 in the order they are opened.
      protocol.channelClose(i);
    }
    await vi.waitFor(() => {
      const closes = channelPackets.filter((line) => line.startsWith("CHANNEL_CLOSE"));
      expect(closes).toHaveLength(rounds);
    }, PATIENCE);
    expect(channelPackets.some((line) => line.startsWith("CHANNEL_OPEN_FAILURE"))).toBe(false);
    (await openSubsystem(client)).end();
  });

  test("env requests without end cost nothing that stays", async () => {
    const { client } = await loggedIn();
    const env = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`V${i}`, "x"]));
    const code = await new Promise((resolve, reject) => {
      client.exec("ls", { env }, (error, channel) => {
        if (error) reject(error);
        else channel.on("exit", resolve).resume();
      });
    });
    expect(code).toBe(0);
  });

  test("data and requests for channels that don't exist are ignored", async () => {
    const { client } = await loggedIn();
    const protocol = protocolOf(client);
    for (const id of [0, 5, 4_000_000_000]) {
      protocol.channelData(id, Buffer.from("x"));
      protocol.channelWindowAdjust(id, 1_000);
      protocol.subsystem(id, "sftp", true);
      protocol.channelClose(id);
    }
    (await openSubsystem(client)).end();
  });

  test("a window of 4 GB at a time does not overflow anything", async () => {
    const { client } = await loggedIn();
    const wrapper = await openZeros(client, 100_000);
    const { theirs } = channelIds(wrapper as unknown as ClientChannel);
    for (let i = 0; i < 10; i++) protocolOf(client).channelWindowAdjust(theirs, 0xffffffff);
    const back = await new Promise<Buffer>((resolve, reject) => {
      wrapper.readFile("zeros", (error, data) => (error ? reject(error) : resolve(data)));
    });
    expect(back.length).toBe(100_000);
  });

  test("key exchanges without end are cut off", async () => {
    const { client, disconnects, closed } = await loggedIn();
    const protocol = protocolOf(client);
    let exchanges = 0;
    client.on("handshake", () => {
      exchanges += 1;
      protocol.rekey();
    });
    protocol.rekey();
    await closed;
    expect(disconnects).toEqual(["2: Protocol error"]);
    expect(exchanges).toBeLessThan(100);
  });

  test("a client that goes on asking instead of re-keying is cut off", async () => {
    const impatient = await another({ config: { transport: { rekeyBytes: 100_000 } } });
    const { client, closed } = await loggedIn(impatient);
    const inner = client as unknown as {
      _protocol: { _decipher: { _onPayload: (payload: Buffer) => unknown } };
    };
    const decipher = inner._protocol._decipher;
    const onPayload = decipher._onPayload;
    const KEXINIT = 20;
    let offered = false;
    decipher._onPayload = (payload) => {
      if (payload[0] !== KEXINIT) return onPayload(payload);
      offered = true;
      return undefined;
    };
    let asked = 0;
    while (!socketOf(client).destroyed && asked < 200_000) {
      for (let i = 0; i < 500; i++) protocolOf(client).ping();
      asked += 500;
      await nextTurn();
    }
    await closed;
    expect(offered).toBe(true);
    expect(asked).toBeLessThan(200_000);
  });

  test("a client that vanishes in mid-upload leaves what it wrote and nothing open", async () => {
    const { client } = await loggedIn();
    const wrapper = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const handle = await new Promise<Buffer>((resolve, reject) => {
      wrapper.open("partial", "w", (error, opened) => (error ? reject(error) : resolve(opened)));
    });
    const data = randomBytes(100_000);
    await new Promise<void>((resolve, reject) => {
      wrapper.write(handle, data, 0, data.length, 0, (e) => (e ? reject(e) : resolve()));
    });
    (socketOf(client) as Socket).resetAndDestroy();
    await vi.waitFor(async () => {
      expect(await server.server.sessions()).toEqual([]);
      expect(await server.store.sessions.counts()).toEqual({ active: 0, waiting: 0 });
    }, PATIENCE);
    expect((await readFile(join(server.home("ann"), "partial"))).equals(data)).toBe(true);
    const [upload] = await server.store.audit.query({ kind: "upload", limit: 1 });
    expect(upload).toMatchObject({ path: "/partial", bytes: data.length });
    const account = await server.store.users.byName("ann");
    expect(account?.usedBytes).toBeGreaterThanOrEqual(data.length);
  });
});
