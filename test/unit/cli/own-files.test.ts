import { mkdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ownFiles } from "../../../src/cli/own-files.ts";
import { openStore } from "../../../src/store/store.ts";
import { temporaryRoot } from "../store/instance.ts";

test("where several machines share db/ each has a pid file and a log of its own", async () => {
  const root = await temporaryRoot();
  expect(ownFiles(root)).toEqual({ pid: "db/moorage.pid", log: "db/moorage.log" });
  mkdirSync(join(root, "db"));
  writeFileSync(join(root, "db", "postgres"), "");
  expect(ownFiles(root).pid).toBe(`db/moorage-${hostname()}.pid`);
});

test("an instance whose books are in PostgreSQL is not opened with empty ones of its own", async () => {
  const root = await temporaryRoot();
  mkdirSync(join(root, "db"));
  writeFileSync(join(root, "db", "postgres"), "");
  await expect(openStore(root, "command", "test")).rejects.toThrow("store.url");
});
