import type { ServerCounts } from "../control/host.ts";
import type { LoopDelay } from "../control/protocol.ts";
import type { Shares, Wants } from "../rates/share-keeper.ts";
import type { Totals } from "../tally.ts";
import type { Address } from "../transport/listener.ts";

/** Changes with the messages: a supervisor outlives the program that started it. */
export const WORKERS_VERSION = 2;

/** The server that a worker is a part of. */
export interface ServerFacts {
  /** the supervisor's row in `nodes` */
  readonly node: string;
  readonly pid: number;
  /** milliseconds since the epoch */
  readonly startedAt: number;
  readonly listen: Address;
  /** how many workers share what a server may have */
  readonly workers: number;
}

/** What the other processes of the server moved, and hold. */
export interface Others {
  readonly counts: ServerCounts;
  /** bytes */
  readonly memory: number;
  readonly loopDelay: LoopDelay;
}

/** What a worker tells of itself. */
export interface Report {
  readonly counts: ServerCounts;
  /** that are let in */
  readonly sessions: number;
  /** files that clients have open */
  readonly transfers: number;
  /** in whole milliseconds: a finer figure is never twice the same */
  readonly loopDelay: LoopDelay;
}

/** What a supervisor tells a worker. `id` is a connection's number. */
export type ToWorker =
  | { readonly kind: "begin"; readonly version: number; readonly facts: ServerFacts }
  /** comes with the socket */
  | {
      readonly kind: "connection";
      readonly id: number;
      readonly address?: string | undefined;
      readonly port?: number | undefined;
      /** what was read from it already, in base64 */
      readonly head?: string;
    }
  /** the connection has to go for another one */
  | { readonly kind: "evict"; readonly id: number; readonly text: string }
  /** answers `back` */
  | { readonly kind: "room"; readonly id: number; readonly room: boolean }
  | { readonly kind: "others"; readonly others: Others }
  /** what it may use of rates from now on */
  | ({ readonly kind: "shares" } & Shares)
  | { readonly kind: "stop"; readonly graceMs: number };

/** What a worker tells its supervisor. */
export type FromWorker =
  | { readonly kind: "ready"; readonly version: number }
  /** it can't start, for people */
  | { readonly kind: "failed"; readonly text: string }
  /** it has the connection's socket */
  | { readonly kind: "took"; readonly id: number }
  /** of a stranger: see StrangersPlace */
  | { readonly kind: "wait" | "back" | "leave"; readonly id: number }
  /** the connection is gone */
  | { readonly kind: "closed"; readonly id: number }
  | ({ readonly kind: "report" } & Report)
  /** what it wants of rates */
  | ({ readonly kind: "wants" } & Wants)
  /** it ends, and counted so much; `node` is its row in `nodes` */
  | { readonly kind: "counted"; readonly node: string; readonly totals: Totals }
  /** it was told to stop by somebody else: no more connections */
  | { readonly kind: "leaving" }
  /** an administrator who is connected to this worker stops the server */
  | { readonly kind: "stop"; readonly graceMs: number };

export const NO_DELAY: LoopDelay = { p50Ms: 0, p99Ms: 0, maxMs: 0 };

export function inWholeMilliseconds({ p50Ms, p99Ms, maxMs }: LoopDelay): LoopDelay {
  return { p50Ms: Math.round(p50Ms), p99Ms: Math.round(p99Ms), maxMs: Math.round(maxMs) };
}

/** The longest of each figure. */
export function longestDelay(all: readonly LoopDelay[]): LoopDelay {
  const longest = (figure: keyof LoopDelay) => Math.max(0, ...all.map((one) => one[figure]));
  return { p50Ms: longest("p50Ms"), p99Ms: longest("p99Ms"), maxMs: longest("maxMs") };
}

export const NO_COUNTS: ServerCounts = {
  bytesIn: 0,
  bytesOut: 0,
  logins: 0,
  failedLogins: 0,
  refusals: 0,
};

export function sumOfCounts(all: Iterable<ServerCounts>): ServerCounts {
  const sum = { ...NO_COUNTS };
  for (const counts of all) {
    for (const key of Object.keys(sum) as (keyof ServerCounts)[]) sum[key] += counts[key];
  }
  return sum;
}
