import type { Usage } from "../vfs/books.ts";

const SMALLEST_SLACK = 1024 * 1024;
const LARGEST_SLACK = 64 * 1024 * 1024;

/** Bytes until the quota; negative when it was set below what is stored. */
export function freeBytes({ quotaBytes, usedBytes }: Usage): number {
  return quotaBytes === null ? Number.POSITIVE_INFINITY : quotaBytes - usedBytes;
}

/** How far ahead of need a file may be charged when `left` bytes stay free: nothing near the limit. */
export function slackFor(left: number): number {
  const share = Math.floor(left / 16);
  return share < SMALLEST_SLACK ? 0 : Math.min(share, LARGEST_SLACK);
}
