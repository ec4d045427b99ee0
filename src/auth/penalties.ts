import type { KnownSource, PenaltyStore, SourceRecord } from "../store/penalties.ts";
import type { AuditEvent } from "../store/types.ts";
import { Networks, parseNetwork, sourceOf } from "./addresses.ts";

/** The `penalties` settings; read at each use, so that they can change. Times in milliseconds. */
export interface PenaltySettings {
  /** failed logins after which an address is refused; 0: no penalties at all */
  readonly failures: number;
  /** one failed login is forgotten after so long */
  readonly recovery: number;
  /** the longest an address is refused */
  readonly max: number;
  /** what a connection without a login counts: so much of `recovery` */
  readonly noLogin: number;
  /** the same for a connection that does not speak SSH */
  readonly noSsh: number;
  readonly ipv4Prefix: number;
  readonly ipv6Prefix: number;
  readonly exempt: readonly string[];
  readonly maxSources: number;
}

/** An address that has to wait. */
export interface Penalty {
  /** address or network prefix */
  readonly address: string;
  readonly reason: string;
  readonly failures: number;
  readonly lastUser: string;
  readonly since: number;
  readonly until: number;
}

/** The failed logins of an address that is not refused. */
export interface FailedLogins {
  readonly address: string;
  readonly failures: number;
  readonly users: readonly string[];
  readonly lastAt: number;
}

/** What an address can do wrong: a wrong password or signature; no login at all; no SSH. */
export type Offence = "login" | "no-login" | "no-ssh";

const REASONS: Readonly<Record<Offence, string>> = {
  login: "failed logins",
  "no-login": "connections without a login",
  "no-ssh": "connections that are no SSH",
};

/** How long failed logins are shown after all is forgotten. */
const KEEP_MS = 24 * 60 * 60 * 1_000;
const SHOWN_USERS = 5;
const SHOWN_SOURCES = 1_000;
/** New sources between two looks at how many there are. */
const PRUNE_EVERY = 64;

const NEVER = 0;

/** Something that counts against a source. @param user whose login failed, escaped for display */
export interface Charge {
  readonly kind: Offence;
  readonly user?: string;
  /** it is only noted: the source is never refused */
  readonly exempt?: boolean;
}

/**
 * What is known of a source after one more offence. Each costs time, and what is owed runs off by
 * itself: a failed login in `recovery`. The one that makes it as many as `failures` gets the source
 * refused, until so much has run off that it may try once more.
 */
export function afterOffence(
  before: SourceRecord | undefined,
  { kind, user, exempt = false }: Charge,
  settings: PenaltySettings,
  now: number,
): SourceRecord {
  const { failures, recovery, noLogin, noSsh } = settings;
  const cost = { login: recovery, "no-login": noLogin, "no-ssh": noSsh }[kind];
  const limit = (failures - 1) * recovery;
  const owed = Math.max(0, (before?.debtUntil ?? 0) - now);
  // The bound also holds when the clock was set back.
  const debt = exempt ? 0 : Math.min(owed + cost, limit + longest(settings));
  const wasRefused = !exempt && before !== undefined && before.refusedUntil > now;
  const excess = exempt ? 0 : debt - limit;
  // What is still under way from there doesn't shorten a refusal, and hardly makes it longer.
  const until = wasRefused
    ? Math.max(Math.min(before.refusedUntil, now + longest(settings)), now + excess)
    : now + Math.max(excess, recovery);
  const users = before?.users ?? [];
  return {
    failures: (before?.failures ?? 0) + (kind === "login" ? 1 : 0),
    users: user === undefined ? users : withNewest(users, user),
    reason: wasRefused ? before.reason : REASONS[kind],
    since: excess > 0 && !wasRefused ? now : (before?.since ?? NEVER),
    lastAt: now,
    debtUntil: now + debt,
    refusedUntil: wasRefused || excess > 0 ? until : NEVER,
  };
}

function withNewest(users: readonly string[], user: string): string[] {
  return [user, ...users.filter((other) => other !== user)].slice(0, SHOWN_USERS);
}

/** The longest refusal is never shorter than the shortest. */
function longest({ max, recovery }: PenaltySettings): number {
  return Math.max(max, recovery);
}

export interface PenaltiesOptions {
  readonly store: PenaltyStore;
  readonly settings: PenaltySettings;
  readonly record: (event: AuditEvent) => void;
  /** a pino logger fits */
  readonly log: { warn(fields: object, text: string): void };
  /** milliseconds since the epoch: all processes of an instance must agree on it */
  readonly now?: () => number;
}

/**
 * Addresses that fail to log in pay with time. It is never an account that pays: nobody can lock
 * out another one by failing in his name from elsewhere. All that counts is in the store, so that
 * several processes are as strict as one.
 */
