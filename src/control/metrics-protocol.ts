import type { Figures } from "../tally.ts";

/** Whether a server does what it is for, a word each: "ok", or why not. */
export interface Health {
  /** people can log in */
  readonly login: "ok" | "stopping" | "workers" | "database";
  /** files and books can be written */
  readonly write: "ok" | "full" | "homes" | "database";
}

/** Method → what it takes and gives. */
export interface MetricsMethods {
  /** of all processes of the instance on the machine that is asked, as Prometheus reads them */
  metrics: {
    params: Record<string, never>;
    result: { readonly text: string; readonly contentType: string };
  };
  /** of the process that is asked; processes ask each other */
  "metrics.own": { params: Record<string, never>; result: Figures };
  /** of the server that is asked */
  health: { params: Record<string, never>; result: Health };
}
