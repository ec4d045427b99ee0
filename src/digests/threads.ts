import { usableProcessors } from "../processors.ts";

const MOST = 4;

/** How many threads compute checksums. @param set as the settings have it; 0: as suits the machine */
export function usualThreads(set: number): number {
  return set || Math.min(MOST, Math.max(1, Math.floor(usableProcessors() / 2)));
}
