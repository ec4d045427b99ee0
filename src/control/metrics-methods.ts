import { tally } from "../tally.ts";
import type { Caller } from "./methods.ts";
import { healthOf } from "./metrics.ts";
import type { MetricsMethods } from "./metrics-protocol.ts";

/** What monitoring asks for. */
export const METRICS_METHODS: {
  readonly [M in keyof MetricsMethods]: (caller: Caller) => Promise<MetricsMethods[M]["result"]>;
} = {
  metrics: ({ service }) => service.metrics.text(),
  "metrics.own": async () => tally.figures,
  health: ({ host }) => healthOf(host),
};
