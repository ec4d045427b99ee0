import type { StatsFsBase } from "node:fs";
import { NAME_MAX } from "../text/names.ts";
import type { Usage } from "./books.ts";
import type { VirtualPath } from "./path.ts";
import type { FileSystemStat } from "./types.ts";

/** One size for bsize and frsize: clients disagree on which one counts the blocks. */
const BLOCK = 1024n;

/**
 * The user's quota as a filesystem, of which no more is free than the disk has. Without a quota
 * the disk's own figures.
 */
export function quotaStat(
  usage: Usage,
  disk: StatsFsBase<bigint>,
  mountedOn: VirtualPath,
): FileSystemStat {
  const diskFree = (disk.bavail * disk.bsize) / BLOCK;
  const used = (BigInt(usage.usedBytes) + BLOCK - 1n) / BLOCK;
  const blocks = usage.quotaBytes === null ? used + diskFree : BigInt(usage.quotaBytes) / BLOCK;
  const left = blocks > used ? blocks - used : 0n;
  const bavail = left < diskFree ? left : diskFree;
  const usedFiles = BigInt(usage.usedFiles);
  const files = usage.quotaFiles === null ? usedFiles + disk.ffree : BigInt(usage.quotaFiles);
  const filesLeft = files > usedFiles ? files - usedFiles : 0n;
  const favail = filesLeft < disk.ffree || disk.ffree === 0n ? filesLeft : disk.ffree;
  return {
    bsize: Number(BLOCK),
    frsize: Number(BLOCK),
    blocks,
    // What the disk lacks is not used: used is what has been stored, as the quota counts it.
    bfree: left,
    bavail,
    files,
    ffree: filesLeft,
    favail,
    fsid: 0n,
    readOnly: false,
    namemax: NAME_MAX,
    mountedOn,
    usedBytes: usage.usedBytes,
    quotaBytes: usage.quotaBytes,
    usedFiles: usage.usedFiles,
    quotaFiles: usage.quotaFiles,
  };
}
