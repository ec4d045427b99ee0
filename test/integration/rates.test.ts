import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "ssh2";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { Desk } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
  startTestServer,
  type TestServer,
} from "../support/server.ts";
import { login, ssh, startSftp } from "../support/ssh-client.ts";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

/** For a busy machine. */
const PATIENCE = { timeout: 20_000 };

/** What moves at the lowest rate does not end while a test runs. */
const SLOWEST = 10_000;
const BYTES = 8_000_000;

const desk = new Desk();
const source = join(desk.directory, "source");
writeFileSync(source, Buffer.alloc(BYTES, 7));

afterAll(() => desk.clear());

describe("one server", () => {
  let server: TestServer;
  let target: { readonly port: number };
  const options = { key: desk.keyFile };

  beforeAll(async () => {
    server = await startTestServer({ users: [{ name: "ann", keys: [desk.key.public] }] });
    target = server;
    const { result } = startSftp(target, [`put ${source} there`], options);
    expect(await result).toMatchObject({ code: 0 });
  });

  afterEach(() => server.control.set("ann", { uploadRate: null, downloadRate: null }));
  afterAll(() => server.stop());

  /** Resolves when a transfer has moved something, and waits for more. */
  async function isMoving(): Promise<number> {
    return vi.waitFor(async () => {
      const [session] = (await server.server.sessions()).filter((one) => one.transfers.length > 0);
      const [transfer] = session?.transfers ?? [];
      expect(transfer?.bytes).toBeGreaterThan(0);
      expect(transfer?.bytes).toBeLessThan(BYTES);
      return session?.id ?? 0;
    }, PATIENCE);
  }

  test("a rate slows an upload down, other requests go on, and without it the rest comes at once", async () => {
    await server.control.set("ann", { uploadRate: SLOWEST });
    const { result } = startSftp(target, [`put ${source} slow`], options);
    await isMoving();
    const listed = await ssh(target, ["ls"], options);
    expect(listed.stdout).toContain("slow");
    expect(statSync(join(server.home("ann"), "slow")).size).toBeLessThan(BYTES);
    await server.control.set("ann", { uploadRate: null });
    expect(await result).toMatchObject({ code: 0 });
    expect(statSync(join(server.home("ann"), "slow")).size).toBe(BYTES);
  });

  test("a rate that is set slows a download down that runs; who is kicked waits no more", async () => {
    await server.control.set("ann", { downloadRate: 1_000_000 });
    const { result } = startSftp(target, [`get there ${desk.directory}/got`], options);
    await isMoving();
    await server.control.set("ann", { downloadRate: SLOWEST });
    const id = await isMoving();
    expect(server.server.kick(id, "kicked")).toBe(true);
    expect((await result).code).not.toBe(0);
    await vi.waitFor(async () => expect(await server.server.sessions()).toEqual([]), PATIENCE);
  });

  test.each([["cat there"], ["scp -f there"]])("%s ends with its session", async (line) => {
    await server.control.set("ann", { downloadRate: SLOWEST });
    const client = await login(target, { username: "ann", privateKey: desk.key.private });
    const ended = new Promise<void>((resolve) => client.once("close", () => resolve()));
    client.exec(line, (_, channel) => {
      channel.resume();
      // scp's side that takes says that it is ready, and again for each record.
      channel.write("\0\0\0\0");
    });
    const id = await isMoving();
    expect(server.server.kick(id, "kicked")).toBe(true);
    await ended;
    await vi.waitFor(async () => expect(await server.server.sessions()).toEqual([]), PATIENCE);
  });

  test("who gets near the quota is told at the next login, and the audit trail once", async () => {
    await server.control.set("ann", { quotaBytes: BYTES * 4 });
    const put = startSftp(target, [`put ${source} one`, `put ${source} two`], options);
    expect(await put.result).toMatchObject({ code: 0 });
    const warnings = () => server.store.audit.query({ user: "ann", kind: "quota-warning" });
    await vi.waitFor(async () => expect(await warnings()).toHaveLength(1), PATIENCE);
    expect((await warnings())[0]?.detail).toBe("over 95 %: 32.0 MB of 32.0 MB used");
    const client: Client = await login(target, {
      username: "ann",
      privateKey: desk.key.private,
    });
    let text = "";
    client.shell((_, channel) => {
      channel.on("data", (data: Buffer) => {
        text += data.toString();
      });
    });
    const line = "Your home is 100 % full: 32.0 MB of 32.0 MB used, 0 B free.";
    await vi.waitFor(() => expect(text).toContain(line), PATIENCE);
    client.destroy();
  });
});

describe("two workers", () => {
  let instance: EmptyInstance;
  let server: SpawnedServer;

  beforeAll(async () => {
    instance = await openInstance([{ name: "ann", keys: [desk.key.public] }]);
    writeFileSync(join(instance.root, "moorage.toml"), '[limits]\nupload_rate = "10KB/s"\n');
    server = await spawnServer(instance.root, [], { workers: 2 });
  });

  afterAll(async () => {
    await server.kill();
    await instance.close();
  });

  interface Session {
    readonly node: string;
    readonly transfers: readonly { readonly bytes: number }[];
  }

  test("each has a part of the server's rate, and after a reload there is none", async () => {
    const clients = await Promise.all(
      ["127.0.0.2", "127.0.0.3"].map((localAddress) =>
        login(server, { username: "ann", privateKey: desk.key.private, localAddress }),
      ),
    );
    const done = clients.map(
      (client, index) =>
        new Promise<void>((resolve, reject) => {
          client.sftp((error, sftp) => {
            if (error) return reject(error);
            sftp.fastPut(source, `up${index}`, (failure) =>
              failure ? reject(failure) : resolve(),
            );
          });
        }),
    );
    await vi.waitFor(async () => {
      const { stdout } = await moorage(instance.root, "sessions", "--json");
      const sessions = JSON.parse(stdout) as Session[];
      expect(new Set(sessions.map(({ node }) => node)).size).toBe(2);
      for (const { transfers } of sessions) expect(transfers[0]?.bytes).toBeGreaterThan(0);
      for (const { transfers } of sessions) expect(transfers[0]?.bytes).toBeLessThan(BYTES);
    }, PATIENCE);
    writeFileSync(join(instance.root, "moorage.toml"), "");
    const { stdout } = await moorage(instance.root, "reload");
    expect(stdout).toContain("limits.upload_rate");
    await Promise.all(done);
    for (const name of ["up0", "up1"]) {
      expect(statSync(join(instance.root, "homes", "ann", name)).size).toBe(BYTES);
    }
    for (const client of clients) client.destroy();
  });

  test("the user's rate is set by command, and shown", async () => {
    const rates = ["--upload-rate", "10MB/s", "--download-rate", "2MiB"];
    expect(await moorage(instance.root, "user", "set", "ann", ...rates)).toMatchObject({ code: 0 });
    const { stdout } = await moorage(instance.root, "user", "show", "ann");
    expect(stdout).toMatch(/^Upload rate +10MB\/s$/m);
    expect(stdout).toMatch(/^Download rate +2MiB\/s$/m);
    const json = await moorage(instance.root, "user", "show", "ann", "--json");
    expect(JSON.parse(json.stdout)).toMatchObject({
      uploadRate: 10_000_000,
      downloadRate: 2 * 2 ** 20,
    });
    const wrong = await moorage(instance.root, "user", "set", "ann", "--upload-rate", "5");
    expect(wrong.code).toBe(2);
    expect(wrong.stderr).toContain("Give a rate such as 10MB/s");
  });
});
