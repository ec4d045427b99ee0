import {
  closeSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  openSync,
  readSync,
  writeSync,
} from "node:fs";
import { createHash } from "../../hash.js";
import { OpenFlag, StatusCode } from "../../sftp/wire/constants.ts";
import { encodeName } from "../../text/names.ts";
import { errnoOf, LateError, localError, RemoteError } from "../errors.ts";
import { partNames } from "../names.ts";
import { carve } from "../remote/memory.ts";
import { failure, type Operations, type RemoteHandle } from "../remote/operations.ts";
import type { HashName } from "../types.ts";
import type { GetItem } from "./get-file.ts";
import { answered, isLost, type TransferContext, type TransferEnd } from "./job.ts";
import type { JournalKey } from "./journal.ts";
import { replace } from "./put-file.ts";
import { beside, type PutItem } from "./put-place.ts";
import { explained } from "./refusal.ts";
import type { Work } from "./transfer.ts";
import { WRITE_HEADER, writeHeader } from "./upload.ts";
import type { FileHash } from "./verify.ts";
import { SAME } from "./walk.ts";

// The short way of small files: each is held whole, and what it needs of the server is asked for at
// once. Whatever is not as usual returns undefined, and the file goes the way of large ones.

/** Files up to here go the short way, in bytes. */
const SMALL = 256 * 1024;

/** What every server takes in one WRITE, in bytes. */
const ONE_WRITE = 32 * 1024;

/** Before the bytes of a file there is room for the header of a WRITE, handle included. */
const HEADER_ROOM = 64;

/** The removal of a file is waited for so long when the person gave up, in milliseconds. */
const REMOVE_MS = 1_000;

export function isSmall(work: Work, { pace }: Pick<TransferContext, "pace">): boolean {
  if (pace !== undefined) return false;
  if (work.type === "get") return work.item.attrs.size > 0 && work.item.attrs.size <= SMALL;
  const { existing, size } = work.item;
  const known = existing === null || existing?.type === "file";
  return known && size > 0 && size <= SMALL;
}

/** A file of this machine, whole, as it was at one moment. */
interface Whole {
  readonly bytes: Buffer;
  /** the bytes, behind HEADER_ROOM */
  readonly memory: Buffer;
  /** permission bits */
  readonly mode: number;
  /** seconds since the epoch */
  readonly mtime: number;
  readonly atime: number;
}

/** Undefined when it isn't what the walk saw: it changes just now, or is no file any more. */
function readWhole(path: string, size: number): Whole | undefined {
  let fd: number;
  try {
    fd = openSync(encodeName(path), "r");
  } catch {
    return undefined;
  }
  try {
    const before = fstatSync(fd);
    // One byte more than there should be tells whether it grew.
    const memory = carve(HEADER_ROOM + size + 1);
    if (!before.isFile() || readSync(fd, memory, HEADER_ROOM, size + 1, 0) !== size) {
      return undefined;
    }
    const { mode, mtimeMs, atimeMs } = before;
    const [mtime, atime] = [Math.floor(mtimeMs / 1000), Math.floor(atimeMs / 1000)];
    const bytes = memory.subarray(HEADER_ROOM, HEADER_ROOM + size);
    return { bytes, memory, mode: mode & 0o777, mtime, atime };
  } catch (error) {
    throw localError(path, error);
  } finally {
    closeSync(fd);
  }
}

/** Sends a file. Rejects with RemoteError or FileError. */
export async function putSmall(
  context: TransferContext,
  item: PutItem,
): Promise<TransferEnd | undefined> {
  const { connection, job, journal } = context;
  const { source, target, size, existing } = item;
  const key: JournalKey = { direction: "up", server: connection.server, source, target };
  const whole = readWhole(source, size);
  // What the journal knows of has a part to go on with, or to be removed.
  if (whole === undefined || journal.knew(key)) return undefined;
  if (existing && existing.size === size && job.resume) {
    const { same } = await compare(context, target, size, (name) => hexOf(name, whole.bytes));
    if (same === undefined) return undefined;
    if (same) {
      if (job.preserve) await copyAttrs(connection, target, whole);
      return { type: "skipped", reason: SAME };
    }
  }
  // In a directory that this job has made nobody looks for what was there before. One WRITE makes
  // such a file whole at once, so it needs no other name until then.
  const inPlace = item.fresh && size <= ONE_WRITE;
  const own = inPlace ? undefined : partNames("", journal.partId(key), false).own;
  const path = own === undefined ? target : beside(target, own);
  return send(context, item, whole, path);
}

