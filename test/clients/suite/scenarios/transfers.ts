import { randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { CuttingProxy } from "../../../support/cutting-proxy.ts";
import { tree } from "../../../support/desk.ts";
import { type Bench, expectSame, MIB, sizeOf } from "../bench.ts";
import { LARGE, WRITING } from "../document.ts";

const KIB = 1024;
const GIB = 1024 * MIB;
/** 2001-02-03T04:05:06Z */
const LONG_AGO = 981_173_106;

const SIZES = {
  "0 bytes": [0],
  "1 byte": [1],
  "32 KiB and a byte less and more": [-1, 0, 1].map((more) => 32 * KIB + more),
  "255 KiB and a byte less and more": [-1, 0, 1].map((more) => 255 * KIB + more),
  "5 MiB": [5 * MIB],
};

function put(sizes: readonly number[]): (bench: Bench) => Promise<void> {
  return async (bench) => {
    for (const size of sizes) {
      const here = await bench.make(`f${size}`, size);
      await bench.done([{ do: "put", here, there: `/f${size}` }]);
      await expectSame(bench.there(`f${size}`), here);
    }
  };
}

function get(sizes: readonly number[]): (bench: Bench) => Promise<void> {
  return async (bench) => {
    for (const size of sizes) {
      const there = await bench.stock(`f${size}`, size);
      const here = bench.here(`f${size}`);
      await bench.done([{ do: "get", there: `/f${size}`, here }]);
      await expectSame(here, there);
    }
  };
}

/** A file with something at its start, in its middle and at its end, else holes. */
function sparse(path: string, client: Bench["client"]): string {
  const usual = WRITING ? GIB : (client.large ?? 24 * MIB);
  const size = LARGE === undefined ? usual : Number(LARGE);
  const fd = openSync(path, "w");
  ftruncateSync(fd, size);
  for (const at of [0, size / 2 - 1, size - MIB]) writeSync(fd, randomBytes(MIB), 0, MIB, at);
  closeSync(fd);
  return path;
}

function fill(top: string): void {
  for (const name of ["a/b/c", "empty", "two words"])
    mkdirSync(join(top, name), { recursive: true });
  writeFileSync(join(top, "a/large"), randomBytes(700_000));
  writeFileSync(join(top, "a/b/none"), "");
  writeFileSync(join(top, "a/b/c/deep"), "deep");
  writeFileSync(join(top, "two words/three words here"), "spaces");
  for (let i = 0; i < 40; i += 1) writeFileSync(join(top, `f${i}`), `${i}`);
}

function dated(path: string): string {
  chmodSync(path, 0o640);
  utimesSync(path, LONG_AGO, LONG_AGO);
  return path;
}

function putKept(kept: (path: string) => void): (bench: Bench) => Promise<void> {
  return async (bench) => {
    const here = dated(await bench.make("f", 100_000));
    await bench.done([{ do: "putKept", here, there: "/f" }]);
    await expectSame(bench.there("f"), here);
    kept(bench.there("f"));
  };
}

function getKept(kept: (path: string) => void): (bench: Bench) => Promise<void> {
  return async (bench) => {
    const there = dated(await bench.stock("f", 100_000));
    await bench.done([{ do: "getKept", there: "/f", here: bench.here("f") }]);
    await expectSame(bench.here("f"), there);
    kept(bench.here("f"));
  };
}

function timeKept(path: string): void {
  expect(statSync(path).mtimeMs).toBe(LONG_AGO * 1000);
}

function modeKept(path: string): void {
  expect((statSync(path).mode & 0o777).toString(8)).toBe("640");
}

/** A transfer that is cut in its midst: of 8 MiB after 5. */
async function cutTransfer(bench: Bench, direction: "up" | "down"): Promise<void> {
  const proxy = await CuttingProxy.open(bench.host.port);
  try {
    const up = direction === "up";
    const there = up ? bench.there("f") : await bench.stock("f", 8 * MIB);
    const here = up ? await bench.make("f", 8 * MIB) : bench.here("f");
    const partial = up ? there : here;
    void proxy.cutAfter(direction, 5 * MIB);
    const first = up ? "put" : "get";
    const cut = { do: first, here, there: "/f", inOrder: true } as const;
    await bench.refused([cut], bench.client.says.cut, {
      port: proxy.port,
    });
    expect(proxy.passed[direction]).toBeGreaterThanOrEqual(5 * MIB);
    await bench.settled();
    const stored = sizeOf(partial);
    expect(stored).toBeGreaterThan(0);
    expect(stored).toBeLessThan(8 * MIB);
    proxy.reset();
    const again = up ? "resumePut" : "resumeGet";
    await bench.done([{ do: again, here, there: "/f" }], { port: proxy.port });
    await expectSame(there, here);
    // What was there was not carried again.
    expect(proxy.passed[direction]).toBeLessThan(8 * MIB - stored + MIB);
  } finally {
    await proxy.close();
  }
}

export const uploads = {
  "put 0 bytes": put(SIZES["0 bytes"]),
  "put 1 byte": put(SIZES["1 byte"]),
  "put 32 KiB and a byte less and more": put(SIZES["32 KiB and a byte less and more"]),
  "put 255 KiB and a byte less and more": put(SIZES["255 KiB and a byte less and more"]),
  "put 5 MiB": put(SIZES["5 MiB"]),

  async "put 1 GiB, mostly holes"(bench: Bench) {
    const here = sparse(bench.here("large"), bench.client);
    await bench.done([{ do: "put", here, there: "/large" }]);
    await expectSame(bench.there("large"), here);
  },

  async "put a directory with all in it"(bench: Bench) {
    const here = bench.here("tree");
    fill(here);
    await bench.done([{ do: "putTree", here, there: "/tree" }]);
    expect(tree(bench.there("tree"))).toEqual(tree(here));
  },

  async "put a shorter file over a longer one"(bench: Bench) {
    await bench.stock("f", 700_000);
    for (const size of [300_000, 0]) {
      const here = await bench.make("f", size);
      await bench.done([{ do: "put", here, there: "/f" }]);
      await expectSame(bench.there("f"), here);
    }
  },

  async "put, cut, resumed"(bench: Bench) {
    await cutTransfer(bench, "up");
  },

  "put keeps the time": putKept(timeKept),
  "put keeps the mode": putKept(modeKept),
};

export const downloads = {
  "get 0 bytes": get(SIZES["0 bytes"]),
  "get 1 byte": get(SIZES["1 byte"]),
  "get 32 KiB and a byte less and more": get(SIZES["32 KiB and a byte less and more"]),
  "get 255 KiB and a byte less and more": get(SIZES["255 KiB and a byte less and more"]),
  "get 5 MiB": get(SIZES["5 MiB"]),

  async "get 1 GiB, mostly holes"(bench: Bench) {
    const there = sparse(bench.there("large"), bench.client);
    await bench.noticed();
    await bench.done([{ do: "get", there: "/large", here: bench.here("large") }]);
    await expectSame(bench.here("large"), there);
  },

  async "get a directory with all in it"(bench: Bench) {
    fill(bench.there("tree"));
    await bench.noticed();
    await bench.done([{ do: "getTree", there: "/tree", here: bench.here("tree") }]);
    expect(tree(bench.here("tree"))).toEqual(tree(bench.there("tree")));
  },

  async "get a shorter file over a longer one"(bench: Bench) {
    const here = await bench.make("f", 700_000);
    for (const size of [300_000, 0]) {
      const there = await bench.stock("f", size);
      await bench.done([{ do: "get", there: "/f", here }]);
      await expectSame(here, there);
    }
  },

  async "get, cut, resumed"(bench: Bench) {
    await cutTransfer(bench, "down");
  },

  "get keeps the time": getKept(timeKept),
  "get keeps the mode": getKept(modeKept),
};
