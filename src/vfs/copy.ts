import { constants } from "node:fs";
import { copyFile } from "node:fs/promises";
import { FsError } from "../errors.ts";
import { HomeFile } from "./file.ts";
import type { OpenFile } from "./types.ts";

const CHUNK = 1024 * 1024;

/** Smaller files are copied before the kernel's way is set up. */
const KERNEL_COPY = 256 * 1024;

/** Larger files go through the kernel only where it shares their blocks: a copy can't be stopped. */
const LARGEST_MOVED = 256 * 1024 * 1024;

/** Copies within the kernel at once: each keeps a thread from all other transfers. */
const MAX_MOVING = 2;

let moving = 0;

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
  const whole = sourcePosition === 0 && targetPosition === 0 && total === size;
  if (whole && (await copyInKernel(source, target, size))) return size;
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

/** Whole files only, into empty ones: Node has no copy_file_range(2). */
async function copyInKernel(source: OpenFile, target: OpenFile, size: number): Promise<boolean> {
  if (!(source instanceof HomeFile && target instanceof HomeFile)) return false;
  if (size < KERNEL_COPY || !source.flags.read || !target.flags.write) return false;
  if ((await target.stat()).size > 0) return false;
  return target.copyWhole(source, size, (from, to) => throughKernel(from, to, size));
}

/** Shares the blocks where the filesystem can (FICLONE), else moves the bytes. False: neither. */
async function throughKernel(from: string, to: string, size: number): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    if (size > LARGEST_MOVED || moving >= MAX_MOVING) return false;
  }
  moving += 1;
  try {
    await copyFile(from, to);
    return true;
  } finally {
    moving -= 1;
  }
}
