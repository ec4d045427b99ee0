import { closeSync, fchmodSync, fstatSync, ftruncateSync, futimesSync } from "node:fs";
import { OpenFlag } from "../sftp/constants.ts";
import { download } from "./bulk.ts";
import { errnoOf, FileError, localError } from "./errors.ts";
import {
  type Context,
  claimed,
  JOURNAL_FROM,
  letGo,
  type Outcome,
  Progress,
  type Start,
} from "./job.ts";
import type { JournalKey } from "./journal.ts";
import { inDirectory, type LocalDirectory } from "./local.ts";
import { besideName } from "./names.ts";
import type { JournalEntry, RemoteAttrs } from "./types.ts";
import { FileCheck } from "./verify.ts";

/** One file to fetch. */
export interface GetItem {
  readonly file: number;
  /** absolute, on the server */
  readonly source: string;
  readonly attrs: RemoteAttrs;
  /** the local directory the person named, from which on no link is followed */
  readonly top: string;
  readonly parts: readonly string[];
  readonly name: string;
  /** the source's directory has a file NAME.part, too */
  readonly partTaken: boolean;
  /** for messages and the journal */
  readonly target: string;
}

/**
 * Fetches a file into NAME.part and gives it its name once it is whole and verified. Rejects with
 * RemoteError or FileError; what was fetched stays for a resume.
 */
export async function getFile(context: Context, item: GetItem): Promise<Outcome> {
  const { connection } = context;
  const { source, target, attrs } = item;
  const key: JournalKey = { direction: "down", server: connection.server, source, target };
  try {
    return await claimed(context, key, attrs.size >= JOURNAL_FROM, async (claim) => {
      const entry = context.job.resume ? await context.journal.find(key) : undefined;
      const { size, mtime } = attrs;
      const state = { size, mtime, preserve: context.job.preserve };
      const progress = new Progress(claim, state, (bytes) =>
        context.emit({ type: "progress", file: item.file, bytes, size }),
      );
      return inDirectory(item.top, item.parts, (directory) =>
        fetch(context, item, directory, entry, progress),
      );
    });
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(target, error);
  }
}

async function fetch(
  context: Context,
  item: GetItem,
  directory: LocalDirectory,
  entry: JournalEntry | undefined,
  progress: Progress,
): Promise<Outcome> {
  const { name, target } = item;
  const existing = directory.lstat(name);
  if (existing?.isDirectory()) throw new FileError(`${target}: is a directory here`);
  const part = besideName(name, ".part", item.partTaken);
  const hadPart = directory.lstat(part) !== undefined;
  if (context.job.resume && !hadPart && existing?.isFile()) {
    const whole = await adopt(context, item, directory, part, existing.size);
    if (whole !== undefined) return whole;
  }
  const fd = directory.openFile(part);
  try {
    const start = await receive(context, item, fd, entry, progress);
    return await finish(context, item, directory, fd, part, progress, start);
  } finally {
    closeSync(fd);
  }
}

