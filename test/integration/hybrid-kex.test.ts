import { execFileSync } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import ssh2, { type Client } from "ssh2";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { HYBRID_KEX } from "../../src/ssh/algorithms.ts";
import { kem } from "../../src/ssh/ml-kem.ts";
import {
  type ClientHome,
  connectClient,
  makeClientHome,
  only,
  transfer,
} from "../support/engine.ts";
import { message } from "../support/raw-client.ts";
import { startTestServer, type TestServer } from "../support/server.ts";
import { login, openSubsystem, protocolOf, sftp } from "../support/ssh-client.ts";

let home: ClientHome;
let server: TestServer;

beforeAll(async () => {
  home = await makeClientHome();
  const users = [{ name: "ann", keys: [home.key.public] }];
  server = await startTestServer({ users, config: { transport: { rekeyBytes: 1_000_000 } } });
});

afterAll(async () => {
  await server.stop();
  await home.remove();
});

test("our client and server change keys by it in mid-transfer, at the wish of either", async () => {
  const ours = vi.spyOn(kem, "keys");
  const servers = vi.spyOn(kem, "encapsulate");
  const connected = vi.spyOn(ssh2.Client.prototype, "connect");
  try {
    const connection = await connectClient(home, server.port);
    const client = connected.mock.contexts[0] as Client;
    let asked = 0;
    client.on("handshake", () => {
      asked += 1;
      if (asked % 2 === 0) setImmediate(() => protocolOf(client).rekey());
    });
    const data = randomBytes(20_000_000);
    writeFileSync(home.path("data"), data);
    const up = { direction: "up", sources: [home.path("data")], target: "data" } as const;
    expect(only((await transfer(home, connection, up)).events, "failed")).toEqual([]);
    expect(readFileSync(join(server.home("ann"), "data")).equals(data)).toBe(true);
    const down = { direction: "down", sources: ["data"], target: home.path("back") } as const;
    expect(only((await transfer(home, connection, down)).events, "failed")).toEqual([]);
    expect(readFileSync(home.path("back")).equals(data)).toBe(true);
    await connection.close();
    expect(ours.mock.calls.length).toBeGreaterThan(20);
    expect(servers.mock.calls.length).toBe(ours.mock.calls.length);
  } finally {
    vi.restoreAllMocks();
  }
});

const knows = execFileSync("ssh", ["-Q", "kex"], { encoding: "utf8" }).includes(HYBRID_KEX);

/** From 9.9 on. */
test.runIf(knows)("OpenSSH changes keys by it in mid-transfer", async () => {
  const data = randomBytes(20_000_000);
  writeFileSync(home.path("openssh"), data);
  const options = ["-o", `KexAlgorithms=${HYBRID_KEX}`, "-o", "RekeyLimit=1M"];
  const commands = [`put ${home.path("openssh")} file`, `get file ${home.path("openssh-back")}`];
  const { code, stderr } = await sftp(server, commands, { key: home.path("key"), options });
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(readFileSync(home.path("openssh-back")).equals(data)).toBe(true);
});

const HYBRID_INIT = 30;
const HYBRID_REPLY = 31;
const DISCONNECT = 1;
const KEY_EXCHANGE_FAILED = 3;

/** A stranger that sends packets of its own before the first keys, and reads what comes. */
class Stranger {
  readonly #socket: Socket;
  #read = Buffer.alloc(0);

