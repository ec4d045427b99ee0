import { rm } from "node:fs/promises";
import type { Client } from "ssh2";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { OpenFlag, PacketType, StatusCode } from "../../src/sftp/wire/constants.ts";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { duplexWire, SftpClient } from "../support/sftp-client.ts";
import { login, openSubsystem } from "../support/ssh-client.ts";
import { BOUNDS } from "./small-files-bounds.ts";

// What a small file costs the server, counted: times differ from machine to machine, calls don't.

const FILES = 100;
const DATA = Buffer.alloc(4096, "moorage");
/** What stock sftp asks for at once. */
const READ_LENGTH = 255 * 1024;

const BOUNDS_FILE = "test/integration/small-files-bounds.ts";

type Counts = Readonly<Record<string, number>>;

let instance: EmptyInstance;
let server: SpawnedServer;
let client: Client;
let sftp: SftpClient;

beforeAll(async () => {
  instance = await openInstance([{ name: "ann" }]);
  // A process beside the server's would be looked after.
  await instance.store.close();
  const preload = new URL("../support/counting.mjs", import.meta.url).href;
  server = await spawnServer(instance.root, [], {
    env: { NODE_OPTIONS: `--import ${preload}` },
  });
  client = await login(server, { username: "ann" });
  sftp = new SftpClient(duplexWire(await openSubsystem(client)));
  await sftp.init();
  // What happens once is no file's.
  await sftp.put("first", DATA);
  await sftp.ok(sftp.requests.remove("first"), sftp.requests.mkdir("small"));
});

afterAll(async () => {
  client.destroy();
  await server.kill();
  await rm(instance.root, { recursive: true });
});

const names = Array.from({ length: FILES }, (_, index) => `small/f${index}`);

/** Everything that was counted since it was asked before. */
async function counted(): Promise<Counts> {
  const before = server.output().length;
  server.child.kill("SIGUSR2");
  return vi.waitFor(() => {
    const [, text = ""] = /COUNTED (.*)\n/.exec(server.output().slice(before)) ?? [];
    return JSON.parse(text) as Counts;
  });
}

/** Does `act` to each file and looks what that cost. */
async function check(kind: keyof typeof BOUNDS, act: (name: string) => Promise<void>) {
  await counted();
  for (const name of names) await act(name);
  // The audit trail is written behind.
  const audited = "SQL of the audit trail";
  let counts = await counted();
  await vi.waitFor(async () => {
    counts = sum(counts, await counted());
    expect(counts[audited]).toBeGreaterThanOrEqual(FILES);
  });
  checkBounds(kind, counts);
}

function sum(some: Counts, more: Counts): Counts {
  const kinds = new Set([...Object.keys(some), ...Object.keys(more)]);
  return Object.fromEntries(
    [...kinds].map((kind) => [kind, (some[kind] ?? 0) + (more[kind] ?? 0)]),
  );
}

/** @throws Error with a table of all that was counted when something is above its bound */
function checkBounds(kind: keyof typeof BOUNDS, counts: Counts): void {
  const bounds: Counts = BOUNDS[kind];
  const rows = Object.entries(counts).map(([what, count]) => {
    const bound = bounds[what] ?? 0;
    // What is done once, or by the clock, is far less than once for each file.
    const isAbove = Math.floor(count / FILES) > bound;
    const figures = `${(count / FILES).toFixed(2).padStart(8)}${String(bound).padStart(10)}`;
    return { isAbove, text: `${what.padEnd(28)}${figures}${isAbove ? "  <" : ""}` };
  });
  if (!rows.some(({ isAbove }) => isAbove)) return;
  const head = `${`${kind}, for each file`.padEnd(28)}   calls   allowed`;
  throw new Error([`above ${BOUNDS_FILE}:`, head, ...rows.map(({ text }) => text)].join("\n"));
}

test("a file that is put costs no more calls than it may", async () => {
  const { requests } = sftp;
  const flags = OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC;
  await check("put", async (name) => {
    const handle = await sftp.open(name, flags, { permissions: 0o644 });
    await sftp.ok(requests.write(handle, 0, DATA));
    await sftp.ok(requests.close(handle));
  });
});

test("a file that is fetched costs no more calls than it may", async () => {
  const { requests } = sftp;
  let listed = false;
  await check("get", async (name) => {
    if (!listed) await list("small");
    listed = true;
    const handle = await sftp.open(name, OpenFlag.READ);
    const { data } = await sftp.call(requests.read(handle, 0, READ_LENGTH));
    expect(data.equals(DATA)).toBe(true);
    const end = await sftp.call(requests.read(handle, DATA.length, READ_LENGTH));
    expect(end.code).toBe(StatusCode.EOF);
    await sftp.ok(requests.close(handle));
  });
});

async function list(path: string): Promise<void> {
  const { requests } = sftp;
  const { handle } = await sftp.call(requests.opendir(path));
  for (let more = true; more; ) {
    more = (await sftp.call(requests.readdir(handle))).type === PacketType.NAME;
  }
  await sftp.ok(requests.close(handle));
}

test("a file that is removed costs no more calls than it may", async () => {
  const { requests } = sftp;
  await check("rm", async (name) => {
    expect((await sftp.call(requests.lstat(name))).attrs.size).toBe(DATA.length);
    await sftp.ok(requests.remove(name));
  });
});
