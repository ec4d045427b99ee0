import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { JournalFile, readJournal } from "../../../src/store/journal-file.ts";
import { newUser, rawDatabase, storeAt, temporaryRoot, temporaryStore } from "./instance.ts";

const NOW = Date.now();

test("a clock that jumps back keeps no home from being held", async () => {
  const { root, store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  rawDatabase(root)
    .prepare("UPDATE users SET wanted_at = ?")
    .run(NOW + 1e9);
  let isTaken = false;
  await store.leases.take(
    id,
    3_000,
    () => {},
    (book) => {
      isTaken = book !== undefined;
    },
  );
  expect(isTaken).toBe(true);
});

test("what processes ask of each other is kept as long as other changes, and no longer", async () => {
  const root = await temporaryRoot();
  const [one, two] = [await storeAt(root), await storeAt(root)];
  const { id } = await one.users.add(newUser("ann"));
  await two.leases.take(
    id,
    0,
    () => {},
    () => {},
  );
  const database = rawDatabase(root);
  const insert = database.prepare(
    "INSERT INTO changes (id, kind, user_id, at) VALUES (?, 'stop', 0, 1)",
  );
  for (const old of [1, 2, 20_000]) insert.run(old);
  const asked = one.leases.exact();
  await one.ledger.askForSlack(id);
  await two.leases.answer(30_000);
  await asked;
  expect((await one.changes.since(0)).map((change) => change.id)).toEqual([20_000, 20_001, 20_002]);
});

test("a journal that a power cut left in pieces ends where they begin", () => {
  const directory = mkdtempSync(join(tmpdir(), "moorage-test-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const node = randomUUID();
  const journal = new JournalFile(directory, node, { release: () => false });
  journal.append(1, ["one"]);
  journal.append(1, ["x".repeat(20_000)]);
  const file = join(directory, `journal-${node}`);
  const data = readFileSync(file);
  // A page of it was not written: head and end of its record were.
  data.fill(0, 4096, 8192);
  writeFileSync(file, data);
  expect(readJournal(directory, node).map(({ events }) => events)).toEqual([["one"]]);
});

test("who waits for other processes waits no longer when the clock is set back", async () => {
  const root = await temporaryRoot();
  const [one, two] = [await storeAt(root), await storeAt(root)];
  const { id } = await one.users.add(newUser("ann"));
  await two.leases.take(
    id,
    0,
    () => {},
    () => {},
  );
  let clock = NOW;
  vi.spyOn(Date, "now").mockImplementation(() => {
    clock -= 1_000;
    return clock;
  });
  onTestFinished(() => vi.restoreAllMocks());
  await one.leases.exact();
  await expect(one.leases.share(id)).rejects.toThrow("holds the home");
});
