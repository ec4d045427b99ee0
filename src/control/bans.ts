import { setTimeout as sleep } from "node:timers/promises";
import { Networks, nameOf, networkProblem, parseNetwork } from "../auth/addresses.ts";
import type { Ban } from "../store/bans.ts";
import type { Store } from "../store/store.ts";
import type { AuditEvent } from "../store/types.ts";
import { addressIn } from "../text/remote.ts";
import { oneLine } from "../text/safe.ts";
import { formatDuration } from "../text/units.ts";
import { ControlError, EXIT } from "./errors.ts";
import type { PenaltyBook } from "./host.ts";

/** Every connection is compared with all of them; whole networks belong in access.deny. */
export const MAX_BANS = 1_000;
/** Longer is until it is lifted: a hundred years, in milliseconds. */
export const MAX_BAN_MS = 36_500 * 86_400_000;
/** Of a reason, in characters. */
const MAX_REASON = 200;
/** How long the end of sessions is waited for, in milliseconds. */
const END_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/** What bans by hand stand on. */
export interface BanControlOptions {
  readonly store: Pick<Store, "bans" | "changes" | "sessions" | "audit">;
  /** who acts, for the audit trail: "cli:root", "alice@203.0.113.5" */
  readonly actor: string;
  /** called after each ban: a server ends its own sessions */
  announced?(): Promise<void>;
  /** milliseconds since the epoch */
  readonly now?: () => number;
}

export interface BanRequest {
  /** an address or a network */
  readonly address: string;
  /** in milliseconds; absent: until it is lifted */
  readonly forMs?: number;
  readonly reason?: string;
  /** bans also the address from where it is asked for */
  readonly force?: boolean;
  /** the address of the terminal from where it is asked for, where that is another machine's */
  readonly from?: string;
}

/** @param ended the sessions that were open from there */
export interface BanResult {
  /** the network as it is kept */
  readonly address: string;
  /** null: until it is lifted */
  readonly until: number | null;
  readonly ended: readonly number[];
}

/**
 * Bans by hand. Rejects with ControlError for what a person can put right. A ban holds from its
 * commit on in all processes; those that run end the sessions from there.
 */
export class BanControl {
  readonly #options: BanControlOptions;
  readonly #now: () => number;

  constructor(options: BanControlOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Those in force, the newest first. */
  list(): Promise<Ban[]> {
    return this.#options.store.bans.all(this.#now());
  }

  /** Resolves when the sessions from there are gone, or rejects when that takes too long. */
  async ban(request: BanRequest): Promise<BanResult> {
    const { store, actor, announced } = this.#options;
    const network = networkIn(request.address);
    if (request.force !== true) this.#spareOwn(network, request.from);
    const ban = { network, actor, ...this.#terms(request) };
    if (!(await store.bans.put(ban, MAX_BANS))) {
      throw new ControlError(
        `there are ${MAX_BANS} bans already: lift some, or put networks into access.deny`,
      );
    }
    await store.changes.add("ban", 0, network);
    this.#record({ kind: "ban", remote: network, detail: termsText(request, ban.reason) });
    const ended = await this.#sessionsFrom(network);
    await announced?.();
    await this.#gone(ended);
    return { address: network, until: ban.until, ended };
  }

  #terms({ forMs, reason = "" }: BanRequest): Pick<Ban, "reason" | "since" | "until"> {
    const since = this.#now();
    if (reason.length > MAX_REASON) {
      throw new ControlError(`a reason has ${MAX_REASON} characters at most`, EXIT.usage);
    }
    return { reason: oneLine(reason), since, until: forMs === undefined ? null : since + forMs };
  }

  /** Lifts the ban of exactly this address or network; false when there is none. */
  async lift(address: string): Promise<boolean> {
    const { bans } = this.#options.store;
    const network = networkIn(address);
    const now = this.#now();
    const ban = await bans.remove(network);
    if (ban === undefined || (ban.until !== null && ban.until <= now)) return false;
    this.#record({ kind: "ban-lifted", remote: network });
    return true;
  }

  /** Lifts what counts against an address for failed logins; false when nothing does. */
  async liftPenalty(address: string, penalties: Pick<PenaltyBook, "lift">): Promise<boolean> {
    if (!(await penalties.lift(address))) return false;
    this.#record({ kind: "penalty-lifted", remote: oneLine(address) });
    return true;
  }

  /** The bans in force that have the address or network in them, and are not its own. */
  async around(address: string): Promise<string[]> {
    const own = networkIn(address);
    const [start = ""] = own.split("/");
    const all = (await this.list()).map(({ network }) => network);
    return all.filter((network) => network !== own && new Networks([network]).has(start));
  }

  #spareOwn(network: string, from: string | undefined): void {
    const networks = new Networks([network]);
    const own = [from, addressOf(this.#options.actor)].find((one) => one && networks.has(one));
    if (own === undefined) return;
    const whose = own === network ? "is" : `has ${own}, which is`;
    throw new ControlError(
      `${network} ${whose} the address you administer this from: it takes --force, or “even my own” on the screen`,
    );
  }

  async #sessionsFrom(network: string): Promise<number[]> {
    const networks = new Networks([network]);
    const all = await this.#options.store.sessions.list();
    return all.filter(({ remote }) => networks.has(addressIn(remote))).map(({ id }) => id);
  }

  async #gone(ids: readonly number[]): Promise<void> {
    const { sessions } = this.#options.store;
    const deadline = performance.now() + END_TIMEOUT_MS;
    for (;;) {
      const left = (await sessions.list()).find(({ id }) => ids.includes(id));
      if (left === undefined) return;
      if (performance.now() > deadline) {
        throw new ControlError(
          `the ban is in force; session ${left.id} was told to end, and is still closing its files`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  #record(event: AuditEvent): void {
    const { store, actor } = this.#options;
    store.audit.record({ ...event, actor });
  }
}

/** The canonical name of an address or network that somebody wrote. Throws ControlError. */
function networkIn(text: string): string {
  const given = text.trim();
  const problem = networkProblem(given);
  const network = parseNetwork(given);
  if (problem !== undefined || network === undefined) {
    throw new ControlError(`${problem}: give one such as 192.0.2.1 or 2001:db8::/32`, EXIT.usage);
  }
  return nameOf(network);
}

/** Of "alice@203.0.113.5"; nothing of who acts on the server's machine. */
function addressOf(actor: string): string | undefined {
  return /@([^@]+)$/.exec(actor)?.[1];
}

function termsText({ forMs }: BanRequest, reason: string): string {
  const terms = forMs === undefined ? "until lifted" : `for ${formatDuration(forMs)}`;
  return reason === "" ? terms : `${terms}: ${reason}`;
}
