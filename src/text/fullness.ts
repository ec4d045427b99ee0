import { roundSize } from "./units.ts";

/** In percent of a quota: above each, people are warned. */
export const MARKS = [80, 95] as const;

/** What is used of a quota; null: there is none. */
export interface Fullness {
  readonly usedBytes: number;
  readonly quotaBytes: number | null;
  readonly usedFiles: number;
  readonly quotaFiles: number | null;
}

/** The highest mark that so much reaches; 0: none. Nothing is warned of where nothing may be. */
export function markOf(used: number, quota: number | null): number {
  if (quota === null || quota <= 0) return 0;
  return MARKS.reduce((highest, mark) => (used * 100 >= quota * mark ? mark : highest), 0);
}

/**
 * For the user, a line for bytes and one for files, where a mark is reached.
 * @param place what is full, at the beginning of a sentence: "Your home"
 */
export function fullnessLines(place: string, fullness: Fullness): string[] {
  const { usedBytes, quotaBytes, usedFiles, quotaFiles } = fullness;
  return [...bytesLine(place, usedBytes, quotaBytes), ...filesLine(place, usedFiles, quotaFiles)];
}

function bytesLine(place: string, used: number, quota: number | null): string[] {
  if (quota === null || markOf(used, quota) === 0) return [];
  const [part, whole, free] = [used, quota, Math.max(0, quota - used)].map(roundSize);
  return [`${place} is ${share(used, quota)} % full: ${part} of ${whole} used, ${free} free.`];
}

function filesLine(place: string, used: number, quota: number | null): string[] {
  if (quota === null || markOf(used, quota) === 0) return [];
  const free = Math.max(0, quota - used);
  return [`${place} has ${share(used, quota)} % of its files: ${used} of ${quota}, ${free} free.`];
}

function share(used: number, quota: number): number {
  return Math.floor((used * 100) / quota);
}
