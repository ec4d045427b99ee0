import { setImmediate as turn } from "node:timers/promises";
import { FsError } from "../../errors.ts";
import type { VirtualPath } from "../../vfs/path.ts";
import type { FileSystemStat } from "../../vfs/types.ts";
import type { Operation } from "../context.ts";
import { MAX_DATA, PacketType } from "../wire/constants.ts";
import { MOST_SPACES, NO_LIMIT } from "../wire/spaces.ts";
import { Writer } from "../wire/writer.ts";

/** Each has a book that is asked: of so many in one turn of the event loop. */
const PER_TURN = 32;

/** The bytes of an entry without its path: its figures, and the length of the path. */
const FIGURES = 5 * 8 + 4;

/**
 * spaces@moorage, version 1: what is used and free in the home and in each shared folder whose space
 * the user may see, to the byte. statvfs counts in blocks, and clients can't tell folders from other
 * directories.
 *
 *     uint32 count, then for each: string path, uint64 used bytes, uint64 quota in bytes,
 *     uint64 free bytes, uint64 used files, uint64 quota in files; 2^64-1: no quota
 */
export const spaces: Operation = async ({ fs, signal }, id) => {
  const all: FileSystemStat[] = [];
  let room = MAX_DATA;
  for (const [index, path] of fs.mounts().entries()) {
    if (all.length === MOST_SPACES) break;
    if (index % PER_TURN === PER_TURN - 1) await turn();
    signal.throwIfAborted();
    const stat = await statOf(fs, path);
    room -= FIGURES + path.length;
    if (room < 0) break;
    // When a folder was taken away meanwhile, its path is one of the home's, and its entry is left out.
    if (stat?.mountedOn === path) all.push(stat);
  }
  const writer = new Writer(PacketType.EXTENDED_REPLY).u32(id).u32(all.length);
  for (const stat of all) write(writer, stat);
  return writer.finish();
};

/** Undefined when the user may not see it any more. */
async function statOf(
  fs: { fileSystemStat(path: VirtualPath): Promise<FileSystemStat> },
  path: VirtualPath,
): Promise<FileSystemStat | undefined> {
  try {
    return await fs.fileSystemStat(path);
  } catch (error) {
    if (error instanceof FsError) return undefined;
    throw error;
  }
}

function write(writer: Writer, stat: FileSystemStat): void {
  const { mountedOn, usedBytes, quotaBytes, usedFiles, quotaFiles } = stat;
  writer
    .bytes(mountedOn)
    .u64(usedBytes)
    .u64(quotaBytes ?? NO_LIMIT)
    .u64(freeBytes(stat))
    .u64(usedFiles)
    .u64(quotaFiles ?? NO_LIMIT);
}

/** What is free of the quota, to the byte; or of the disk, in blocks, when it has less. */
function freeBytes({ bavail, bfree, frsize, usedBytes, quotaBytes }: FileSystemStat): number {
  if (quotaBytes === null || bavail < bfree) return Number(bavail) * frsize;
  return Math.max(0, quotaBytes - usedBytes);
}