async function copyAttrs(
  connection: TransferContext["connection"],
  path: string,
  { mode, atime, mtime }: Whole,
): Promise<void> {
  await connection.chmod(path, mode);
  await connection.utimes(path, atime, mtime);
}

async function send(
  context: TransferContext,
  item: PutItem,
  whole: Whole,
  path: string,
): Promise<TransferEnd | undefined> {
  const { connection, job, signal } = context;
  const { source, target, size, existing, file } = item;
  const operations = await connection.live();
  const handle = await open(operations, path, path === target, existing?.mode ?? whole.mode);
  if (handle === undefined) return undefined;
  context.emit({ type: "start", file, source, target, direction: "up", size, offset: 0 });
  try {
    if (signal.aborted) {
      await answered(operations.close(handle), signal, REMOVE_MS);
      signal.throwIfAborted();
    }
    await write(operations, handle, whole, { mode: existing?.mode, times: job.preserve });
    context.emit({ type: "progress", file, bytes: size, size });
    const ours = (name: HashName): string => hexOf(name, whole.bytes);
    const { same, ...told } = job.verify ? await compare(context, path, size, ours) : NOT_COMPARED;
    signal.throwIfAborted();
    if (same === false) {
      await operations.remove(path);
      return undefined;
    }
    if (path !== target) await replace(context, path, target);
    return { type: "done", bytes: size, ...told };
  } catch (error) {
    if (!operations.channel.lost) await answered(operations.remove(path), signal, REMOVE_MS);
    throw await explained(connection, target, error, size);
  }
}

const NOT_COMPARED: Compared = { same: undefined };

/** Undefined where it can't be made: the long way knows what to do then, or how to say it. */
async function open(
  operations: Operations,
  path: string,
  exclusive: boolean,
  mode: number,
): Promise<RemoteHandle | undefined> {
  const { WRITE, CREAT, TRUNC, EXCL } = OpenFlag;
  try {
    return await operations.open(path, WRITE | CREAT | (exclusive ? EXCL : TRUNC), mode & 0o777);
  } catch (error) {
    if (isLost(error)) throw error;
    return undefined;
  }
}

/** All that the file needs is on its way at once. Rejects with the first error, all answered. */
async function write(
  operations: Operations,
  handle: RemoteHandle,
  whole: Whole,
  keep: { readonly mode: number | undefined; readonly times: boolean },
): Promise<void> {
  const { mode, mtime, atime } = whole;
  const asked = [...writes(operations, handle, whole)];
  if (keep.times) {
    asked.push(operations.fsetstat(handle, { mode, times: { atime, mtime } }));
  } else if (keep.mode !== undefined) {
    // The server's umask counts for new files; the one that is replaced keeps what it had.
    asked.push(operations.fsetstat(handle, { mode: keep.mode & 0o777 }).catch(() => {}));
  }
  asked.push(operations.close(handle));
  for (const end of await Promise.allSettled(asked)) {
    if (end.status === "rejected") throw end.reason;
  }
}

/** One WRITE goes from where the file was read to; several are put together as usual. */
function* writes(
  operations: Operations,
  handle: RemoteHandle,
  { bytes, memory }: Whole,
): Generator<Promise<void>> {
  const { length } = bytes;
  const { maxWrite, channel } = operations;
  const header = WRITE_HEADER + handle.id.length;
  if (length <= maxWrite && header <= HEADER_ROOM) {
    const frame = memory.subarray(HEADER_ROOM - header, HEADER_ROOM + length);
    const id = channel.id();
    writeHeader(frame, id, handle.id, 0, length);
    yield channel.send(id, frame).then((reply) => {
      if (!("code" in reply) || reply.code !== StatusCode.OK) throw failure(handle.path, reply);
    });
    return;
  }
  for (let at = 0; at < length; at += maxWrite) {
    yield operations.write(handle, at, bytes.subarray(at, at + maxWrite));
  }
}

