import type { Database } from "better-sqlite3";
import { afterEach, expect, onTestFinished, test, vi } from "vitest";
import { FsError } from "../../src/errors.ts";
import { Ledger } from "../../src/quota/ledger.ts";
import type { Connection } from "../../src/store/connection.ts";
import { openDatabase } from "../../src/store/database.ts";
import { LeaseStore } from "../../src/store/leases.ts";
import { LedgerStore } from "../../src/store/ledger.ts";
import { SqliteConnection } from "../../src/store/sqlite-connection.ts";
import type { Store } from "../../src/store/store.ts";
import type { Account } from "../../src/store/types.ts";
import { Writes } from "../../src/store/writes.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { openHome } from "../../src/vfs/home.ts";
import { fromText } from "../../src/vfs/path.ts";
import type { UserFileSystem } from "../../src/vfs/types.ts";
import { APPEND, onDisk, PUT, RESUME, TestInstance } from "../support/instance.ts";

type Kind = "system call" | "statement" | "commit";

/** Fails the Nth operation of one kind. */
const faults = vi.hoisted(() => ({
  kind: "system call" as Kind,
  count: 0,
  failAt: 0,
  failing: false,
  hit(kind: Kind): boolean {
    if (!this.failing || kind !== this.kind) return false;
    this.count += 1;
    // SQLITE_FULL goes on until there is room again; a system call fails once.
    return kind === "system call" ? this.count === this.failAt : this.count >= this.failAt;
  },
}));

vi.mock("node:fs", async (original) => {
  const real = (await original()) as Record<string, (...args: unknown[]) => unknown>;
  const broken: typeof real = {};
  const calls = [
    "openSync",
    "unlinkSync",
    "renameSync",
    "mkdirSync",
    "rmdirSync",
    "symlinkSync",
    "linkSync",
    "ftruncateSync",
    "writevSync",
    "chmodSync",
    "utimesSync",
    "writeSync",
  ];
  for (const name of calls) {
    broken[name] = (...args) => {
      if (faults.hit("system call")) {
        throw Object.assign(new Error(`${name} /host/path`), { code: "EIO" });
      }
      return real[name]?.(...args);
    };
  }
  return { ...real, ...broken };
});

afterEach(() => {
  faults.failing = false;
});

const data = Buffer.alloc(5_000, 1);
const write = { read: false, write: true, append: false, create: false, truncate: false };

/** Everything that changes a home, each step on its own. */
function* script(home: UserFileSystem): Generator<() => Promise<unknown>> {
  const put = async (name: string, flags = PUT, size = data.length): Promise<void> => {
    const file = await home.open(fromText(name), flags);
    try {
      await file.write([data.subarray(0, size)], size, 0);
    } finally {
      await file.close();
    }
  };
  yield () => put("a");
  yield () => home.makeDirectory(fromText("d"));
  yield () => put("d/b");
  yield () => put("a", PUT, 1_000);
  yield () => put("a", APPEND);
  yield () => home.hardLink(fromText("a"), fromText("d/hard"));
  yield () => home.symlink(fromText("a"), fromText("soft"));
  yield () => home.setStat(fromText("d/b"), { size: 20_000, permissions: 0o600 }, true);
  yield () => home.setStat(fromText("d/b"), { size: 100, times: { atime: 1, mtime: 2 } }, true);
  yield () => home.rename(fromText("a"), fromText("c"), false);
  yield () => put("e");
  yield async () => {
    const open = await home.open(fromText("d/b"), { ...write, exclusive: false });
    try {
      await home.rename(fromText("d"), fromText("f"), true);
      await open.write([data], data.length, 100);
      await home.rename(fromText("e"), fromText("f/b"), true);
    } finally {
      await open.close();
    }
  };
  yield () => home.remove(fromText("c"));
  yield () => home.remove(fromText("f/hard"));
  yield () => home.remove(fromText("soft"));
  yield () => put("f/b", RESUME, 4_000);
  yield () => home.remove(fromText("f/b"));
  yield () => home.removeDirectory(fromText("f"));
}

/** Runs the script with the Nth operation failing; true when it ran to its end without a fault. */
async function run(
  home: UserFileSystem,
  n: number,
  between: () => Promise<void> = async () => {},
): Promise<boolean> {
  Object.assign(faults, { count: 0, failAt: n, failing: true });
  for (const step of script(home)) {
    try {
      await step();
    } catch (thrown) {
      expect(thrown).toBeInstanceOf(FsError);
      expect((thrown as FsError).message).not.toContain("/host");
    }
    await between();
  }
  faults.failing = false;
  return faults.count < n;
}

async function balanced(instance: TestInstance, ledger: Ledger, account: Account) {
  await ledger.settleLate();
  await ledger.giveBack(account.id);
  await ledger.tend();
  const { usedBytes, usedFiles } = await instance.store.ledger.usage(account.id);
  return [{ bytes: usedBytes, files: usedFiles }, onDisk(instance.path(account.name))];
}

