import type { Space, TransferEvent, TransferSummary } from "../../../client/types.ts";

export type ReportStyle = "auto" | "json" | "quiet";

/** Who tells the person, or a script, how a job goes. */
export interface Reporter {
  event(event: TransferEvent): void;
  /** A line that is no event: safe text without its end. */
  notice(text: string): void;
  /** The free space before and after an upload; who doesn't show it has none to ask for. */
  space?(when: "before" | "after", space: Space | undefined): void;
  /** Nothing comes after it. */
  summary(summary: TransferSummary, failures: readonly string[]): void;
  /** The job is over, in whatever way: nothing is drawn any more. */
  stop(): void;
}