export class Penalties {
  readonly #store: PenaltyStore;
  readonly #settings: PenaltySettings;
  readonly #record: PenaltiesOptions["record"];
  readonly #log: PenaltiesOptions["log"];
  readonly #now: () => number;
  #exempt: { readonly list: readonly string[]; readonly networks: Networks } | undefined;
  #added = 0;

  constructor({ store, settings, record, log, now = Date.now }: PenaltiesOptions) {
    this.#store = store;
    this.#settings = settings;
    this.#record = record;
    this.#log = log;
    this.#now = now;
  }

  /** Milliseconds for which connections and logins from this address are refused; 0: they are not. */
  async wait(address: string | undefined): Promise<number> {
    if (address === undefined || this.#isExempt(address)) return 0;
    const left = (await this.#store.refusedUntil(this.#source(address))) - this.#now();
    return Math.min(Math.max(0, left), longest(this.#settings));
  }

  /** Counts something against an address. @param user whose login failed, escaped for display */
  async add(address: string | undefined, kind: Offence, user?: string): Promise<void> {
    const source = this.#source(address);
    if (address === undefined || source === "") return;
    const exempt = this.#isExempt(address);
    // Of those who are trusted only failed logins are of interest.
    if (exempt && kind !== "login") return;
    const charge = { kind, exempt, ...(user !== undefined && { user }) };
    const now = this.#now();
    const { before, after } = await this.#store.update(source, (known) =>
      afterOffence(known, charge, this.#settings, now),
    );
    if (before === undefined && ++this.#added % PRUNE_EVERY === 0) await this.prune();
    const wasRefused = (before?.refusedUntil ?? NEVER) > now;
    if (after.refusedUntil > now && !wasRefused) this.#tell(source, after, now);
  }

  /** Who is refused now, the longest first, at most a thousand. */
  async list(): Promise<Penalty[]> {
    return (await this.#store.refused(this.#now(), SHOWN_SOURCES)).map(toPenalty);
  }

  /** Who failed to log in during the last day or so, the newest first, at most a thousand. */
  async failures(): Promise<FailedLogins[]> {
    return (await this.#store.failed(SHOWN_SOURCES)).map(toFailedLogins);
  }

  /**
   * Forgets what counts against an address or network, as `list` shows it or any address in it.
   * @returns false when nothing does
   */
  async lift(address: string): Promise<boolean> {
    const network = parseNetwork(address);
    if (network === undefined) return false;
    // What was counted under other prefixes is still found by its name.
    const names = new Set([this.#source(network.address), address.trim()]);
    const lifted = await Promise.all([...names].map((source) => this.#store.remove(source)));
    return lifted.includes(true);
  }

  /** Forgets what is long over, and keeps the number of sources within its bound. */
  async prune(): Promise<void> {
    const now = this.#now();
    await this.#store.prune(now, now - KEEP_MS, this.#settings.maxSources);
  }

  /** The name under which its offences are kept; empty for what is no address. */
  #source(address: string | undefined): string {
    return sourceOf(address, this.#settings);
  }

  #isExempt(address: string): boolean {
    const { exempt, failures } = this.#settings;
    if (failures === 0) return true;
    if (this.#exempt?.list !== exempt) {
      this.#exempt = { list: exempt, networks: new Networks(exempt) };
    }
    return this.#exempt.networks.has(address);
  }

  #tell(
    source: string,
    { failures, reason, users, refusedUntil }: SourceRecord,
    now: number,
  ): void {
    const total = `${failures} failed login${failures === 1 ? "" : "s"}`;
    const detail = `refused for ${waitText(refusedUntil - now)}: ${reason} (${total})`;
    const [user] = users;
    this.#record({ kind: "penalty", remote: source, detail, ...(user !== undefined && { user }) });
    this.#log.warn({ source, reason, failures }, "address refused");
  }
}

function toPenalty(known: KnownSource): Penalty {
  const { source, reason, failures, users, since, refusedUntil } = known;
  return {
    address: source,
    reason,
    failures,
    lastUser: users[0] ?? "",
    since,
    until: refusedUntil,
  };
}

function toFailedLogins({ source, failures, users, lastAt }: KnownSource): FailedLogins {
  return { address: source, failures, users, lastAt };
}

/** "40 seconds", "5 minutes": rounded up, so that it is not too early then. */
export function waitText(milliseconds: number): string {
  const seconds = Math.max(1, Math.ceil(milliseconds / 1_000));
  if (seconds < 120) return seconds === 1 ? "1 second" : `${seconds} seconds`;
  return `${Math.ceil(seconds / 60)} minutes`;
}

/** What a refused client's user reads. */
export function refusalText(milliseconds: number): string {
  return `Too many failed attempts from your address: try again in ${waitText(milliseconds)}`;
}
