import { closeSync, lstatSync } from "node:fs";
import { OpenFlag, StatusCode } from "../sftp/constants.ts";
import { upload } from "./bulk.ts";
import { errnoOf, FileError, localError, RemoteError } from "./errors.ts";
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
import { type LocalState, localState, openSource } from "./local.ts";
import { besideName, encodeName, joinRemote, remoteName } from "./names.ts";
import type { Operations, RemoteHandle } from "./operations.ts";
import type { ClientConnection } from "./remote.ts";
import type { JournalEntry, RemoteAttrs, Space } from "./types.ts";
import { FileCheck } from "./verify.ts";

/** One file to send. */
export interface PutItem {
  readonly file: number;
  /** absolute, on this machine */
  readonly source: string;
  readonly size: number;
  /** absolute, on the server */
  readonly target: string;
  /** its directory was made by this job just now: nothing is there */
  readonly fresh: boolean;
}

/** Where the bytes go until the file is whole: beside the target, or where there is no room, into it. */
interface Place {
  readonly path: string;
  readonly target: string;
  readonly existing: RemoteAttrs | undefined;
  readonly start: Start;
}

/** What one file's transfer works with. */
interface Source {
  readonly item: PutItem;
  readonly fd: number;
  readonly state: LocalState;
  readonly progress: Progress;
}

/**
 * Sends a file as NAME.part and renames it once it is whole and verified. Rejects with RemoteError
 * or FileError; what was sent stays for a resume.
 */
export async function putFile(context: Context, item: PutItem): Promise<Outcome> {
  const { connection, job } = context;
  const { source, target } = item;
  const key: JournalKey = { direction: "up", server: connection.server, source, target };
  try {
    const fd = openSource(source);
    try {
      const state = localState(fd);
      return await claimed(context, key, state.size >= JOURNAL_FROM, async (claim) => {
        const entry = job.resume ? await context.journal.find(key) : undefined;
        const { size, mtime } = state;
        const progress = new Progress(claim, { size, mtime, preserve: job.preserve }, (bytes) =>
          context.emit({ type: "progress", file: item.file, bytes, size }),
        );
        return send(context, { item, fd, state, progress }, entry);
      });
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(source, error);
  }
}

async function send(
  context: Context,
  source: Source,
  entry: JournalEntry | undefined,
): Promise<Outcome> {
  const { connection, hasher, job } = context;
  const { fd, state } = source;
  // A small one that was broken off is sent again: that is done sooner than comparing.
  const looks = job.resume && (entry !== undefined || state.size >= JOURNAL_FROM);
  const { item } = source;
  const taken = lstatSync(encodeName(`${item.source}.part`), { throwIfNoEntry: false });
  const likely = partOf(item.target, taken !== undefined);
  // Asked for at once: on a long line each question costs as much as megabytes.
  const [{ target, existing }, found, space] = await Promise.all([
    resolveTarget(context, item),
    looks && !item.fresh ? connection.exists(likely, false) : undefined,
    state.size >= JOURNAL_FROM ? connection.space(directoryOf(item.target)) : undefined,
  ]);
  const part = partOf(target, taken !== undefined);
  const there = part === likely || !looks ? found : await connection.exists(part, false);
  const same = job.resume && existing?.size === state.size;
  const wanted = state.size > 0 && (job.verify || looks || same);
  const check = await FileCheck.start(connection, hasher, fd, wanted);
  try {
    const timed = existing?.mtime === state.mtime;
    if (same && there === undefined && (await check.samePrefix(fd, target, state.size, timed))) {
      if (job.preserve) await copyAttrs(connection, target, state);
      return { type: "skipped", reason: "is there already" };
    }
    const begun = there === undefined ? existing : there;
    const begunAt = there === undefined ? target : part;
    const start = looks
      ? await startAt(source, begunAt, begun, there !== undefined, entry, check)
      : { offset: 0 };
    const path =
      start.offset > 0 ? begunAt : placeFor(source, space, target, part, existing, there);
    const place = await transfer(context, source, { path, target, existing, start }, check);
    return await finish(context, source, place, check);
  } finally {
    await check.close();
  }
}

async function copyAttrs(
  connection: ClientConnection,
  path: string,
  { mode, atime, mtime }: LocalState,
): Promise<void> {
  await connection.chmod(path, mode & 0o777);
  await connection.utimes(path, atime, mtime);
}

/** The file that a link leads to is replaced, not the link. */
async function resolveTarget(
  { connection }: Context,
  { target, fresh }: PutItem,
): Promise<{ target: string; existing: RemoteAttrs | undefined }> {
  if (fresh) return { target, existing: undefined };
  const found = await connection.exists(target, false);
  if (found?.type === "directory") throw new FileError(`${target}: is a directory on the server`);
  if (found?.type === "other") throw new FileError(`${target}: is not a file on the server`);
  if (found?.type !== "link") return { target, existing: found };
  const real = await connection.realpath(target);
  const existing = await connection.exists(real);
  if (existing !== undefined && existing.type !== "file") {
    throw new FileError(`${target}: leads to what is not a file`);
  }
  return { target: real, existing };
}

/** The name that the file has until it is whole. */
function partOf(target: string, taken: boolean): string {
  return joinRemote(directoryOf(target), besideName(remoteName(target), ".part", taken));
}

function directoryOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? (at === 0 ? "/" : ".") : path.slice(0, at);
}

