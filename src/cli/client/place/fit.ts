import { type Dir, type Dirent, lstatSync, opendirSync, type Stats, statSync } from "node:fs";
import { posix, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { DEEPEST } from "../../../client/names.ts";
import { Exclusion } from "../../../client/transfer/exclude.ts";
import { goesInto, nameInTarget } from "../../../client/transfer/where.ts";
import type { JournalEntry, Remote, Space, TransferJob } from "../../../client/types.ts";
import { decodeName, encodeName } from "../../../text/names.ts";
import { roundSize } from "../../../text/units.ts";
import { remoteParent, under } from "./paths.ts";

/** Files looked for on the server to see what they would replace; more would take too long. */
const MAX_LOOKED_UP = 2000;
const AT_ONCE = 16;

/** Entries that are looked at before a key, or the server, has its turn. */
const BETWEEN_TURNS = 256;

interface Upload {
  /** on this machine, absolute */
  readonly source: string;
  /** below the target */
  readonly path: string;
  /** it is in a directory that was named */
  readonly inTree: boolean;
  readonly size: number;
}

/** What an upload meets: the free space, and why it can't fit if it can't. */
export interface Fit {
  readonly space: Space | undefined;
  /** false: nobody knows, for nothing of the target's path can be asked about */
  readonly told: boolean;
  readonly refused?: string;
}

/**
 * Whether an upload fits into the free space: the sum of its files, less what those hold that they
 * replace or continue. Where that can't be known the server has the last word.
 * @param begun what the journal knows of transfers with this server
 */
export async function checkFit(
  remote: Remote,
  job: TransferJob,
  begun: readonly JournalEntry[],
  signal: AbortSignal,
): Promise<Fit> {
  const { space, told } = await spaceAt(remote, job.target);
  if (space === undefined) return { space, told };
  const { bytes, files } = await sumSources(job, signal);
  if (bytes <= space.freeBytes || files === undefined) return { space, told };
  const enough = bytes - space.freeBytes;
  const held = await replaced({ remote, job, begun, signal }, files, enough);
  const needed = bytes - held;
  if (needed <= space.freeBytes) return { space, told };
  const free = `${roundSize(space.freeBytes)} of ${roundSize(space.totalBytes)} are free`;
  const missing = roundSize(needed - space.freeBytes);
  return {
    space,
    told,
    refused: `the upload needs ${roundSize(needed)} and ${free}: nothing was sent; ${missing} more must be free first`,
  };
}

/** Directories above the target that are asked about: those that are missing are made. */
const MOST_ABOVE = 8;

/** Of the target, or of the nearest directory above it that is there: all are asked about at once. */
async function spaceAt(remote: Remote, target: string): Promise<Pick<Fit, "space" | "told">> {
  const paths = [target];
  while (paths.length < MOST_ABOVE && !/^[/.]$/.test(paths.at(-1) ?? "")) {
    paths.push(remoteParent(paths.at(-1) ?? ""));
  }
  const asked = paths.map((path) =>
    remote.space(path).then(
      (space) => ({ space, told: true }),
      () => ({ space: undefined, told: false }),
    ),
  );
  const all = await Promise.all(asked);
  const nobody = { space: undefined, told: false };
  return all.find(({ space }) => space !== undefined) ?? all.find(({ told }) => told) ?? nobody;
}

interface Sum {
  readonly bytes: number;
  /** by their path below the target; undefined: too many to look up */
  readonly files: readonly Upload[] | undefined;
}

async function sumSources(job: TransferJob, signal: AbortSignal): Promise<Sum> {
  const files: Upload[] = [];
  let bytes = 0;
  const exclusion = new Exclusion(job.exclude ?? []);
  for (const source of job.sources) {
    const name = nameInTarget(source) ?? "";
    for await (const file of walk(resolve(source), name, job.recursive, exclusion)) {
      signal.throwIfAborted();
      bytes += file.size;
      if (files.length <= MAX_LOOKED_UP) files.push(file);
    }
  }
  return { bytes, files: files.length > MAX_LOOKED_UP ? undefined : files };
}

/** The regular files of a source; what can't be read, or is too deep, fails later, by name. */
async function* walk(
  source: string,
  name: string,
  recursive: boolean,
  exclusion: Exclusion,
): AsyncGenerator<Upload> {
  const found = looked(() => statSync(encodeName(source)));
  if (found?.isFile() && !exclusion.has(name, false))
    yield { source, path: name, inTree: false, size: found.size };
  if (!found?.isDirectory() || !recursive) return;
  const waiting: SourceEntry[] = [{ source, path: name, inside: "", depth: 0 }];
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    if (place.depth > DEEPEST) continue;
    let count = 0;
    for (const entry of entriesOf(place)) {
      if (++count % BETWEEN_TURNS === 0) await turn();
      if (exclusion.has(entry.inside, entry.directory)) continue;
      if (entry.directory) waiting.push(entry);
      else {
        const { source, path } = entry;
        const file = looked(() => lstatSync(encodeName(source)));
        if (file?.isFile()) yield { source, path, inTree: true, size: file.size };
      }
    }
  }
}

