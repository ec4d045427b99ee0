import { randomUUID } from "node:crypto";
import {
  copyFileSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { Ledger } from "../../../src/quota/ledger.ts";
import { recover } from "../../../src/quota/recover.ts";
import { openDatabase } from "../../../src/store/database.ts";
import { JournalFile, readJournal } from "../../../src/store/journal-file.ts";
import { openStore } from "../../../src/store/store.ts";
import { Evidence } from "../../../src/vfs/evidence.ts";
import { openHome } from "../../../src/vfs/home.ts";
import { fromText } from "../../../src/vfs/path.ts";
import { inodeKey } from "../../../src/vfs/proc.ts";
import { ENGINE } from "../../support/store-engine.ts";
import {
  newUser,
  rawDatabase,
  sqliteTest,
  storeAt,
  temporaryRoot,
  temporaryStore,
} from "./instance.ts";

const MIGRATIONS = new URL("../../../db/migrations", import.meta.url).pathname;
const NOW = Date.now();

test("a clock that jumps back keeps no home from being held", async () => {
  const { root, store } = await temporaryStore();
  const { id } = await store.users.add(newUser("ann"));
  (await rawDatabase(root)).prepare("UPDATE homes SET wanted_at = ?").run(NOW + 1e9);
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
  const database = await rawDatabase(root);
  const insert = database.prepare(
    "INSERT INTO changes (id, kind, user_id, at) VALUES (?, 'stop', 0, 1)",
  );
  for (const old of [1, 2, 20_000]) insert.run(old);
  // SQLite goes on behind the largest by itself.
  if (ENGINE === "postgres") database.exec("ALTER TABLE changes ALTER id RESTART WITH 20001");
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
  let [clock, seconds] = [NOW, 0];
  vi.spyOn(Date, "now").mockImplementation(() => {
    clock -= 1_000;
    return clock;
  });
  vi.spyOn(performance, "now").mockImplementation(() => {
    seconds += 1;
    return seconds * 1_000;
  });
  onTestFinished(() => void vi.restoreAllMocks());
  await one.leases.exact();
  await expect(one.leases.share(id)).rejects.toThrow("holds the home");
});

sqliteTest(
  "homes of a database of the version before, with a dead server's open files, are held exactly",
  async () => {
    const root = mkdtempSync(join(tmpdir(), "moorage-test-"));
    onTestFinished(() => rmSync(root, { recursive: true, force: true }));
    const before = join(root, "migrations");
    mkdirSync(before);
    for (const name of readdirSync(MIGRATIONS)) {
      if (name < "006") copyFileSync(join(MIGRATIONS, name), join(before, name));
    }
    mkdirSync(join(root, "homes", "ann"), { recursive: true });
    writeFileSync(join(root, "homes", "ann", "f"), Buffer.alloc(700));
    const old = openDatabase(join(root, "db", "moorage.sqlite"), before);
    old.exec(`INSERT INTO users (id, name, used_bytes, used_files, created_at)
    VALUES (1, 'ann', 1000, 1, 1)`);
    old.exec(`INSERT INTO nodes (id, kind, pid, start_time, boot_id, version, started_at)
    VALUES ('dead', 'server', 1, '1', 'another boot', 'before', 1)`);
    old
      .prepare(`INSERT INTO open_files (user_id, inode, node_id, number, path, charged)
      VALUES (1, ?, 'dead', 1, ?, 1000)`)
      .run(
        inodeKey(lstatSync(join(root, "homes", "ann", "f"), { bigint: true })),
        Buffer.from("/f"),
      );
    old.close();
    const store = await openStore(root, "server", "test");
    onTestFinished(() => store.close());
    const evidence = new Evidence(store.ledger);
    const ledger = new Ledger(store, evidence, { holds: true, quietMs: 0 });
    const account = { id: 1, name: "ann" };
    const home = await openHome({ root, account, books: ledger });
    // Shared as long as a row of another process is there.
    await home.makeDirectory(fromText("d"));
    expect(ledger.holds(1)).toBe(false);
    await recover(store, evidence);
    await new Promise((resolve) => setImmediate(resolve));
    await home.makeDirectory(fromText("e"));
    expect(ledger.holds(1)).toBe(true);
    expect(await store.ledger.usage(1)).toMatchObject({ usedBytes: 700, usedFiles: 3 });
    await home.close();
  },
);
