import type { Space, TransferSummary } from "../../../client/types.ts";
import { average, count, percent, rateText, spanText } from "../../../text/figures.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";

/** Failed files named again at the end, at most. */
const NAMED = 20;

/**
 * "12 files, 45.6 MB in 3.21 s (14.2 MB/s), 2 skipped, 1 failed:" and the failed ones.
 * @param moved bytes that came over the line: of what is resumed not all of them
 */
export function summaryLines(
  summary: TransferSummary,
  failures: readonly string[],
  moved: number,
): string[] {
  const { files, bytes, durationMs, skipped, failed } = summary;
  const rate = average(moved, durationMs);
  const parts = [
    `${count(files, "file")}, ${roundSize(bytes)} in ${spanText(durationMs)}`,
    ...(rate === undefined || moved === 0 ? [] : [`(${rateText(rate)})`]),
  ];
  const rest = [
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
    ...(failed > 0 ? [`${failed} failed${failures.length > 0 ? ":" : ""}`] : []),
  ];
  const head = [parts.join(" "), ...rest].join(", ");
  const named = failures.slice(0, NAMED).map((failure) => `  ${visible(failure)}`);
  const more = failures.length - named.length;
  return [head, ...named, ...(more > 0 ? [`  and ${more} more`] : [])];
}

/** "3.20 GB of 10.2 GB free (68% used)" */
export function spaceText(space: Space | undefined): string {
  if (space === undefined) return "the server doesn't tell its free space";
  const { freeBytes, totalBytes } = space;
  if (totalBytes <= 0) return `${roundSize(freeBytes)} free`;
  const used = percent(totalBytes - freeBytes, totalBytes);
  return `${roundSize(freeBytes)} of ${roundSize(totalBytes)} free (${used}% used)`;
}
