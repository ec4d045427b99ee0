import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Msg, message, RawClient } from "../support/raw-client.ts";
import { openInstance, spawnServer, startTestServer, type TestServer } from "../support/server.ts";
import { dial, makeKey, socketOf, tcp } from "../support/ssh-client.ts";

const key = makeKey();
const USERS = [{ name: "ann", password: "secret", keys: [key.public] }];

let directory: string;
let server: TestServer;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "moorage-words-"));
  server = await startTestServer({ users: USERS });
});

afterAll(async () => {
  await server.stop();
  rmSync(directory, { recursive: true });
});

afterEach(() => vi.useRealTimers());

describe("somebody who looks at the host key for too long", () => {
  test("is told so under the new keys", async () => {
    const impatient = await startTestServer({
      users: USERS,
      config: { limits: { loginGrace: 300 } },
    });
    try {
      const dialed = dial(impatient, {
        privateKey: key.private,
        // ssh2 goes on reading meanwhile, and answers nothing before this has called back.
        hostVerifier: (_key: Buffer, verify: (ok: boolean) => void) => {
          void dialed.closed.then(() => verify(true));
        },
      });
      await dialed.closed;
      expect(dialed.disconnects).toEqual(["11: The login took too long"]);
      expect(dialed.errors).toEqual([]);
    } finally {
      await impatient.stop();
    }
  });

  test("reads it in psftp, which was said to be garbled", async () => {
    const impatient = await startTestServer({
      users: USERS,
      config: { limits: { loginGrace: 2_000 } },
    });
    const line = await watchedLine(impatient);
    try {
      const where = ["-P", String(line.port), "-l", "ann", "127.0.0.1"];
      const env = { ...process.env, HOME: directory };
      const child = spawn("psftp", where, { env, stdio: "pipe" });
      let said = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.on("data", (chunk) => {
          said += chunk;
        });
      }
      // Only now its user has compared the fingerprint.
      void line.ended.then(() => child.stdin.end("y\n"));
      await once(child, "close");
      expect(said).toContain("Store key in cache?");
      expect(said).toContain("The login took too long");
      expect(said).not.toMatch(/garbled/i);
    } finally {
      line.close();
      await impatient.stop();
    }
  });
});

/** A way to the server for one connection; `ended` resolves when the server has ended it. */
async function watchedLine(target: TestServer): Promise<{
  port: number;
  ended: Promise<void>;
  close(): void;
}> {
  let end: () => void = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const relay = createServer((near) => {
    const far = connect(target.port, "127.0.0.1");
    for (const socket of [near, far]) socket.on("error", () => {});
    near.pipe(far);
    far.pipe(near);
    far.once("end", end);
  });
  relay.listen(0, "127.0.0.1");
  await once(relay, "listening");
  const { port } = relay.address() as { port: number };
  return { port, ended, close: () => relay.close() };
}

describe("the time to log in", () => {
  /** Fakes the server's timers, but not the sockets. */
  function holdTime(): void {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  }

  function isOpen(socket: Socket): boolean {
    return !socket.readableEnded && !socket.destroyed;
  }

  test("is 30 seconds for a connection that does not even exchange keys", async () => {
    holdTime();
    const { socket, said } = await tcp(server);
    await once(socket, "data");
    vi.advanceTimersByTime(29_000);
    expect(isOpen(socket)).toBe(true);
    vi.advanceTimersByTime(1_000);
    expect(await said).toBe("SSH-2.0-Moorage\r\n");
  });

  test("is two minutes for a client that has the server's keys", async () => {
    holdTime();
    const raw = await RawClient.stranger(server);
    vi.advanceTimersByTime(119_000);
    await raw.settled();
    expect(raw.isClosed).toBe(false);
    vi.advanceTimersByTime(1_000);
    await raw.ending.closed;
    expect(raw.ending.disconnects).toEqual(["11: The login took too long"]);
  });
});

describe("a flipped bit in a packet", () => {
  test.each(["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"] as const)(
    "of %s is told to the client, and to the administrator as a warning",
    async (cipher) => {
      const instance = await openInstance(USERS);
      const spawned = await spawnServer(instance.root);
      try {
        const raw = await RawClient.open(spawned, {
          privateKey: key.private,
          algorithms: { cipher: [cipher] },
        });
        const socket = socketOf(raw.client);
        const write = socket.write.bind(socket) as (data: Buffer) => boolean;
        socket.write = ((data: Buffer) => {
          const flipped = Buffer.from(data);
          const last = flipped.length - 1;
          flipped[last] = (flipped[last] as number) ^ 1;
          return write(flipped);
        }) as never;
        raw.send(message(Msg.GLOBAL_REQUEST, "settled@test", true));
        await raw.ending.closed;
        expect(raw.ending.disconnects).toEqual(["2: Protocol error"]);
        const warned = (): boolean => /"level":40.*"msg":"protocol error"/.test(spawned.output());
        await vi.waitFor(() => expect(warned()).toBe(true), { timeout: 10_000 });
      } finally {
        await spawned.kill();
        await instance.close();
      }
    },
  );

  test("that the client finds is in the log, too", async () => {
    const instance = await openInstance(USERS);
    const spawned = await spawnServer(instance.root);
    try {
      const raw = await RawClient.open(spawned, { privateKey: key.private });
      raw.send(message(Msg.DISCONNECT, 5, "Packet corrupt\x1b[31m", ""));
      await raw.ending.closed;
      const line = (): string => /.*"protocol error".*/.exec(spawned.output())?.[0] ?? "";
      await vi.waitFor(() => expect(line()).toContain("Packet corrupt"), { timeout: 10_000 });
      expect(line()).not.toContain("\\u001b");
    } finally {
      await spawned.kill();
      await instance.close();
    }
  });
});

describe("before the login", () => {
  test.each(["gssapi-with-mic", "hostbased-00@example.org", "foo", ""])(
    "the unknown method %j is refused with the list of those there are",
    async (method) => {
      const raw = await RawClient.stranger(server);
      try {
        raw.send(message(Msg.USERAUTH_REQUEST, "ann", "ssh-connection", method, "more", 7));
        await raw.settled();
        expect(raw.log()).toEqual(["USERAUTH_FAILURE publickey,password,keyboard-interactive"]);
      } finally {
        raw.close();
      }
    },
  );

  test("a login by a known method works after an unknown one", async () => {
    const raw = await RawClient.stranger(server);
    try {
      raw.send(message(Msg.USERAUTH_REQUEST, "ann", "ssh-connection", "foo"));
      raw.send(message(Msg.USERAUTH_REQUEST, "ann", "ssh-connection", "password", false, "secret"));
      await raw.until(() => raw.log().length === 2);
      expect(raw.log()[1]).toBe("USERAUTH_SUCCESS");
    } finally {
      raw.close();
    }
  });

  test("attack: unknown methods without end are cut off like any other", async () => {
    const raw = await RawClient.stranger(server);
    for (let i = 0; i < 30; i++) {
      raw.send(message(Msg.USERAUTH_REQUEST, "ann", "ssh-connection", "foo"));
    }
    await raw.ending.closed;
    expect(raw.ending.disconnects).toEqual(["14: Too many authentication requests"]);
  });

  test("the service may be asked for twice", async () => {
    const raw = await RawClient.stranger(server);
    try {
      raw.send(message(5, "ssh-userauth"));
      await raw.settled();
      expect(raw.received[0]?.[0]).toBe(6);
    } finally {
      raw.close();
    }
  });
});
