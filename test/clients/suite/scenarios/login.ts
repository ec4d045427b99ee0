import { expect, vi } from "vitest";
import { TEST_PASSWORD } from "../../../support/server.ts";
import { type Bench, expectSame, PATIENCE } from "../bench.ts";
import type { Op } from "../client.ts";

/** A small transfer in the direction that the client has, and what to compare after it. */
async function errand(bench: Bench): Promise<{ op: Op; check(): Promise<void> }> {
  const [here, there] = [bench.here("errand"), "/errand"];
  const check = () => expectSame(here, bench.there("errand"));
  if (bench.client.lacks.put === undefined) {
    await bench.make("errand", 1_000);
    return { op: { do: "put", here, there }, check };
  }
  await bench.stock("errand", 1_000);
  return { op: { do: "get", here, there }, check };
}

async function loggedInBy(bench: Bench, method: RegExp): Promise<void> {
  const [login] = await bench.logins();
  expect(login).toMatch(method);
}

export const login = {
  async "by password"(bench: Bench) {
    const { op, check } = await errand(bench);
    await bench.done([op], { password: TEST_PASSWORD });
    await check();
    await loggedInBy(bench, /^(password|keyboard-interactive)/);
  },

  async "by key"(bench: Bench) {
    const { op, check } = await errand(bench);
    await bench.done([op]);
    await check();
    await loggedInBy(bench, /^publickey/);
  },

  async "a wrong password is refused"(bench: Bench) {
    const { op } = await errand(bench);
    await bench.refused([op], bench.client.says.wrongPassword, { password: "wrong" });
    await vi.waitFor(async () => {
      expect(await bench.host.failedLogins(bench.user)).toBeGreaterThan(0);
    }, PATIENCE);
    expect(await bench.host.logins(bench.user)).toEqual([]);
  },
};
