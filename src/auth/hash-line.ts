/** So many hashes wait already that another one is refused; the login may be tried again later. */
export class HashQueueFull extends Error {
  constructor() {
    super("too many logins at once, try again later");
    this.name = "HashQueueFull";
  }
}

/** The asker did not want the answer any more when the turn came, or went away before: nothing was checked. */
export class NotWanted extends Error {
  constructor() {
    super("not checked");
    this.name = "NotWanted";
  }
}

/** Whose turn it is: see {@link HashLine}. */
export interface Origin {
  /** an address, or the network that one machine has */
  readonly source: string;
  /** the wider network it is in, of which one owner may have all; default: the source */
  readonly site?: string;
  /** aborted when the asker is gone: its place is free at once */
  readonly gone?: AbortSignal;
}

interface Waiting {
  proceed(): void;
  refuse(error: Error): void;
}

/** Those of one site, by source in the order of their turns. */
interface Site {
  readonly sources: Map<string, Waiting[]>;
  size: number;
}

/**
 * Those who wait for a hash. Sites take turns, within a site its sources, and each of those is
 * served in the order of coming: however many one has waiting, it delays another by one turn. When
 * the line is full, the newest entry of the source with the most entries makes room.
 */
export class HashLine {
  readonly #max: number;
  readonly #maxPerSource: number;
  /** in the order of their turns */
  readonly #sites = new Map<string, Site>();
  #size = 0;

  /** @param max how many may wait; @param maxPerSource how many of one source */
  constructor(max: number, maxPerSource: number) {
    this.#max = max;
    this.#maxPerSource = maxPerSource;
  }

  /** Resolves when the turn has come. Rejects with HashQueueFull, or with NotWanted when gone. */
  async wait({ source, site: name = source, gone }: Origin): Promise<void> {
    if (gone?.aborted) throw new NotWanted();
    this.#makeRoom(name, source);
    let leave = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        const waiting: Waiting = { proceed: resolve, refuse: reject };
        this.#add(name, source, waiting);
        leave = () => {
          if (this.#remove(name, source, waiting)) reject(new NotWanted());
        };
        gone?.addEventListener("abort", leave);
      });
    } finally {
      gone?.removeEventListener("abort", leave);
    }
  }

  /** Lets the next one proceed. False when nobody waits. */
  next(): boolean {
    for (const [name, site] of this.#sites) {
      for (const [source, line] of site.sources) {
        const [first] = line as [Waiting, ...Waiting[]];
        this.#remove(name, source, first);
        // Both go to the end, if anything of them is left.
        if (site.sources.delete(source) && line.length > 0) site.sources.set(source, line);
        if (this.#sites.delete(name) && site.size > 0) this.#sites.set(name, site);
        first.proceed();
        return true;
      }
    }
    return false;
  }

  #add(name: string, source: string, waiting: Waiting): void {
    const site = this.#sites.get(name) ?? { sources: new Map(), size: 0 };
    const line = site.sources.get(source) ?? [];
    line.push(waiting);
    site.sources.set(source, line);
    site.size += 1;
    this.#sites.set(name, site);
    this.#size += 1;
  }

  #remove(name: string, source: string, waiting: Waiting): boolean {
    const site = this.#sites.get(name);
    const line = site?.sources.get(source) ?? [];
    const at = line.indexOf(waiting);
    if (site === undefined || at < 0) return false;
    line.splice(at, 1);
    site.size -= 1;
    this.#size -= 1;
    if (line.length === 0) site.sources.delete(source);
    if (site.size === 0) this.#sites.delete(name);
    return true;
  }

  #makeRoom(name: string, source: string): void {
    const site = this.#sites.get(name);
    const own = site?.sources.get(source)?.length ?? 0;
    if (own >= this.#maxPerSource) throw new HashQueueFull();
    if (this.#size < this.#max) return;
    const [most, crowd] = largest(this.#sites, ({ size }) => size) ?? [];
    const [loser, line] =
      largest(crowd?.sources ?? new Map<string, Waiting[]>(), (l) => l.length) ?? [];
    const newest = line?.at(-1);
    // Afterwards the newcomer's part must not be the larger one.
    const isFair =
      most === name ? own + 1 < (line?.length ?? 0) : (site?.size ?? 0) + 1 < (crowd?.size ?? 0);
    if (most === undefined || loser === undefined || newest === undefined || !isFair) {
      throw new HashQueueFull();
    }
    this.#remove(most, loser, newest);
    newest.refuse(new HashQueueFull());
  }
}

function largest<T>(all: Map<string, T>, size: (one: T) => number): [string, T] | undefined {
  let found: [string, T] | undefined;
  for (const entry of all)
    if (found === undefined || size(entry[1]) > size(found[1])) found = entry;
  return found;
}
