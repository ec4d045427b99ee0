import { EndedError, type FailureCode, failureCode } from "../../client/errors.ts";
import type { Space, TransferEvent, TransferJob } from "../../client/types.ts";
import { visible } from "../../text/safe.ts";
import type { Connection, Engine } from "./engine.ts";
import { messageOf } from "./exit.ts";
import { checkFit, type Fit } from "./place/fit.ts";
import { nestedLine } from "./place/nested.ts";
import { remoteParent } from "./place/paths.ts";
import { crossedLines } from "./report/fullness.ts";
import { JsonReporter } from "./report/json-reporter.ts";
import { LiveReporter } from "./report/live-reporter.ts";
import type { Output } from "./report/output.ts";
import { PlainReporter } from "./report/plain-reporter.ts";
import { QuietReporter } from "./report/quiet-reporter.ts";
import type { Reporter, ReportStyle } from "./report/reporter.ts";
import { Cancelled, type Interrupts, unlessAborted } from "./shell/interrupts.ts";

/** Failures kept for the summary: the rest are counted only. */
const MAX_KEPT = 1000;

/** The free space is not waited for longer than that after a job was cancelled, in ms. */
const CANCELLED_SPACE_MS = 3_000;

/** What a job is run with. */
export interface Workplace {
  readonly engine: Engine;
  readonly connection: Connection;
  readonly output: Output;
  readonly interrupts: Interrupts;
}

/** How a job ended; `ended` means that the server ended the session. */
export type JobEnd = "done" | "failed" | "cancelled" | "ended";

/** Tells what to do after the server ended the session. */
const KEPT = "what arrived is kept: the same command again goes on";

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
): Promise<JobEnd> {
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
): Promise<JobEnd> {
  const failures: string[] = [];
  const fail = (message: string, code: FailureCode): JobEnd => {
    report.event({ type: "failed", file: 0, source: "", code, message, resumable: false });
    return "failed";
  };
  let sent = false;
  let fit: Fit | undefined;
  const onEvent = (event: TransferEvent): void => {
    if (event.type === "start" && job.direction === "up" && !sent) {
      sent = true;
      // Told only once there is something to be compared with it.
      if (fit?.told) report.space?.("before", fit.space);
    }
    if (event.type === "failed") {
      // After a cancel or the end of the session each file that is left fails as well: that needs no list.
      if (signal.aborted || event.code === "session-ended") return;
      if (failures.length < MAX_KEPT) failures.push(event.message);
    }
    report.event(event);
  };
  try {
    const nested = await unlessAborted(nestedLine(place.connection.remote, job), signal);
    if (nested !== undefined) report.notice(nested);
    if (job.direction === "up" && job.dryRun !== true) {
      const begun = await place.engine.journal().list(place.connection.server);
      const asked = checkFit(place.connection.remote, job, begun, signal);
      fit = await unlessAborted(asked, signal);
      if (fit.refused !== undefined) return fail(fit.refused, "no-space");
    }
    const summary = await place.connection.run(job, { signal, onEvent });
    if (sent && !signal.aborted && report.space !== undefined) {
      const after = await spaceAfter(place, job);
      report.space("after", after);
      const { name } = place.connection.remote;
      for (const line of crossedLines(name, fit?.space, after)) report.notice(line);
    }
    if (signal.aborted) return await cancelled(place, job, report, sent);
    report.summary(summary, failures);
    return summary.failed > 0 ? "failed" : "done";
  } catch (thrown) {
    const stopped = signal.aborted || thrown instanceof Cancelled;
    if (stopped) return cancelled(place, job, report, sent);
    if (thrown instanceof EndedError) return ended(report, thrown);
    return fail(messageOf(thrown), failureCode(thrown));
  }
}

function ended(report: Reporter, { message }: EndedError): JobEnd {
  const code = "session-ended";
  report.event({ type: "failed", file: 0, source: "", code, message, resumable: true });
  report.notice(KEPT);
  return "ended";
}

/** @param sent something was stored, which takes space */
async function cancelled(
  place: Workplace,
  job: TransferJob,
  report: Reporter,
  sent: boolean,
): Promise<JobEnd> {
  report.notice("cancelled; what arrived is kept: the same command, or `resume`, goes on");
  const shown = sent && report.space !== undefined;
  if (!shown || place.interrupts.ending !== undefined) return "cancelled";
  try {
    // Ctrl-C once more ends only this: the server may be gone, or the line full of what was sent.
    const space = await place.interrupts.during((signal) => {
      const soon = unlessAborted(spaceAfter(place, job), AbortSignal.timeout(CANCELLED_SPACE_MS));
      return unlessAborted(soon, signal);
    });
    report.space?.("after", space);
  } catch {}
  return "cancelled";
}

function spaceAfter(
  { connection }: Workplace,
  { target }: TransferJob,
): Promise<Space | undefined> {
  const { remote } = connection;
  return remote
    .space(target)
    .catch(() => remote.space(remoteParent(target)))
    .catch(() => undefined);
}

/** A line for errors of the client itself. */
export function complain(output: Output, thrown: unknown): void {
  output.err(`moorage: ${visible(messageOf(thrown))}\n`);
}
