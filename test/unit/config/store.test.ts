import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { loadStoreSettings, readSettings } from "../../../src/config/load.ts";

const SECRET = "postgres://moorage:topsecret@db.example.org/moorage";

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "moorage-config-"));
});

afterEach(() => {
  rmSync(root, { recursive: true });
});

function file(text: string): void {
  writeFileSync(join(root, "moorage.toml"), text);
}

function problems(read: () => unknown): string {
  try {
    read();
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems.join("\n");
    throw thrown;
  }
  return "";
}

test("a password is taken from the variable, and shown nowhere", () => {
  const env = { MOORAGE_STORE_URL: SECRET };
  const found = readSettings({ root, env }).find(({ named }) => named.name === "store.url");
  expect(found?.value).toBe(SECRET);
  expect(found?.named.setting.format(found.value)).toBe(
    "postgres://moorage:***@db.example.org/moorage",
  );
  const query = "postgres://db/moorage?user=a&password=topsecret&sslmode=require";
  expect(found?.named.setting.format(query)).not.toContain("topsecret");
});

test("in the file or a flag it is refused, without being repeated", () => {
  file(`[store]\nurl = "${SECRET}"`);
  for (const text of [
    problems(() => readSettings({ root, env: {} })),
    problems(() => loadStoreSettings({ root, env: {} })),
    problems(() => readSettings({ root: "/", env: {}, flags: { "--store-url": SECRET } })),
  ]) {
    expect(text).toContain("store.password_file");
    expect(text).not.toContain("topsecret");
  }
});

test("what is no address of a database is refused, without being repeated", () => {
  const env = { MOORAGE_STORE_URL: "mysql://moorage:topsecret@db/moorage" };
  const text = problems(() => readSettings({ root, env }));
  expect(text).toContain("postgres://USER@HOST/DATABASE");
  expect(text).not.toContain("topsecret");
});

test("a lease has bounds", () => {
  for (const lease of ["2s", "61s"]) {
    const env = { MOORAGE_STORE_LEASE: lease };
    expect(problems(() => readSettings({ root, env }))).toContain("from 3s to 60s");
  }
});

test("commands that need no other setting go where these say, whatever is wrong with others", () => {
  file('[limits]\nqueue = "no number"\n[store]\nurl = "postgres://moorage@db/moorage"');
  expect(loadStoreSettings({ root, env: { MOORAGE_NONSENSE: "1" } }).url).toBe(
    "postgres://moorage@db/moorage",
  );
  file("[limits\n");
  expect(loadStoreSettings({ root, env: {} }).url).toBe("");
  file('[store]\nulr = "postgres://moorage@db/moorage"\n[limits]\nqueue = 5');
  expect(() => loadStoreSettings({ root, env: {} })).toThrow(/store\.ulr/);
});

test("a file that can't be read is not taken for one without a database", () => {
  file('[store]\nurl = "postgres://moorage@db/moorage\n');
  expect(problems(() => loadStoreSettings({ root, env: {} }))).toContain("moorage.toml");
});
