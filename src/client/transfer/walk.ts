import { type Dirent, lstatSync, opendirSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { decodeName, encodeName } from "../../text/names.ts";
import { visible } from "../../text/safe.ts";
import { errnoOf, FileError, localError, RemoteError } from "../errors.ts";
import { DEEPEST, joinRemote, remoteName } from "../names.ts";
import type { RemoteAttrs, RemoteEntry } from "../types.ts";
import type { GetItem } from "./get-file.ts";
import type { TransferContext } from "./job.ts";
import { inDirectory, isDirectory, isPlainName, isThere } from "./local.ts";
import type { PutItem } from "./put-place.ts";

/** Names of a directory that are read before the first of its files is fetched. */
const MOST_HELD = 100_000;

/** A directory is filled by its owner, whatever mode it gets in the end. */
const OWNER = 0o700;

/** What a job consists of, as it is found. */
export type Found =
  | { readonly type: "get"; readonly item: Omit<GetItem, "file"> }
  | { readonly type: "put"; readonly item: Omit<PutItem, "file"> }
  | { readonly type: "skipped"; readonly source: string; readonly reason: string }
  | { readonly type: "failed"; readonly source: string; readonly message: string }
  /** once everything before it is complete */
  | { readonly type: "later"; readonly run: () => Promise<void> };

type Walk = AsyncGenerator<Found, void, undefined>;

function failed(source: string, error: unknown): Found {
  const known = errnoOf(error) === undefined ? error : localError(source, error);
  return { type: "failed", source, message: (known as Error).message };
}

function isLost(error: unknown): boolean {
  return error instanceof RemoteError && error.lost;
}

/** The name that a path's last part gives a copy; undefined for ".", ".." and "/": their contents are meant. */
function copyName(path: string): string | undefined {
  const name = remoteName(path);
  return isPlainName(name) ? name : undefined;
}

/** Whether files go into the target. @throws FileError when they would have to, and can't */
function goesInto(job: TransferContext["job"], there: boolean, directory: boolean): boolean {
  if (directory) return true;
  const single = job.sources.length === 1;
  if (single && !job.target.endsWith("/")) return false;
  // With -r one source may be a directory, and this the new name of it.
  if (single && job.recursive && !there) return false;
  throw notInto(job, there);
}

function notInto({ target }: TransferContext["job"], there: boolean): FileError {
  return new FileError(`${target}: ${there ? "is not a directory" : "does not exist"}`);
}

/** A file needs a directory where the target's name ends as only a directory's does. */
function checkFile(job: TransferContext["job"], into: boolean): void {
  if (!into && job.target.endsWith("/")) throw notInto(job, false);
}

/** Everything that a job fetches. */
export async function* walkRemote(context: TransferContext): Walk {
  const { job, connection } = context;
  const target = resolve(job.target);
  const into = goesInto(job, isThere(target), isDirectory(target));
  for (const given of job.sources) {
    try {
      const source = await connection.realpath(given);
      const [attrs, besides] = await Promise.all([
        connection.stat(source),
        connection.exists(`${source}.part`, false).catch(() => undefined),
      ]);
      const name = copyName(given) ?? "";
      if (attrs.type === "directory") {
        if (!job.recursive)
          throw new FileError(`${given}: is a directory (-r fetches it with all in it)`);
        // Into a directory that is there goes one of the source's name; else the target is its copy.
        const top = into ? target : resolve(target, "..");
        const own = into ? name : remoteName(target);
        yield* remoteDirectory(context, source, top, own === "" ? [] : [own], attrs.mode);
      } else if (attrs.type !== "file") throw new FileError(`${given}: is not a file`);
      else {
        checkFile(job, into);
        const partTaken = besides !== undefined;
        yield { type: "get", item: { ...oneFile(source, attrs, target, into, name), partTaken } };
      }
    } catch (error) {
      if (isLost(error)) throw error;
      yield failed(given, error);
    }
  }
}

function oneFile(
  source: string,
  attrs: RemoteAttrs,
  target: string,
  into: boolean,
  name: string,
): Omit<GetItem, "file" | "partTaken"> {
  const top = into ? target : resolve(target, "..");
  const own = into ? name : remoteName(target);
  return { source, attrs, top, parts: [], name: own, target: resolve(top, own) };
}

async function* remoteDirectory(
  context: TransferContext,
  source: string,
  top: string,
  parts: readonly string[],
  mode: number,
): Walk {
  const { connection } = context;
  const target = resolve(top, ...parts);
  if (parts.length > DEEPEST) {
    yield { type: "failed", source, message: `${source}: too deep` };
    return;
  }
  try {
    const made = await inDirectory(top, parts, (own) => own.made, (mode & 0o777) | OWNER);
    const below: { name: string; path: string; mode: number }[] = [];
    for await (const { batch, isTaken } of batches(connection, source)) {
      for (const { name, longname: _, ...listed } of batch) {
        if (name === "." || name === "..") continue;
        const path = joinRemote(source, name);
        if (!isPlainName(name)) {
          const message = `${source}: the server names a file ${visible(JSON.stringify(name))}: left out`;
          yield { type: "failed", source, message };
          continue;
        }
        const attrs = listed.type === "link" ? await connection.exists(path) : listed;
        if (attrs?.type === "file") {
          const partTaken = isTaken(`${name}.part`);
          const whole = resolve(target, name);
          const item = { source: path, attrs, top, parts, name, partTaken, target: whole };
          yield { type: "get", item };
        } else if (attrs?.type === "directory" && listed.type !== "link") {
          below.push({ name, path, mode: attrs.mode });
        } else yield { type: "skipped", source: path, reason: whyNot(attrs) };
      }
    }
    for (const { name, path, mode } of below)
      yield* remoteDirectory(context, path, top, [...parts, name], mode);
    if (context.job.preserve)
      yield { type: "later", run: () => copyTimes(context, source, top, parts) };
    else if (made && withoutExtra(OWNER, mode) !== OWNER) {
      const run = () => inDirectory(top, parts, (own) => own.setMode(withoutExtra(own.mode, mode)));
      yield { type: "later", run };
    }
  } catch (error) {
    if (isLost(error)) throw error;
    yield failed(errnoOf(error) === undefined ? source : target, error);
  }
}

/** Batches of a directory, and whether it has a name. Of a very large one all may be there. */
async function* batches(
  connection: TransferContext["connection"],
  path: string,
): AsyncGenerator<Listed, void, undefined> {
  const names = new Set<string>();
  const held: (readonly RemoteEntry[])[] = [];
  let complete = true;
  for await (const batch of connection.list(path)) {
    if (complete) {
      for (const { name } of batch) names.add(name);
      held.push(batch);
      complete = names.size <= MOST_HELD;
      if (complete) continue;
      for (const early of held.splice(0)) yield { batch: early, isTaken: () => true };
    } else yield { batch, isTaken: () => true };
  }
  for (const batch of held) yield { batch, isTaken: (name) => names.has(name) };
}

interface Listed {
  readonly batch: readonly RemoteEntry[];
  isTaken(name: string): boolean;
}

function whyNot(attrs: RemoteAttrs | undefined): string {
  if (attrs === undefined) return "a link that leads nowhere";
  return attrs.type === "directory" ? "a link to a directory" : "not a file";
}

/** Takes the owner's bits away again that `mode` doesn't have; the umask, and setgid, stay. */
function withoutExtra(made: number, mode: number): number {
  return made & ~(OWNER & ~mode);
}

/** And the mode, once nothing more is made in it. */
async function copyTimes(
  { connection }: TransferContext,
  source: string,
  top: string,
  parts: readonly string[],
): Promise<void> {
  const { atime, mtime, mode } = await connection.stat(source);
  await inDirectory(top, parts, (directory) => {
    directory.setTimes(atime, mtime);
    directory.setMode(mode & 0o777);
  });
}

/** Everything that a job sends. */
export async function* walkLocal(context: TransferContext): Walk {
  const { job, connection } = context;
  const target = await absolute(context, job.target);
  const there = await connection.exists(target);
  const into = goesInto(job, there !== undefined, there?.type === "directory");
  for (const given of job.sources) {
    const source = resolve(given);
    try {
      const stat = statSync(encodeName(source));
      const name = copyName(given) ?? (job.recursive ? "" : remoteName(source));
      const path = into && name !== "" ? joinRemote(target, name) : target;
      if (stat.isDirectory()) {
        if (!job.recursive)
          throw new FileError(`${given}: is a directory (-r sends it with all in it)`);
        yield* localDirectory(context, source, path, into && name === "", 0);
      } else if (!stat.isFile()) throw new FileError(`${given}: is not a file`);
      else {
        checkFile(job, into);
        yield { type: "put", item: { source, size: stat.size, target: path, fresh: false } };
      }
    } catch (error) {
      if (isLost(error)) throw error;
      yield failed(given, error);
    }
  }
}

/** Relative paths start at the login directory. */
async function absolute({ connection }: TransferContext, path: string): Promise<string> {
  const full = path.startsWith("/") ? path : joinRemote(connection.home, path);
  const trimmed = full.replace(/\/+$/, "");
  return trimmed === "" ? "/" : trimmed;
}

async function* localDirectory(
  context: TransferContext,
  source: string,
  target: string,
  there: boolean,
  depth: number,
): Walk {
  if (depth > DEEPEST) {
    yield { type: "failed", source, message: `${source}: too deep` };
    return;
  }
  try {
    const { mode } = statSync(encodeName(source));
    const fresh = there ? false : await makeDirectory(context, target, (mode & 0o777) | OWNER);
    const below: string[] = [];
    for await (const entry of opendirSync(encodeName(source) as unknown as string, {
      encoding: "buffer" as BufferEncoding,
    })) {
      const name = decodeName((entry as unknown as Dirent<Buffer>).name);
      const path = `${source}/${name}`;
      const stat = statSync(encodeName(path), { throwIfNoEntry: false });
      const link =
        lstatSync(encodeName(path), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
      if (stat?.isFile()) {
        const item = { source: path, size: stat.size, target: joinRemote(target, name), fresh };
        yield { type: "put", item };
      } else if (stat?.isDirectory() && !link) below.push(name);
      else {
        const reason = stat === undefined ? "a link that leads nowhere" : "a link to a directory";
        const special = stat !== undefined && !stat.isDirectory();
        yield { type: "skipped", source: path, reason: special ? "not a file" : reason };
      }
    }
    for (const name of below) {
      const to = joinRemote(target, name);
      yield* localDirectory(context, `${source}/${name}`, to, false, depth + 1);
    }
    if (context.job.preserve)
      yield { type: "later", run: () => sendTimes(context, source, target) };
    else if (fresh && withoutExtra(OWNER, mode) !== OWNER)
      yield { type: "later", run: () => closeUp(context, target, mode) };
  } catch (error) {
    if (isLost(error)) throw error;
    yield failed(errnoOf(error) === undefined ? target : source, error);
  }
}

/** True when it was made now. */
async function makeDirectory(
  { connection }: TransferContext,
  path: string,
  mode: number,
): Promise<boolean> {
  try {
    await connection.mkdir(path, mode);
    return true;
  } catch (error) {
    if (isLost(error)) throw error;
    const there = await connection.exists(path);
    if (there?.type === "directory") return false;
    throw there === undefined ? error : new FileError(`${path}: is in the way and not a directory`);
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
