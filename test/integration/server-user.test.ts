import { chownSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { SYSTEM } from "../../src/control/server-user.ts";
import { Desk, DONE } from "../support/desk.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";

const USER = "nobody";
const uid = SYSTEM.uid(USER) ?? 0;
const gid = SYSTEM.gidOf(USER) ?? 0;
/** Only root can become another user; who can't has test/unit/control/server-user.test.ts. */
const can = process.getuid?.() === 0 && uid > 0 && gid > 0;

describe.runIf(can)("a server that root starts", () => {
  let instance: EmptyInstance;
  let desk: Desk;
  let server: SpawnedServer;

  beforeAll(async () => {
    desk = new Desk();
    instance = await openInstance([{ name: "ann", keys: [desk.key.public] }]);
    give(instance.root);
    server = await spawnServer(instance.root, ["--server-user", USER], { workers: 2 });
    desk.target = server;
  });

  afterAll(async () => {
    server.child.kill("SIGTERM");
    await server.exited;
    await instance.close();
    desk.clear();
  });

  /** All of it is the server's user's. */
  function give(directory: string): void {
    chownSync(directory, uid, gid);
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) give(path);
      else chownSync(path, uid, gid);
    }
  }

  async function processes(): Promise<number[]> {
    const nodes = await instance.store.nodes.list();
    return nodes.filter(({ kind, alive }) => kind === "server" && alive).map(({ pid }) => pid);
  }

  /** Of each thread, what it may do. */
  function powers(pid: number): string[] {
    return readdirSync(`/proc/${pid}/task`).map((thread) => {
      const status = readFileSync(`/proc/${pid}/task/${thread}/status`, "latin1");
      const lines = status.match(/^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)):.*$/gm) ?? [];
      return lines.map((line) => line.trim().split(/\s+/).join(" ")).join("\n");
    });
  }

  const NONE = "0000000000000000";
  const POWERLESS = [
    `Uid: ${Array(4).fill(uid).join(" ")}`,
    `Gid: ${Array(4).fill(gid).join(" ")}`,
    `Groups: ${gid}`,
    ...["Inh", "Prm", "Eff", "Amb"].map((set) => `Cap${set}: ${NONE}`),
  ].join("\n");

  async function expectPowerless(): Promise<void> {
    const pids = await processes();
    expect(pids).toHaveLength(3);
    for (const pid of pids) expect(new Set(powers(pid))).toEqual(new Set([POWERLESS]));
  }

  test("serves without anything that root has, in each process and thread", async () => {
    await expectPowerless();
    desk.file("a.bin", 100_000);
    expect(await desk.sftp([`put ${desk.path("a.bin")}`, "ls"])).toMatchObject(DONE);
    expect(statSync(join(instance.home("ann"), "a.bin")).uid).toBe(uid);
  });

  test("what root's commands make is the server's user's", async () => {
    const flags = ["--generate", "--quota", "1GB"];
    expect(await moorage(instance.root, "user", "add", "bob", ...flags)).toMatchObject({ code: 0 });
    expect(statSync(instance.home("bob")).uid).toBe(uid);
    for (const name of readdirSync(join(instance.root, "db"))) {
      expect(statSync(join(instance.root, "db", name)).uid, name).toBe(uid);
    }
  });

  test("new workers serve on the same socket, and are no more than the old ones", async () => {
    const before = await processes();
    expect(await moorage(instance.root, "restart", "--drain", "0s")).toMatchObject({ code: 0 });
    await vi.waitFor(async () => {
      const now = await processes();
      expect(now.filter((pid) => before.includes(pid))).toEqual([server.child.pid]);
    }, 20_000);
    await expectPowerless();
    expect(await desk.sftp(["ls"])).toMatchObject(DONE);
  });

  test("check finds nothing to say about it", async () => {
    const { stdout } = await moorage(instance.root, "check");
    expect(stdout).toContain("keys/ and db/ are the server's user's alone");
  });

  test("another start is refused while something is a stranger's, and says what mends it", async () => {
    const file = join(instance.root, "keys", "ssh_host_rsa_key");
    chownSync(file, 0, 0);
    const place = ["--host", "127.0.0.1", "--port", "0", "--server-user", USER];
    const { code, stderr } = await moorage(instance.root, "serve", ...place);
    chownSync(file, uid, gid);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `moorage: ${file} is not the server's user's (server.user): run chown -R ${USER}: ${instance.root}\n`,
    );
  });
});
