import { randomBytes, randomInt } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Direction, TransferEvent } from "../../src/client/types.ts";
import { CuttingProxy } from "../support/cutting-proxy.ts";
import {
  type ClientHome,
  connectClient,
  makeClientHome,
  only,
  transfer,
} from "../support/engine.ts";
import { startTestServer, type TestServer } from "../support/server.ts";

const MIB = 1024 * 1024;

/** Cuts of each tree; more by the environment for a long run. */
const CUTS = Number(process.env.CUTS ?? 6);

/** What a cut may cost: small files that were on their way, and bytes that nobody acknowledged. */
const LOST_PER_CUT = 1.5 * MIB;

let home: ClientHome;
let server: TestServer;
let proxy: CuttingProxy;

beforeAll(async () => {
  home = await makeClientHome();
  server = await startTestServer();
  await server.addUser({ name: "ann", keys: [home.key.public] });
  proxy = await CuttingProxy.open(server.port);
});

afterAll(async () => {
  await proxy?.close();
  await server?.stop();
  await home?.remove();
});

/** @returns its bytes */
function plant(top: string): number {
  let bytes = 0;
  const write = (path: string, size: number): void => {
    writeFileSync(path, randomBytes(size));
    bytes += size;
  };
  for (let d = 0; d < 4; d++) {
    mkdirSync(join(top, `d${d}/e`), { recursive: true });
    write(join(top, `d${d}/large`), MIB + randomInt(MIB));
    for (let f = 0; f < 30; f++) write(join(top, `d${d}/e/f${f}`), randomInt(20_000));
  }
  return bytes;
}

function tree(top: string): Map<string, string> {
  return new Map(
    readdirSync(top, { recursive: true, withFileTypes: true })
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const what = entry.isFile() ? readFileSync(path).toString("base64") : "directory";
        return [path.slice(top.length), what] as const;
      })
      .sort(),
  );
}

/** Runs the same job until it is through. @returns the files that were told to be done, of all runs */
async function throughCuts(direction: Direction, source: string, bytes: number, target: string) {
  const done: string[] = [];
  const carried = (): number => proxy.passed[direction];
  let sum = 0;
  for (let cuts = 0; ; cuts++) {
    expect(cuts).toBeLessThan(3 * CUTS);
    proxy.reset();
    const cut = cuts < CUTS;
    const connection = await connectClient(home, proxy.port);
    connection.retry = { tries: 0, firstMs: 1, longestMs: 1 };
    if (cut) void proxy.cutAfter(direction, carried() + randomInt(Math.floor(bytes / (CUTS + 1))));
    const job = { direction, sources: [source], target, recursive: true } as const;
    let complete = false;
    const names = new Map<number, string>();
    const onEvent = (event: TransferEvent): void => {
      if (event.type === "start") names.set(event.file, event.source);
      if (event.type === "done") done.push(names.get(event.file) ?? "");
    };
    try {
      const ran = await transfer(home, connection, job, { onEvent });
      expect(only(ran.events, "failed")).toEqual([]);
      complete = true;
    } catch (error) {
      expect(error).toMatchObject({ lost: true });
    }
    sum += carried();
    await connection.close().catch(() => {});
    if (complete) {
      proxy.reset();
      return { done, sum, cuts };
    }
  }
}

describe.each<Direction>(["up", "down"])(
  "a tree that is cut off again and again, %s",
  (direction) => {
    it("is whole in the end by the same command, and next to nothing was sent twice", async () => {
      const there = server.home("ann");
      const source = join(direction === "up" ? home.directory : there, `tree-${direction}`);
      const bytes = plant(source);
      const given = direction === "up" ? source : `tree-${direction}`;
      const target = direction === "up" ? "to" : home.path("to");
      const { done, sum, cuts } = await throughCuts(direction, given, bytes, target);
      const copy = join(direction === "up" ? join(there, "to") : target, `tree-${direction}`);
      // Nothing else is there either, such as what a broken off file was called on its way.
      expect(tree(copy)).toEqual(tree(source));
      expect(cuts).toBe(CUTS);
      expect(new Set(done).size).toBe(done.length);
      expect(sum).toBeLessThan(bytes + (cuts + 1) * LOST_PER_CUT);
      expect(await home.journal.list()).toEqual([]);
    }, 120_000);
  },
);
