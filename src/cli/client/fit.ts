import { lstat, opendir, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { besideName, remoteName } from "../../client/names.ts";
import type { Remote, Space, TransferJob } from "../../client/types.ts";
import { roundSize } from "../../config/units.ts";
import { remoteParent, under } from "./paths.ts";

/** Files looked for on the server to see what they would replace; more would take too long. */
const MAX_LOOKED_UP = 2000;
const AT_ONCE = 16;

interface Upload {
  readonly path: string;
  readonly size: number;
}

/** What an upload meets: the free space, and why it can't fit if it can't. */
export interface Fit {
  readonly space: Space | undefined;
  readonly refused?: string;
}

/**
 * Whether an upload fits into the free space: the sum of its files, less what those hold that they
 * replace or continue. Where that can't be known the server has the last word.
 */
export async function checkFit(
  remote: Remote,
  job: TransferJob,
  signal: AbortSignal,
): Promise<Fit> {
  const space = await remote.space(await spaceDirectory(remote, job.target)).catch(() => undefined);
  if (space === undefined) return { space };
  const { bytes, files } = await sumSources(job, signal);
  if (bytes <= space.freeBytes) return { space };
  if (files === undefined) return { space };
  const held = await replaced(remote, job, files, bytes - space.freeBytes, signal);
  const needed = bytes - held;
  if (needed <= space.freeBytes) return { space };
  const free = `${roundSize(space.freeBytes)} of ${roundSize(space.totalBytes)} are free`;
  const missing = roundSize(needed - space.freeBytes);
  return {
    space,
    refused: `the upload needs ${roundSize(needed)} and ${free}: nothing was sent; ${missing} more must be free first`,
  };
}

/** A directory that is there already, to ask for its space. */
async function spaceDirectory(remote: Remote, target: string): Promise<string> {
  const there = await remote.stat(target).then(
    () => true,
    () => false,
  );
  return there ? target : remoteParent(target);
}

interface Sum {
  readonly bytes: number;
  /** by their path below the target; undefined: too many to look up */
  readonly files: readonly Upload[] | undefined;
}

async function sumSources(job: TransferJob, signal: AbortSignal): Promise<Sum> {
  const files: Upload[] = [];
  let bytes = 0;
  for (const source of job.sources) {
    for await (const { path, size } of walk(source, basename(source), job.recursive)) {
      signal.throwIfAborted();
      bytes += size;
      if (files.length <= MAX_LOOKED_UP) files.push({ path, size });
    }
  }
  return { bytes, files: files.length > MAX_LOOKED_UP ? undefined : files };
}

/** The regular files of a source; what can't be read fails later, by name. */
async function* walk(source: string, name: string, recursive: boolean): AsyncGenerator<Upload> {
  const found = await stat(source).catch(() => undefined);
  if (found?.isFile()) yield { path: name, size: found.size };
  if (found?.isDirectory() && recursive) yield* walkDirectory(source, name);
}

async function* walkDirectory(directory: string, name: string): AsyncGenerator<Upload> {
  const entries = await opendir(directory).catch(() => undefined);
  if (entries === undefined) return;
  for await (const entry of entries) {
    const [path, below] = [join(directory, entry.name), `${name}/${entry.name}`];
    if (entry.isDirectory()) yield* walkDirectory(path, below);
    if (!entry.isFile()) continue;
    const found = await lstat(path).catch(() => undefined);
    if (found !== undefined) yield { path: below, size: found.size };
  }
}

/** Bytes that the targets hold already, counted until `enough`. */
async function replaced(
  remote: Remote,
  job: TransferJob,
  files: readonly Upload[],
  enough: number,
  signal: AbortSignal,
): Promise<number> {
  const into = await remote.stat(job.target).then(
    ({ type }) => type === "directory",
    () => false,
  );
  let held = 0;
  for (let at = 0; at < files.length && held < enough; at += AT_ONCE) {
    signal.throwIfAborted();
    const sizes = files.slice(at, at + AT_ONCE).map(async ({ path, size }) => {
      const target = targetOf(job.target, path, into);
      const [there, part] = await Promise.all(
        [target, partOf(target)].map((at) => sizeOf(remote, at)),
      );
      return Math.min(size, (there ?? 0) + (part ?? 0));
    });
    for (const size of await Promise.all(sizes)) held += size;
  }
  return held;
}

async function sizeOf(remote: Remote, path: string): Promise<number> {
  const found = await remote.stat(path).catch(() => undefined);
  return found?.type === "file" ? found.size : 0;
}

/** What an upload that was broken off left. */
function partOf(target: string): string {
  return under(besideName(remoteName(target), ".part"), remoteParent(target));
}

/** Where a file goes: below the target, or in place of it when that isn't a directory yet. */
function targetOf(target: string, path: string, into: boolean): string {
  if (into) return under(path, target);
  const rest = path.split("/").slice(1).join("/");
  return rest === "" ? target : under(rest, target);
}
