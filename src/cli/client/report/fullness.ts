import type { Space } from "../../../client/types.ts";
import { type Fullness, fullnessLines, markOf } from "../../../text/fullness.ts";
import { visible } from "../../../text/safe.ts";

const NOTHING: Fullness = { usedBytes: 0, quotaBytes: null, usedFiles: 0, quotaFiles: null };

function fullness({ totalBytes, freeBytes, files }: Space): Fullness {
  return {
    usedBytes: Math.max(0, totalBytes - freeBytes),
    quotaBytes: totalBytes,
    usedFiles: files === undefined ? 0 : Math.max(0, files.total - files.free),
    quotaFiles: files?.total ?? null,
  };
}

/** Lines for a person whose place on the server is nearly full. @param name of the server */
export function fullLines(name: string, space: Space | undefined): string[] {
  return space === undefined ? [] : fullnessLines(visible(name), fullness(space));
}

/** The same, where an upload led over a mark. */
export function crossedLines(
  name: string,
  before: Space | undefined,
  after: Space | undefined,
): string[] {
  if (before === undefined || after === undefined) return [];
  const [was, is] = [fullness(before), fullness(after)];
  const bytes = markOf(is.usedBytes, is.quotaBytes) > markOf(was.usedBytes, was.quotaBytes);
  const files = markOf(is.usedFiles, is.quotaFiles) > markOf(was.usedFiles, was.quotaFiles);
  return fullnessLines(visible(name), {
    ...NOTHING,
    ...(bytes && { usedBytes: is.usedBytes, quotaBytes: is.quotaBytes }),
    ...(files && { usedFiles: is.usedFiles, quotaFiles: is.quotaFiles }),
  });
}