/** The server's checksum of a file, and ours of what it should have. */
interface Compared {
  readonly same: boolean | undefined;
  readonly hash?: FileHash;
  readonly unverified?: string;
}

/** @param ours the checksum of what it should have */
async function compare(
  { connection, signal }: TransferContext,
  path: string,
  size: number,
  ours: (name: HashName) => string | Promise<string>,
): Promise<Compared> {
  const [name] = await connection.hashes();
  if (name === undefined) return { same: undefined };
  try {
    const asked = connection.hash(path, name, undefined, { size, signal });
    const [theirs, hex] = await Promise.all([asked, ours(name)]);
    if (theirs === undefined) return { same: undefined };
    return theirs === hex ? { same: true, hash: { name, hex } } : { same: false };
  } catch (error) {
    if (!(error instanceof LateError)) throw error;
    return { same: undefined, unverified: "the server did not answer in time" };
  }
}

function hexOf(name: HashName, bytes: Buffer): string {
  return createHash(name).update(bytes).digest().toString("hex");
}

/** Fetches a file. Rejects with RemoteError or FileError. */
export async function getSmall(
  context: TransferContext,
  item: GetItem,
): Promise<TransferEnd | undefined> {
  const { connection, job, journal, places } = context;
  const { source, target, attrs, file, top, parts, name } = item;
  const key: JournalKey = { direction: "down", server: connection.server, source, target };
  if (journal.knew(key)) return undefined;
  try {
    if (!item.fresh && places.at(top, parts).lstat(name) !== undefined) return undefined;
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(target, error);
  }
  const { size } = attrs;
  const start = {
    type: "start",
    file,
    source,
    target,
    direction: "down",
    size,
    offset: 0,
  } as const;
  context.emit(start);
  const reading = read(context, item);
  const ours = async (hash: HashName): Promise<string> => hexOf(hash, await reading);
  const comparing = job.verify ? compare(context, source, size, ours) : NOT_COMPARED;
  const [bytes, { same, ...told }] = await Promise.all([reading, comparing]);
  context.emit({ type: "progress", file, bytes: bytes.length, size });
  context.signal.throwIfAborted();
  // It is not as it was listed, or damaged: the long way tells what became of it.
  if (bytes.length !== size || same === false) return undefined;
  try {
    const stored = store(context, item, bytes, partNames("", journal.partId(key), false).own);
    return stored ? { type: "done", bytes: size, ...told } : undefined;
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(target, error);
  }
}

/** The whole file, or as much of it as there is. */
async function read(context: TransferContext, { source, attrs }: GetItem): Promise<Buffer> {
  const operations = await context.connection.live();
  const handle = await operations.open(source, OpenFlag.READ);
  const asked: Promise<Buffer | undefined>[] = [];
  for (let at = 0; at < attrs.size; at += operations.maxRead) {
    asked.push(operations.read(handle, at, Math.min(operations.maxRead, attrs.size - at)));
  }
  const [, ...ends] = await Promise.allSettled([operations.close(handle), ...asked]);
  const pieces = ends.map((end) => {
    if (end.status === "rejected") throw end.reason;
    return end.value ?? NOTHING;
  });
  const bytes = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
  if (bytes.length > attrs.size) {
    operations.channel.fail("the server sent more than it was asked for");
    throw new RemoteError(source, "too much data", { lost: true });
  }
  return bytes;
}

const NOTHING = Buffer.alloc(0);

/** False when somebody else has made a file of the name meanwhile. */
function store(
  { job, places }: TransferContext,
  { attrs, top, parts, name, fresh }: GetItem,
  bytes: Buffer,
  own: string,
): boolean {
  const directory = places.at(top, parts);
  // In a directory that this job has made nobody looks for what was there before.
  const part = fresh ? name : own;
  if (part === own) directory.remove(own);
  const fd = directory.createFile(part, attrs.mode & 0o777);
  if (fd === undefined) return false;
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
    if (job.preserve) {
      fchmodSync(fd, attrs.mode & 0o777);
      futimesSync(fd, attrs.atime, attrs.mtime);
    }
    if (part !== name) directory.rename(part, name);
    return true;
  } catch (error) {
    directory.remove(part);
    throw error;
  } finally {
    closeSync(fd);
  }
}
