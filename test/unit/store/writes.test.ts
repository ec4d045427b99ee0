import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { SqliteDatabase } from "../../../src/store/database.ts";
import { Driver as Database } from "../../../src/store/database-driver.ts";
import { CommitInDoubt, DatabaseGone } from "../../../src/store/database-errors.ts";
import { SqliteConnection } from "../../../src/store/sqlite-connection.ts";
import { DatabaseBusy, Writes } from "../../../src/store/writes.ts";
import { sqliteFile, temporaryStore } from "./instance.ts";

interface World {
  readonly connection: SqliteDatabase;
  readonly other: SqliteDatabase;
  /** how often an `act` ran, and what stands in the table */
  readonly stored: () => unknown[];
}

/** Two connections to one database with a table. */
async function world(): Promise<World> {
  const { root } = await temporaryStore();
  const connection = new Database(join(root, "db", "moorage.sqlite"), { timeout: 0 });
  onTestFinished(() => {
    connection.close();
  });
  connection.exec("CREATE TABLE t (v)");
  const other = sqliteFile(root);
  const stored = other.prepare("SELECT v FROM t").pluck();
  return { connection, other, stored: () => stored.all() };
}

function inserting(connection: SqliteDatabase): (value: unknown) => number {
  const insert = connection.prepare("INSERT INTO t VALUES (?)");
  return (value) => insert.run(value).changes;
}

test("a write is done within the call when nobody holds the lock", async () => {
  const { connection, stored } = await world();
  const insert = inserting(connection);
  const done = new Writes(new SqliteConnection(connection)).run(() => insert(1));
  expect(stored()).toEqual([1]);
  await expect(done).resolves.toBe(1);
});

test("writes wait for another program's lock in the order they came, and the loop goes on", async () => {
  const { connection, other, stored } = await world();
  const insert = inserting(connection);
  const writes = new Writes(new SqliteConnection(connection));
  other.exec("BEGIN IMMEDIATE");
  const booked: number[] = [];
  const all = Array.from({ length: 30 }, (_, n) =>
    writes.run(() => insert(n), { booked: () => booked.push(n) }),
  );
  for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
  expect(booked).toEqual([]);
  other.exec("COMMIT");
  await Promise.all(all);
  const order = Array.from({ length: 30 }, (_, n) => n);
  expect(booked).toEqual(order);
  expect(stored()).toEqual(order);
});

test("a write waits behind those that wait, also when the lock is free by then", async () => {
  const { connection, other, stored } = await world();
  const insert = inserting(connection);
  const writes = new Writes(new SqliteConnection(connection));
  other.exec("BEGIN IMMEDIATE");
  const first = writes.run(() => insert("first"));
  other.exec("COMMIT");
  const second = writes.run(() => insert("second"));
  expect(stored()).toEqual([]);
  await Promise.all([first, second]);
  expect(stored()).toEqual(["first", "second"]);
});

test("a write that waited long enough is refused, and not done later", async () => {
  const { connection, other, stored } = await world();
  const insert = inserting(connection);
  const writes = new Writes(new SqliteConnection(connection));
  other.exec("BEGIN IMMEDIATE");
  const patient = writes.run(() => insert("patient"));
  await expect(writes.run(() => insert("at once"), { patienceMs: 0 })).rejects.toThrow(
    DatabaseBusy,
  );
  await expect(writes.run(() => insert("soon"), { patienceMs: 1 })).rejects.toThrow(DatabaseBusy);
  other.exec("COMMIT");
  await patient;
  expect(stored()).toEqual(["patient"]);
});

test("what fails is undone, and keeps nothing else from being written", async () => {
  const { connection, other, stored } = await world();
  const insert = inserting(connection);
  const writes = new Writes(new SqliteConnection(connection));
  const failing = (): never => {
    insert("half");
    throw new Error("no");
  };
  await expect(writes.run(failing)).rejects.toThrow("no");
  other.exec("BEGIN IMMEDIATE");
  const waiting = [writes.run(failing), writes.run(() => insert("whole"))];
  other.exec("COMMIT");
  await expect(waiting[0]).rejects.toThrow("no");
  await waiting[1];
  expect(stored()).toEqual(["whole"]);
});

/** A transaction that finds no room so often, and what is kept for that. */
function fullDisk(times: number, kept: number) {
  let left = kept;
  let runs = 0;
  const spare = {
    release(): boolean {
      left -= 1;
      return left >= 0;
    },
  };
  const act = (insert: () => unknown) => (): void => {
    insert();
    runs += 1;
    if (runs <= times) throw Object.assign(new Error("full"), { code: "SQLITE_FULL" });
  };
  return { spare, act };
}

test("on a full disk room is made until the write has it", async () => {
  const { connection, stored } = await world();
  const insert = inserting(connection);
  const { spare, act } = fullDisk(3, 5);
  await new Writes(new SqliteConnection(connection), spare).run(act(() => insert("x")));
  expect(stored()).toEqual(["x"]);
});

test("on a full disk without anything left the write is refused", async () => {
  const { connection, stored } = await world();
  const insert = inserting(connection);
  const { spare, act } = fullDisk(3, 2);
  const refused = new Writes(new SqliteConnection(connection), spare).run(act(() => insert("x")));
  await expect(refused).rejects.toThrow("full");
  expect(stored()).toEqual([]);
});

test("what can wait for room uses nothing of what is kept", async () => {
  const { connection } = await world();
  const insert = inserting(connection);
  const { spare, act } = fullDisk(1, 1);
  const writes = new Writes(new SqliteConnection(connection), spare);
  const deferrable = writes.run(
    act(() => insert("x")),
    { deferrable: true },
  );
  await expect(deferrable).rejects.toThrow("full");
  expect(spare.release()).toBe(true);
});

/** A connection whose database is lost with each commit. */
class Doubtful extends SqliteConnection {
  readonly outcome: Promise<boolean>;

  constructor(database: SqliteDatabase, outcome: Promise<boolean>) {
    super(database);
    this.outcome = outcome;
  }

  override commit(): void {
    super.commit();
    throw new CommitInDoubt(this.outcome);
  }
}

test("a commit in doubt waits until it is known, and is booked then", async () => {
  const { connection } = await world();
  let tell = (_committed: boolean): void => {};
  const outcome = new Promise<boolean>((resolve) => {
    tell = resolve;
  });
  const booked: string[] = [];
  const writes = new Writes(new Doubtful(connection, outcome));
  const done = writes.run(() => "done", { booked: (result) => booked.push(result) });
  await new Promise(setImmediate);
  expect(booked).toEqual([]);
  tell(true);
  await expect(done).resolves.toBe("done");
  expect(booked).toEqual(["done"]);
});

test("one that did not take effect fails, and so does one that nobody can tell of", async () => {
  const { connection } = await world();
  const booked: string[] = [];
  const run = (outcome: Promise<boolean>): Promise<string> =>
    new Writes(new Doubtful(connection, outcome)).run(() => "done", {
      booked: (result) => booked.push(result),
    });
  await expect(run(Promise.resolve(false))).rejects.toThrow(DatabaseGone);
  await expect(run(Promise.reject(new DatabaseGone("lost")))).rejects.toThrow("lost");
  expect(booked).toEqual([]);
});