  constructor(methods: string, isGuess = false) {
    this.#socket = connect(server.port, "127.0.0.1").setNoDelay(true);
    this.#socket.on("data", (data: Buffer) => {
      this.#read = Buffer.concat([this.#read, data]);
    });
    this.#socket.on("error", () => {});
    this.#socket.write("SSH-2.0-Stranger\r\n");
    const both = ["aes128-gcm@openssh.com", "aes128-gcm@openssh.com"];
    const rest = ["hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""];
    const lists = [methods, "ssh-ed25519", ...both, ...rest];
    const cookie = Array.from({ length: 16 }, () => ({ byte: 7 }));
    this.send(message(20, ...cookie, ...lists, isGuess, 0));
  }

  send(payload: Buffer): void {
    const padding = 8 - ((5 + payload.length) % 8) + 8;
    const head = Buffer.alloc(5);
    head.writeUInt32BE(1 + payload.length + padding);
    head[4] = padding;
    this.#socket.write(Buffer.concat([head, payload, Buffer.alloc(padding)]));
  }

  /** The first message of this number. */
  async receive(type: number): Promise<Buffer> {
    for (;;) {
      const found = this.#messages().find((payload) => payload[0] === type);
      if (found !== undefined) return found;
      await once(this.#socket, "data");
    }
  }

  /** What the server sent until it ended the connection. */
  async ended(): Promise<Buffer[]> {
    if (!this.#socket.destroyed) await once(this.#socket, "close");
    return this.#messages();
  }

  close(): void {
    this.#socket.destroy();
  }

  #messages(): Buffer[] {
    const found: Buffer[] = [];
    let at = this.#read.indexOf("\n") + 1;
    if (at === 0) return found;
    while (at + 5 <= this.#read.length) {
      const end = at + 4 + this.#read.readUInt32BE(at);
      if (end > this.#read.length) break;
      found.push(this.#read.subarray(at + 5, end - (this.#read[at + 4] ?? 0)));
      at = end;
    }
    return found;
  }
}

function x25519(): Buffer {
  const { publicKey } = generateKeyPairSync("x25519");
  return publicKey.export({ type: "spki", format: "der" }).subarray(12);
}

/** The method's data in a reply: behind the host key. */
function replied(payload: Buffer): Buffer {
  const at = 1 + 4 + payload.readUInt32BE(1);
  return payload.subarray(at + 4, at + 4 + payload.readUInt32BE(at));
}

test("what is sent is a public key of each, and what comes a ciphertext and a public key", async () => {
  const stranger = new Stranger(`${HYBRID_KEX},ext-info-c,kex-strict-c-v00@openssh.com`);
  stranger.send(message(HYBRID_INIT, Buffer.concat([kem.keys().publicKey, x25519()])));
  expect(replied(await stranger.receive(HYBRID_REPLY))).toHaveLength(1088 + 32);
  stranger.close();
});

test("after a wrong guess the next packet is the one that counts (RFC 4253 section 7)", async () => {
  const stranger = new Stranger(`sntrup761x25519-sha512,${HYBRID_KEX}`, true);
  stranger.send(message(HYBRID_INIT, randomBytes(1190)));
  stranger.send(message(HYBRID_INIT, Buffer.concat([kem.keys().publicKey, x25519()])));
  expect(replied(await stranger.receive(HYBRID_REPLY))).toHaveLength(1088 + 32);
  stranger.close();
});

test("after a right guess the packet is taken", async () => {
  const stranger = new Stranger(`${HYBRID_KEX},curve25519-sha256`, true);
  stranger.send(message(HYBRID_INIT, Buffer.concat([kem.keys().publicKey, x25519()])));
  expect(replied(await stranger.receive(HYBRID_REPLY))).toHaveLength(1088 + 32);
  stranger.close();
});

test("who prefers curve25519 gets it", async () => {
  const stranger = new Stranger(`curve25519-sha256,${HYBRID_KEX}`);
  stranger.send(message(HYBRID_INIT, x25519()));
  expect(replied(await stranger.receive(HYBRID_REPLY))).toHaveLength(32);
  stranger.close();
});

describe("attack: keys that are none end the connection, with the reason", () => {
  const valid = (): Buffer => kem.keys().publicKey;
  const overModulus = (): Buffer => {
    const key = valid();
    key.writeUInt16LE(0xffff, 0);
    return key;
  };
  test.each<[name: string, keys: () => Buffer]>([
    ["nothing", () => Buffer.alloc(0)],
    ["X25519's key alone", x25519],
    ["ML-KEM's key alone", valid],
    ["a byte short", () => Buffer.concat([valid(), x25519()]).subarray(1)],
    ["a byte more", () => Buffer.concat([valid(), x25519(), Buffer.alloc(1)])],
    ["30 KB", () => randomBytes(30_000)],
    ["a number that is not below the modulus", () => Buffer.concat([overModulus(), x25519()])],
    ["an X25519 key of 0", () => Buffer.concat([valid(), Buffer.alloc(32)])],
    ["an X25519 key of 1", () => Buffer.concat([valid(), Buffer.alloc(32).fill(1, 0, 1)])],
    ["random bytes", () => Buffer.concat([Buffer.alloc(1184, 0xff), randomBytes(32)])],
  ])("%s", async (_, keys) => {
    const stranger = new Stranger(HYBRID_KEX);
    stranger.send(message(HYBRID_INIT, keys()));
    const messages = await stranger.ended();
    expect(messages.map((payload) => payload[0])).toEqual([20, DISCONNECT]);
    expect(messages[1]?.readUInt32BE(1)).toBe(KEY_EXCHANGE_FAILED);
    await stillServes();
  });

  test("the same number of times in a row, and a second message of keys", async () => {
    const strangers = Array.from({ length: 20 }, () => new Stranger(HYBRID_KEX));
    for (const stranger of strangers) {
      stranger.send(message(HYBRID_INIT, Buffer.concat([overModulus(), x25519()])));
      stranger.send(message(HYBRID_INIT, Buffer.concat([valid(), x25519()])));
    }
    for (const stranger of strangers) {
      const types = (await stranger.ended()).map((payload) => payload[0]);
      expect(types).not.toContain(HYBRID_REPLY);
    }
    await stillServes();
  });

  async function stillServes(): Promise<void> {
    const client = await login(server, { privateKey: home.key.private });
    (await openSubsystem(client)).end();
    client.end();
    await once(client, "close");
  }
});
