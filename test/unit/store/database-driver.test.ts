import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const DRIVER = new URL("../../../dist/src/store/database-driver.js", import.meta.url).href;

// The collector runs in the midst of await, where a native object has no context to ask: there the
// statements of better-sqlite3 12 ended Node.js 24.19 and later.
const PROGRAM = `
  const { Driver } = await import(${JSON.stringify(DRIVER)});
  const database = new Driver(":memory:");
  let sum = 0;
  async function statement(i) {
    if (i % 50 === 0) sum += database.prepare("SELECT 1 AS one").get().one;
    await null;
  }
  async function many() {
    for (let i = 0; i < 200_000; i++) await statement(i);
  }
  await Promise.all([many(), many(), many()]);
  process.stdout.write(String(sum));
`;

test("statements that are collected while nothing runs don't end the process", async () => {
  const args = ["--input-type=module", "--eval", PROGRAM];
  expect((await promisify(execFile)(process.execPath, args)).stdout).toBe("12000");
});
