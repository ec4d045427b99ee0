import { totalmem } from "node:os";

const MIB = 1024 * 1024;

/** More makes no transfer faster: enough for several on long lines at full speed. */
const MOST = 512 * MIB;
const LEAST = 64 * MIB;

/**
 * What all sessions may hold where no setting says it, in bytes: a quarter of the memory there is.
 * @param machine memory of the machine, or what the process was given of it, in bytes
 */
export function usualLimit(machine: number = availableMemory()): number {
  return Math.max(LEAST, Math.min(MOST, Math.floor(machine / 4)));
}

/** Of the machine, or of the control group that the process is in. */
function availableMemory(): number {
  const group = process.constrainedMemory() || Number.POSITIVE_INFINITY;
  return Math.min(totalmem(), group);
}
