import type { Connection } from "./connection.ts";
import { prepareLeases } from "./lease-statements.ts";
import type { Life } from "./life.ts";
import type { Writes } from "./writes.ts";

/**
 * The shared homes that this process changes names in. Where several machines do they have to know:
 * what a lost process did last is booked nowhere, and its own notes may be on no disk.
 */
export class HomeUses {
  readonly #writes: Writes;
  readonly #life: Life;
  readonly #node: string;
  readonly #sql;
  /** and when it last did */
  readonly #used = new Map<number, number>();

  constructor(connection: Connection, writes: Writes, life: Life, nodeId: string) {
    this.#writes = writes;
    this.#life = life;
    this.#node = nodeId;
    this.#sql = prepareLeases(connection);
  }

  /** Others have to know. */
  get areTold(): boolean {
    return this.#life.options !== undefined;
  }

  /** To be called before anything is changed in a shared home. */
  async add(userId: number): Promise<void> {
    const isKnown = this.#used.has(userId);
    this.#used.set(userId, performance.now());
    if (isKnown) return;
    try {
      const add = () => this.#sql.use.run({ userId, node: this.#node });
      await this.#writes.run(add, { lock: userId });
    } catch (thrown) {
      this.#used.delete(userId);
      throw thrown;
    }
  }

  /** Takes back those that were not used for so long. @param isOpen whether files are open in it */
  async forget(milliseconds: number, isOpen: (userId: number) => boolean): Promise<void> {
    const before = performance.now() - milliseconds;
    for (const [userId, at] of this.#used) {
      if (at > before || isOpen(userId)) continue;
      // First: who uses it again meanwhile says so behind this.
      this.#used.delete(userId);
      const remove = () => this.#sql.unuse.run({ userId, node: this.#node });
      await this.#writes.run(remove, { lock: userId });
    }
  }

  /** The row in `nodes` was made anew. */
  clear(): void {
    this.#used.clear();
  }
}
