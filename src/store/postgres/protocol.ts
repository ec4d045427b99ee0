import type { Address } from "./address.ts";
import type { Fault } from "./faults.ts";
import type { Value } from "./sql.ts";

// What the process and its thread say to each other. A link is one connection to the server, by its
// number: what belongs to a link that is gone is never sent on the next one.

export interface ThreadData {
  readonly address: Address;
  /** the places of shared.js */
  readonly shared: Int32Array;
  readonly limits: Limits;
  /** links of this thread have numbers above */
  readonly firstLink: number;
  /** a transaction that an earlier thread left in doubt */
  readonly inDoubt: string | undefined;
  /** of the last link of an earlier thread */
  readonly lastEpoch: string;
}

/** In milliseconds. */
export interface Limits {
  readonly statementMs: number;
  readonly lockMs: number;
  readonly idleMs: number;
  readonly connectMs: number;
}

export type Asked =
  | RunAsked
  | { readonly kind: "begin"; readonly lockClass: number; readonly lockKey: number }
  | { readonly kind: "commit"; readonly transaction: string; readonly notify: boolean }
  | { readonly kind: "script"; readonly text: string };

export interface RunAsked {
  readonly kind: "run";
  readonly statement: number;
  /** told once to each thread */
  readonly text: string | undefined;
  readonly values: readonly Value[];
  readonly rows: "none" | "first" | "all";
  /** it is the first of those that read one moment */
  readonly beginReading: boolean;
}

/** What is answered. */
export type Question = Asked & { readonly id: number; readonly link: number };

/** What is not answered. */
export type Told =
  | { readonly kind: "rollback"; readonly link: number }
  | Dropped
  | { readonly kind: "forget"; readonly statements: readonly number[] }
  | { readonly kind: "close" };

/** The link is of no use. */
export interface Dropped {
  readonly kind: "drop";
  readonly link: number;
  /** was being committed on it */
  readonly transaction: string | undefined;
}

export type ToThread = Question | Told;

export interface Answer {
  readonly id: number;
  /** when they aren't those of this statement's last answer */
  readonly columns?: readonly string[];
  readonly rows?: readonly (readonly unknown[])[];
  readonly changes?: number;
  /** of "begin": the transaction's number; null: another has the lock */
  readonly transaction?: string | null;
  readonly fault?: Fault;
  /** the link was lost before there was an answer */
  readonly gone?: Fault;
  /** with `gone`: the server never saw the question */
  readonly unsent?: boolean;
}

/** What became of a transaction in doubt. */
export interface Settled {
  readonly transaction: string;
  /** null: that can't be told */
  readonly committed: boolean | null;
}

export interface NewLink {
  readonly kind: "up";
  readonly link: number;
  /** the same as long as the server's numbers of transactions mean the same */
  readonly epoch: string;
  readonly settled: Settled | undefined;
}

/** What the thread says by itself. */
export type News =
  | NewLink
  /** a new link could not be made; it tries again */
  | { readonly kind: "down"; readonly fault: Fault };
