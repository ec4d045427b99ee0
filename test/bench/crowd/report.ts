import { columns, median } from "../report.ts";
import type { CrowdPlan } from "./plan.ts";

/** What one run of a step says of one server. */
export interface Figure {
  readonly name: string;
  readonly unit: "ms" | "µs" | "files/s" | "MB/s" | "per s" | "MiB";
  readonly value: number;
  /** CPU seconds that the server took */
  readonly cpu?: number;
}

/** One line of the table: the n-th figure of one server was taken beside the n-th of the other. */
export interface Row {
  readonly moorage: readonly Figure[];
  readonly openssh: readonly Figure[];
}

export interface Crowded {
  readonly plan: CrowdPlan;
  readonly inMemory: boolean;
  readonly rows: readonly Row[];
}

const DIGITS: Readonly<Record<Figure["unit"], number>> = {
  ms: 2,
  µs: 0,
  "files/s": 0,
  "MB/s": 0,
  "per s": 1,
  MiB: 0,
};

/** Ours to OpenSSH's, of each round. */
export function ratios(ours: readonly number[], theirs: readonly number[]): number[] {
  return ours.map((value, i) => value / (theirs[i] ?? Number.NaN));
}

function cells({ moorage, openssh }: Row): string[] {
  const { name = "", unit = "ms", cpu } = moorage[0] ?? {};
  const ours = moorage.map(({ value }) => value);
  const theirs = openssh.map(({ value }) => value);
  const each = ratios(ours, theirs);
  const ends = [Math.min(...each), Math.max(...each)].map((ratio) => ratio.toFixed(2));
  return [
    name,
    unit,
    ...[ours, theirs].map((values) => median(values).toFixed(DIGITS[unit])),
    median(each).toFixed(2),
    ends.join("–"),
    ...(cpu === undefined ? ["", "", ""] : cpuCells(moorage, openssh)),
  ];
}

function cpuCells(moorage: readonly Figure[], openssh: readonly Figure[]): string[] {
  const [ours, theirs] = [moorage, openssh].map((figures) => figures.map(({ cpu = 0 }) => cpu)) as [
    number[],
    number[],
  ];
  const seconds = [ours, theirs].map((values) => median(values).toFixed(2));
  return [...seconds, median(ratios(ours, theirs)).toFixed(2)];
}

const HEAD = ["", "", "moorage", "OpenSSH", "ratio", "spread", "CPU s", "OpenSSH", "ratio"];

export function crowdTable({ plan, inMemory, rows }: Crowded): string {
  const place = inMemory ? "files in memory" : "files on a DISK: its speed is part of the numbers";
  const notes = [
    `medians of ${plan.rounds}; ratio: moorage's to OpenSSH's in the same round, spread: the least and`,
    `the greatest; of times, memory and CPU less is better; CPU is the server's; ${place}`,
  ];
  return [...columns([HEAD, ...rows.map(cells)], 2), "", ...notes, ""].join("\n");
}
