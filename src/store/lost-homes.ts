import type { Connection } from "./connection.ts";
import { prepareLeases } from "./lease-statements.ts";
import type { LeaseStore } from "./leases.ts";
import type { Counted } from "./ledger-types.ts";
import type { Writes } from "./writes.ts";

/** What processes of other machines had, that were silent for too long and write no more. */
export class LostHomes {
  readonly #writes: Writes;
  readonly #leases: LeaseStore;
  readonly #sql;

  constructor(connection: Connection, writes: Writes, leases: LeaseStore) {
    this.#writes = writes;
    this.#leases = leases;
    this.#sql = prepareLeases(connection);
  }

  /** Those that a process held, or may have left something unbooked in. */
  async of(node: string): Promise<number[]> {
    return this.#sql.homesOf.all({ node }).map((row) => (row as { userId: number }).userId);
  }

  /**
   * Makes a lost process the holder of a home that it used: nobody else changes it until it is taken
   * back. Resolves to false when the process has nothing there any more.
   */
  async claim(node: string, userId: number): Promise<boolean> {
    for (;;) {
      if (!(await this.of(node)).includes(userId)) return false;
      if (this.#leases.holderOf(userId) === node) return true;
      await this.#leases.share(userId);
      const claim = () => this.#sql.claim.run({ userId, node });
      await this.#writes.run(claim, { lock: userId });
    }
  }

  /** What others' open files are charged, by inode. */
  async otherCharges(node: string, userId: number): Promise<Map<string, number>> {
    const rows = this.#sql.otherCharges.all({ userId, node }) as { inode: string; most: number }[];
    return new Map(rows.map(({ inode, most }) => [inode, most]));
  }

  /** Takes back a home that was claimed and then counted. */
  async takeBack(node: string, userId: number, { bytes, files, grown }: Counted): Promise<void> {
    const told = { usedBytes: bytes, usedFiles: files, changes: 1, folded: 0 };
    const take = (): void => {
      if (this.#sql.fold.run({ userId, node, ...told }).changes === 0) return;
      this.#sql.dropRows.run({ userId, node });
      for (const [inode, charged] of grown) this.#sql.raise.run({ userId, inode, charged });
      this.#sql.unuse.run({ userId, node });
      this.#sql.release.run({ userId, wanted: null });
    };
    await this.#writes.run(take, { lock: userId });
  }
}
