import { ratios } from "../crowd/report.ts";
import { columns, median } from "../report.ts";
import type { MachinesPlan } from "./plan.ts";

/** One line: the n-th value of one was taken beside the n-th of the other. */
export interface Row {
  readonly name: string;
  readonly unit: "files/s" | "MB/s" | "per s";
  /** one node on SQLite */
  readonly sqlite: readonly number[];
  /** nodes on PostgreSQL */
  readonly postgres: readonly number[];
  /** at least so many times SQLite's; undefined: not a target */
  readonly target: number | undefined;
}

/** How often PostgreSQL was asked, and its answer waited for, for each time that something was done. */
export interface Trips {
  readonly operation: string;
  readonly trips: number;
}

export interface Measured {
  readonly plan: MachinesPlan;
  readonly inMemory: boolean;
  readonly rows: readonly Row[];
  readonly trips: readonly Trips[];
  /** from the death of a machine to its user's next write on the other, in ms */
  readonly failover: readonly number[];
}

const FAILOVER_TARGET_MS = 15_000;

const DIGITS: Readonly<Record<Row["unit"], number>> = { "files/s": 0, "MB/s": 0, "per s": 1 };

function verdict(reached: boolean): string {
  return reached ? "yes" : "NO";
}

function cells({ name, unit, sqlite, postgres, target }: Row): string[] {
  const each = ratios(postgres, sqlite);
  const ends = [Math.min(...each), Math.max(...each)].map((ratio) => ratio.toFixed(2));
  return [
    name,
    unit,
    ...[sqlite, postgres].map((values) => median(values).toFixed(DIGITS[unit])),
    median(each).toFixed(2),
    ends.join("–"),
    ...(target === undefined ? ["", ""] : [`>=${target}`, verdict(median(each) >= target)]),
  ];
}

const HEAD = ["", "", "SQLite", "PostgreSQL", "ratio", "spread", "target", "reached"];

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}

function failoverLine(times: readonly number[]): string {
  const [middle, worst] = [median(times), Math.max(...times)];
  return `${seconds(middle)} s from a machine's death to its user's next write on the other (most: ${seconds(worst)} s; target <=15 s: ${verdict(worst <= FAILOVER_TARGET_MS)})`;
}

function tripLines(trips: readonly Trips[]): string[] {
  const rows = trips.map(({ operation, trips: each }) => [operation, each.toFixed(2)]);
  return columns([["round trips to PostgreSQL", "each"], ...rows], 1);
}

/** The tables for people. */
export function machinesTable({ plan, inMemory, rows, trips, failover }: Measured): string {
  const place = inMemory ? "files in memory" : "files on a DISK: its speed is part of the numbers";
  const notes = [
    `medians of ${plan.rounds}; ratio: PostgreSQL's to SQLite's in the same round, spread: the least and the`,
    `greatest; ${place}; PostgreSQL ${plan.fsync ? "waits" : "does not wait"} for its disk`,
  ];
  return [
    ...(rows.length > 0 ? [...columns([HEAD, ...rows.map(cells)], 2), "", ...notes, ""] : []),
    ...(trips.length > 0 ? [...tripLines(trips), ""] : []),
    ...(failover.length > 0 ? [failoverLine(failover), ""] : []),
    "",
  ].join("\n");
}