async function startAt(
  { fd, state }: Source,
  path: string,
  there: RemoteAttrs | undefined,
  isPart: boolean,
  entry: JournalEntry | undefined,
  check: FileCheck,
): Promise<Start> {
  if (there === undefined || there.type !== "file" || there.size === 0) return { offset: 0 };
  // A target of the same name is only the start of ours if it proves to be.
  const restarted = (why: string): Start =>
    isPart ? { offset: 0, restarted: why } : { offset: 0 };
  if (entry !== undefined && (entry.size !== state.size || entry.mtime !== state.mtime)) {
    return restarted("the file here has changed");
  }
  if (there.size > state.size) return restarted("more is there than the file has");
  if (await check.samePrefix(fd, path, there.size, entry !== undefined))
    return { offset: there.size };
  return restarted("what is there differs from the file");
}

/** Beside the target while both fit, so that the old file stays until the new one is whole. */
function placeFor(
  { state: { size } }: Source,
  space: Space | undefined,
  target: string,
  part: string,
  existing: RemoteAttrs | undefined,
  there: RemoteAttrs | undefined,
): string {
  if (space === undefined) return part;
  const free = space.freeBytes + (there?.size ?? 0);
  if (size <= free) return part;
  if (existing !== undefined && size <= free + existing.size) return target;
  throw new FileError(`${target}: does not fit: ${size} bytes needed, ${free} free`);
}

/** Where nothing new may be made, but the old file may be written, that is done instead. */
async function open(
  operations: Operations,
  source: Source,
  place: Place,
): Promise<{ handle: RemoteHandle; place: Place }> {
  try {
    return { handle: await openAt(operations, source, place), place };
  } catch (error) {
    const denied = error instanceof RemoteError && error.status === StatusCode.PERMISSION_DENIED;
    if (!denied || place.existing === undefined || place.path === place.target) throw error;
    const inPlace = { ...place, path: place.target, start: { offset: 0 } };
    return { handle: await openAt(operations, source, inPlace), place: inPlace };
  }
}

async function openAt(
  operations: Operations,
  { state }: Source,
  { path, existing, start }: Place,
): Promise<RemoteHandle> {
  const mode = (existing?.mode ?? state.mode) & 0o777;
  const { WRITE, CREAT, TRUNC } = OpenFlag;
  const handle = await operations.open(
    path,
    WRITE | CREAT | (start.offset === 0 ? TRUNC : 0),
    mode,
  );
  // The server's umask counts for new files; the one that is replaced keeps what it had.
  if (existing !== undefined) await operations.fsetstat(handle, { mode }).catch(() => {});
  return handle;
}

async function transfer(
  context: Context,
  source: Source,
  wanted: Place,
  check: FileCheck,
): Promise<Place> {
  const { signal, job, connection } = context;
  const { item, fd, state, progress } = source;
  const { file, target } = item;
  const { size } = state;
  const operations = await connection.live();
  const { handle, place } = await open(operations, source, wanted);
  context.emit({
    type: "start",
    file,
    source: item.source,
    target,
    direction: "up",
    size,
    ...place.start,
  });
  let known = place.start.offset;
  if (size >= JOURNAL_FROM) progress.save(known);
  try {
    await upload(operations, handle, fd, {
      from: known,
      size,
      signal,
      files: context.active,
      onProgress: (position) => {
        known = position;
        // Who compares nothing at the end doesn't hash along either.
        if (job.verify) check.follow(position);
        progress.at(position);
      },
    });
    if (job.preserve) {
      const { mode, atime, mtime } = state;
      await operations.fsetstat(handle, { mode: mode & 0o777, times: { atime, mtime } });
    }
  } catch (error) {
    progress.save(known);
    await letGo(operations, handle, signal);
    throw error;
  }
  await operations.close(handle);
  return place;
}

async function finish(
  context: Context,
  { item, fd, state, progress }: Source,
  { path, target }: Place,
  check: FileCheck,
): Promise<Outcome> {
  const { connection, job } = context;
  const now = localState(fd);
  if (now.size !== state.size || now.exact !== state.exact) {
    if (path !== target) await connection.remove(path);
    progress.drop();
    throw new FileError(`${item.source}: changed while it was transferred; start again`);
  }
  context.signal.throwIfAborted();
  if (job.verify && check.name !== undefined) context.emit({ type: "verifying", file: item.file });
  // Without checksums the size at least is compared.
  const hash = job.verify ? await check.whole(path, state.size) : undefined;
  const unseen = job.verify && hash === undefined && state.size >= JOURNAL_FROM;
  const whole = !unseen || (await connection.stat(path)).size === state.size;
  if (hash === false || !whole) {
    const aside = joinRemote(directoryOf(target), besideName(remoteName(target), ".corrupt"));
    await replace(context, path, aside);
    progress.drop();
    throw new FileError(`${target}: differs from the file sent; kept as ${remoteName(aside)}`);
  }
  if (path !== target) await replace(context, path, target);
  progress.drop();
  return { type: "done", hash };
}

/** Renames over what is there, also where the server only renames to what is not. */
async function replace({ connection }: Context, from: string, to: string): Promise<void> {
  try {
    await connection.rename(from, to);
  } catch (error) {
    const plain = error instanceof RemoteError && error.status === StatusCode.FAILURE;
    const operations = await connection.live();
    if (!plain || operations.has("posix-rename@openssh.com")) throw error;
    await operations.remove(to);
    await operations.rename(from, to);
  }
}
