import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { CuttingProxy } from "../../../support/cutting-proxy.ts";
import { type Bench, expectSame, MIB, sizeOf, wrong } from "../bench.ts";
import type { Op, OpName } from "../client.ts";

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
  // In order, as what is cut is gone on with from its end.
  const op = (way: OpName | undefined): Op => ({ do: way, here, there: "/f", inOrder: true }) as Op;
  const held = proxy.holdAfter(up ? "up" : "down", 5 * MIB);
  const login = { port: proxy.port };
  const running = bench.start([op(ways[0])], login);
  const early = await Promise.race([held, running.result]);
  if (early !== undefined) throw wrong("ended before the server did", early);
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
  await bench.done([op(ways[resumes ? 1 : 0])], login);
  await expectSame(there, here);
  await bench.settled();
}

export const trouble = {
  async "the server restarts in mid-transfer"(outer: Bench) {
    const { venue, desk } = outer.place;
    const host = await venue.openRestartable(desk);
    const proxy = await CuttingProxy.open(host.port);
    const bench = await outer.at(host, "ann");
    try {
      await restart(bench, proxy, async () => {
        proxy.retarget(await host.restart());
        proxy.release();
      });
    } finally {
      await bench.close();
      await proxy.close();
      await host.close();
    }
  },

  async "new keys every MiB"(outer: Bench) {
    const { client } = outer;
    const { venue, desk } = outer.place;
    const host = await venue.open(desk, { rekeyBytes: MIB });
    const bench = await outer.at(host, "ann");
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
      await host.close();
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
