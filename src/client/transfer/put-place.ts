import { FileError } from "../errors.ts";
import { directoryOf, joinRemote, type PartNames } from "../names.ts";
import type { JournalEntry, RemoteAttrs, Space } from "../types.ts";
import { JOURNAL_FROM, type Start, type TransferContext } from "./job.ts";

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
  /** what the server lists there; null: nothing; undefined: nobody has looked */
  readonly existing?: RemoteAttrs | null | undefined;
}

/** Where the bytes go until the file is whole: beside the target, or where there is no room, into it. */
export interface PutPlace {
  readonly path: string;
  /** used instead when something has that name by now: it is somebody's own */
  readonly instead?: string;
  readonly target: string;
  readonly existing: RemoteAttrs | undefined;
  readonly start: Start;
}

/** A file that may be the start of the one to send. */
export interface Begun {
  readonly path: string;
  readonly there: RemoteAttrs | undefined;
}

/** What is on the server before anything is sent. */
export interface Surroundings {
  /** what a link at the target leads to, else the target */
  readonly target: string;
  readonly existing: RemoteAttrs | undefined;
  readonly space: Space | undefined;
  /** what the journal knows, as far as it is there still */
  readonly entry: JournalEntry | undefined;
  /** the part that an earlier run left */
  readonly own: Begun | undefined;
  /** where a new part goes */
  readonly anew: Pick<PutPlace, "path" | "instead">;
}

/**
 * Looks at the target and beside it. A part that the journal doesn't know is somebody's own,
 * whatever its name.
 * @param names beside a target
 */
export async function lookAround(
  { connection }: TransferContext,
  item: PutItem,
  size: number,
  names: (target: string) => PartNames,
  begun: JournalEntry | undefined,
): Promise<Surroundings> {
  const known = begun?.part;
  const askFor = async (target: string): Promise<RemoteAttrs | undefined> => {
    const name = known ?? names(target).plain;
    return name === undefined ? undefined : connection.exists(beside(target, name), false);
  };
  // Asked for at once: on a long line each question costs as much as megabytes.
  const [{ target, existing }, likely, space] = await Promise.all([
    resolveTarget(connection, item),
    item.fresh && begun === undefined ? undefined : askFor(item.target),
    size >= JOURNAL_FROM ? connection.space(directoryOf(item.target)) : undefined,
  ]);
  const there = target === item.target ? likely : await askFor(target);
  const { plain, own } = names(target);
  const isOwn = known !== undefined && there?.type === "file";
  const free = there === undefined && (known ?? plain) === plain;
  const last = beside(target, own);
  return {
    target,
    existing,
    space,
    entry: known === undefined || isOwn ? begun : undefined,
    own: isOwn ? { path: beside(target, known), there } : undefined,
    anew: free && plain ? { path: beside(target, plain), instead: last } : { path: last },
  };
}

/** The file that a link leads to is replaced, not the link. */
async function resolveTarget(
  connection: TransferContext["connection"],
  { target, fresh, existing: known }: PutItem,
): Promise<{ target: string; existing: RemoteAttrs | undefined }> {
  if (fresh || known === null) return { target, existing: undefined };
  const found = known ?? (await connection.exists(target, false));
  if (found?.type === "directory")
    throw new FileError(`${target}: is a directory on the server`, "is-a-directory");
  if (found?.type === "other")
    throw new FileError(`${target}: is not a file on the server`, "not-a-file");
  if (found?.type !== "link") return { target, existing: found };
  const real = await connection.realpath(target);
  const existing = await connection.exists(real);
  if (existing !== undefined && existing.type !== "file") {
    throw new FileError(`${target}: leads to what is not a file`, "not-a-file");
  }
  return { target: real, existing };
}

/**
 * Where a file of `size` bytes starts over: beside the target while both fit, so that the old file
 * stays until the new one is whole.
 * @throws FileError when it fits nowhere
 */
export function placeFor(
  size: number,
  { space, target, existing, own, anew }: Surroundings,
): Pick<PutPlace, "path" | "instead"> {
  const part = own === undefined ? anew : { path: own.path };
  if (space === undefined) return part;
  const free = space.freeBytes + (own?.there?.size ?? 0);
  if (size <= free) return part;
  if (existing !== undefined && size <= free + existing.size) return { path: target };
  throw new FileError(`${target}: does not fit: ${size} bytes needed, ${free} free`, "no-space");
}

/** A name in the directory of a file. */
export function beside(target: string, name: string): string {
  return joinRemote(directoryOf(target), name);
}
