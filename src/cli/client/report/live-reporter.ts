import type { Space, TransferEvent, TransferSummary } from "../../../client/types.ts";
import { fitted } from "../../layout.ts";
import type { Output } from "./output.ts";
import { liveLines, noteText, screenRows } from "./progress-lines.ts";
import { ProgressState } from "./progress-state.ts";
import type { Reporter } from "./reporter.ts";
import { spaceText, summaryLines, verifiedText } from "./summary.ts";

/** Between two updates of the screen. */
const FRAME_MS = 100;
/** Bars at most, whatever the terminal's height. */
const MAX_ROWS = 20;

/** Files whose lines are still on the screen at the end. */
const SEEN = 10;

/** A line that stays on the screen. */
interface Line {
  readonly text: string;
  readonly error: boolean;
}

/** Clears the rest of each line, so that nothing of the bars that stood there is left. */
function cleared(lines: string): string {
  return lines.replaceAll("\n", "\u001b[K\n");
}

/** Bars on a terminal, drawn anew in their place ten times a second at most. */
export class LiveReporter implements Reporter {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #state: ProgressState;
  readonly #timer: NodeJS.Timeout;
  readonly #unlisten: () => void;
  /** what is on the screen below the lines that stay */
  #drawn: readonly string[] = [];
  #said: Line[] = [];
  #stopped = false;
  /** After Ctrl-Z others have written below the bars: these stay, and new ones begin. */
  readonly #onContinue = (): void => {
    this.#drawn = [];
  };

  /** @param now a steady clock in ms */
  constructor(output: Output, now: () => number = () => performance.now()) {
    this.#output = output;
    this.#now = now;
    this.#state = new ProgressState(now());
    this.#timer = setInterval(() => this.frame(), FRAME_MS);
    this.#unlisten = output.onResize(() => this.#place());
    process.on("SIGCONT", this.#onContinue);
  }

  event(event: TransferEvent): void {
    if (!this.#stopped) this.#state.apply(event, this.#now());
  }

  notice(text: string): void {
    this.#takeNotes();
    this.#said.push({ text, error: false });
  }

  space(when: "before" | "after", space: Space | undefined): void {
    if (when === "before" || space !== undefined) this.notice(spaceText(space));
  }

  summary(summary: TransferSummary, failures: readonly string[]): void {
    const ended = summary.files + summary.failed + summary.skipped;
    if (ended === 1 && summary.failed === 1) return;
    // One file's line has said all else.
    if (ended === 1 && summary.files === 1) {
      const verified = verifiedText(summary);
      if (verified !== "") this.notice(verified);
      return;
    }
    const { moved, skips } = this.#state;
    // Where a few lines came in between the failures are still to be seen.
    const named = ended > SEEN ? failures : [];
    for (const line of summaryLines(summary, { moved, skips, failures: named })) this.notice(line);
  }

  stop(): void {
    if (this.#stopped) return;
    this.frame(true);
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#unlisten();
    process.off("SIGCONT", this.#onContinue);
  }

  /** Draws what changed. @param last leave no bars behind */
  frame(last = false): void {
    if (this.#stopped) return;
    const columns = this.#output.columns() ?? 80;
    const rows = Math.min(MAX_ROWS, Math.max(1, this.#output.rows() - 1));
    const lines = last ? [] : liveLines(this.#state, columns, this.#now(), rows);
    this.#takeNotes();
    const stay = this.#said;
    this.#said = [];
    const same = lines.length === this.#drawn.length && lines.every((l, i) => l === this.#drawn[i]);
    if (same && stay.length === 0) return;
    this.#draw(lines, stay);
  }

  /** In the order of events: what is said, and what comes between. */
  #takeNotes(): void {
    const columns = this.#output.columns() ?? 80;
    for (const note of this.#state.takeNotes()) {
      this.#said.push({ text: noteText(note, columns), error: note.kind === "failed" });
    }
  }

  #draw(lines: readonly string[], stay: readonly Line[]): void {
    let text = this.#home();
    const errors = stay.some(({ error }) => error);
    // They go to another stream, so the place for them has to be free before.
    if (errors) text += "\u001b[J";
    for (const { text: line, error } of stay) {
      if (!error) text += cleared(fitted(`${line}\n`, this.#output.columns()));
      else {
        this.#output.out(text);
        this.#output.err(`${line}\n`);
        text = "";
      }
    }
    // Line by line over what was there, which flickers less than clearing all of it first.
    text += lines.map((line) => `${line}\u001b[K`).join("\n");
    this.#output.out(`${text}\u001b[J`);
    this.#drawn = lines;
  }

  /** To the start of the bars: the cursor stands behind the last one. */
  #home(): string {
    if (this.#drawn.length === 0) return "\r";
    const up = screenRows(this.#drawn, this.#output.columns() ?? 80) - 1;
    return up > 0 ? `\r\u001b[${up}A` : "\r";
  }

  /** After a resize the terminal may have wrapped the bars: they go away at once. */
  #place(): void {
    if (this.#stopped || this.#drawn.length === 0) return;
    this.#output.out(`${this.#home()}\u001b[J`);
    this.#drawn = [];
  }
}
