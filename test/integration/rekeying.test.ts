import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../support/server.ts";
import { dial, makeKey, openSubsystem, protocolOf, sftp } from "../support/ssh-client.ts";

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
      const protocol = protocolOf(client);
      for (let exchanges = 0; exchanges < 100; exchanges++) {
        let isOver = false;
        client.once("handshake", () => {
          isOver = true;
        });
        // The server looks at the time when something comes in.
        for (; !isOver; await sleep(2)) protocol.ping();
      }
      (await openSubsystem(client)).end();
      expect(disconnects).toEqual([]);
    } finally {
      await eager.stop();
    }
  });
});
