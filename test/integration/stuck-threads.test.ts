import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SFTPWrapper } from "ssh2";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { recover } from "../../src/quota/recover.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { booksEqualDisk } from "../support/books.ts";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { login } from "../support/ssh-client.ts";

const HOOK = new URL("../support/stuck-threads.mjs", import.meta.url).href;
const LEAVE = new URL("../../dist/src/cli/leave.js", import.meta.url).href;

let directory: string;
let pipe: string;
let instance: EmptyInstance;
let server: SpawnedServer | undefined;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "moorage-stuck-"));
  pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  instance = await openInstance([{ name: "ann" }]);
});

afterEach(async () => {
  await server?.kill();
  await instance.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A server with a thread in a system call that never returns: it writes to a client's upload. */
async function stuckServer(): Promise<SpawnedServer> {
  const env = { NODE_OPTIONS: `--import=${HOOK}`, STUCK_PIPE: pipe };
  server = await spawnServer(instance.root, [], { env });
  const client = await login(server);
  client.on("error", () => {});
  const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
    client.sftp((error, opened) => (error ? reject(error) : resolve(opened)));
  });
  const handle = await new Promise<Buffer>((resolve, reject) => {
    sftp.open("upload", "w", (error, opened) => (error ? reject(error) : resolve(opened)));
  });
  const data = Buffer.alloc(200_000, 1);
  sftp.write(handle, data, 0, data.length, 0, () => {});
  const { output } = server;
  await vi.waitFor(() => expect(output()).toContain("stuck"), { timeout: 20_000 });
  return server;
}

/** The books are right after the next recovery, as after a crash. */
async function expectExact(): Promise<void> {
  await recover(instance.store, new Evidence(instance.store.ledger));
  await booksEqualDisk(instance);
}

test("a second signal ends a server whose thread hangs in a system call", async () => {
  const { child, exited } = await stuckServer();
  child.kill("SIGTERM");
  // What comes within the time of an echo counts as the same signal: so again, until one counts.
  const again = setInterval(() => child.kill("SIGTERM"), 100);
  await exited;
  clearInterval(again);
  expect(child.signalCode).toBe("SIGTERM");
  await expectExact();
});

test("after the grace time one signal ends a server whose thread hangs, and the log says so", async () => {
  const { child, exited, output } = await stuckServer();
  child.kill("SIGTERM");
  await exited;
  expect(child.signalCode).toBe("SIGKILL");
  expect(output()).toContain("ended by force");
  await expectExact();
}, 60_000);

test.each([
  [0, null, "SIGKILL"],
  [130, null, "SIGINT"],
  [143, null, "SIGTERM"],
])("a program that ends with %i while a thread hangs ends by a signal", async (code, ...how) => {
  const script = `
    import fs from "node:fs";
    import { leave } from ${JSON.stringify(LEAVE)};
    fs.open(${JSON.stringify(pipe)}, "r", () => {});
    process.on("exit", () => fs.writeSync(1, "cleaned up"));
    await leave(${code});
  `;
  expect(await runScript(script)).toEqual([...how, "cleaned up"]);
});

test("a program waits for its threads as long as they get on", async () => {
  const file = join(directory, "file");
  const script = `
    import fs from "node:fs";
    import { leave } from ${JSON.stringify(LEAVE)};
    fs.writeFile(${JSON.stringify(file)}, Buffer.alloc(30_000_000), () => {});
    await leave(7);
  `;
  expect(await runScript(script)).toEqual([7, null, ""]);
  expect(readFileSync(file).length).toBe(30_000_000);
});

async function runScript(script: string): Promise<unknown[]> {
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (chunk) => {
    output += chunk;
  });
  const [code, signal] = await once(child, "close");
  return [code, signal, output];
}
