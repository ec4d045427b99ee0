import type { BanStore } from "../store/bans.ts";
import { Networks } from "./addresses.ts";

/** The bans in force, as a process knows them. */
interface Known {
  /** what {@link BanStore.changes} said */
  readonly changes: number;
  readonly networks: Networks;
  /** the first of them ends then, in ms since the epoch */
  readonly until: number;
}

/**
 * Asks whether an address is banned, for every connection: all bans are in memory, and read again
 * when the store says that they changed. So a ban holds in all processes from its commit on.
 */
export class Bans {
  readonly #store: Pick<BanStore, "changes" | "all">;
  readonly #now: () => number;
  #known: Known | undefined;

  /** @param now milliseconds since the epoch: all processes of an instance must agree on it */
  constructor(store: Pick<BanStore, "changes" | "all">, now: () => number = Date.now) {
    this.#store = store;
    this.#now = now;
  }

  async has(address: string): Promise<boolean> {
    return (await this.#inForce()).has(address);
  }

  async #inForce(): Promise<Networks> {
    const now = this.#now();
    // Asked for first: what changes between the two reads is read again the next time.
    const changes = await this.#store.changes();
    if (this.#known?.changes !== changes || this.#known.until <= now) {
      this.#known = await this.#read(changes, now);
    }
    return this.#known.networks;
  }

  async #read(changes: number, now: number): Promise<Known> {
    const bans = await this.#store.all(now);
    return {
      changes,
      networks: new Networks(bans.map(({ network }) => network)),
      until: Math.min(...bans.map(({ until }) => until ?? Number.POSITIVE_INFINITY)),
    };
  }
}
