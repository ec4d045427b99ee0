import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client, SFTPWrapper } from "ssh2";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { login } from "../support/ssh-client.ts";
import { type Listener, listenerFor, SECRET } from "../support/web-listener.ts";

/** One server with two workers for all of this file: each test goes on where the one before ended. */

interface Shown {
  readonly name: string;
  readonly queued: number;
  readonly delivered: number;
  readonly dropped: number;
  readonly failures: number;
  readonly lastError: string;
}

let instance: EmptyInstance;
let server: SpawnedServer;
/** answers each request */
let well: Listener;
/** never answers */
let dead: Listener;
let status = 204;

beforeAll(async () => {
  instance = await openInstance([{ name: "ann", password: "secret" }]);
  well = await listenerFor((response) => response.writeHead(status).end());
  dead = await listenerFor(() => {});
  writeFileSync(join(instance.root, "secret"), SECRET, { mode: 0o600 });
  settings(receiver("well", well), receiver("dead", dead, 'timeout = "1s"\nqueue = 20'));
  server = await spawnServer(instance.root, [], { workers: 2 });
});

afterAll(async () => {
  server.child.kill("SIGTERM");
  await server.exited;
  await Promise.all([well.close(), dead.close()]);
  await instance.close();
});

function settings(...receivers: string[]): void {
  writeFileSync(join(instance.root, "moorage.toml"), receivers.join("\n"));
}

function receiver(name: string, { port }: Listener, more = ""): string {
  return `[[events]]
name = "${name}"
kinds = ["transfers", "server"]
url = "http://127.0.0.1:${port}/t0ken"
allow = ["127.0.0.1"]
secret_file = "secret"
${more}
`;
}

async function shown(name: string): Promise<Shown> {
  const { stdout } = await moorage(instance.root, "events", "--json");
  const found = (JSON.parse(stdout) as Shown[]).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no ${name}: ${stdout}`);
  return found;
}

/** Paths of uploads in the order in which they arrived. */
function uploads({ received }: Listener): string[] {
  const all = received.map(({ body }) => JSON.parse(body) as { kind: string; path: string });
  return all.filter(({ kind }) => kind === "upload").map(({ path }) => path);
}

async function upload(...names: string[]): Promise<void> {
  const client: Client = await login(server, { username: "ann", password: "secret" });
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
  });
  for (const name of names) {
    await new Promise<void>((resolve, reject) => {
      sftp.writeFile(name, "content", (error) => (error ? reject(error) : resolve()));
    });
  }
  client.end();
}

function names(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, at) => `/${prefix}${at}`);
}

test("a receiver that never answers costs no upload anything, and no other receiver", async () => {
  const [one, two] = [names("one", 30), names("two", 30)];
  await Promise.all([upload(...one), upload(...two)]);
  await vi.waitFor(() => expect(uploads(well)).toHaveLength(60), { timeout: 20_000 });
  expect(uploads(well).filter((path) => path.startsWith("/one"))).toEqual(one);
  expect(uploads(well).filter((path) => path.startsWith("/two"))).toEqual(two);
  const { body } = well.received[0] ?? { body: "{}" };
  expect(JSON.parse(body)).toMatchObject({ kind: "server-start", sequence: 1 });
  await vi.waitFor(async () => expect((await shown("dead")).failures).toBeGreaterThan(0), {
    timeout: 20_000,
  });
  expect(await shown("dead")).toMatchObject({ queued: 20, delivered: 0, dropped: 41 });
  expect(await shown("well")).toMatchObject({ queued: 0, delivered: 61, dropped: 0, failures: 0 });
});

test("a receiver that fails is in status, and its URL's path and secret in nothing", async () => {
  const texts = await Promise.all([
    moorage(instance.root, "status"),
    moorage(instance.root, "events"),
    moorage(instance.root, "check"),
    moorage(instance.root, "config", "check"),
  ]);
  expect(texts[0]?.stdout).toContain(
    "Receiver of events dead fails: no answer in time; 20 events waiting.",
  );
  const all = `${JSON.stringify(texts)}${server.output()}`;
  expect(all).toContain("dead fails: no answer in time");
  for (const secret of [SECRET, "t0ken"]) expect(all).not.toContain(secret);
});

test("a receiver is tested, tried again and its queue dropped by command", async () => {
  const tested = await moorage(instance.root, "events", "test", "well");
  expect(tested.stdout).toMatch(/^well has it, in \d+ ms: answered 204\.\n$/);
  expect(JSON.parse(well.received.at(-1)?.body ?? "{}")).toMatchObject({ kind: "test" });
  const before = dead.received.length;
  await moorage(instance.root, "events", "retry", "dead");
  await vi.waitFor(() => expect(dead.received.length).toBeGreaterThan(before), { timeout: 10_000 });
  const dropped = await moorage(instance.root, "events", "drop", "dead");
  expect(dropped.stdout).toBe("Dropped 20 events.\n");
  expect(await moorage(instance.root, "events", "test", "nobody")).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("the server has no receiver nobody"),
  });
});

test("after kill -9 what waits is delivered by the next server, each event once", async () => {
  status = 503;
  const before = well.received.length;
  const more = names("killed", 10);
  await upload(...more);
  await vi.waitFor(async () => expect((await shown("well")).queued).toBe(10), { timeout: 10_000 });
  await server.kill();
  status = 204;
  server = await spawnServer(instance.root, [], { workers: 2 });
  await moorage(instance.root, "events", "retry");
  await vi.waitFor(async () => expect((await shown("well")).queued).toBe(0), { timeout: 20_000 });
  const ids = well.received.slice(before).map(({ headers }) => headers["webhook-id"]);
  const delivered = uploads(well).filter((path) => path.startsWith("/killed"));
  expect([...new Set(delivered)]).toEqual(more);
  // Ten uploads, the start of the server, and the attempts that failed.
  expect(new Set(ids).size).toBe(11);
});

test("a reload is in force at once: who is taken away is told no more, who is added is", async () => {
  const added = await listenerFor((response) => response.writeHead(204).end());
  try {
    settings(receiver("added", added));
    const { stdout } = await moorage(instance.root, "reload");
    expect(stdout).toContain("events");
    const before = uploads(well).length;
    // The reload is itself an event, the first one for it.
    const [{ body } = { body: "{}" }] = await added.got(1);
    expect(JSON.parse(body)).toMatchObject({ kind: "reload", sequence: 1 });
    await upload("/after-reload");
    await vi.waitFor(() => expect(uploads(added)).toEqual(["/after-reload"]), { timeout: 10_000 });
    expect(uploads(well)).toHaveLength(before);
  } finally {
    await added.close();
  }
});
