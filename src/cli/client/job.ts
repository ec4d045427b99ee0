import type { TransferEvent, TransferJob } from "../../client/types.ts";
import type { Connection, Engine } from "./engine.ts";
import { messageOf } from "./exit.ts";
import { checkFit } from "./fit.ts";
import { Cancelled, type Interrupts } from "./interrupts.ts";
import { JsonReporter } from "./json-reporter.ts";
import { LiveReporter } from "./live-reporter.ts";
import type { Output } from "./output.ts";
import { remoteParent } from "./paths.ts";
import { PlainReporter } from "./plain-reporter.ts";
import { QuietReporter } from "./quiet-reporter.ts";
import type { Reporter, ReportStyle } from "./reporter.ts";
import { visible } from "./text.ts";

/** Failures kept for the summary: the rest are counted only. */
const MAX_KEPT = 1000;

/** What a job is run with. */
export interface Workplace {
  readonly engine: Engine;
  readonly connection: Connection;
  readonly output: Output;
  readonly interrupts: Interrupts;
}

export type Outcome = "done" | "failed" | "cancelled";

export function reporter(style: ReportStyle, output: Output): Reporter {
  if (style === "json") return new JsonReporter(output);
  if (style === "quiet") return new QuietReporter(output);
  return output.columns() === undefined ? new PlainReporter(output) : new LiveReporter(output);
}

/**
 * Runs a job with its progress and summary. An upload that can't fit is refused before its first
 * byte. All that goes wrong is told: the result is for the exit code.
 */
export async function runReported(
  place: Workplace,
  job: TransferJob,
  style: ReportStyle,
): Promise<Outcome> {
  const report = reporter(style, place.output);
  try {
    return await place.interrupts.during((signal) => run(place, job, report, signal));
  } finally {
    report.stop();
  }
}

async function run(
  place: Workplace,
  job: TransferJob,
  report: Reporter,
  signal: AbortSignal,
): Promise<Outcome> {
  const failures: string[] = [];
  const fail = (message: string): Outcome => {
    report.event({ type: "failed", file: 0, source: "", message, resumable: false });
    return "failed";
  };
  const onEvent = (event: TransferEvent): void => {
    if (event.type === "failed") {
      // Each file that was still to come says that it was cancelled.
      if (signal.aborted) return;
      if (failures.length < MAX_KEPT) failures.push(event.message);
    }
    report.event(event);
  };
  try {
    if (job.direction === "up") {
      const { space, refused } = await checkFit(place.connection.remote, job, signal);
      report.space("before", space);
      if (refused !== undefined) return fail(refused);
    }
    const summary = await place.connection.run(job, { signal, onEvent });
    if (!signal.aborted) await tellSpaceAfter(place, job, report);
    if (signal.aborted) return cancelled(report);
    report.summary(summary, failures);
    return summary.failed > 0 ? "failed" : "done";
  } catch (thrown) {
    if (signal.aborted || thrown instanceof Cancelled) return cancelled(report);
    return fail(messageOf(thrown));
  }
}

function cancelled(report: Reporter): Outcome {
  report.notice("cancelled; what arrived is kept: the same command, or `resume`, goes on");
  return "cancelled";
}

async function tellSpaceAfter(place: Workplace, job: TransferJob, report: Reporter): Promise<void> {
  if (job.direction !== "up") return;
  const { remote } = place.connection;
  const space = await remote
    .space(job.target)
    .catch(() => remote.space(remoteParent(job.target)))
    .catch(() => undefined);
  report.space("after", space);
}

/** A line for errors of the client itself. */
export function complain(output: Output, thrown: unknown): void {
  output.err(`moorage: ${visible(messageOf(thrown))}\n`);
}
