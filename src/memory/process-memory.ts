import { MemoryBudget } from "./budget.ts";
import { usualLimit } from "./limit.ts";
import { Rest, tidyUp } from "./rest.ts";

/** The memory of a server process: what its sessions share, and the tidying up after them. */
export class ProcessMemory {
  readonly budget: MemoryBudget;
  readonly #rest: Rest;

  /** @param bytes for all sessions; 0: as much as suits the machine */
  constructor(bytes: number) {
    this.budget = new MemoryBudget(bytes || usualLimit());
    this.#rest = new Rest(tidyUp(this.budget));
  }

  close(): void {
    this.#rest.stop();
  }
}
