import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import ssh2, { type Channel, type Client, type Connection } from "ssh2";
import { afterEach, describe, expect, test } from "vitest";
import { ALGORITHMS, HYBRID_KEX } from "../../../src/ssh/algorithms.ts";
import { adaptHandshake } from "../../../src/ssh/handshake.ts";
import { standInFor } from "../../../src/ssh/hybrid-exchange.ts";
import { keyExchangeMethod, protocolOf, rawChannel } from "../../../src/ssh/internals.ts";
import { type KeyEncapsulation, nodeKem } from "../../../src/ssh/ml-kem.ts";
import { nobleKem } from "../../../src/ssh/ml-kem-noble.ts";
import { OFFER, offerAlgorithms, offerHybrid } from "../../../src/ssh/offer.ts";
import { makeKey } from "../../support/ssh-client.ts";

const HOST_KEY = makeKey();
const KEMS: [name: string, kem: KeyEncapsulation][] = [["JavaScript", nobleKem]];
const native = nodeKem();
if (native !== undefined) KEMS.push(["Node's own", native]);
const PAIRS = KEMS.flatMap(([mine, clientKem]) =>
  KEMS.map(([theirs, serverKem]) => [`${mine} and ${theirs}`, clientKem, serverKem] as const),
);

const open: { client: Client; listener: Server }[] = [];

afterEach(async () => {
  for (const { client, listener } of open.splice(0)) {
    client.destroy();
    listener.close();
    await once(listener, "close");
  }
});

interface Pair {
  readonly client: Client;
  readonly connection: Connection;
  /** the names of the client's key exchanges so far */
  readonly methods: string[];
  /** the server's end of the first command's channel */
  readonly channel: Promise<Channel>;
  readonly serversErrors: Error[];
  readonly clientsErrors: Error[];
  readonly ready: Promise<void>;
  readonly closed: Promise<void>;
}

/** Our client's and our server's end, with nothing of this project but what is tested. */
async function pair(
  clientKem: KeyEncapsulation,
  serverKem: KeyEncapsulation,
  { hybrid = true, cipher = "aes128-gcm@openssh.com" } = {},
): Promise<Pair> {
  const server = new ssh2.Server({ hostKeys: [HOST_KEY.private] });
  const listener = createServer((socket) => server.injectSocket(socket.setNoDelay(true)));
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const serversErrors: Error[] = [];
  let opened: (channel: Channel) => void = () => {};
  const channel = new Promise<Channel>((resolve) => {
    opened = resolve;
  });
  const accepted = new Promise<Connection>((resolve) => {
    server.on("connection", (connection) => {
      offerAlgorithms(protocolOf(connection));
      adaptHandshake(protocolOf(connection), { kem: serverKem });
      connection.on("error", (error) => serversErrors.push(error));
      connection.on("authentication", (context) => context.accept());
      connection.on("session", (accept) => {
        accept().on("exec", (acceptExec) => {
          opened(acceptExec());
        });
      });
      resolve(connection);
    });
  });
  const client = new ssh2.Client();
  open.push({ client, listener });
  const methods: string[] = [];
  const clientsErrors: Error[] = [];
  client.on("error", (error) => clientsErrors.push(error));
  client.on("handshake", ({ kex }) => methods.push(kex));
  const ready = new Promise<void>((resolve, reject) => {
    client.once("ready", resolve);
    client.once("close", () => reject(new Error("closed")));
  });
  ready.catch(() => {});
  const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
  const { port } = listener.address() as AddressInfo;
  client.connect({
    host: "127.0.0.1",
    port,
    username: "ann",
    password: "x",
    algorithms: { kex: [...ALGORITHMS.kex], cipher: [cipher as "aes128-ctr"] },
  });
  client.setNoDelay(true);
  if (hybrid) offerHybrid(protocolOf(client));
  adaptHandshake(protocolOf(client), { kem: clientKem });
  const connection = await accepted;
  return { client, connection, channel, methods, serversErrors, clientsErrors, ready, closed };
}

/** What of ssh2's protocol the internals have no use for. */
interface Sending {
  rekey(): void;
  channelData(channel: number, data: Buffer): void;
}

function sendingOf(end: Client | Connection): Sending {
  return protocolOf(end) as unknown as Sending;
}

/** Data from one end's channel to the other's, less than a window in all. */
class Direction {
  readonly #protocol: Sending;
  readonly #channel: number;
  readonly #to: Channel;
  readonly #sent = createHash("sha256");
  readonly #received = createHash("sha256");
  #underWay = 0;

