import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listenFirst } from "../../../src/cli/listen-first.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { prepareInstance } from "../../../src/control/instance.ts";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-test-"));
  prepareInstance(root);
  writeFileSync(join(root, "db", "moorage.sqlite"), "", { mode: 0o600 });
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

function begin() {
  return listenFirst(root, loadConfig({ root, env: {} }), false);
}

test("a server closes what others could enter, and says what it was", async () => {
  chmodSync(join(root, "db"), 0o755);
  expect(await begin()).toEqual({ closed: ["db/ can be entered by others"] });
  expect(statSync(join(root, "db")).mode & 0o777).toBe(0o700);
  expect(await begin()).toEqual({ closed: [] });
});

test("a key that others could read stays a reason not to start", async () => {
  writeFileSync(join(root, "keys", "factor.key"), "");
  chmodSync(join(root, "keys", "factor.key"), 0o644);
  await expect(begin()).rejects.toThrow("keys/factor.key can be read by others: run chmod 600");
});
