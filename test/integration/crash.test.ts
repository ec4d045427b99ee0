import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { recover } from "../../src/quota/recover.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { onDisk, TestInstance } from "../support/instance.ts";
import { environmentOf } from "../support/store-engine.ts";

const ROUNDS = 30;
const WRITER = fileURLToPath(new URL("../support/busy-writer.mjs", import.meta.url));

type How = "held" | "shared";

async function startWriter(
  root: string,
  user: string,
  seed: number,
  how: How,
): Promise<ChildProcess> {
  const child = spawn(process.execPath, [WRITER, root, user, String(seed), how], {
    stdio: ["ignore", "pipe", "inherit"],
    env: await environmentOf(root),
  });
  await once(child.stdout as NonNullable<typeof child.stdout>, "data");
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}

test.each(["held", "shared"] as const)(
  "kill -9 at any moment: after recovery usage equals the disk (%s)",
  async (how) => {
    const instance = await TestInstance.create();
    const account = await instance.addUser("ann", 60_000_000, 40);
    try {
      for (let round = 0; round < ROUNDS; round += 1) {
        const writers = [await startWriter(instance.root, "ann", 2 * round + 1, how)];
        // Two that would hold the home get it from each other again and again.
        if (round % 3 === 0)
          writers.push(await startWriter(instance.root, "ann", 2 * round + 2, how));
        await sleep(10 + ((round * 37) % 120));
        for (const writer of writers) await kill(writer);
        await recover(instance.store, new Evidence(instance.store.ledger));
        const { usedBytes, usedFiles } = await instance.store.ledger.usage(account.id);
        const disk = onDisk(instance.path("ann"));
        expect({ round, bytes: usedBytes, files: usedFiles }).toEqual({ round, ...disk });
        expect(usedBytes).toBeLessThanOrEqual(60_000_000);
      }
      expect(onDisk(instance.path("ann")).files).toBeGreaterThan(0);
    } finally {
      await instance.close();
    }
  },
  120_000,
);
