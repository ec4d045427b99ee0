import { Counter, Gauge, Histogram, type Metric, Registry } from "prom-client";
import { BUCKETS, type Measured, type Totals } from "../tally.ts";
import { COUNTED, type Family, LEVELS, LOOKED_UP, WRITE_SECONDS } from "./families.ts";

export type Labels = Readonly<Record<string, string>>;

/** One figure of a family. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** What was looked up; a family that is absent is not shown. */
export type LookedUp = { readonly [F in keyof typeof LOOKED_UP]?: readonly Sample[] };

export interface Readings {
  /** of all processes */
  readonly totals: Totals;
  readonly levels: Totals;
  readonly lookedUp: LookedUp;
}

/** The figures as Prometheus reads them (text format 0.0.4). */
export async function metricsText({ totals, levels, lookedUp }: Readings): Promise<string> {
  const registry = new Registry();
  for (const [word, family] of Object.entries(COUNTED)) {
    addCounter(registry, family, samplesOf(word, family, totals));
  }
  for (const [word, family] of Object.entries(LEVELS)) {
    addGauge(registry, family, samplesOf(word, family, levels));
  }
  addHistogram(registry, totals);
  for (const [word, family] of Object.entries(LOOKED_UP)) {
    const samples = lookedUp[word as keyof LookedUp];
    if (samples !== undefined) addGauge(registry, family, samples);
  }
  return registry.metrics();
}

export const CONTENT_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** What a tally has of a family: each of its labels' values is a word, and is there from the start. */
function samplesOf(word: string, { labels = {} }: Family, totals: Totals): Sample[] {
  const names = Object.keys(labels);
  const words = combinations(Object.values(labels));
  return words.map((values) => ({
    labels: Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""])),
    value: totals[[word, ...values].join(" ")] ?? 0,
  }));
}

function combinations(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>(
    (all, list) => all.flatMap((before) => list.map((value) => [...before, value])),
    [[]],
  );
}

function optionsOf({ name, help }: Family, registry: Registry, samples: readonly Sample[]) {
  const labelNames = [...new Set(samples.flatMap(({ labels = {} }) => Object.keys(labels)))];
  return { name, help, labelNames, registers: [registry] };
}

function addCounter(registry: Registry, family: Family, samples: readonly Sample[]): void {
  const counter = new Counter(optionsOf(family, registry, samples));
  for (const { labels = {}, value } of samples) counter.inc(labels, value);
}

function addGauge(registry: Registry, family: Family, samples: readonly Sample[]): void {
  const gauge = new Gauge(optionsOf(family, registry, samples));
  for (const { labels = {}, value } of samples) gauge.set(labels, value);
}

/** A histogram that was counted elsewhere: prom-client's own can only observe. */
class CountedHistogram extends Histogram {
  readonly #values: readonly object[];

  constructor(registry: Registry, { name, help }: Family, values: readonly object[]) {
    super({ name, help, registers: [registry] });
    this.#values = values;
  }

  /** What a registry makes its text of: the types don't have it. */
  async getForPromString() {
    const { name, help } = WRITE_SECONDS;
    return { name, help, type: "histogram", values: this.#values };
  }
}

function addHistogram(registry: Registry, totals: Totals): Metric {
  const steps = WRITE_SECONDS.labels?.step ?? [];
  const values = steps.flatMap((step) => histogramValues(step as Measured, totals));
  return new CountedHistogram(registry, WRITE_SECONDS, values);
}

function histogramValues(step: Measured, totals: Totals): object[] {
  const { name } = WRITE_SECONDS;
  let upTo = 0;
  const buckets = [...BUCKETS, "+Inf"].map((le, at) => {
    upTo += totals[`${step} ${at}`] ?? 0;
    return { metricName: `${name}_bucket`, labels: { step, le }, value: upTo };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: { step }, value: totals[`${step} sum`] ?? 0 },
    { metricName: `${name}_count`, labels: { step }, value: upTo },
  ];
}
