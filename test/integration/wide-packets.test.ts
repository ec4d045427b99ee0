import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ssh2, { type Client, type ClientChannel, type ConnectConfig } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { adaptHandshake, askWide } from "../../src/ssh/handshake.ts";
import { protocolOf } from "../../src/ssh/internals.ts";
import { sendData } from "../../src/ssh/send.ts";
import { connectClient, makeClientHome, transfer } from "../support/engine.ts";
import { FIRST_CHANNEL, Msg, RawClient } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { frame, str, u32, u64 } from "../support/sftp-client-packets.ts";
import {
  login,
  openSubsystem,
  protocolOf as protocolOfClient,
  socketOf,
} from "../support/ssh-client.ts";

const USERS = [{ name: "ann", password: "secret" }];
const GCM = { cipher: ["aes128-gcm@openssh.com" as const] };
const CHACHA = { cipher: ["chacha20-poly1305@openssh.com" as const] };
/** That of our own client, which is known to take wide packets. */
const IDENT = "Moorage";
const KIB = 1024;
const [READ, WRITE, OPEN, INIT] = [5, 6, 3, 1];

let server: TestServer;
const clients: Client[] = [];

beforeAll(async () => {
  // A login that takes for ever is not what ends a connection here.
  server = await startTestServer({ users: USERS, config: { limits: { loginGrace: 3_600_000 } } });
});
afterAll(() => server.stop());
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

function packetSize(channel: ClientChannel): number {
  return (channel as unknown as { outgoing: { packetSize: number } }).outgoing.packetSize;
}

describe("the packets a channel is granted", () => {
  test.each([
    [16 * KIB, 32 * KIB, GCM],
    [32 * KIB, 32 * KIB, GCM],
    [64 * KIB, 64 * KIB, GCM],
    [256 * KIB, 256 * KIB, GCM],
    [2 ** 32 - 1, 256 * KIB, GCM],
    [256 * KIB, 32 * KIB, CHACHA],
  ])("our client, where it takes %d bytes, may send %d", async (taken, granted, algorithms) => {
    expect(await granting(taken, { algorithms, ident: IDENT })).toBe(granted);
  });

  test("another client that announces 1 MiB is told and sent no more than 32 KiB", async () => {
    expect(await granting(1024 * KIB, { algorithms: GCM, ident: "SecureBlackbox" })).toBe(32 * KIB);
    const raw = await RawClient.open(server, { algorithms: GCM, ident: "SecureBlackbox" });
    clients.push(raw.client);
    writeFileSync(join(server.home("ann"), "large"), Buffer.alloc(300 * KIB));
    const channel = await raw.openSession(FIRST_CHANNEL, 1024 * KIB, 1024 * KIB);
    raw.request(channel, "exec", true, "cat large");
    const data = (): number[] =>
      raw.received.filter(([type]) => type === Msg.CHANNEL_DATA).map(({ length }) => length - 9);
    await raw.until(() => data().reduce((sum, length) => sum + length, 0) === 300 * KIB);
    expect(Math.max(...data())).toBe(32 * KIB);
  });

  async function granting(taken: number, config: ConnectConfig): Promise<number> {
    const client = await login(server, config);
    clients.push(client);
    const protocol = protocolOfClient(client);
    const session = protocol.session.bind(protocol);
    protocol.session = (channel, window) => session(channel, window, taken);
    return packetSize(await openSubsystem(client));
  }
});

/** A client of wide packets, and what came in on its channel, packet by packet. */
async function wideClient(): Promise<{ send: (data: Buffer) => void; packets: Buffer[] }> {
  const client = new ssh2.Client();
  clients.push(client);
  const { port } = server;
  const account = { username: "ann", password: "secret" };
  client.connect({ host: "127.0.0.1", port, ...account, ident: IDENT, algorithms: GCM });
  const protocol = protocolOf(client as unknown as Parameters<typeof protocolOf>[0]);
  adaptHandshake(protocol);
  askWide(protocol);
  await new Promise<void>((resolve, reject) => {
    client.once("ready", resolve);
    client.once("error", reject);
  });
  const channel = await openSubsystem(client);
  const packets: Buffer[] = [];
  const raw = channel as unknown as {
    outgoing: { id: number };
    push: (data: Buffer | null) => boolean;
  };
  raw.push = (data) => {
    if (data !== null) packets.push(Buffer.from(data));
    return true;
  };
  const send = (data: Buffer): void => {
    sendData(protocol, raw.outgoing.id, data.length, (memory, at) => data.copy(memory, at));
  };
  return { send, packets };
}

test("a WRITE and a DATA of 255 KiB each travel in one packet", async () => {
  const { send, packets } = await wideClient();
  const data = randomBytes(255 * KIB);
  send(frame(INIT, u32(3)));
  await expect.poll(() => packets.length, { timeout: 20_000 }).toBe(1);
  send(frame(OPEN, u32(1), str("wide"), u32(0x1b), u32(0)));
  await expect.poll(() => packets.length, { timeout: 20_000 }).toBe(2);
  const handle = (packets[1] as Buffer).subarray(13);
  send(frame(WRITE, u32(2), str(handle), u64(0), str(data)));
  await expect.poll(() => packets.length, { timeout: 20_000 }).toBe(3);
  expect(readFileSync(join(server.home("ann"), "wide")).equals(data)).toBe(true);
  send(frame(READ, u32(3), str(handle), u64(0), u32(data.length)));
  await expect.poll(() => packets.length, { timeout: 20_000 }).toBe(4);
  expect((packets[3] as Buffer).subarray(13).equals(data)).toBe(true);
});

test("attack: a wide packet before the login ends the connection", async () => {
  const client = new ssh2.Client();
  clients.push(client);
  const closed = new Promise<void>((resolve) => client.once("close", resolve));
  client.on("error", () => {});
  const { port } = server;
  // Nobody goes on with the login.
  const authHandler = (): void => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(200 * KIB);
    socketOf(client).write(Buffer.concat([length, Buffer.alloc(100 * KIB)]));
  };
  client.connect({ host: "127.0.0.1", port, username: "ann", algorithms: GCM, authHandler });
  await closed;
});

test("our client's transfers survive key exchanges in their midst, both ways", async () => {
  const rekeying = await startTestServer({ config: { transport: { rekeyBytes: 1024 * KIB } } });
  const home = await makeClientHome();
  try {
    await rekeying.addUser({ name: "ann", keys: [home.key.public], quotaBytes: null });
    const connection = await connectClient(home, rekeying.port, "ann");
    const data = randomBytes(24 * 1024 * KIB + 4321);
    writeFileSync(home.path("source"), data);
    const up = { direction: "up", sources: [home.path("source")], target: "there" } as const;
    const put = await transfer(home, connection, up);
    expect(put.summary).toMatchObject({ files: 1, failed: 0, bytes: data.length });
    expect(readFileSync(join(rekeying.home("ann"), "there")).equals(data)).toBe(true);
    const down = { direction: "down", sources: ["there"], target: home.path("back") } as const;
    const got = await transfer(home, connection, down);
    expect(got.summary).toMatchObject({ files: 1, failed: 0, bytes: data.length });
    expect(readFileSync(home.path("back")).equals(data)).toBe(true);
    await connection.close();
  } finally {
    await rekeying.stop();
    await home.remove();
  }
});
