import { randomBytes } from "node:crypto";
import { closeSync } from "node:fs";
import { OpenFlag, StatusCode } from "../../sftp/wire/constants.ts";
import { errnoOf, FileError, localError, RemoteError } from "../errors.ts";
import { corruptName, type PartNames, partNames, remoteName } from "../names.ts";
import type { Operations, RemoteHandle } from "../remote/operations.ts";
import type { ClientConnection } from "../remote/remote.ts";
import type { JournalEntry } from "../types.ts";
import {
  answered,
  claimed,
  isLost,
  JOURNAL_FROM,
  letGo,
  Progress,
  type Start,
  type TransferContext,
  type TransferEnd,
} from "./job.ts";
import type { JournalKey } from "./journal.ts";
import { hasContent, isThere, type LocalState, localState, openSource } from "./local.ts";
import {
  beside,
  lookAround,
  type PutItem,
  type PutPlace,
  placeFor,
  type Surroundings,
} from "./put-place.ts";
import { explained } from "./refusal.ts";
import { uploadToEnd } from "./unsized.ts";
import { upload } from "./upload.ts";
import { FileCheck, type Verdict, verified } from "./verify.ts";

/** Some servers say so with a code of a later version (draft-ietf-secsh-filexfer-13, section 9.1). */
const FILE_EXISTS = 11;

/** The removal of a part is waited for so long when the person gave up, in milliseconds. */
const REMOVE_MS = 1_000;

/** What one file's transfer works with. */
interface Source {
  readonly item: PutItem;
  readonly fd: number;
  readonly state: LocalState;
  /** told to be empty, and is not */
  readonly unsized: boolean;
  readonly progress: Progress;
  /** beside a target */
  names(target: string): PartNames;
}

/**
 * Sends a file under another name beside the target's, which it gets once it is whole and verified.
 * Rejects with RemoteError or FileError; what was sent stays for a resume.
 */