  constructor(protocol: Sending, from: Channel, to: Channel) {
    this.#protocol = protocol;
    this.#channel = rawChannel(from).outgoing.id;
    this.#to = to;
    to.on("data", (data: Buffer) => {
      this.#received.update(data);
      this.#underWay -= data.length;
    });
  }

  send(): void {
    for (let packet = 0; packet < 3; packet++) {
      const data = randomBytes(20_000);
      this.#sent.update(data);
      this.#underWay += data.length;
      this.#protocol.channelData(this.#channel, data);
    }
  }

  /** Resolves once all is there and the same. */
  async arrived(): Promise<void> {
    while (this.#underWay > 0) await once(this.#to, "data");
    expect(this.#received.digest("hex")).toBe(this.#sent.digest("hex"));
  }
}

test("a client makes its keys before the server has said anything", async () => {
  const listener = createServer();
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const client = new ssh2.Client();
  open.push({ client, listener });
  client.on("error", () => {});
  const { port } = listener.address() as AddressInfo;
  client.connect({ host: "127.0.0.1", port, username: "ann" });
  await new Promise<void>((resolve) => {
    const keys: KeyEncapsulation["keys"] = (seed) => {
      resolve();
      return nobleKem.keys(seed);
    };
    adaptHandshake(protocolOf(client), { kem: { ...nobleKem, keys } });
  });
});

test("each exchange has keys of its own, also the one that was thought of ahead", async () => {
  const made: Buffer[] = [];
  const keys: KeyEncapsulation["keys"] = (seed) => {
    const pair = nobleKem.keys(seed);
    made.push(pair.publicKey);
    return pair;
  };
  const { ready, client } = await pair({ ...nobleKem, keys }, nobleKem);
  await ready;
  const again = once(client, "handshake");
  sendingOf(client).rekey();
  await again;
  expect(new Set(made.map((key) => key.toString("hex"))).size).toBe(2);
  expect(made).toHaveLength(2);
});

describe.each(PAIRS)("with %s", (_, clientKem, serverKem) => {
  test("both ends choose the hybrid and log in", async () => {
    const { ready, methods, connection } = await pair(clientKem, serverKem);
    await ready;
    expect(methods).toEqual([HYBRID_KEX]);
    expect(keyExchangeMethod(protocolOf(connection))).toBe(HYBRID_KEX);
  });

  test.each(["aes128-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"])(
    "keys change in mid-transfer, by either end and by both at once, with %s",
    async (cipher) => {
      const { client, connection, ready, methods, channel } = await pair(clientKem, serverKem, {
        cipher,
      });
      await ready;
      const mine = await new Promise<ssh2.ClientChannel>((resolve, reject) => {
        client.exec("any", (error, opened) => (error ? reject(error) : resolve(opened)));
      });
      // In packets of its own: ssh2's streams may stop at a key exchange, whatever its method.
      const theirs = await channel;
      const up = new Direction(sendingOf(client), mine, theirs);
      const down = new Direction(sendingOf(connection), theirs, mine);
      const changes = [
        () => sendingOf(client).rekey(),
        () => sendingOf(connection).rekey(),
        () => {
          sendingOf(client).rekey();
          sendingOf(connection).rekey();
        },
      ];
      for (let round = 0; round < 12; round++) {
        const changed = Promise.all([once(client, "handshake"), once(connection, "rekey")]);
        for (const direction of [up, down]) direction.send();
        changes[round % changes.length]?.();
        for (const direction of [up, down]) direction.send();
        await changed;
      }
      await Promise.all([up.arrived(), down.arrived()]);
      expect(methods).toHaveLength(13);
      expect(new Set(methods)).toEqual(new Set([HYBRID_KEX]));
    },
  );
});

describe("with an end that has no hybrid", () => {
  test("curve25519 is agreed on, as before", async () => {
    const { ready, methods } = await pair(nobleKem, nobleKem, { hybrid: false });
    await ready;
    expect(methods).toEqual(["curve25519-sha256"]);
  });
});

/** A KEM whose public keys or ciphertexts are changed on their way. */
function changing(change: { key?: (k: Buffer) => Buffer; text?: (c: Buffer) => Buffer }) {
  return {
    keys: (seed?: Buffer) => {
      const keys = nobleKem.keys(seed);
      return { ...keys, publicKey: change.key?.(keys.publicKey) ?? keys.publicKey };
    },
    encapsulate: (publicKey: Buffer) => {
      const made = nobleKem.encapsulate(publicKey);
      return { ...made, ciphertext: change.text?.(made.ciphertext) ?? made.ciphertext };
    },
  };
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

const FAILED = "Error while computing DH secret (mlkem768x25519-sha256):";

describe.each(KEMS)("attack on a server with %s: the connection ends with an error", (_, kem) => {
  const attacks: [name: string, change: (key: Buffer) => Buffer, text: string][] = [
    ["a public key that is a byte short", (key) => key.subarray(1), "the client sent 1215 bytes"],
    ["one of a byte more", (key) => Buffer.concat([key, Buffer.alloc(1)]), "sent 1217 bytes"],
    ["no KEM's key at all", () => Buffer.alloc(0), "the client sent 32 bytes of keys"],
    ["numbers over the modulus", () => Buffer.alloc(1184, 0xff), ""],
  ];
  test.each(attacks)("%s", async (_, key, text) => {
    const { closed, serversErrors, clientsErrors } = await pair(changing({ key }), kem);
    await closed;
    expect(serversErrors[0]?.message).toContain(FAILED);
    expect(serversErrors[0]?.message).toContain(text);
    expect(clientsErrors.length).toBeGreaterThan(0);
  });

  test("a bit of the public key flipped on the way: the client doesn't believe the server", async () => {
    const change = { key: (key: Buffer) => flipped(key, 1160) };
    const { closed, clientsErrors, methods } = await pair(changing(change), kem);
    await closed;
    expect(methods).toEqual([]);
    expect(clientsErrors[0]?.message).toContain("signature verification failed");
  });
});

describe.each(KEMS)("attack on a client with %s: the connection ends with an error", (_, kem) => {
  const attacks: [name: string, change: (text: Buffer) => Buffer, text: string][] = [
    ["a ciphertext that is a byte short", (text) => text.subarray(1), "the server sent 1119 bytes"],
    ["one of a byte more", (text) => Buffer.concat([text, Buffer.alloc(1)]), "sent 1121 bytes"],
    ["none", () => Buffer.alloc(0), "the server sent 32 bytes of keys"],
    ["one with a bit flipped", (text) => flipped(text, 3), "signature verification failed"],
  ];
  test.each(attacks)("%s", async (_, text, said) => {
    const { closed, clientsErrors, methods } = await pair(kem, changing({ text }));
    await closed;
    expect(methods).toEqual([]);
    expect(clientsErrors[0]?.message).toContain(said);
  });
});

describe("which KEXINIT is read as another", () => {
  const OURS = [
    HYBRID_KEX,
    "curve25519-sha256",
    "ecdh-sha2-nistp256",
    "kex-strict-s-v00@openssh.com",
  ];

  function kexinit(list: string): Buffer {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(list.length);
    const cookie = Buffer.alloc(16, 7);
    return Buffer.concat([
      Buffer.from([20]),
      cookie,
      length,
      Buffer.from(list),
      Buffer.from("rest"),
    ]);
  }

  test.each([
    [`${HYBRID_KEX},curve25519-sha256,ext-info-c`, "curve25519-sha256,-,ext-info-c"],
    [
      `sntrup761x25519-sha512,${HYBRID_KEX},ecdh-sha2-nistp256`,
      "sntrup761x25519-sha512,curve25519-sha256,-",
    ],
    [HYBRID_KEX, "curve25519-sha256"],
  ])("of a client: %s", (list, read) => {
    expect(standInFor(kexinit(list), OURS, true)).toEqual(kexinit(read));
  });

  test.each([`curve25519-sha256,${HYBRID_KEX}`, "curve25519-sha256", "", "x", `${HYBRID_KEX}x`])(
    "of a client as it is: %j",
    (list) => expect(standInFor(kexinit(list), OURS, true)).toBeUndefined(),
  );

  test("of a server it is our order that counts, and a wrong guess stays one", () => {
    const list = `curve25519-sha256,${HYBRID_KEX},ext-info-s`;
    expect(standInFor(kexinit(list), OURS, false)).toEqual(
      kexinit("-,curve25519-sha256,ext-info-s"),
    );
  });

  test("none that is cut anywhere", () => {
    const whole = kexinit(HYBRID_KEX);
    for (let end = 0; end < whole.length - 4; end++) {
      expect(standInFor(whole.subarray(0, end), OURS, true)).toBeUndefined();
    }
  });

  test("the stand-in is in the server's offer, which begins with the hybrid", () => {
    const { array } = OFFER.lists.kex;
    expect(array.slice(0, 2)).toEqual([HYBRID_KEX, "curve25519-sha256"]);
    expect(array.at(-1)).toBe("kex-strict-s-v00@openssh.com");
  });
});
