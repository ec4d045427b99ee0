import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { dial, makeKey, sftp } from "../support/ssh-client.ts";

const CLIENT = "203.0.113.9";
const V1 = Buffer.from(`PROXY TCP4 ${CLIENT} 192.0.2.1 40000 2222\r\n`);
const V2 = Buffer.concat([
  Buffer.from("0d0a0d0a000d0a515549540a2111000c", "hex"),
  Buffer.from([203, 0, 113, 9, 192, 0, 2, 1, 0x9c, 0x40, 0x08, 0xae]),
]);
const PATIENCE = { timeout: 20_000 };

const key = makeKey();

/** What stands between clients and the server, as a load balancer does. */
class Balancer {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  constructor(target: () => number, header: Buffer) {
    this.#server = createServer((client) => {
      const server = connect(target(), "127.0.0.1", () => {
        // With the client's first bytes in the same piece, as on a line with little delay.
        client.once("data", (first) => {
          server.write(Buffer.concat([header, first]));
          client.pipe(server);
        });
      });
      server.pipe(client);
      for (const socket of [client, server]) {
        this.#sockets.add(socket);
        socket.on("error", () => {});
        socket.on("close", () => (socket === client ? server : client).destroy());
      }
    });
  }

  async listen(): Promise<number> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return (this.#server.address() as { port: number }).port;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

describe.each([1, 2])("with %i workers", (workers) => {
  let instance: EmptyInstance;
  let server: SpawnedServer;
  const balancers: Balancer[] = [];

  beforeAll(async () => {
    instance = await openInstance([{ name: "ann", keys: [key.public] }]);
    const settings = ["--server-proxy-from", "127.0.0.1", "--penalties-failures", "2"];
    server = await spawnServer(instance.root, settings, { workers });
  });

  afterEach(() => {
    for (const balancer of balancers.splice(0)) balancer.close();
  });

  afterAll(async () => {
    await server.kill();
    await instance.close();
  });

  async function balanced(header: Buffer): Promise<number> {
    const balancer = new Balancer(() => server.port, header);
    balancers.push(balancer);
    return balancer.listen();
  }

  const records = async (kind: string) => {
    const { stdout } = await moorage(instance.root, "logs", "--kind", kind, "--json");
    return JSON.parse(stdout) as { remote?: string }[];
  };

  test.each([
    ["1", V1],
    ["2", V2],
  ])(
    "the audit trail has the client's address, version %s, and nothing is lost",
    async (_v, header) => {
      const port = await balanced(header);
      const { client, ready, closed } = dial(
        { port },
        { username: "ann", privateKey: key.private },
      );
      await ready;
      const { stdout } = await moorage(instance.root, "sessions", "--json");
      expect(stdout).toContain(CLIENT);
      client.end();
      await closed;
      expect((await records("login")).at(-1)?.remote).toContain(CLIENT);
    },
  );

  test("attack: who comes without a header is closed without a word", async () => {
    const socket = connect(server.port, "127.0.0.1");
    const said: Buffer[] = [];
    socket.on("data", (data) => said.push(data));
    socket.on("error", () => {});
    socket.write("SSH-2.0-client\r\n");
    await once(socket, "close");
    expect(Buffer.concat(said).toString()).toBe("");
  });

  test("penalties are the client's, not the balancer's", async () => {
    const port = await balanced(V1);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const { ready, closed } = dial({ port }, { username: "ann", password: "wrong" });
      await ready.catch(() => {});
      await closed;
    }
    await vi.waitFor(async () => {
      const { stdout } = await moorage(instance.root, "penalties", "--json");
      expect(stdout).toContain(CLIENT);
      expect(stdout).not.toContain("127.0.0.1");
    }, PATIENCE);
    // Another client comes through the same balancer.
    const other = Buffer.from("PROXY TCP4 203.0.113.77 192.0.2.1 40000 2222\r\n");
    const { client, ready, closed } = dial(
      { port: await balanced(other) },
      { username: "ann", privateKey: key.private },
    );
    await ready;
    client.end();
    await closed;
  });

  test("stock sftp transfers through it", async () => {
    const port = await balanced(Buffer.from("PROXY TCP4 203.0.113.78 192.0.2.1 40000 2222\r\n"));
    const { mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
    const directory = mkdtempSync("/tmp/moorage-proxy-");
    try {
      writeFileSync(`${directory}/id`, key.private, { mode: 0o600 });
      writeFileSync(`${directory}/file`, Buffer.alloc(3_000_000, 7));
      const done = await sftp({ port }, [`put ${directory}/file`, "ls -l file"], {
        key: `${directory}/id`,
        user: "ann",
      });
      expect(done.code).toBe(0);
      expect(done.stdout).toContain("3000000");
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