export async function putFile(context: TransferContext, item: PutItem): Promise<TransferEnd> {
  const { connection, job } = context;
  const { source, target } = item;
  const key: JournalKey = { direction: "up", server: connection.server, source, target };
  try {
    const fd = openSource(source);
    try {
      const state = localState(fd);
      const { size, mtime } = state;
      return await claimed(context, key, size >= JOURNAL_FROM, async (claim) => {
        const entry = await context.journal.find(key);
        const progress = new Progress(claim, { size, mtime, preserve: job.preserve }, (bytes) =>
          context.emit({ type: "progress", file: item.file, bytes, size: Math.max(size, bytes) }),
        );
        // A small one isn't there for long: no need to ask whether a name that tells it is free.
        const plain = size >= JOURNAL_FROM && !isThere(`${source}.part`);
        const names = (real: string): PartNames =>
          partNames(remoteName(real), context.journal.partId(key), plain);
        const unsized = size === 0 && hasContent(fd);
        return send(context, { item, fd, state, unsized, progress, names }, entry);
      });
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(source, error);
  }
}

async function send(
  context: TransferContext,
  source: Source,
  begun: JournalEntry | undefined,
): Promise<TransferEnd> {
  const { connection, job } = context;
  const { item, fd, state, names } = source;
  const around = await lookAround(context, item, state.size, names, begun);
  const { target, existing, own } = around;
  // A small one that was broken off is sent again: that is done sooner than comparing.
  const looks = job.resume && (around.entry !== undefined || state.size >= JOURNAL_FROM);
  const same = job.resume && existing?.size === state.size && !source.unsized;
  const check = await FileCheck.start(context, fd, state.size > 0 && (job.verify || looks || same));
  try {
    const timed = existing?.mtime === state.mtime;
    if (same && own === undefined && (await check.samePrefix(fd, target, state.size, timed))) {
      if (job.preserve) await copyAttrs(connection, target, state);
      // A run that ended behind its rename left its entry.
      source.progress.drop();
      return { type: "skipped", reason: "is there already" };
    }
    const start = looks ? await startAt(source, around, check) : { offset: 0 };
    const place = start.offset > 0 ? { path: own?.path ?? target } : placeFor(state.size, around);
    const sent = await transfer(context, source, { ...place, target, existing, start }, check);
    return await finish(context, source, sent, check).catch(async (error: unknown) => {
      if (context.signal.aborted && connection.connected) {
        await dropSmall(await connection.live(), source, sent.place, context.signal);
      }
      throw error;
    });
  } catch (error) {
    throw inTargetsName(error, target, source.progress.part);
  } finally {
    await check.close();
  }
}

/** The name that a file has for a while means nothing to a person. */
function inTargetsName(error: unknown, target: string, part: string | undefined): unknown {
  if (!(error instanceof RemoteError) || part === undefined) return error;
  const { status, lost, reason, message } = error;
  if (message !== `${beside(target, part)}: ${reason}`) return error;
  return new RemoteError(target, reason, status === undefined ? { lost } : { lost, status });
}

async function copyAttrs(
  connection: ClientConnection,
  path: string,
  { mode, atime, mtime }: LocalState,
): Promise<void> {
  await connection.chmod(path, mode & 0o777);
  await connection.utimes(path, atime, mtime);
}

/** Where the transfer goes on: after what an earlier run left, or a target that proves to be our start. */
async function startAt(
  { fd, state }: Source,
  { target, existing, own, entry }: Surroundings,
  check: FileCheck,
): Promise<Start> {
  const { path, there } = own ?? { path: target, there: existing };
  if (there === undefined || there.type !== "file" || there.size === 0) return { offset: 0 };
  const restarted = (why: string): Start =>
    own === undefined ? { offset: 0 } : { offset: 0, restarted: why };
  if (entry !== undefined && (entry.size !== state.size || entry.mtime !== state.mtime)) {
    return restarted("the file here has changed");
  }
  if (there.size > state.size) return restarted("more is there than the file has");
  const same = await check.samePrefix(fd, path, there.size, entry !== undefined);
  if (same === "all") return { offset: there.size };
  // A server that refused a write may have done those behind it: only what it acknowledged counts.
  if (same === "end") return { offset: Math.min(there.size, entry?.offset ?? 0) };
  return restarted("what is there differs from the file");
}

/** Where nothing new may be made, but the old file may be written, that is done instead. */
async function open(
  operations: Operations,
  source: Source,
  place: PutPlace,
  along: string | undefined,
): Promise<Open> {
  try {
    return { handle: await openAt(operations, source, place, along), place };
  } catch (error) {
    const { path, instead, target, existing } = place;
    const status = error instanceof RemoteError ? error.status : undefined;
    if (instead !== undefined && (status === StatusCode.FAILURE || status === FILE_EXISTS)) {
      const plain = { target, existing, start: place.start, path: instead };
      return open(operations, source, plain, along);
    }
    if (status !== StatusCode.PERMISSION_DENIED || path === target) throw error;
    if (existing === undefined) {
      if (place.start.restarted === NOT_LET_ON) throw error;
      return open(operations, source, beginningAgain(place), along);
    }
    const inPlace = { path: target, target, existing, start: { offset: 0 } };
    return { handle: await openAt(operations, source, inPlace, along), place: inPlace };
  }
}

const NOT_LET_ON = "the server doesn't let this session go on with what is there";

/** Where files are only added, what another session left stays as it is: under a name that nothing has. */
function beginningAgain({ target, existing }: PutPlace): PutPlace {
  const path = beside(target, `.${randomBytes(8).toString("hex")}.part`);
  return { path, target, existing, start: { offset: 0, restarted: NOT_LET_ON } };
}

async function openAt(
  operations: Operations,
  { state, progress }: Source,
  { path, instead, target, existing, start }: PutPlace,
  along: string | undefined,
): Promise<RemoteHandle> {
  const mode = (existing?.mode ?? state.mode) & 0o777;
  const { WRITE, CREAT, TRUNC, EXCL } = OpenFlag;
  const fresh = instead === undefined ? TRUNC : EXCL;
  progress.part = path === target ? undefined : remoteName(path);
  // Written down before the file is made: if the answer is lost, the journal still knows its name.
  if (instead !== undefined) progress.save(0);
  const flags = WRITE | CREAT | (start.offset === 0 ? fresh : 0);
  const opened = operations.open(
    path,
    flags,
    mode,
    state.size,
    start.offset > 0 ? undefined : along,
  );
  const handle = await opened.catch((error: unknown) => {
    if (instead !== undefined && !isLost(error)) progress.drop();
    throw error;
  });
  // The server's umask counts for new files; the one that is replaced keeps what it had.
  if (existing !== undefined) await operations.fsetstat(handle, { mode }).catch(() => {});
  return handle;
}

interface Open {
  readonly handle: RemoteHandle;
  readonly place: PutPlace;
}

interface Sent {
  readonly place: PutPlace;
  readonly bytes: number;
}

async function transfer(
  context: TransferContext,
  source: Source,
  wanted: PutPlace,
  check: FileCheck,
): Promise<Sent> {
  const { signal, job, connection } = context;
  const { item, state, progress } = source;
  const { file, target } = item;
  const { size } = state;
  const operations = await connection.live();
  const { name } = check;
  const follows = job.verify && name !== undefined && operations.checksAlong.includes(name);
  const along = follows && size >= JOURNAL_FROM ? name : undefined;
  const { handle, place } = await open(operations, source, wanted, along);
  const { start } = place;
  const event = { type: "start", file, source: item.source, target, size } as const;
  context.emit({ ...event, direction: "up", ...start });
  if (size >= JOURNAL_FROM) progress.save(start.offset);
  let known = start.offset;
  try {
    const bytes = await write(context, source, { operations, handle, from: known }, (position) => {
      known = position;
      // Without a comparison at the end there is nothing to hash for.
      if (job.verify) check.follow(position);
      progress.at(position);
    });
    if (job.preserve) {
      const { mode, atime, mtime } = state;
      await operations.fsetstat(handle, { mode: mode & 0o777, times: { atime, mtime } });
    }
    await operations.close(handle);
    return { place, bytes };
  } catch (error) {
    progress.save(known);
    await letGo(operations, handle, signal);
    await dropSmall(operations, source, place, signal);
    throw await explained(connection, target, error, size - known);
  }
}

/** Nothing goes on with a small one. Its removal goes out before the connection ends. */
async function dropSmall(
  operations: Operations,
  { state }: Source,
  { path, target }: PutPlace,
  signal: AbortSignal,
): Promise<void> {
  if (state.size >= JOURNAL_FROM || path === target || operations.channel.lost) return;
  await answered(operations.remove(path), signal, REMOVE_MS);
}

interface To {
  readonly operations: Operations;
  readonly handle: RemoteHandle;
  readonly from: number;
}

/** @returns the bytes of the whole */
async function write(
  { signal, active, pace }: TransferContext,
  { fd, state: { size }, unsized }: Source,
  { operations, handle, from }: To,
  onProgress: (position: number) => void,
): Promise<number> {
  if (unsized) return uploadToEnd(operations, handle, fd, { signal, onProgress });
  await upload(operations, handle, fd, { from, size, signal, files: active, pace, onProgress });
  return size;
}

async function finish(
  context: TransferContext,
  { item, fd, state, progress }: Source,
  { place: { path, target }, bytes }: Sent,
  check: FileCheck,
): Promise<TransferEnd> {
  const { connection, job } = context;
  const now = localState(fd);
  if (now.size !== state.size || now.exact !== state.exact) {
    if (path !== target) await connection.remove(path);
    progress.drop();
    throw new FileError(`${item.source}: changed while it was transferred; start again`, "changed");
  }
  context.signal.throwIfAborted();
  if (job.verify && check.name !== undefined) context.emit({ type: "verifying", file: item.file });
  const verdict: Verdict = job.verify ? await check.whole(path, state.size) : { same: undefined };
  // Without checksums the size at least is compared.
  const large = state.size >= JOURNAL_FROM || bytes > state.size;
  const unseen = job.verify && verdict.same === undefined && large;
  const whole = !unseen || (await connection.stat(path)).size === bytes;
  if (verdict.same === false || !whole) {
    const aside = await moveAside(context, path, target);
    progress.drop();
    throw new FileError(`${target}: differs from the file sent; kept as ${aside}`, "differs");
  }
  if (path !== target) {
    await replace(context, path, target).catch(async (error: unknown) => {
      if (!isDenied(error)) throw error;
      // It never gets the name: left there it would only take room, where it may be for good.
      const removed = connection.remove(path).then(() => progress.drop());
      await removed.catch(() => {});
      throw error;
    });
  }
  progress.drop();
  return { type: "done", bytes, ...verified(verdict) };
}

function isDenied(error: unknown): boolean {
  return error instanceof RemoteError && error.status === StatusCode.PERMISSION_DENIED;
}

/** @returns the name under which the damaged file is kept */
async function moveAside(context: TransferContext, path: string, target: string): Promise<string> {
  const name = remoteName(target);
  const usual = beside(target, corruptName(name, false));
  const taken = (await context.connection.exists(usual, false)) !== undefined;
  const aside = corruptName(name, taken);
  await replace(context, path, beside(target, aside));
  return aside;
}

/** Renames over an existing file, also where the server refuses to rename over one. */
export async function replace(
  { connection }: TransferContext,
  from: string,
  to: string,
): Promise<void> {
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
