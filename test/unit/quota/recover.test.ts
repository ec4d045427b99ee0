import { expect, test } from "vitest";
import { FsError } from "../../../src/errors.ts";
import { recover } from "../../../src/quota/recover.ts";
import type { LeaseStore } from "../../../src/store/leases.ts";
import type { JournalRow, LedgerStore } from "../../../src/store/ledger.ts";
import type { LostHomes } from "../../../src/store/lost-homes.ts";
import type { FileState, Witness } from "../../../src/vfs/books.ts";

/** Two dead nodes of which the first has a file that can't be looked at. */
function journals() {
  const settled: string[] = [];
  const removed: string[] = [];
  const row = (inode: string): JournalRow => {
    const path = Buffer.from(`/${inode}`);
    return { userId: 1, inode, row: 1, userName: "ann", path, unlinked: false };
  };
  const ledger = {
    resolveIntent: async () => {},
    journalOf: async (node: string) =>
      node === "one" ? [row("a"), row("out of reach"), row("b")] : [row("c")],
    settle: async ({ inode }: JournalRow, inspect: () => FileState) => {
      inspect();
      settled.push(inode);
    },
  } as unknown as LedgerStore;
  const nodes = {
    dead: async () => ["one", "two"].map((id) => ({ id, isLost: false })),
    giveUp: async () => false,
    remove: async (id: string) => removed.push(id),
  };
  const witness: Witness = {
    happened: () => false,
    undo: () => {},
    standing: () => undefined,
    outcome: ({ inode }) => {
      if (inode === "out of reach") throw new FsError("EACCES");
      return { size: 0, linked: true };
    },
  };
  const leases = { heldBy: async () => [], dropJournal: () => {} } as unknown as LeaseStore;
  const lostHomes = {} as unknown as LostHomes;
  return { store: { ledger, leases, nodes, lostHomes }, witness, settled, removed };
}

test("a file that can't be looked at keeps no other from being settled", async () => {
  const { store, witness, settled, removed } = journals();
  await expect(recover(store, witness)).rejects.toThrow("EACCES");
  expect(settled).toEqual(["a", "b", "c"]);
  expect(removed).toEqual(["two"]);
});
