import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { FsError } from "../errors.ts";
import { HomeFile } from "./file.ts";
import { Pieces } from "./pieces.ts";
import type { OpenFile } from "./types.ts";

/** Bytes copied at once. */
const PIECE = 1024 * 1024;

/** Pieces under way at once in the process, so that copies leave threads to all other transfers. */
const MAX_UNDER_WAY = 3;

/** So little is copied without waiting for its turn, in memory of its own. */
const LITTLE = 64 * 1024;

/** Smaller files are copied before the sharing of blocks is set up. */
const WORTH_SHARING = 256 * 1024;

const pieces = new Pieces(PIECE, MAX_UNDER_WAY);

/** Devices whose filesystem was found not to share blocks between files. */
const withoutSharing = new Set<string>();

export interface CopyRange {
  readonly source: OpenFile;
  readonly sourcePosition: number;
  /** bytes; 0: to the end of the source as it is now */
  readonly length: number;
  readonly target: OpenFile;
  readonly targetPosition: number;
  /** Told of each piece when it is copied; what it throws ends the copy. */
  readonly progress?: ((bytes: number) => void) | undefined;
}

/**
 * Copies between two open files, in order, in bounded memory. What the source has when the copy
 * begins is the most that is copied, so that it ends also for a source that grows; where the source
 * gets shorter, it ends there. Closing either file ends it at the next piece.
 * @returns bytes copied; on failure what was copied until then stays
 * @throws FsError EINVAL when both ranges are of one file and overlap, EDQUOT before anything is copied
 */
export async function copyRange(range: CopyRange): Promise<number> {
  const { source, sourcePosition, length, target, targetPosition } = range;
  const { size } = await source.stat();
  const available = Math.max(0, size - sourcePosition);
  const total = length === 0 ? available : Math.min(length, available);
  const apart =
    sourcePosition + total <= targetPosition || targetPosition + total <= sourcePosition;
  if (source.inode === target.inode && !apart) {
    throw new FsError("EINVAL", "source and target overlap");
  }
  const whole = sourcePosition === 0 && targetPosition === 0 && total === size;
  if (whole && (await share(source, target, size))) {
    const { size: shared } = await target.stat();
    range.progress?.(shared);
    return shared;
  }
  if (!(target instanceof HomeFile)) return copyPieces(range, total);
  return target.withRoom(targetPosition + total, () => copyPieces(range, total));
}

async function copyPieces(range: CopyRange, total: number): Promise<number> {
  const own = total <= LITTLE ? Buffer.allocUnsafe(total) : undefined;
  const leave = own === undefined ? pieces.enter() : undefined;
  try {
    for (let done = 0; done < total; ) {
      const count = own
        ? await copyPiece(range, done, own)
        : await pieces.use((buffer) => copyPiece(range, done, buffer.subarray(0, total - done)));
      if (count === 0) return done;
      done += count;
      range.progress?.(count);
    }
    return total;
  } finally {
    leave?.();
  }
}

/** @returns 0 at the end of the source */
async function copyPiece(range: CopyRange, done: number, buffer: Buffer): Promise<number> {
  const { source, sourcePosition, target, targetPosition } = range;
  const count = await source.read(buffer, 0, buffer.length, sourcePosition + done);
  if (count > 0) await target.write([buffer.subarray(0, count)], count, targetPosition + done);
  return count;
}

/**
 * Lets an empty file have the blocks of another one where the filesystem can (FICLONE): at once, and
 * without a second copy on the disk. False: it was not done.
 */
async function share(source: OpenFile, target: OpenFile, size: number): Promise<boolean> {
  if (!(source instanceof HomeFile && target instanceof HomeFile)) return false;
  if (size < WORTH_SHARING || !source.flags.read || !target.flags.write) return false;
  const [device = ""] = target.inode.split(":");
  if (withoutSharing.has(device) || (await target.stat()).size > 0) return false;
  return target.copyWhole(source, size, async (from, to) => {
    try {
      // Never without "force": libuv's own way to copy does not end when the source gets shorter.
      await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
      return true;
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException;
      if (code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "ENOTTY" || code === "ENOSYS") {
        withoutSharing.add(device);
      }
      return false;
    }
  });
}
