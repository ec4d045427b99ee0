import type { HashName, Space, TransferSummary } from "../../../client/types.ts";
import { average, count, percent, rateText, spanText } from "../../../text/figures.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";

/** Failed files named again at the end, at most. */
const NAMED = 20;

/** What a summary is made of besides the engine's figures. */
export interface Told {
  /** bytes that came over the line: of what is resumed not all of them */
  readonly moved: number;
  /** why files were left as they are, with how many */
  readonly skips: ReadonlyMap<string, number>;
  /** failures that are named once more */
  readonly failures: readonly string[];
}

/** "12 files, 45.6 MB in 3.21 s (14.2 MB/s), verified by SHA-256, 2 skipped, 1 failed:" and the failed ones. */
export function summaryLines(summary: TransferSummary, told: Told): string[] {
  const { skipped, failed, deleted = 0 } = summary;
  const rest = [
    transferredText(summary, told.moved),
    verifiedText(summary),
    ...(skipped > 0 ? [skippedText(skipped, told.skips)] : []),
    ...(deleted > 0 ? [`${deleted} deleted`] : []),
    ...(failed > 0 ? [`${failed} failed${told.failures.length > 0 ? ":" : ""}`] : []),
  ];
  const head = rest.filter((part) => part !== "").join(", ");
  const named = told.failures.slice(0, NAMED).map((failure) => `  ${visible(failure)}`);
  const more = told.failures.length - named.length;
  return [head, ...named, ...(more > 0 ? [`  and ${more} more`] : [])];
}

function transferredText(summary: TransferSummary, moved: number): string {
  const { files, bytes, durationMs, skipped, failed } = summary;
  if (files === 0 && failed === 0 && skipped > 0) return "nothing to transfer";
  const rate = average(moved, durationMs);
  const pace = rate === undefined || moved === 0 ? "" : ` (${rateText(rate)})`;
  return `${count(files, "file")}, ${roundSize(bytes)} in ${spanText(durationMs)}${pace}`;
}

/** By what the files were verified; "" where nobody wanted it, or nothing was transferred. */
export function verifiedText({ files, verified, hash }: TransferSummary): string {
  if (verified === undefined || files === 0) return "";
  if (verified === 0 || hash === undefined) return "not verified: the server gave no checksum";
  const by = `verified by ${HASHES[hash]}`;
  return verified === files ? by : `${verified} of them ${by}`;
}

const HASHES: Readonly<Record<HashName, string>> = {
  blake3: "BLAKE3",
  sha256: "SHA-256",
  md5: "MD5",
};

function skippedText(skipped: number, skips: ReadonlyMap<string, number>): string {
  const reasons = [...skips].sort(([, a], [, b]) => b - a).slice(0, MOST_REASONS);
  const [only] = reasons;
  if (only === undefined) return `${skipped} skipped`;
  if (reasons.length === 1) return `${skipped} skipped: ${plainReason(only[0])}`;
  return `${skipped} skipped: ${reasons.map(([why, n]) => `${n} ${plainReason(why)}`).join(", ")}`;
}

/** Kinds of skipped files that are told. */
const MOST_REASONS = 4;

function plainReason(reason: string): string {
  return reason.replace(/^is (t?here) already$/, "$1 already");
}

/** "3.20 GB of 10.2 GB free (68% used)" */
export function spaceText(space: Space | undefined): string {
  if (space === undefined) return "the server doesn't tell its free space";
  const { freeBytes, totalBytes } = space;
  if (totalBytes <= 0) return `${roundSize(freeBytes)} free`;
  const used = percent(totalBytes - freeBytes, totalBytes);
  return `${roundSize(freeBytes)} of ${roundSize(totalBytes)} free (${used}% used)`;
}
