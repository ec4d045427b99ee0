import { FsError } from "../errors.ts";
import type { OpenFile } from "./types.ts";

const CHUNK = 1024 * 1024;

/**
 * Copies between two open files, in order, in bounded memory.
 * @returns bytes copied; on failure what was copied until then stays
 * @throws FsError EINVAL when both ranges are of one file and overlap, EDQUOT
 */
export async function copyRange(
  source: OpenFile,
  sourcePosition: number,
  length: number,
  target: OpenFile,
  targetPosition: number,
): Promise<number> {
  const { size } = await source.stat();
  const available = Math.max(0, size - sourcePosition);
  const total = length === 0 ? available : Math.min(length, available);
  const apart =
    sourcePosition + total <= targetPosition || targetPosition + total <= sourcePosition;
  if (source.inode === target.inode && !apart) {
    throw new FsError("EINVAL", "source and target overlap");
  }
  const buffer = Buffer.allocUnsafeSlow(Math.min(CHUNK, Math.max(1, total)));
  let done = 0;
  while (done < total) {
    const wanted = Math.min(buffer.length, total - done);
    const count = await source.read(buffer, 0, wanted, sourcePosition + done);
    if (count === 0) break;
    await target.write([buffer.subarray(0, count)], count, targetPosition + done);
    done += count;
  }
  return done;
}
