import type { Space, TransferEvent, TransferSummary } from "../../../client/types.ts";
import { average, percent, rateText, shortTime, spanText } from "../../../text/figures.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";
import type { Output } from "./output.ts";
import { type Note, ProgressState } from "./progress-state.ts";
import type { Reporter } from "./reporter.ts";
import { spaceText, summaryLines } from "./summary.ts";

/** Between two lines about what is still under way. */
const STEP_MS = 10_000;

/** Lines for a log or a pipe: one for each file that ended, now and then one about the rest. */
export class PlainReporter implements Reporter {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #state: ProgressState;
  readonly #timer: NodeJS.Timeout;

  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
    this.#state = new ProgressState(now());
    this.#timer = setInterval(() => this.#progress(), STEP_MS);
  }

  event(event: TransferEvent): void {
    this.#state.apply(event, this.#now());
    for (const note of this.#state.takeNotes()) {
      if (note.kind === "failed") this.#output.err(`${visible(note.text)}\n`);
      else this.notice(plainNote(note));
    }
  }

  notice(text: string): void {
    this.#output.out(`${text}\n`);
  }

  space(when: "before" | "after", space: Space | undefined): void {
    if (when === "before" || space !== undefined) this.notice(spaceText(space));
  }

  summary(summary: TransferSummary): void {
    // One that failed has had its line, as all others that did.
    if (summary.files + summary.skipped === 0 && summary.failed === 1) return;
    const { moved, skips } = this.#state;
    for (const line of summaryLines(summary, { moved, skips, failures: [] })) this.notice(line);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #progress(): void {
    const now = this.#now();
    const { totals, active } = this.#state;
    if (totals !== undefined && totals.files > 1) {
      const rate = this.#state.rate.perSecond(now);
      const files = `${this.#state.ended} of ${totals.files}${totals.final ? "" : "+"} files`;
      this.notice(`${files}: ${progressText(this.#state.bytes, totals.bytes, rate)}`);
      return;
    }
    for (const { name, bytes, size, rate } of active.values()) {
      this.notice(`${visible(name)}: ${progressText(bytes, size, rate.perSecond(now))}`);
    }
  }
}

function progressText(bytes: number, size: number, rate: number | undefined): string {
  const amount = `${percent(bytes, size)}%, ${roundSize(bytes)} of ${roundSize(size)}`;
  if (rate === undefined || rate < 1) return amount;
  return `${amount}, ${rateText(rate)}, ${shortTime((size - bytes) / rate)} left`;
}

function plainNote(note: Note): string {
  if (note.kind !== "done") return visible(note.text);
  const rate = average(note.moved, note.durationMs);
  const pace = rate === undefined || note.moved === 0 ? "" : ` (${rateText(rate)})`;
  const took = `in ${spanText(note.durationMs)}`;
  return `${visible(note.name)}: done, ${roundSize(note.bytes)} ${took}${pace}`;
}
