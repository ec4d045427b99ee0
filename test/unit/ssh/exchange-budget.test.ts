import { describe, expect, test } from "vitest";
import { HYBRID_KEX } from "../../../src/ssh/algorithms.ts";
import { ExchangeBudget } from "../../../src/ssh/exchange-budget.ts";

const QUICK = "curve25519-sha256";
const SLOW = "diffie-hellman-group18-sha512";

/** How many exchanges are had until one is refused; each comes so many bytes and ms after the last. */
function had(method: string, bytes: number, ms: number, most: number): number {
  let now = 0;
  const budget = new ExchangeBudget(() => now);
  for (let count = 0; count < most; count++) {
    now += ms;
    budget.earn(bytes);
    if (!budget.allowsOne) return count;
    budget.spend(method);
  }
  return most;
}

describe("ordinary re-keying is never refused", () => {
  test.each([
    ["every hour for ten years", QUICK, 100, 3_600_000, 87_600],
    ["every second with keepalives for ten days", QUICK, 100, 1_000, 864_000],
    ["every second with a clock that runs fast", SLOW, 100, 900, 864_000],
    ["behind each packet of 32 KiB", QUICK, 32_768, 2, 100_000],
    ["every 2,300 bytes by the hybrid", HYBRID_KEX, 2_300, 2, 100_000],
    ["behind each packet of 32 KiB by a slow method", SLOW, 32_768, 30, 100_000],
    ["every 2,300 bytes, as OpenSSH does with RekeyLimit=16K", QUICK, 2_300, 2, 100_000],
  ])("%s", (_, method, bytes, ms, times) => {
    expect(had(method, bytes, ms, times)).toBe(times);
  });
});

describe("exchanges without end are refused", () => {
  test("by a quick method after some fifty", () => {
    expect(had(QUICK, 100, 2, 1_000)).toBeLessThan(60);
  });

  test("by a slow method after a few", () => {
    expect(had(SLOW, 100, 30, 1_000)).toBeLessThan(6);
  });

  test("also after hours of silence, in which nothing is saved up", () => {
    let now = 10 * 3_600_000;
    const budget = new ExchangeBudget(() => now);
    budget.earn(1 << 30);
    let count = 0;
    for (; budget.allowsOne && count < 1_000; count++) {
      budget.spend(QUICK);
      now += 2;
    }
    expect(count).toBeLessThan(60);
  });
});
