import { CIPHER, type Sample } from "./client.ts";
import type { Measured, Series } from "./transfer.ts";

const GIB = 2 ** 30;

/** Targets by row, with AES-GCM: throughput at least so many times OpenSSH's. */
const THROUGHPUT: Readonly<Record<Series["name"], number>> = {
  get: 1.2,
  put: 1.6,
  "put -r": 1,
  "get -r": 1,
};
/** CPU per GiB at most so many times OpenSSH's. */
const CPU = 0.85;

/** Medians of one row. */
export interface Result {
  readonly name: Series["name"];
  readonly cipher: string;
  readonly unit: "MB/s" | "files/s";
  readonly rate: { readonly moorage: number; readonly openssh: number };
  /** the median of the pairs' ratios */
  readonly rateRatio: number;
  readonly rateTarget: number;
  /** CPU seconds for each GiB, or for the whole run of small files */
  readonly cpu: { readonly moorage: number; readonly openssh: number };
  readonly cpuRatio: number;
  /** undefined: not a target */
  readonly cpuTarget: number | undefined;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The value that so many percent of the values don't exceed, by nearest rank. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const rank = Math.max(1, Math.ceil((sorted.length * percent) / 100));
  return sorted[rank - 1] ?? Number.NaN;
}

export function summarize(series: Series): Result {
  const large = series.name === "get" || series.name === "put";
  const scale = large ? 1e6 : 1;
  const gib = large ? series.amount / GIB : 1;
  const rate = (sample: Sample) => series.amount / scale / sample.seconds;
  const cpu = (sample: Sample) => sample.cpu / gib;
  const medians = (of: (sample: Sample) => number) => {
    return { moorage: median(series.moorage.map(of)), openssh: median(series.openssh.map(of)) };
  };
  const ratio = (of: (sample: Sample) => number) =>
    median(series.moorage.map((sample, i) => of(sample) / of(series.openssh[i] ?? sample)));
  return {
    name: series.name,
    cipher: series.cipher,
    unit: large ? "MB/s" : "files/s",
    rate: medians(rate),
    rateRatio: ratio(rate),
    rateTarget: large && series.cipher !== CIPHER ? 1 : THROUGHPUT[series.name],
    cpu: medians(cpu),
    cpuRatio: ratio(cpu),
    cpuTarget: large && series.cipher === CIPHER ? CPU : undefined,
  };
}

function verdict(reached: boolean): string {
  return reached ? "yes" : "NO";
}

const HEAD = ["", "cipher", "moorage", "OpenSSH", "", "ratio", "target", "reached"];
const CPU_HEAD = ["CPU s", "OpenSSH", "ratio", "target", "reached"];

function cells(result: Result): string[] {
  const { rate, cpu, rateRatio, rateTarget, cpuRatio, cpuTarget } = result;
  return [
    result.name,
    result.cipher.replace("@openssh.com", ""),
    rate.moorage.toFixed(0),
    rate.openssh.toFixed(0),
    result.unit,
    rateRatio.toFixed(2),
    `>=${rateTarget.toFixed(2)}`,
    verdict(rateRatio >= rateTarget),
    cpu.moorage.toFixed(2),
    cpu.openssh.toFixed(2),
    cpuRatio.toFixed(2),
    cpuTarget === undefined ? "" : `<=${cpuTarget.toFixed(2)}`,
    cpuTarget === undefined ? "" : verdict(cpuRatio <= cpuTarget),
  ];
}

/** Lines of a table; the first `left` columns are names, the others figures. */
export function columns(rows: readonly (readonly string[])[], left: number): string[] {
  const widths = rows[0]?.map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, i) => (i < left ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join("  ")
      .trimEnd(),
  );
}

/** The table for people. CPU is the server's, per GiB; of the small files, per run. */
export function table({ series, negotiated, inMemory }: Measured): string {
  const rows = [[...HEAD, ...CPU_HEAD], ...series.map(summarize).map(cells)];
  const agreed = Object.entries(negotiated).map(([name, text]) => `  ${name}: ${text}`);
  const place = inMemory ? "files in memory" : "files on a DISK: its speed is part of the numbers";
  return [...columns(rows, 2), "", `medians; ${place}; agreed on:`, ...agreed, ""].join("\n");
}
