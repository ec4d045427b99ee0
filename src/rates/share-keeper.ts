import { type Demand, split } from "./split.ts";

/** What a worker says of one rate. */
export interface Want extends Demand {
  /** direction and whose: "up 7", "down server" */
  readonly key: string;
  /** the whole rate as the worker knows it, bytes a second */
  readonly rate: number;
  /** what the worker uses of it at most, bytes a second */
  readonly share: number;
}

/** All rates that a worker wants something of; of others it uses nothing from now on. */
export interface Wants {
  /** the number of the last shares that it was told */
  readonly seen: number;
  readonly wants: readonly Want[];
}

/** What a worker may use from now on; of what is not named, as much as before. */
export interface Shares {
  readonly number: number;
  /** key and bytes a second */
  readonly shares: readonly (readonly [string, number])[];
}

/** Changes below that part of a share are not told. */
const WORTH_TELLING = 0.02;

/** To a worker that says nothing no more than so many are told. */
const MAX_UNSEEN = 8;

/** A share that a worker was told, and may not have heard yet. */
interface Told {
  readonly number: number;
  readonly share: number;
}

interface Partner {
  want: Want | undefined;
  told: Told[];
}

/**
 * Keeps what workers may use of each rate: never more in sum than the rate, also while what they are
 * told is on its way. Who gets more gets it when the others have said that they keep to less.
 */
export class ShareKeeper<W> {
  readonly #send: (worker: W, shares: Shares) => void;
  /** by key and worker */
  readonly #rates = new Map<string, Map<W, Partner>>();
  #last = 0;

  constructor(send: (worker: W, shares: Shares) => void) {
    this.#send = send;
  }

  heard(worker: W, { seen, wants }: Wants): void {
    const wanted = new Map(wants.map((want) => [want.key, want]));
    const known = [...this.#rates].filter(([, partners]) => partners.has(worker));
    const keys = new Set([...wanted.keys(), ...known.map(([key]) => key)]);
    for (const key of keys) this.#note(key, worker, seen, wanted.get(key));
    this.#shareOut(keys);
  }

  /** The worker is gone, and uses nothing any more. */
  lost(worker: W): void {
    const keys = [...this.#rates.keys()].filter((key) => this.#rates.get(key)?.has(worker));
    for (const key of keys) this.#forget(key, worker);
    this.#shareOut(keys);
  }

  #note(key: string, worker: W, seen: number, want: Want | undefined): void {
    const partners = this.#rates.get(key) ?? new Map<W, Partner>();
    this.#rates.set(key, partners);
    const before = partners.get(worker)?.told ?? [];
    const told = before.filter(({ number }) => number > seen);
    if (want === undefined && told.length === 0) this.#forget(key, worker);
    else partners.set(worker, { want, told });
  }

  #forget(key: string, worker: W): void {
    const partners = this.#rates.get(key);
    partners?.delete(worker);
    if (partners?.size === 0) this.#rates.delete(key);
  }

  /** One message for each worker for which something changes. */
  #shareOut(keys: Iterable<string>): void {
    const messages = new Map<W, [string, number][]>();
    for (const key of keys) {
      for (const [worker, share] of this.#news(this.#rates.get(key))) {
        messages.set(worker, [...(messages.get(worker) ?? []), [key, share]]);
      }
    }
    for (const [worker, shares] of messages) {
      this.#last += 1;
      const number = this.#last;
      for (const [key, share] of shares) {
        this.#rates.get(key)?.get(worker)?.told.push({ number, share });
      }
      this.#send(worker, { number, shares });
    }
  }

  /** What is to be told, to whom. Less is told at once, more when the others have made room. */
  #news(partners: ReadonlyMap<W, Partner> = new Map()): [W, number][] {
    const list = [...partners];
    // Where a change of the rate is known to some only, the lower one holds.
    const rate = Math.min(...list.map(([, { want }]) => want?.rate ?? Number.POSITIVE_INFINITY));
    if (!Number.isFinite(rate)) return [];
    const parts = split(
      rate,
      list.map(([, { want }]) => want ?? { weight: 0, wanted: 0 }),
    );
    let room = rate - list.reduce((sum, [, partner]) => sum + mostOf(partner), 0);
    const news: [W, number][] = [];
    for (const [index, [worker, partner]] of list.entries()) {
      const most = mostOf(partner);
      const share = Math.min(parts[index] ?? 0, most + Math.max(0, room));
      if (partner.want === undefined || partner.told.length >= MAX_UNSEEN) continue;
      if (!isNews(lastOf(partner), share)) continue;
      room -= Math.max(0, share - most);
      news.push([worker, share]);
    }
    return news;
  }
}

/** What the worker may be using, whatever it has heard. */
function mostOf({ want, told }: Partner): number {
  return Math.max(want?.share ?? 0, ...told.map(({ share }) => share));
}

/** What it uses when it has heard all. */
function lastOf({ want, told }: Partner): number {
  return told.at(-1)?.share ?? want?.share ?? 0;
}

function isNews(before: number, share: number): boolean {
  return Math.abs(share - before) > before * WORTH_TELLING;
}