/** With `resume`, a file that has its final name already may be the start of the whole, or all of it. */
async function adopt(
  context: Context,
  item: GetItem,
  directory: LocalDirectory,
  part: string,
  size: number,
): Promise<Outcome | undefined> {
  if (size > item.attrs.size) return undefined;
  const fd = directory.openFile(item.name);
  try {
    const check = await FileCheck.start(context.connection, context.hasher, fd, true);
    const { mtime } = item.attrs;
    const likely = size === item.attrs.size && Math.floor(fstatSync(fd).mtimeMs / 1000) === mtime;
    const same = await check.samePrefix(fd, item.source, size, likely);
    await check.close();
    if (!same) return undefined;
    if (size === item.attrs.size) return { type: "skipped", reason: "is here already" };
    directory.rename(item.name, part);
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** Decides where to go on, and fetches from there. */
async function receive(
  context: Context,
  item: GetItem,
  fd: number,
  entry: JournalEntry | undefined,
  progress: Progress,
): Promise<Checked> {
  const { connection, job, signal, hasher } = context;
  const { size } = item.attrs;
  const wanted = size > 0 && (job.verify || (job.resume && fstatSync(fd).size > 0));
  let check = await FileCheck.start(connection, hasher, fd, wanted);
  try {
    const start = await startAt(context, item, fd, entry, check);
    ftruncateSync(fd, start.offset);
    if (start.restarted !== undefined) {
      await check.close();
      check = await FileCheck.start(connection, hasher, fd, job.verify);
    }
    const { file, source, target } = item;
    context.emit({ type: "start", file, source, target, direction: "down", size, ...start });
    if (size === 0) return { check };
    progress.save(start.offset);
    const operations = await connection.live();
    const handle = await operations.open(source, OpenFlag.READ);
    try {
      await download(operations, handle, fd, {
        from: start.offset,
        size,
        signal,
        files: context.active,
        onProgress: (position) => {
          // Who compares nothing at the end doesn't hash along either.
          if (job.verify) check.follow(position);
          progress.at(position);
        },
      });
    } finally {
      await letGo(operations, handle, signal);
    }
    return { check };
  } catch (error) {
    progress.save(fstatSync(fd).size);
    await check.close();
    throw error;
  }
}

interface Checked {
  readonly check: FileCheck;
}

async function startAt(
  context: Context,
  item: GetItem,
  fd: number,
  entry: JournalEntry | undefined,
  check: FileCheck,
): Promise<Start> {
  const { size, mtime } = item.attrs;
  const have = fstatSync(fd).size;
  if (have === 0 || !context.job.resume) return { offset: 0 };
  // A small one that was broken off: sent again it is here sooner than compared.
  if (entry === undefined && size < JOURNAL_FROM) return { offset: 0 };
  const restarted = (why: string): Start => ({ offset: 0, restarted: why });
  if (entry !== undefined && (entry.size !== size || entry.mtime !== mtime)) {
    return restarted("the file on the server has changed");
  }
  if (have > size) return restarted("more is here than the server has");
  if (await check.samePrefix(fd, item.source, have, entry !== undefined)) return { offset: have };
  return restarted("what is here differs from the server's");
}

async function finish(
  context: Context,
  item: GetItem,
  directory: LocalDirectory,
  fd: number,
  part: string,
  progress: Progress,
  { check }: Checked,
): Promise<Outcome> {
  const { attrs, name } = item;
  let hash: Awaited<ReturnType<FileCheck["whole"]>>;
  try {
    context.signal.throwIfAborted();
    if (context.job.verify) {
      if (check.name !== undefined) context.emit({ type: "verifying", file: item.file });
      hash = await check.whole(item.source, attrs.size);
    }
  } finally {
    await check.close();
  }
  if (hash === false) throw damaged(directory, part, item, progress);
  await unchanged(context, item, directory, part, progress);
  fchmodSync(fd, modeOf(context, attrs, directory.lstat(name)?.mode));
  if (context.job.preserve) futimesSync(fd, attrs.atime, attrs.mtime);
  directory.rename(part, name);
  progress.drop();
  return { type: "done", hash };
}

/** What was read before a change and what came after it are no file together. */
async function unchanged(
  { connection }: Context,
  { source, attrs }: GetItem,
  directory: LocalDirectory,
  part: string,
  progress: Progress,
): Promise<void> {
  if (attrs.size < JOURNAL_FROM) return;
  const now = await connection.stat(source);
  if (now.size === attrs.size && now.mtime === attrs.mtime) return;
  directory.remove(part);
  progress.drop();
  throw new FileError(`${source}: changed while it was transferred; start again`);
}

function modeOf({ job }: Context, attrs: RemoteAttrs, existing: number | undefined): number {
  if (job.preserve) return attrs.mode & 0o777;
  if (existing !== undefined) return existing & 0o777;
  return attrs.mode & 0o777 & ~process.umask();
}

function damaged(
  directory: LocalDirectory,
  part: string,
  { name, target }: GetItem,
  progress: Progress,
): FileError {
  const aside = besideName(name, ".corrupt");
  directory.rename(part, aside);
  progress.drop();
  return new FileError(`${target}: differs from the server's; kept as ${aside}`);
}
