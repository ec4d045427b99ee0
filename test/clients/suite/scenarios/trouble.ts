import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { CuttingProxy } from "../../../support/cutting-proxy.ts";
import { openInstance, type SpawnedServer, spawnServer } from "../../../support/server.ts";
import { Bench, expectSame, MIB, openPlace, sizeOf } from "../bench.ts";
import type { Op, OpName } from "../client.ts";

function fingerprintsIn(output: string): string[] {
  return [...output.matchAll(/SHA256:\S+/g)].map(([text]) => text);
}

/** A transfer that stands still in its midst while the server is killed and started again. */
async function restart(
  bench: Bench,
  proxy: CuttingProxy,
  again: () => Promise<void>,
): Promise<void> {
  const { lacks, says, reconnects } = bench.client;
  const up = lacks.put === undefined;
  const there = up ? bench.there("f") : await bench.stock("f", 8 * MIB);
  const here = up ? await bench.make("f", 8 * MIB) : bench.here("f");
  const ways: readonly OpName[] = up ? ["put", "resumePut"] : ["get", "resumeGet"];
  const op = (way: OpName | undefined): Op => ({ do: way, here, there: "/f" }) as Op;
  const held = proxy.holdAfter(up ? "up" : "down", 5 * MIB);
  const running = bench.start([op(ways[0])]);
  await held;
  await again();
  const outcome = await running.result;
  await bench.settled();
  if (reconnects === true) {
    expect(outcome.code, outcome.text).toBe(0);
    return expectSame(there, here);
  }
  expect(outcome.code, outcome.text).not.toBe(0);
  expect(outcome.text).toMatch(says.cut);
  expect(sizeOf(up ? there : here)).toBeLessThan(8 * MIB);
  const resumes = lacks[ways[1] as OpName] === undefined && sizeOf(up ? there : here) > 0;
  await bench.done([op(ways[resumes ? 1 : 0])]);
  await expectSame(there, here);
  await bench.settled();
}

export const trouble = {
  async "the server restarts in mid-transfer"(outer: Bench) {
    const instance = await openInstance([]);
    const servers: SpawnedServer[] = [await spawnServer(instance.root)];
    const [server] = servers as [SpawnedServer];
    const proxy = await CuttingProxy.open(server.port);
    const fingerprints = fingerprintsIn(server.output());
    const place = { ...outer.place, instance, port: proxy.port, fingerprints };
    const bench = await Bench.open(outer.client, place, "ann");
    try {
      await restart(bench, proxy, async () => {
        await server.kill();
        const next = await spawnServer(instance.root);
        servers.push(next);
        proxy.retarget(next.port);
        proxy.release();
      });
    } finally {
      await bench.close();
      await proxy.close();
      for (const { kill } of servers) await kill();
      await instance.close();
    }
  },

  async "new keys every MiB"({ client }: Bench) {
    const place = await openPlace(client, { transport: { rekeyBytes: MIB } });
    const bench = await Bench.open(client, place, "ann");
    try {
      if (client.lacks.put === undefined) {
        const here = await bench.make("f", 6 * MIB);
        await bench.done([{ do: "put", here, there: "/f" }]);
        await expectSame(bench.there("f"), here);
      }
      if (client.lacks.get === undefined) {
        const there = await bench.stock("g", 6 * MIB);
        await bench.done([{ do: "get", there: "/g", here: bench.here("g") }]);
        await expectSame(bench.here("g"), there);
      }
      await bench.settled();
    } finally {
      await bench.close();
      await place.close();
    }
  },

  async "two at once on one file"(bench: Bench) {
    const { lacks, verifies } = bench.client;
    if (lacks.put === undefined && verifies !== true) {
      const contents = [await bench.make("a", 4 * MIB), await bench.make("b", 4 * MIB)];
      const [a, b] = contents.map((path) => readFileSync(path)) as [Buffer, Buffer];
      // It is there already: which of two may make it is for clients to quarrel about.
      await bench.stock("f", 10);
      await Promise.all(contents.map((here) => bench.done([{ do: "put", here, there: "/f" }])));
      const stored = readFileSync(bench.there("f"));
      expect(stored.length).toBe(4 * MIB);
      // Each byte is of one of the two: nothing of neither, and no holes.
      expect(stored.every((byte, i) => byte === a[i] || byte === b[i])).toBe(true);
    }
    if (lacks.get !== undefined) return;
    const there = await bench.stock("g", 4 * MIB);
    const copies = [bench.here("c"), bench.here("d")];
    await Promise.all(copies.map((here) => bench.done([{ do: "get", there: "/g", here }])));
    for (const here of copies) await expectSame(here, there);
  },
};