/** At once and not on a thread, which costs several times as much. */
function looked(stat: () => Stats): Stats | undefined {
  try {
    return stat();
  } catch {
    return undefined;
  }
}

interface SourceEntry {
  readonly source: string;
  /** below the target */
  readonly path: string;
  /** below the source that was named */
  readonly inside: string;
  readonly depth: number;
}

/** Regular files and directories in a directory; none when it can't be read. */
function* entriesOf({ source, path, inside, depth }: SourceEntry) {
  const open = opened(source);
  if (open === undefined) return;
  try {
    for (let entry = open.readSync(); entry !== null; entry = open.readSync()) {
      const name = decodeName((entry as unknown as Dirent<Buffer>).name);
      const place = { source: `${source}/${name}`, path: below(path, name), depth: depth + 1 };
      const directory = entry.isDirectory();
      if (directory || entry.isFile()) yield { ...place, inside: below(inside, name), directory };
    }
  } finally {
    open.closeSync();
  }
}

function opened(directory: string): Dir | undefined {
  try {
    // Its types know neither a name nor an encoding of bytes.
    return opendirSync(encodeName(directory) as unknown as string, {
      encoding: "buffer" as BufferEncoding,
      bufferSize: 256,
    });
  } catch {
    return undefined;
  }
}

function below(path: string, name: string): string {
  return path === "" ? name : `${path}/${name}`;
}

interface Question {
  readonly remote: Remote;
  readonly job: TransferJob;
  readonly begun: readonly JournalEntry[];
  readonly signal: AbortSignal;
}

/** Bytes that the targets and their parts hold already, counted until `enough`. */
async function replaced(
  { remote, job, begun, signal }: Question,
  files: readonly Upload[],
  enough: number,
): Promise<number> {
  const isDirectory = await remote.stat(job.target).then(
    ({ type }) => type === "directory",
    () => false,
  );
  const into = goesInto(job, isDirectory);
  let held = 0;
  for (let at = 0; at < files.length && held < enough; at += AT_ONCE) {
    signal.throwIfAborted();
    const sizes = files.slice(at, at + AT_ONCE).map(async ({ source, path, inTree, size }) => {
      const top = under(job.target, remote.home);
      const target = into || inTree ? under(path, top) : top;
      const begunAt = partOf(begun, source, target);
      const [there, part] = await Promise.all([
        sizeOf(remote, target),
        begunAt === undefined ? 0 : sizeOf(remote, begunAt),
      ]);
      return Math.min(size, there + part);
    });
    for (const size of await Promise.all(sizes)) held += size;
  }
  return held;
}

async function sizeOf(remote: Remote, path: string): Promise<number> {
  const found = await remote.stat(path).catch(() => undefined);
  return found?.type === "file" ? found.size : 0;
}

/** What this upload left when it was broken off. Any other file beside the target is not its. */
function partOf(
  begun: readonly JournalEntry[],
  source: string,
  target: string,
): string | undefined {
  const same = (entry: JournalEntry): boolean =>
    entry.source === source && posix.normalize(entry.target) === posix.normalize(target);
  const entry = begun.find((entry) => entry.direction === "up" && same(entry));
  return entry?.part === undefined ? undefined : under(entry.part, remoteParent(target));
}
