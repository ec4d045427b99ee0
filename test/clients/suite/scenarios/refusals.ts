import { chmodSync, readFileSync, statSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { expect } from "vitest";
import { onDisk } from "../../../support/instance.ts";
import { type Bench, MIB, sizeOf } from "../bench.ts";

/** Room for a byte is left, whatever a client's writes are a multiple of. */
const QUOTA = 6 * MIB + 1_001;

/** A file of 10 MiB for a quota of about 6. */
async function tooMuch(bench: Bench): Promise<string> {
  await bench.host.setQuota(bench.user, QUOTA);
  return bench.make("large", 10 * MIB);
}

export const refusals = {
  async "a missing file is said"(bench: Bench) {
    const here = bench.here("missing");
    await bench.refused([{ do: "get", there: "/missing", here }], bench.client.says.missing);
    expect(sizeOf(here)).toBe(0);
  },

  async "a file that may not be read"(bench: Bench) {
    chmodSync(await bench.stock("secret", "content"), 0);
    const here = bench.here("secret");
    await bench.refused([{ do: "get", there: "/secret", here }], bench.client.says.denied);
    expect(sizeOf(here)).toBe(0);
  },

  async "a directory that may not be written"(bench: Bench) {
    await mkdir(bench.there("closed"));
    await bench.noticed();
    chmodSync(bench.there("closed"), 0o500);
    const here = await bench.make("f", 1_000);
    await bench.refused([{ do: "put", here, there: "/closed/f" }], bench.client.says.denied);
    expect(bench.names("closed")).toEqual([]);
    expect(statSync(bench.there("closed")).mode & 0o777).toBe(0o500);
  },

  async "quota in mid-upload: message and exit code"(bench: Bench) {
    const here = await tooMuch(bench);
    await bench.refused([{ do: "put", here, there: "/large" }], bench.client.says.quota);
    await bench.settled();
    expect(onDisk(bench.there()).bytes).toBeLessThanOrEqual(QUOTA);
  },

  async "quota in mid-upload: what fitted is kept"(bench: Bench) {
    const here = await tooMuch(bench);
    await bench.run([{ do: "put", here, there: "/large", inOrder: true }]);
    await bench.settled();
    const kept = readFileSync(bench.there("large"));
    expect(kept.length).toBeGreaterThan(QUOTA - MIB);
    expect(kept.length).toBeLessThanOrEqual(QUOTA);
    expect(readFileSync(here).subarray(0, kept.length).equals(kept)).toBe(true);
  },

  async "quota in mid-upload: the connection goes on"(bench: Bench) {
    const here = await tooMuch(bench);
    const small = await bench.make("small", 1);
    const outcome = await bench.run(
      [
        { do: "put", here, there: "/large" },
        { do: "put", here: small, there: "/small" },
      ],
      { goOn: true },
    );
    expect(outcome.text).toMatch(bench.client.says.quota);
    expect(readFileSync(bench.there("small")).equals(readFileSync(small))).toBe(true);
    expect(await bench.logins()).toHaveLength(1);
  },
};
