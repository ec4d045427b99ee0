import { type Dirent, lstatSync, opendirSync, type Stats, statSync } from "node:fs";
import { resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { decodeName, encodeName } from "../../text/names.ts";
import { errnoOf, FileError, RemoteError } from "../errors.ts";
import { DEEPEST, directoryOf, joinRemote, remoteName } from "../names.ts";
import type { RemoteAttrs } from "../types.ts";
import type { TransferContext } from "./job.ts";
import { make, makeAll, makeTarget } from "./make.ts";
import type { PutItem } from "./put-place.ts";
import { sourceStat } from "./source.ts";
import { removeRemote } from "./surplus.ts";
import {
  failed,
  isLost,
  looksSame,
  MOST_NAMES,
  OWNER,
  SAME,
  type Walk,
  withoutExtra,
} from "./walk.ts";
import { goesInto, nameInTarget } from "./where.ts";

/** Names that are read, and looked at, before the connection has its turn again. */
const AT_ONCE = 64;

/** A directory on the way to the server. */
interface Place {
  readonly source: string;
  readonly target: string;
  /** below the source that was named; "" for itself */
  readonly path: string;
  readonly depth: number;
  /** it is there, and is what the person named: it is not made */
  readonly given: boolean;
  /** true when it was made just now, and has its mode already */
  readonly isNew: boolean;
}

/** Everything that a job sends. */
export async function* walkLocal(context: TransferContext): Walk {
  const { job, connection } = context;
  const target = absolute(context, job.target);
  // Asked for at once: on a long line each question costs as much as megabytes.
  const [there, itself, above] = await Promise.all([
    connection.exists(target),
    connection.exists(target, false),
    connection.exists(directoryOf(target)).catch(() => undefined),
  ]);
  const into = goesInto(job, there?.type === "directory");
  if (into && there !== undefined && there.type !== "directory") {
    throw new FileError(`${job.target}: is not a directory`, "not-a-directory");
  }
  const made = new Set<string>();
  /** True where it is new: not for the second source that goes there. */
  const makeOnce = async (path: string, mode?: number): Promise<boolean> => {
    if (made.has(path)) return false;
    const isNew = await makeTarget(context, path, mode);
    made.add(path);
    return isNew;
  };
  for (const given of job.sources) {
    const source = resolve(given);
    try {
      const stat = sourceStat(given, job.recursive);
      const name = nameInTarget(given);
      if (stat.isDirectory()) {
        if (there !== undefined && there.type !== "directory")
          throw new FileError(`${job.target}: is not a directory`, "not-a-directory");
        const whole = name === undefined;
        const mode = whole ? (stat.mode & 0o777) | OWNER : undefined;
        const isNew = there === undefined && (await makeOnce(target, mode));
        const own = whole ? target : joinRemote(target, name);
        const place = { source, target: own, path: "", depth: 0, isNew: whole && isNew };
        yield* directory(context, { ...place, given: whole && there !== undefined });
      } else if (!context.exclusion.has(remoteName(source), false)) {
        const path = into ? joinRemote(target, name ?? remoteName(source)) : target;
        const missing = there === undefined && (into || above?.type !== "directory");
        if (missing) await makeOnce(directoryOf(path));
        const existing = into ? (missing ? null : undefined) : (itself ?? null);
        yield await oneFile(context, source, stat, path, existing);
      }
    } catch (error) {
      if (isLost(error)) throw error;
      yield failed(given, error);
    }
  }
}

/** Relative paths start at the login directory. */
function absolute({ connection }: TransferContext, path: string): string {
  const full = path.startsWith("/") ? path : joinRemote(connection.home, path);
  const trimmed = full.replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed;
}

async function oneFile(
  context: TransferContext,
  source: string,
  stat: Stats,
  target: string,
  existing: RemoteAttrs | null | undefined,
) {
  const { connection } = context;
  const item = { source, size: stat.size, target, fresh: false };
  const known = existing === undefined ? await connection.exists(target, false) : existing;
  return fileOf(context, item, stat, known ?? null);
}

/** @param existing what the server lists at the target; null: nothing; undefined: not known */
function fileOf(
  { job }: TransferContext,
  item: Omit<PutItem, "file">,
  stat: Stats,
  existing: RemoteAttrs | null | undefined,
) {
  const mtime = Math.floor(stat.mtimeMs / 1000);
  const same =
    job.sync?.checksum === false &&
    existing?.type === "file" &&
    looksSame(existing, { size: stat.size, mtime });
  if (same) return { type: "skipped", source: item.source, reason: SAME, size: item.size } as const;
  return { type: "put", item: { ...item, existing } } as const;
}

async function* directory(context: TransferContext, place: Place): Walk {
  const { job } = context;
  const { source, target, path, depth } = place;
  if (depth > DEEPEST) {
    yield failed(source, new FileError(`${source}: too deep`));
    return;
  }
  try {
    const { mode } = statSync(encodeName(source));
    const fresh =
      place.isNew || (!place.given && (await made(context, target, (mode & 0o777) | OWNER)));
    const there = fresh ? new Map<string, RemoteAttrs>() : await listed(context, target);
    const below: string[] = [];
    const kept = new Set<string>();
    for await (const name of namesOf(source)) {
      const from = `${source}/${name}`;
      const stat = statSync(encodeName(from), { throwIfNoEntry: false });
      const inside = path === "" ? name : `${path}/${name}`;
      kept.add(name);
      if (context.exclusion.has(inside, stat?.isDirectory() ?? false)) continue;
      if (stat?.isFile()) {
        const item = { source: from, size: stat.size, target: joinRemote(target, name), fresh };
        yield fileOf(context, item, stat, there && (there.get(name) ?? null));
      } else if (stat?.isDirectory() && !isLink(from)) below.push(name);
      else yield { type: "skipped", source: from, reason: whyNot(stat) };
    }
    if (job.sync?.remove && there !== undefined) yield* surplus(context, place, there, kept);
    for (const name of below) {
      const inside = path === "" ? name : `${path}/${name}`;
      const next = { source: `${source}/${name}`, target: joinRemote(target, name), path: inside };
      yield* directory(context, { ...next, depth: depth + 1, given: false, isNew: false });
    }
    if (job.dryRun) return;
    if (job.preserve) yield { type: "later", run: () => sendTimes(context, source, target) };
    else if (fresh && withoutExtra(OWNER, mode) !== OWNER)
      yield { type: "later", run: () => closeUp(context, target, mode) };
  } catch (error) {
    if (isLost(error)) throw error;
    yield failed(errnoOf(error) === undefined ? target : source, error);
  }
}

function isLink(path: string): boolean {
  return lstatSync(encodeName(path), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
}

function whyNot(stat: Stats | undefined): string {
  if (stat === undefined) return "a link that leads nowhere";
  return stat.isDirectory() ? "a link to a directory" : "not a file";
}

async function* namesOf(directory: string): AsyncGenerator<string, void, undefined> {
  // Its types know neither a name nor an encoding of bytes.
  const open = opendirSync(encodeName(directory) as unknown as string, {
    encoding: "buffer" as BufferEncoding,
    bufferSize: 256,
  });
  try {
    let entry = open.readSync();
    for (let count = 1; entry !== null; count++) {
      yield decodeName((entry as unknown as Dirent<Buffer>).name);
      if (count % AT_ONCE === 0) await turn();
      entry = open.readSync();
    }
  } finally {
    open.closeSync();
  }
}

/**
 * What the server has in a directory: one question for each hundred files, not one for each file.
 * Undefined where files may be put but not seen.
 */
async function listed(
  { connection, job }: TransferContext,
  path: string,
): Promise<Map<string, RemoteAttrs> | undefined> {
  const there = new Map<string, RemoteAttrs>();
  try {
    for await (const batch of connection.list(path)) {
      if (there.size > MOST_NAMES) throw new FileError(`${path}: too many names to read`);
      for (const { name, longname: _, ...attrs } of batch) there.set(name, attrs);
    }
  } catch (error) {
    if (isLost(error) || !(error instanceof RemoteError) || job.sync?.remove) throw error;
    return undefined;
  }
  there.delete(".");
  there.delete("..");
  return there;
}

async function* surplus(
  { connection, exclusion }: TransferContext,
  { target, path }: Place,
  there: ReadonlyMap<string, RemoteAttrs>,
  kept: ReadonlySet<string>,
): Walk {
  for (const [name, { type }] of there) {
    const isDirectory = type === "directory";
    const inside = path === "" ? name : `${path}/${name}`;
    if (kept.has(name) || name.includes("/") || exclusion.has(inside, isDirectory)) continue;
    const gone = joinRemote(target, name);
    const run = () => removeRemote(connection, gone, isDirectory, exclusion, inside);
    yield { type: "surplus", target: gone, run };
  }
}

/** True when it was made now; with --dry-run, when it would be. */
async function made(
  { connection, job }: TransferContext,
  path: string,
  mode: number,
): Promise<boolean> {
  if (job.dryRun) return (await connection.exists(path)) === undefined;
  try {
    return await make(connection, path, mode);
  } catch (error) {
    if (isLost(error)) throw error;
    if ((await connection.exists(path)) !== undefined)
      throw new FileError(`${path}: is in the way and not a directory`);
    if ((await connection.exists(directoryOf(path))) !== undefined) throw error;
    return (await makeAll(connection, path, mode)).includes(path);
  }
}

async function closeUp(
  { connection }: TransferContext,
  target: string,
  mode: number,
): Promise<void> {
  const there = await connection.stat(target);
  await connection.chmod(target, withoutExtra(there.mode, mode));
}

async function sendTimes(
  { connection }: TransferContext,
  source: string,
  target: string,
): Promise<void> {
  const { atimeMs, mtimeMs, mode } = statSync(encodeName(source));
  await connection.chmod(target, mode & 0o777);
  await connection.utimes(target, Math.floor(atimeMs / 1000), Math.floor(mtimeMs / 1000));
}
