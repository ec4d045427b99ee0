import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { Driver } from "../../../src/store/database-driver.ts";
import { bookStored, settleSnapshot, takeSnapshot } from "../../../src/store/snapshot.ts";
import { Evidence } from "../../../src/vfs/evidence.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { temporary } from "../../support/archive.ts";
import { PUT, TestInstance } from "../../support/instance.ts";

async function inUse(holds: boolean) {
  const instance = await TestInstance.create({ holds });
  onTestFinished(() => instance.close());
  const account = await instance.addUser("ann", 1_000_000_000);
  const home = await instance.home(account);
  const file = await home.open(fromText("/f"), PUT);
  await file.write([Buffer.alloc(5000)], 5000, 0);
  onTestFinished(() => file.close());
  await instance.store.leases.exact();
  const copy = join(temporary(), "copy");
  takeSnapshot(instance.root, copy);
  return { instance, copy };
}

function ask(file: string, query: string): unknown {
  const database = new Driver(file, { readonly: true });
  try {
    return database.prepare(query).pluck().get();
  } finally {
    database.close();
  }
}

const ROWS = ["nodes", "sessions", "open_files", "changes", "digests"];

test.each([true, false])(
  "a copy has nothing of processes, and open files as they are (held: %s)",
  async (holds) => {
    const { instance, copy } = await inUse(holds);
    expect(ask(copy, "SELECT COUNT(*) FROM open_files")).toBe(1);
    const evidence = new Evidence(instance.store.ledger);
    settleSnapshot(copy, (file) => evidence.outcome(file));
    for (const table of ROWS)
      expect([table, ask(copy, `SELECT COUNT(*) FROM ${table}`)]).toEqual([table, 0]);
    expect(ask(copy, "SELECT COUNT(*) FROM homes WHERE holder IS NOT NULL")).toBe(0);
    expect(ask(copy, "SELECT used_bytes || ' ' || used_files FROM homes")).toBe("5000 1");
    expect(ask(copy, "PRAGMA integrity_check")).toBe("ok");
    expect(readdirSync(join(copy, ".."))).toEqual(["copy"]);
    expect(statSync(copy).mode & 0o777).toBe(0o600);
  },
);

test("what can't be looked at stays charged", async () => {
  const { copy } = await inUse(false);
  const charged = ask(copy, "SELECT used_bytes FROM homes");
  settleSnapshot(copy, () => {
    throw new Error("no disk");
  });
  expect(ask(copy, "SELECT used_bytes FROM homes")).toBe(charged);
});

test("what is stored is booked, for the rest nothing, and only in the database that it belongs to", async () => {
  const { copy } = await inUse(false);
  const found = settleSnapshot(copy, () => ({ size: 5000, linked: true }));
  expect(bookStored(copy, { ...found, instance: "another" }, new Map())).toBe(false);
  expect(bookStored(copy, { ...found, schema: 1 }, new Map())).toBe(false);
  expect(bookStored(copy, found, undefined)).toBe(true);
  expect(ask(copy, "SELECT used_bytes FROM homes")).toBe(5000);
  expect(bookStored(copy, found, new Map([["ann", { bytes: 7, files: 2 }]]))).toBe(true);
  expect(ask(copy, "SELECT used_bytes || ' ' || used_files FROM homes")).toBe("7 2");
  expect(bookStored(copy, found, new Map())).toBe(true);
  expect(ask(copy, "SELECT used_bytes || ' ' || used_files FROM homes")).toBe("0 0");
});

test("nothing is written over, and writers don't wait", async () => {
  const { instance, copy } = await inUse(false);
  expect(() => takeSnapshot(instance.root, copy)).toThrow(/EEXIST/);
  const writer = new Driver(join(instance.root, "db", "moorage.sqlite"));
  writer.exec("BEGIN IMMEDIATE");
  takeSnapshot(instance.root, `${copy}2`);
  writer.exec("ROLLBACK");
  writer.close();
});