const WAYS = [
  ["held", true],
  ["shared", false],
] as const;

test.each(WAYS)(
  "the Nth system call fails, for every N: usage equals the disk (%s)",
  async (_how, holds) => {
    const instance = await TestInstance.create({ holds });
    onTestFinished(() => instance.close());
    faults.kind = "system call";
    let n = 1;
    for (let done = false; !done; n += 1) {
      const account = await instance.addUser(`u${n}`, 1_000_000);
      done = await run(await instance.home(account), n);
      const [used, disk] = await balanced(instance, instance.ledger, account);
      expect({ n, ...used }).toEqual({ n, ...disk });
    }
    expect(n).toBeGreaterThan(40);
  },
  60_000,
);

/** A connection whose statements fail as with a full disk. */
function failing(connection: Database): Database {
  const prepare = connection.prepare.bind(connection);
  connection.prepare = ((sql: string) => {
    const statement = prepare(sql);
    if (/^\s*(ROLLBACK|SELECT|BEGIN)/.test(sql)) return statement;
    const commit = sql === "COMMIT";
    const runs = statement.run.bind(statement);
    statement.run = ((...args: unknown[]) => {
      if (faults.hit("statement") || (commit && faults.hit("commit"))) {
        throw Object.assign(new Error("full"), { code: "SQLITE_FULL" });
      }
      return runs(...args);
    }) as typeof statement.run;
    return statement;
  }) as typeof connection.prepare;
  return connection;
}

/** Another connection of the instance's node, by which all books go. */
function ledgerOn(connection: Connection, writes: Writes, store: Store) {
  const { nodes, nodeId, reserve, life, uses, lostHomes } = store;
  const leases = new LeaseStore(connection, writes, store, reserve, nodeId);
  const ledger = new LedgerStore(connection, writes, { leases, life }, nodeId);
  return { nodes, life, uses, lostHomes, leases, ledger };
}

test.each([
  ["statement", 50, "shared"],
  ["commit", 30, "shared"],
  ["statement", 50, "told and given up"],
  ["commit", 20, "told and given up"],
] as const)(
  "the database's disk is full from the Nth %s on: afterwards usage equals the disk (over %i, %s)",
  async (kind, least, how) => {
    const instance = await TestInstance.create();
    onTestFinished(() => instance.close());
    const root = instance.root;
    const migrations = new URL("../../db/migrations", import.meta.url).pathname;
    const connection = new SqliteConnection(
      failing(openDatabase(`${root}/db/moorage.sqlite`, migrations)),
    );
    const store = ledgerOn(connection, new Writes(connection), instance.store);
    const holds = how !== "shared";
    const ledger = new Ledger(store, new Evidence(store.ledger), { holds, quietMs: 0 });
    faults.kind = kind;
    let n = 1;
    for (let done = false; !done; n += 1) {
      const account = await instance.addUser(`u${n}`, 1_000_000);
      const home = await openHome({ root, account, books: ledger });
      let steps = 0;
      done = await run(home, n, async () => {
        if (!holds) return;
        steps += 1;
        const telling = steps % 3 === 0 ? store.leases.share(account.id) : ledger.tend();
        await telling.catch(() => undefined);
      });
      // There is room again: the next change books what is left.
      await home.makeDirectory(fromText("last"));
      await home.removeDirectory(fromText("last"));
      await home.close();
      const [used, disk] = await balanced(instance, ledger, account);
      expect({ n, ...used }).toEqual({ n, ...disk });
    }
    expect(n).toBeGreaterThan(least);
    await store.leases.close();
    await store.ledger.close();
    connection.close();
  },
  60_000,
);

test.each([
  ["statement", 7],
  ["commit", 1],
] as const)(
  "when room can be made after each few a full disk for a %s is noticed by nobody",
  async (kind, each) => {
    const instance = await TestInstance.create();
    onTestFinished(() => instance.close());
    const { root } = instance;
    const migrations = new URL("../../db/migrations", import.meta.url).pathname;
    const connection = new SqliteConnection(
      failing(openDatabase(`${root}/db/moorage.sqlite`, migrations)),
    );
    let released = 0;
    const spare = {
      release(): boolean {
        released += 1;
        faults.count = 0;
        return true;
      },
    };
    const writes = new Writes(connection, spare);
    const store = ledgerOn(connection, writes, instance.store);
    const ledger = new Ledger(store, new Evidence(store.ledger));
    const account = await instance.addUser("ann", 1_000_000);
    const home = await openHome({ root, account, books: ledger });
    // So many succeed after room was made, and the next one finds none again.
    Object.assign(faults, { kind, count: 0, failAt: each + 1, failing: true });
    for (const step of script(home)) await step();
    faults.failing = false;
    expect(released).toBeGreaterThan(10);
    await home.close();
    const [used, disk] = await balanced(instance, ledger, account);
    expect(used).toEqual(disk);
    await store.ledger.close();
    connection.close();
  },
);
