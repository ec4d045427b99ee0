import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { moorage, startTestServer, TEST_PASSWORD, type TestServer } from "../support/server.ts";
import { login } from "../support/ssh-client.ts";

export const BIG_BYTES = 5_000_000;
export const SMALL_FILES = 12;
const SMALL_BYTES = 120_000;

/**
 * Two servers: one with the user ann, whose quota takes no big file, who may read `/archive` only and
 * does not see `/hidden`; and one that is full.
 */
export interface World {
  readonly directory: string;
  readonly port: number;
  readonly fullPort: number;
  /** the directory of local files: `big/big.bin`, `many/`, `one/small.txt` */
  readonly local: string;
  /** a home of its own for each program */
  home(program: string): Promise<string>;
  url(path?: string, password?: string, full?: boolean): string;
  /** a file in ann's home; undefined when there is none */
  stored(path: string): Promise<Buffer | undefined>;
  /** a local file */
  source(path: string): Promise<Buffer>;
  setQuota(size: string): Promise<void>;
  /** Empties the home, but for what is locked. */
  fresh(): Promise<void>;
  stop(): Promise<void>;
}

async function localFiles(local: string): Promise<void> {
  const write = (path: string, bytes: Buffer): Promise<void> => writeFile(join(local, path), bytes);
  for (const name of ["big", "many", "one"]) await mkdir(join(local, name), { recursive: true });
  await write("big/big.bin", patterned(BIG_BYTES, 1));
  await write("one/small.txt", Buffer.from("a small text\n"));
  for (let at = 1; at <= SMALL_FILES; at += 1) {
    await write(`many/file-${at}.bin`, patterned(SMALL_BYTES, at));
  }
}

/** Bytes that show when a piece is missing or in the wrong place. */
function patterned(bytes: number, seed: number): Buffer {
  const buffer = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4)
    buffer.writeUInt32LE((at * 2_654_435 + seed) >>> 0, at);
  return buffer;
}

async function command(root: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await moorage(root, ...args);
  if (code !== 0) throw new Error(`moorage ${args.join(" ")}: ${stderr}`);
}

/** What every round of a program begins with. */
async function makeHome(server: TestServer): Promise<void> {
  const home = server.home("ann");
  for (const name of ["archive", "hidden"]) await mkdir(join(home, name), { recursive: true });
  await writeFile(join(home, "archive/old.txt"), "kept\n");
}

export async function openWorld(): Promise<World> {
  // A short name: gvfs puts ssh's sockets there, whose paths have 107 bytes at most.
  const directory = await mkdtemp(join(tmpdir(), "md-"));
  const local = join(directory, "local");
  await localFiles(local);
  const server = await startTestServer({ users: [{ name: "ann" }] });
  const full = await startTestServer({
    users: [{ name: "ann" }, { name: "eve" }],
    config: { limits: { maxSessions: 1, queue: 0 } },
  });
  const holder = await login(full, { username: "eve" });
  await makeHome(server);
  await command(server.root, "user", "access", "ann", "/archive", "read");
  await command(server.root, "user", "access", "ann", "/hidden", "none");
  const setQuota = (size: string) => command(server.root, "user", "set", "ann", "--quota", size);
  return {
    directory,
    local,
    port: server.port,
    fullPort: full.port,
    setQuota,
    async home(program) {
      const home = join(directory, program);
      await mkdir(join(home, ".ssh"), { recursive: true, mode: 0o700 });
      await mkdir(join(home, "run"), { recursive: true, mode: 0o700 });
      return home;
    },
    url(path = "/", password = TEST_PASSWORD, isFull = false) {
      const user = password === "" ? "ann" : `ann:${password}`;
      return `sftp://${user}@127.0.0.1:${isFull ? full.port : server.port}${path}`;
    },
    stored: (path) => readFile(join(server.home("ann"), path)).catch(() => undefined),
    source: (path) => readFile(join(local, path)),
    async fresh() {
      await setQuota("none");
      const client = await login(server);
      try {
        await removeAll(client);
      } finally {
        client.end();
      }
    },
    async stop() {
      holder.end();
      await server.stop();
      await full.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function removeAll(client: Awaited<ReturnType<typeof login>>): Promise<void> {
  return new Promise((resolve, reject) => {
    client.exec("rm -rf *.bin *.txt", (error, channel) => {
      if (error) return reject(error);
      channel.resume().once("close", () => resolve());
    });
  });
}
