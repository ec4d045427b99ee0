import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Access } from "../../../src/auth/access.ts";
import { Connections, type ConnectionsOptions } from "../../../src/transport/connections.ts";
import { Listener, type ListenerOptions } from "../../../src/transport/listener.ts";
import { makeKey } from "../../support/ssh-client.ts";

const IDENT = "SSH-2.0-Moorage\r\n";
const FULL = "Not allowed at this time\r\n";
const HOST = "127.0.0.1";

const hostKey = { algorithm: "ssh-ed25519", sha256: "", privateKey: makeKey().private };

let listener: Listener;
let connections: Connections;
let port: number;
let clients: Socket[];
/** how long this address is refused, in milliseconds */
let penalty: () => Promise<number>;
/** whether this address may connect at all */
let unwelcome: Access["refuses"];
let refused: (readonly unknown[])[];
let maxRefused: number;
let logged: string[];
/** resolves with what the next connection that goes is charged with */
let charged: Promise<string>;

beforeEach(async () => {
  clients = [];
  logged = [];
  penalty = async () => 0;
  unwelcome = async () => undefined;
  refused = [];
  maxRefused = 10;
  listener = new Listener(options());
  ({ port } = await listener.listen());
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  listener.stopAccepting();
  await connections.close("The test is over");
});

function options(onPort = 0): ListenerOptions {
  let charge: (what: string) => void = () => {};
  charged = new Promise((resolve) => {
    charge = resolve;
  });
  const silent = { write: (line: string) => logged.push(JSON.parse(line).msg) };
  const both = {
    config: {
      server: { host: HOST, port: onPort, banner: "", proxyFrom: [] },
      limits: { maxUnauthenticated: 2, loginGrace: 120_000 },
      transport: { keepaliveInterval: 0, keepaliveCount: 3, rekeyBytes: 0, rekeyInterval: 0 },
      auth: { hashQueue: 4, hashConcurrency: 1 },
    },
    log: pino({ level: "error" }, silent),
    hostKeys: [hostKey],
    maxRefused: () => maxRefused,
    access: { refuses: (address?: string) => unwelcome(address) },
    refused: { add: (...what: unknown[]) => refused.push(what) },
    penalties: { wait: () => penalty(), add: async (_: string, what: string) => charge(what) },
  };
  connections = new Connections(both as unknown as ConnectionsOptions);
  const receive: ListenerOptions["receive"] = (...arrived) => connections.receive(...arrived);
  return { ...both, receive } as unknown as ListenerOptions;
}

/** A client that reads and says nothing. */
function arrive(): Socket {
  const client = connect(port, HOST);
  client.on("error", () => {});
  clients.push(client);
  return client;
}

/** Comes and waits for the server to say who it is. */
async function enter(): Promise<Socket> {
  const client = arrive();
  const [first] = await once(client, "data");
  expect(String(first)).toBe(IDENT);
  return client;
}

/** All that a client reads until the server closes. */
async function readAll(client: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  client.on("data", (chunk) => chunks.push(chunk));
  await once(client, "close");
  return Buffer.concat(chunks);
}

describe("when all places of strangers are taken", () => {
  test("who comes next reads one line instead of the server's name", async () => {
    for (let i = 0; i < 2; i++) await enter();
    expect(String(await readAll(arrive()))).toBe(FULL);
  });

  test("a place is free as soon as somebody goes", async () => {
    const [first] = [await enter(), await enter()];
    first.destroy();
    expect(await charged).toBe("no-login");
    await enter();
    expect(String(await readAll(arrive()))).toBe(FULL);
  });

  test("attack: refused connections that stay open are closed at once when there are too many", async () => {
    maxRefused = 0;
    for (let i = 0; i < 2; i++) await enter();
    expect(await readAll(arrive())).toEqual(Buffer.alloc(0));
  });
});

describe("an address with a penalty", () => {
  test("reads why it is refused, in SSH, and takes no place", async () => {
    penalty = async () => 60_000;
    for (let i = 0; i < 3; i++) {
      const text = String(await readAll(arrive()));
      expect(text.startsWith(IDENT)).toBe(true);
      expect(text).toMatch(/try again in/i);
    }
    penalty = async () => 0;
    await enter();
  });

  test("is let in when the penalties can't be read: its login would fail for that", async () => {
    penalty = () => Promise.reject(new Error("SQLITE_IOERR"));
    await enter();
    expect(logged).toEqual(["address not looked up"]);
  });

  test("a client that goes while its penalty is looked up is no error", async () => {
    let found: (wait: number) => void = () => {};
    const client = arrive();
    await new Promise<void>((looking) => {
      penalty = () => {
        looking();
        return new Promise((resolve) => {
          found = resolve;
        });
      };
    });
    client.resetAndDestroy();
    await once(client, "close");
    penalty = async () => 0;
    found(0);
    await enter();
    expect(logged).toEqual([]);
  });
});

describe("an address that may not connect", () => {
  const REFUSAL = "Connections from your address are refused";
  const UNWELCOME = { why: "address banned", text: "for sessions", refusal: REFUSAL };

  test("reads that it is refused, in SSH, and neither why nor anything else", async () => {
    unwelcome = async () => UNWELCOME;
    penalty = async () => 60_000;
    const text = String(await readAll(arrive()));
    expect(text.startsWith(IDENT)).toBe(true);
    expect(text).toContain("Connections from your address are refused");
    expect(text).not.toMatch(/ban|try again/);
    expect(refused).toEqual([["127.0.0.1", "address banned"]]);
    unwelcome = async () => undefined;
    penalty = async () => 0;
    await enter();
    expect(refused).toHaveLength(1);
  });

  test("is refused when the penalties can't be read", async () => {
    unwelcome = async () => UNWELCOME;
    penalty = () => Promise.reject(new Error("SQLITE_IOERR"));
    expect(String(await readAll(arrive()))).toContain("are refused");
    expect(logged).toEqual([]);
  });

  test("when it has connected and not logged in, is ended by a review", async () => {
    const client = await enter();
    await connections.review({ refuses: async () => undefined });
    const read = readAll(client);
    await connections.review({ refuses: async () => UNWELCOME });
    await read;
    // It is not charged for that.
    expect(await Promise.race([charged, Promise.resolve("nobody")])).toBe("nobody");
  });
});

describe("the end", () => {
  test("those there are stay while nobody new is accepted", async () => {
    const client = await enter();
    listener.stopAccepting();
    const [error] = await once(arrive(), "error");
    expect(error.code).toBe("ECONNREFUSED");
    expect(client.readyState).toBe("open");
  });

  test("who is looked up while the server stops is closed without a word", async () => {
    penalty = async () => {
      listener.stopAccepting();
      return 0;
    };
    expect(await readAll(arrive())).toEqual(Buffer.alloc(0));
  });

  test("closing ends all connections and charges nobody", async () => {
    const all = [await enter(), await enter()];
    const closed = Promise.all(all.map((client) => once(client, "close")));
    listener.stopAccepting();
    await connections.close("bye");
    await closed;
    const first = await Promise.race([charged, Promise.resolve("nobody")]);
    expect(first).toBe("nobody");
  });
});

test("a port that is taken is told by listen(), and not in the log", async () => {
  const second = new Listener(options(port));
  await expect(second.listen()).rejects.toThrow("EADDRINUSE");
  expect(logged).toEqual([]);
});
