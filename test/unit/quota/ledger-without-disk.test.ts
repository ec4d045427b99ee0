import { expect, test } from "vitest";
import { Ledger } from "../../../src/quota/ledger.ts";
import type { BookStore } from "../../../src/quota/recover.ts";
import type { LeaseStore } from "../../../src/store/leases.ts";
import type { JournalKey, JournalRow, LedgerStore } from "../../../src/store/ledger.ts";
import { Life } from "../../../src/store/life.ts";
import type { FileState, Usage, Witness } from "../../../src/vfs/books.ts";
import { fromText, type VirtualPath } from "../../../src/vfs/path.ts";

const PATH = fromText("/f") as unknown as VirtualPath;
const MIB = 1024 * 1024;

/** Books of one user with one file, in memory. */
class FakeStore {
  readonly root = "/nowhere";
  readonly node = "node";
  readonly calls: string[] = [];
  quota = 10 * MIB;
  charged = 0;
  fails = false;

  setWitness(): void {}

  async homeName(): Promise<undefined> {
    return undefined;
  }

  async open(userId: number, _path: Buffer, inspect: () => { inode: string; size: number }) {
    const { inode, size } = inspect();
    this.charged = size;
    return { userId, inode, row: 1, charged: size };
  }

  async grow(_key: JournalKey, end: number, slack: number, booked: (charged: number) => void) {
    this.calls.push(`grow ${end} ${slack}`);
    if (end > this.quota) return this.#usage();
    this.charged = Math.min(end + slack, this.quota);
    booked(this.charged);
    return undefined;
  }

  async trim(_key: JournalKey, need: () => number, booked: (charged: number) => void) {
    this.calls.push("trim");
    this.charged = need();
    booked(this.charged);
  }

  async settle(_key: JournalKey, inspect: () => FileState) {
    if (this.fails) throw new Error("the database's disk is full");
    const { size, linked } = inspect();
    this.charged = linked ? size : 0;
    this.calls.push(`settle ${this.charged}`);
  }

  async slackHere(): Promise<number[]> {
    return this.charged > 0 ? [1] : [];
  }

  async slackElsewhere(): Promise<number> {
    return 0;
  }

  async askForSlack(): Promise<void> {}

  async journalOf(): Promise<JournalRow[]> {
    const row = { userId: 1, inode: "1:1", row: 1, userName: "ann", unlinked: false };
    return [{ ...row, path: Buffer.from("/f") }];
  }

  #usage(): Usage {
    return { usedBytes: this.charged, quotaBytes: this.quota, usedFiles: 1, quotaFiles: null };
  }
}

const witness: Witness = {
  happened: () => false,
  undo: () => {},
  standing: () => undefined,
  outcome: () => ({ size: 77, linked: true }),
};

async function opened(size: number) {
  const store = new FakeStore();
  const ledger = new Ledger(
    {
      ledger: store as unknown as LedgerStore,
      leases: { onDead() {}, async share() {} } as unknown as LeaseStore,
      nodes: { dead: async () => [], remove: async () => undefined },
      uses: { areTold: false },
      life: new Life(undefined),
    } as unknown as BookStore,
    witness,
  );
  const state = { size, linked: true };
  const charge = await ledger.open(1, PATH, () => ({ inode: "1:1", size }), true);
  charge.attach(() => ({ ...state }));
  return { store, ledger, charge, state };
}

test("what is charged already is granted at once, without a look at the books", async () => {
  const { store, charge } = await opened(100);
  expect(charge.reserve(100)).toBeUndefined();
  expect(store.calls).toEqual([]);
  await charge.reserve(101);
  expect(store.calls).toEqual([`grow 101 ${MIB}`]);
  expect(charge.reserve(MIB)).toBeUndefined();
  expect(store.calls).toHaveLength(1);
});

test("a refusal says used, limit and needed, after what was held ahead was given back", async () => {
  const { store, charge, state } = await opened(100);
  await charge.reserve(200);
  state.size = 200;
  charge.release();
  const refused = expect(charge.reserve(11 * MIB)).rejects;
  await refused.toThrow(
    `Quota exceeded: 200 of ${10 * MIB} bytes used, ${11 * MIB - 200} more needed`,
  );
  expect(store.calls).toContain("trim");
  expect(store.charged).toBe(200);
});

test("giving back leaves what writes under way will need", async () => {
  const { store, ledger, charge, state } = await opened(100);
  await charge.reserve(5_000);
  await ledger.giveBack(1);
  expect(store.charged).toBe(5_000);
  state.size = 3_000;
  charge.release();
  await ledger.giveBack(1);
  expect(store.charged).toBe(3_000);
});

test("a write that failed gives back what it was granted", async () => {
  const { store, charge } = await opened(100);
  await charge.reserve(9 * MIB);
  await charge.failed();
  expect(store.charged).toBe(100);
});

test("a file is settled by what it is when it is closed, and says whether it has a name", async () => {
  const { store, charge, state } = await opened(100);
  state.size = 42;
  state.linked = false;
  expect(await charge.settle()).toBe(false);
  expect(store.calls).toEqual(["settle 0"]);
  await expect(charge.settle()).rejects.toThrow("EBADF");
});

test("what could not be settled at its close is settled later, by what the witness sees", async () => {
  const { store, ledger, charge } = await opened(100);
  store.fails = true;
  await expect(charge.settle()).rejects.toThrow("disk is full");
  await expect(ledger.settleLate()).rejects.toThrow("disk is full");
  store.fails = false;
  await ledger.settleLate();
  await ledger.settleLate();
  expect(store.calls).toEqual(["settle 77"]);
});
