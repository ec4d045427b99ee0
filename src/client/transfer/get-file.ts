import { closeSync, fchmodSync, fstatSync, ftruncateSync, futimesSync } from "node:fs";
import { OpenFlag } from "../../sftp/wire/constants.ts";
import { errnoOf, FileError, localError } from "../errors.ts";
import { corruptName, type PartNames, partNames } from "../names.ts";
import type { JournalEntry, RemoteAttrs } from "../types.ts";
import { download } from "./download.ts";
import {
  claimed,
  JOURNAL_FROM,
  letGo,
  Progress,
  type Start,
  type TransferContext,
  type TransferEnd,
} from "./job.ts";
import type { JournalKey } from "./journal.ts";
import { inDirectory, type LocalDirectory } from "./local.ts";
import { downloadToEnd } from "./unsized.ts";
import { FileCheck, readRange, type Verdict, verified } from "./verify.ts";

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
  /** its directory was made by this job just now: nothing is there */
  readonly fresh?: boolean;
}

/** A file to fetch, and where to. */
interface GetPlace extends GetItem {
  readonly directory: LocalDirectory;
  readonly names: PartNames;
  /** knows the name in use */
  readonly progress: Progress;
}

/**
 * Fetches a file under another name beside its own, which it gets once it is whole and verified.
 * Rejects with RemoteError or FileError; what was fetched stays for a resume.
 */
export async function getFile(context: TransferContext, item: GetItem): Promise<TransferEnd> {
  const { connection, job } = context;
  const { source, target, attrs } = item;
  const key: JournalKey = { direction: "down", server: connection.server, source, target };
  try {
    return await claimed(context, key, attrs.size >= JOURNAL_FROM, async (claim) => {
      const entry = await context.journal.find(key);
      const { size, mtime } = attrs;
      const state = { size, mtime, preserve: job.preserve };
      const progress = new Progress(claim, state, (bytes) =>
        context.emit({ type: "progress", file: item.file, bytes, size: Math.max(size, bytes) }),
      );
      const plain = size >= JOURNAL_FROM && !item.partTaken;
      const names = partNames(item.name, context.journal.partId(key), plain);
      return inDirectory(item.top, item.parts, (directory) =>
        fetch(context, { ...item, directory, names, progress }, entry),
      );
    });
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(target, error);
  }
}

async function fetch(
  context: TransferContext,
  place: GetPlace,
  begun: JournalEntry | undefined,
): Promise<TransferEnd> {
  const { directory, name, target, progress } = place;
  const existing = directory.lstat(name);
  if (existing?.isDirectory())
    throw new FileError(`${target}: is a directory here`, "is-a-directory");
  // What the journal doesn't know is somebody's own, whatever its name.
  const known = begun?.part !== undefined && directory.lstat(begun.part)?.isFile();
  const entry = known ? begun : undefined;
  progress.part = entry?.part;
  if (context.job.resume && !known && existing?.isFile()) {
    const whole = await adopt(context, place, existing.size);
    if (whole !== undefined) return whole;
  }
  const fd = openPart(place);
  try {
    const received = await receive(context, place, fd, entry);
    return await finish(context, place, fd, received);
  } catch (error) {
    // Nothing goes on with a small one.
    if (place.attrs.size < JOURNAL_FROM && isOurs(place, fd)) {
      directory.remove(progress.part as string);
    }
    throw error;
  } finally {
    closeSync(fd);
  }
}

/** The journal's part may be another's by now, or another name of a file that is not to be changed. */
function isOwn(fd: number): boolean {
  const { nlink, uid } = fstatSync(fd);
  return nlink === 1 && uid === process.geteuid?.();
}

/** Opens what is known to be ours, or makes it under a name that nothing has. */
function openPart({ directory, names, progress, target }: GetPlace): number {
  if (progress.part !== undefined) {
    const fd = directory.openFile(progress.part);
    if (isOwn(fd)) return fd;
    closeSync(fd);
  }
  const made = names.plain === undefined ? undefined : directory.createFile(names.plain);
  progress.part = made === undefined ? names.own : names.plain;
  if (made === undefined) directory.remove(names.own);
  const fd = made ?? directory.createFile(names.own);
  if (fd === undefined)
    throw new FileError(`${target}: is being written by somebody else`, "in-use", true);
  // Written down at once: if the program is killed from here on, the journal still knows the file.
  progress.save(0);
  return fd;
}

function copyAttrs(fd: number, { mode, atime, mtime }: RemoteAttrs): void {
  fchmodSync(fd, mode & 0o777);
  futimesSync(fd, atime, mtime);
}

/**
 * With `resume`, a file that has its final name already may be the start of the whole, or all of
 * it. A start becomes the part.
 */
