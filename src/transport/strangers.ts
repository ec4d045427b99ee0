import { ONE_MACHINE, ONE_SITE, sourceOf } from "../auth/addresses.ts";

/** A connection that has not logged in. */
export interface Stranger {
  /** True while it waits for this server: its key or password is being checked. */
  readonly busy: boolean;
  /**
   * Ends it with a text for the client's user, who doesn't get the time to read it that others get:
   * there may be very many.
   */
  evict(text: string): void;
}

/** The place of one connection, until it has logged in or is gone. */
export interface StrangersPlace {
  /** Frees the place: the connection waits in a line that has a bound of its own, that of hashes. */
  wait(): void;
  /** What it waited for came to nothing. False when there is no room: it has to go. */
  back(): boolean | Promise<boolean>;
  /** It has logged in or is gone. */
  leave(): void;
}

/** A place in the process that has them all. */
export interface LocalPlace extends StrangersPlace {
  back(): boolean;
}

/** A newcomer who would then hold as much as any other leaves them so long, in milliseconds. */
const PATIENCE_MS = 2_000;

export const NO_PLACE = "Too many connections that have not logged in: try again later";

/** Where a connection comes from: one machine, and the network around it. */
interface Origin {
  readonly source: string;
  readonly site: string;
}

interface Visit extends Origin {
  readonly stranger: Stranger;
  since: number;
}

/** How many places there are, as of now. */
export interface Bounds {
  places(): number;
  /** for those who wait for a hash */
  waiting(): number;
}

/**
 * The places for connections that have not logged in. Those who wait for a hash, which takes long,
 * have places of their own: guesses at passwords don't take them from logins by key. When all are
 * taken a newcomer gets that of the connection that has kept us waiting longest, of the address that
 * holds most in the network that holds most: nobody who only connects can lock the others out.
 */
export class Strangers {
  readonly #bounds: Bounds;
  readonly #now: () => number;
  /** in the order they came */
  readonly #places = new Set<Visit>();
  readonly #waiting = new Set<Visit>();

  /** @param now milliseconds of a clock that doesn't go back */
  constructor(bounds: Bounds, now: () => number = () => performance.now()) {
    this.#bounds = bounds;
    this.#now = now;
  }

  /** True when there is room for one more from this address, which may have been made. */
  hasRoom(address: string | undefined): boolean {
    return this.#hasRoom(originOf(address));
  }

  /** Gives a place to a connection for which there is room. */
  add(stranger: Stranger, address: string | undefined): LocalPlace {
    const visit: Visit = { ...originOf(address), stranger, since: this.#now() };
    this.#places.add(visit);
    return {
      wait: () => {
        if (this.#waiting.size >= this.#bounds.waiting()) return;
        if (this.#places.delete(visit)) this.#waiting.add(visit);
      },
      back: () => {
        if (!this.#waiting.delete(visit)) return this.#places.has(visit);
        if (!this.#hasRoom(visit)) return false;
        visit.since = this.#now();
        this.#places.add(visit);
        return true;
      },
      leave: () => {
        this.#places.delete(visit);
        this.#waiting.delete(visit);
      },
    };
  }

  #hasRoom(newcomer: Origin): boolean {
    if (this.#places.size < this.#bounds.places()) return true;
    const loser = this.#loser(newcomer);
    if (loser === undefined) return false;
    loser.stranger.evict(NO_PLACE);
    return this.#places.size < this.#bounds.places();
  }

  #loser(newcomer: Origin): Visit | undefined {
    const holds = new Holdings(this.#places);
    const before = this.#now() - PATIENCE_MS;
    let loser: Visit | undefined;
    for (const visit of this.#places) {
      if (visit.stranger.busy) continue;
      const more = holds.more(visit, newcomer);
      if (more < 0 || (more === 0 && visit.since > before)) continue;
      if (loser === undefined || holds.isLarger(visit, loser)) loser = visit;
    }
    return loser;
  }
}

/** How many places each network and each machine has. */
class Holdings {
  readonly #sites = new Map<string, number>();
  readonly #sources = new Map<string, number>();

  constructor(visits: Iterable<Visit>) {
    for (const { site, source } of visits) {
      this.#sites.set(site, this.#site(site) + 1);
      this.#sources.set(source, this.#source(source) + 1);
    }
  }

  /** Above 0 when `visit`'s part is larger than the newcomer's would be, 0 when it is the same. */
  more(visit: Origin, newcomer: Origin): number {
    if (visit.source === newcomer.source) return 0;
    if (visit.site !== newcomer.site) return this.#site(visit.site) - this.#site(newcomer.site) - 1;
    return this.#source(visit.source) - this.#source(newcomer.source) - 1;
  }

  isLarger(one: Origin, other: Origin): boolean {
    const sites = this.#site(one.site) - this.#site(other.site);
    return sites > 0 || (sites === 0 && this.#source(one.source) > this.#source(other.source));
  }

  #site(name: string): number {
    return this.#sites.get(name) ?? 0;
  }

  #source(name: string): number {
    return this.#sources.get(name) ?? 0;
  }
}

function originOf(address: string | undefined): Origin {
  return { source: sourceOf(address, ONE_MACHINE), site: sourceOf(address, ONE_SITE) };
}
