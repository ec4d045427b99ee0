import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { onDisk } from "../support/instance.ts";
import { chances, MixedLoad } from "../support/mixed-load.ts";
import {
  type EmptyInstance,
  moorage,
  openInstance,
  type SpawnedServer,
  spawnServer,
} from "../support/server.ts";
import { makeKey } from "../support/ssh-client.ts";

/** More by the environment for a long run: `npm run test:crash`. */
const ROUNDS = Number(process.env.CRASH_ROUNDS ?? 3);
const SEED = Number(process.env.CRASH_SEED ?? 1);
const QUOTA = 120_000_000;
const SHORTEST = 100;
const LONGEST = 1_500;
const PATIENCE = { timeout: 20_000, interval: 50 };

const key = makeKey();
let instance: EmptyInstance;
let server: SpawnedServer | undefined;

beforeAll(async () => {
  instance = await openInstance(["ann", "bob"].map((name) => ({ name, keys: [key.public] })));
  for (const args of [
    ["add", "p", "--quota", String(QUOTA)],
    ["share", "p", "ann"],
    ["share", "p", "bob", "--at", "/with/ann"],
  ]) {
    expect((await moorage(instance.root, "folder", ...args)).stderr).toBe("");
  }
});

afterAll(async () => {
  await server?.kill();
  await instance?.close();
});

async function counted() {
  const { id = 0 } = (await instance.store.folders.byName("@p")) ?? {};
  const { usedBytes: bytes, usedFiles: files } = await instance.store.ledger.usage(id);
  expect(bytes).toBeLessThanOrEqual(QUOTA);
  return { bytes, files };
}

const there = () => onDisk(`${instance.root}/homes/@p`);

test(
  "kill -9 while two members write into one folder, each on a worker of their own: books equal disk",
  async () => {
    const random = chances(SEED);
    for (let round = 0; round < ROUNDS; round += 1) {
      const running = await spawnServer(instance.root, [], { workers: 2 });
      server = running;
      // After the start, which recovers.
      const where = { seed: SEED, round };
      expect({ ...where, ...(await counted()) }).toEqual({ ...where, ...there() });
      const loads = await Promise.all(
        ["p/", "with/ann/"].map((at, index) =>
          MixedLoad.start(running, index === 0 ? "ann" : "bob", key, SEED + round * 2 + index, at),
        ),
      );
      await sleep(SHORTEST + random() * (LONGEST - SHORTEST));
      const quiet = round % 3 === 2;
      if (!quiet) await running.kill();
      await Promise.all(loads.map((load) => load.end()));
      if (quiet) await vi.waitFor(async () => expect(await counted()).toEqual(there()), PATIENCE);
      await running.kill();
      expect(running.output()).not.toContain("unexpected error");
    }
  },
  60_000 + ROUNDS * 20_000,
);