async function adopt(
  context: TransferContext,
  place: GetPlace,
  size: number,
): Promise<TransferEnd | undefined> {
  const { directory, name, names, source, attrs, progress } = place;
  if (size > attrs.size) return undefined;
  // One that is told to be empty need not be.
  if (attrs.size === 0 && (await readRange(context.connection, source, 0, 1))) return undefined;
  const fd = directory.openFile(name);
  try {
    const check = await FileCheck.start(context, fd, true);
    const likely = size === attrs.size && Math.floor(fstatSync(fd).mtimeMs / 1000) === attrs.mtime;
    const same = await check.samePrefix(fd, source, size, likely).finally(() => check.close());
    if (!same) return undefined;
    if (size === attrs.size) {
      // A run that ended behind its rename left its entry.
      progress.drop();
      if (context.job.preserve) copyAttrs(fd, attrs);
      return { type: "skipped", reason: "is here already" };
    }
    // One with two names would change under the other, too.
    if (attrs.size < JOURNAL_FROM || !isOwn(fd)) return undefined;
    const free = names.plain !== undefined && directory.lstat(names.plain) === undefined;
    progress.part = free ? names.plain : names.own;
    progress.save(size);
    directory.rename(name, progress.part as string);
    return undefined;
  } finally {
    closeSync(fd);
  }
}

/** Decides where to go on, and fetches from there. */
async function receive(
  context: TransferContext,
  place: GetPlace,
  fd: number,
  entry: JournalEntry | undefined,
): Promise<Received> {
  const { job } = context;
  const { size } = place.attrs;
  const wanted = size > 0 && (job.verify || (job.resume && fstatSync(fd).size > 0));
  let check = await FileCheck.start(context, fd, wanted);
  try {
    const start = await startAt(context, place, fd, entry, check);
    ftruncateSync(fd, start.offset);
    if (start.restarted !== undefined) {
      await check.close();
      check = await FileCheck.start(context, fd, job.verify);
    }
    const { file, source, target, progress } = place;
    context.emit({ type: "start", file, source, target, direction: "down", size, ...start });
    progress.save(start.offset);
    return { check, bytes: await read(context, place, fd, start.offset, check) };
  } catch (error) {
    place.progress.save(fstatSync(fd).size);
    await check.close();
    throw error;
  }
}

/** @returns the bytes of the whole */
async function read(
  context: TransferContext,
  { source, attrs: { size }, progress }: GetPlace,
  fd: number,
  from: number,
  check: FileCheck,
): Promise<number> {
  const { connection, job, signal } = context;
  const onProgress = (position: number): void => {
    // Without a comparison at the end there is nothing to hash for.
    if (job.verify) check.follow(position);
    progress.at(position);
  };
  const operations = await connection.live();
  const handle = await operations.open(source, OpenFlag.READ);
  try {
    if (size === 0) return await downloadToEnd(operations, handle, fd, { signal, onProgress });
    const { active: files, pace } = context;
    await download(operations, handle, fd, { from, size, signal, files, pace, onProgress });
    return size;
  } finally {
    await letGo(operations, handle, signal);
  }
}

interface Received {
  readonly check: FileCheck;
  readonly bytes: number;
}

async function startAt(
  context: TransferContext,
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
  context: TransferContext,
  place: GetPlace,
  fd: number,
  { check, bytes }: Received,
): Promise<TransferEnd> {
  const { attrs, directory, name, progress } = place;
  let verdict: Verdict = { same: undefined };
  try {
    context.signal.throwIfAborted();
    if (context.job.verify) {
      if (check.name !== undefined) context.emit({ type: "verifying", file: place.file });
      verdict = await check.whole(place.source, attrs.size);
    }
  } finally {
    await check.close();
  }
  const changed = verdict.same !== false && (await hasChanged(context, place));
  if (!isOurs(place, fd)) {
    progress.drop();
    throw new FileError(
      `${place.target}: ${progress.part} was replaced meanwhile; start again`,
      "changed",
    );
  }
  if (verdict.same === false) throw damaged(place);
  if (changed) {
    directory.remove(progress.part as string);
    progress.drop();
    throw new FileError(
      `${place.source}: changed while it was transferred; start again`,
      "changed",
    );
  }
  fchmodSync(fd, modeOf(context, attrs, directory.lstat(name)?.mode));
  if (context.job.preserve) futimesSync(fd, attrs.atime, attrs.mtime);
  directory.rename(progress.part as string, name);
  progress.drop();
  return { type: "done", bytes, ...verified(verdict) };
}

/** Whether the part's name still stands for the file that is open. */
function isOurs({ directory, progress }: GetPlace, fd: number): boolean {
  return directory.lstat(progress.part as string)?.ino === fstatSync(fd).ino;
}

/** What was read before a change and what came after it are no file together. */
async function hasChanged(
  { connection }: TransferContext,
  { source, attrs }: GetPlace,
): Promise<boolean> {
  if (attrs.size < JOURNAL_FROM) return false;
  const now = await connection.stat(source);
  return now.size !== attrs.size || now.mtime !== attrs.mtime;
}

function modeOf(
  { job }: TransferContext,
  attrs: RemoteAttrs,
  existing: number | undefined,
): number {
  if (job.preserve) return attrs.mode & 0o777;
  if (existing !== undefined) return existing & 0o777;
  return attrs.mode & 0o777 & ~process.umask();
}

function damaged({ directory, name, target, progress }: GetPlace): FileError {
  const aside = corruptName(name, directory.lstat(corruptName(name, false)) !== undefined);
  directory.rename(progress.part as string, aside);
  progress.drop();
  return new FileError(`${target}: differs from the server's; kept as ${aside}`, "differs");
}
