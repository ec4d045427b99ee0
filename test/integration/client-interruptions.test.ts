import { createHash, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { TransferEvent } from "../../src/client/types.ts";
import { type ClientHome, makeClientHome, only, spawnTransfer } from "../support/engine.ts";
import { type LineProxy, startProxy } from "../support/proxy.ts";
import {
  type EmptyInstance,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";

const SIZE = 24 * 1024 * 1024;

/** Interruptions of each transfer; more by the environment for a long run. */
const INTERRUPTIONS = Number(process.env.INTERRUPTIONS ?? 6);

const WAYS = ["client", "server", "line"] as const;

let home: ClientHome;
let instance: EmptyInstance;
let server: SpawnedServer;
let proxy: LineProxy;
const data = randomBytes(SIZE);

beforeAll(async () => {
  home = await makeClientHome();
  instance = await openInstance([{ name: "ann", keys: [home.key.public] }]);
  server = await spawnServer(instance.root);
  proxy = await startProxy({ target: () => server.port });
  writeFileSync(home.path("up.bin"), data);
  writeFileSync(join(instance.home("ann"), "down.bin"), data);
}, 60_000);

afterAll(async () => {
  await proxy?.close();
  await server?.kill();
  await instance?.close();
  await home?.remove();
});

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Waits until the proxy carried so many bytes more or the process has ended. */
async function carried(bytes: number, ended: () => boolean): Promise<void> {
  const goal = proxy.bytes + bytes;
  await vi.waitFor(() => expect(proxy.bytes >= goal || ended()).toBe(true), {
    timeout: 60_000,
    interval: 2,
  });
}

/** Runs the same command until it is through, interrupted again and again. */
async function throughAll(direction: "up" | "down", target: string): Promise<TransferEvent[]> {
  const events: TransferEvent[] = [];
  const sources = [direction === "up" ? home.path("up.bin") : "down.bin"];
  for (let left = INTERRUPTIONS, runs = 0; ; runs++) {
    if (runs > 2 * INTERRUPTIONS + 2) throw new Error("the transfer never gets through");
    const run = spawnTransfer(home, proxy.port, { direction, sources, target });
    let code: number | null | undefined;
    void run.exited.then((ended) => {
      code = ended;
    });
    while (left > 0 && code === undefined) {
      await carried(SIZE * (0.1 + Math.random() * 0.5), () => code !== undefined);
      if (code !== undefined) break;
      const way = WAYS[left % WAYS.length];
      left--;
      if (way === "line") proxy.cut();
      else if (way === "client") {
        run.child.kill("SIGKILL");
        await run.exited;
      } else {
        await server.kill();
        server = await spawnServer(instance.root);
      }
    }
    await run.exited;
    events.push(...run.events);
    if (code === 0) return events;
    const errors = run.events.filter((event) => event.type === "failed");
    expect(errors).toEqual([]);
  }
}

describe("a transfer that is interrupted by kill -9 of either side and by cut lines", () => {
  it("up: ends with the same bytes, and goes on where it was", async () => {
    const events = await throughAll("up", "up.bin");
    expect(sha256(readFileSync(join(instance.home("ann"), "up.bin")))).toBe(sha256(data));
    expect(only(events, "start").filter((start) => start.offset > 0).length).toBeGreaterThan(0);
    expect(only(events, "start").filter((start) => start.restarted !== undefined)).toEqual([]);
    expect(existsSync(join(instance.home("ann"), "up.bin.part"))).toBe(false);
    expect(await home.journal.list()).toEqual([]);
  }, 240_000);

  it("down: ends with the same bytes, and goes on where it was", async () => {
    const events = await throughAll("down", home.path("down.bin"));
    expect(sha256(readFileSync(home.path("down.bin")))).toBe(sha256(data));
    expect(only(events, "start").filter((start) => start.offset > 0).length).toBeGreaterThan(0);
    expect(only(events, "start").filter((start) => start.restarted !== undefined)).toEqual([]);
    expect(existsSync(home.path("down.bin.part"))).toBe(false);
    expect(await home.journal.list()).toEqual([]);
    expect(readdirSync(join(home.state, "transfers")).filter((n) => n.endsWith(".json"))).toEqual(
      [],
    );
  }, 240_000);
});
