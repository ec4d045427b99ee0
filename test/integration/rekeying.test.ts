import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Client } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import {
  dial,
  makeKey,
  openSubsystem,
  protocolOf,
  rekeyedByServer,
  sftp,
  socketOf,
} from "../support/ssh-client.ts";

const key = makeKey();
const USERS = [{ name: "ann", keys: [key.public] }];

let server: TestServer;
let directory: string;
let keyFile: string;
const clients: Client[] = [];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "moorage-rekey-"));
  keyFile = join(directory, "key");
  writeFileSync(keyFile, key.private, { mode: 0o600 });
  server = await startTestServer({ users: USERS });
});

afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

function limited(limit: string): { key: string; options: string[] } {
  return { key: keyFile, options: ["-o", `RekeyLimit=${limit}`] };
}

describe("ordinary re-keying is not taken for abuse", () => {
  test.each(["256K", "16K"])("sftp puts and gets 6 MB with RekeyLimit=%s", async (limit) => {
    const [source, back] = [join(directory, `a-${limit}`), join(directory, `b-${limit}`)];
    const data = randomBytes(6_000_000);
    writeFileSync(source, data);
    const commands = [`put ${source} file`, `get file ${back}`];
    const { code, stderr } = await sftp(server, commands, limited(limit));
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(readFileSync(back).equals(data)).toBe(true);
  });

  test("sftp puts 200 small files with RekeyLimit=16K, which is an exchange for each", async () => {
    const small = join(directory, "small");
    mkdirSync(small);
    for (let i = 0; i < 200; i++) writeFileSync(join(small, `f${i}`), randomBytes(2_000));
    const { code } = await sftp(server, [`put -r ${small} small`], limited("16K"));
    expect(code).toBe(0);
    for (let i = 0; i < 200; i++) {
      const stored = readFileSync(join(server.home("ann"), "small", `f${i}`));
      expect(stored.equals(readFileSync(join(small, `f${i}`)))).toBe(true);
    }
  });

  test("exchanges that the server starts don't count against the client", async () => {
    const eager = await startTestServer({
      users: USERS,
      config: { transport: { rekeyInterval: 1 } },
    });
    try {
      const { client, ready, disconnects } = dial(eager, { privateKey: key.private });
      clients.push(client);
      await ready;
      for (let exchanges = 0; exchanges < 100; exchanges++) {
        await rekeyedByServer(client);
      }
      (await openSubsystem(client)).end();
      expect(disconnects).toEqual([]);
    } finally {
      await eager.stop();
    }
  });
});

test("attack: requests before the login, during a key exchange that is never finished", async () => {
  const { client } = dial(server, { username: "ann", authHandler: () => {} });
  clients.push(client);
  client.on("error", () => {});
  await new Promise((resolve) => client.once("handshake", resolve));
  const protocol = protocolOf(client) as unknown as SilentProtocol;
  const socket = socketOf(client);
  // What the server answers is not read: the exchange stays as it is.
  socket.removeAllListeners("data");
  socket.resume();
  const offer = Buffer.alloc(17 + protocol._offer.totalSize + 5);
  offer[0] = 20;
  protocol._offer.copyAllTo(offer, 17);
  send(protocol, offer);
  const request = Buffer.from([80, 0, 0, 0, 1, 120, 1]);
  for (let n = 0; n < 500; n += 1) send(protocol, request);
  await new Promise((resolve) => socket.once("close", resolve));
});

interface SilentProtocol {
  readonly _offer: { readonly totalSize: number; copyAllTo(target: Buffer, at: number): void };
  readonly _packetRW: {
    readonly write: {
      readonly allocStartKEX: number;
      alloc(size: number, force: boolean): Buffer;
      finalize(packet: Buffer, force: boolean): Buffer;
    };
  };
  readonly _cipher: { encrypt(packet: Buffer): void };
}

/** Sends a message at once, whatever state ssh2 thinks the key exchange is in. */
function send({ _packetRW: { write }, _cipher: cipher }: SilentProtocol, payload: Buffer): void {
  const packet = write.alloc(payload.length, true);
  payload.copy(packet, write.allocStartKEX);
  cipher.encrypt(write.finalize(packet, true));
}
