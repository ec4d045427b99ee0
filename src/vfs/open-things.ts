import { descriptors } from "./descriptors.ts";

/** Something open that takes descriptors. */
interface Opened {
  /** it is in a folder that the user does not have any more */
  readonly isGone: boolean;
  /** Looks where it is by now, for rules that have changed. */
  relocate?(): void;
  close(): Promise<void>;
}

/** What is open in a home, with the descriptors each takes: the home's and its cursors' together. */
export class OpenThings {
  readonly #userId: number;
  readonly #taken = new Map<Opened, number>();
  closed = false;

  constructor(userId: number) {
    this.#userId = userId;
  }

  add(open: Opened, descriptorsTaken: number): void {
    descriptors.take(this.#userId, descriptorsTaken);
    this.#taken.set(open, descriptorsTaken);
  }

  readonly forget = (closed: Opened): void => {
    const taken = this.#taken.get(closed);
    if (taken !== undefined) descriptors.give(this.#userId, taken);
    this.#taken.delete(closed);
  };

  /** Rules that changed count where things are now: others may have moved them since they were opened. */
  relocate(): void {
    for (const open of this.#taken.keys()) open.relocate?.();
  }

  /** Closes what is open in a folder that is not there any more. */
  async closeGone(): Promise<void> {
    const gone = [...this.#taken.keys()].filter((open) => open.isGone);
    await Promise.allSettled(gone.map((open) => open.close()));
  }

  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled([...this.#taken.keys()].map((open) => open.close()));
  }
}
