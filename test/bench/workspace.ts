import { execFileSync } from "node:child_process";
import { randomFillSync } from "node:crypto";
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  statfsSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const SMALL_FILES = 5_000;
export const SMALL_BYTES = 4_096;

const CHUNK = 1 << 20;
const TMPFS_MAGIC = 0x01021994;

/** A directory in memory with everything that a run needs. */
export interface Workspace {
  readonly root: string;
  /** whether it is in memory: otherwise the disk is measured too */
  readonly inMemory: boolean;
  /** private key of the login; the public one is beside it with ".pub" */
  readonly key: string;
  /** a file of `bytes` random bytes */
  readonly payload: string;
  readonly bytes: number;
  /** a directory of small files, SMALL_FILES unless it was asked for others */
  readonly small: string;
  /** where downloads go */
  readonly down: string;
  remove(): void;
}

function parent(needed: number): { path: string; inMemory: boolean } {
  for (const path of ["/dev/shm", tmpdir()]) {
    try {
      const stat = statfsSync(path);
      if (stat.bavail * stat.bsize < needed) continue;
      return { path, inMemory: stat.type === TMPFS_MAGIC };
    } catch {}
  }
  throw new Error(
    `neither /dev/shm nor ${tmpdir()} has ${needed} bytes free: try a smaller --size`,
  );
}

function writeRandom(file: string, bytes: number): void {
  const descriptor = openSync(file, "wx", 0o600);
  const chunk = Buffer.allocUnsafe(CHUNK);
  for (let left = bytes; left > 0; left -= CHUNK) {
    writeSync(descriptor, randomFillSync(chunk), 0, Math.min(CHUNK, left));
  }
  closeSync(descriptor);
}

export interface Amounts {
  /** how often the large file must fit, here and on all servers; 5 for two of them */
  readonly copies?: number;
  /** the small files */
  readonly files?: number;
}

/** @param bytes size of the large file */
export function makeWorkspace(
  bytes: number,
  { copies = 5, files = SMALL_FILES }: Amounts = {},
): Workspace {
  const { path, inMemory } = parent(copies * bytes + 100 * files * SMALL_BYTES);
  const root = mkdtempSync(join(path, "moorage-bench-"));
  const workspace: Workspace = {
    root,
    inMemory,
    bytes,
    key: join(root, "client_key"),
    payload: join(root, "payload"),
    small: join(root, "small"),
    down: join(root, "down"),
    remove: () => rmSync(root, { recursive: true, force: true, maxRetries: 3 }),
  };
  try {
    fill(workspace, files);
  } catch (error) {
    workspace.remove();
    throw error;
  }
  return workspace;
}

function fill({ key, payload, bytes, small, down }: Workspace, files: number): void {
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", key]);
  writeRandom(payload, bytes);
  mkdirSync(down);
  mkdirSync(small);
  for (let i = 0; i < files; i += 1) {
    const content = randomFillSync(Buffer.allocUnsafe(SMALL_BYTES));
    writeFileSync(join(small, `file-${String(i).padStart(5, "0")}`), content);
  }
}
