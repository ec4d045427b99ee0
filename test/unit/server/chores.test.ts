import type { Logger } from "pino";
import { expect, test } from "vitest";
import { Chores } from "../../../src/server/chores.ts";

/** The log's errors. */
function logging(): { log: Logger; said: string[] } {
  const said: string[] = [];
  const log = { error: (_: object, text: string) => said.push(text) } as unknown as Logger;
  return { log, said };
}

test("what fails again and again is said when it begins, and anew when it had gone well between", async () => {
  const { log, said } = logging();
  const chores = new Chores(log);
  const outcomes = [false, false, false, true, false, false];
  let at = 0;
  chores.every(1, "it failed", async () => {
    const outcome = outcomes[at] ?? true;
    at += 1;
    if (!outcome) throw new Error("no");
  });
  await expect.poll(() => at, { interval: 1 }).toBeGreaterThan(outcomes.length);
  await chores.stop();
  expect(said).toEqual(["it failed", "it failed"]);
});
