import { afterAll } from "vitest";

// For each test file, behind what the file itself does at its end. Most runs don't load this.
if (process.env.TEST_POSTGRES !== undefined) {
  afterAll(async () => (await import("./store-engine.ts")).dropDatabases());
}
