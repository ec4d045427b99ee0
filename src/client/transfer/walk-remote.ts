import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { decodeName, encodeName } from "../../text/names.ts";
import { visible } from "../../text/safe.ts";
import { errnoOf, FileError, localError } from "../errors.ts";
import { DEEPEST, joinRemote, remoteName } from "../names.ts";
import type { RemoteAttrs, RemoteEntry } from "../types.ts";
import type { GetItem } from "./get-file.ts";
import type { TransferContext } from "./job.ts";
import { inDirectory, isDirectory, isPlainName, isThere, type LocalDirectory } from "./local.ts";
import { removeLocal } from "./surplus.ts";
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

/** A directory on its way here. */
interface Place {
  readonly source: string;
  /** the local directory the person named, from which on no link is followed */
  readonly top: string;
  readonly parts: readonly string[];
  /** below the source that was named; "" for itself */
  readonly path: string;
  /** of the source */
  readonly mode: number;
}

/** Everything that a job fetches. */
export async function* walkRemote(context: TransferContext): Walk {
  const { job, connection } = context;
  const target = resolve(job.target);
  const into = goesInto(job, isDirectory(target));
  if (into && isThere(target) && !isDirectory(target)) {
    throw new FileError(`${job.target}: is not a directory`, "not-a-directory");
  }
  for (const given of job.sources) {
    try {
      const source = await connection.realpath(given.replace(/(?<=.)\/+$/, ""));
      const [attrs, besides] = await Promise.all([
        connection.stat(source),
        connection.exists(`${source}.part`, false).catch(() => undefined),
      ]);
      const name = nameInTarget(given);
      if (attrs.type === "directory") {
        if (!job.recursive)
          throw new FileError(
            `${given}: is a directory (-r fetches it with all in it)`,
            "is-a-directory",
          );
        yield* directory(context, {
          source,
          ...placeOf(target, name, job),
          path: "",
          mode: attrs.mode,
        });
      } else if (attrs.type !== "file" || given.endsWith("/")) {
        throw new FileError(`${given}: is not a ${attrs.type === "file" ? "directory" : "file"}`);
      } else if (!context.exclusion.has(remoteName(source), false)) {
        const top = into ? target : resolve(target, "..");
        if (!job.dryRun) makeTop(top);
        const own = into ? (name ?? remoteName(source)) : remoteName(target);
        const place = { source, attrs, top, parts: [], name: own };
        const item = { ...place, partTaken: besides !== undefined, target: resolve(top, own) };
        yield await fileOf(context, item);
      }
    } catch (error) {
      if (isLost(error)) throw error;
      yield failed(given, error);
    }
  }
}

/** Where a directory goes. What is above it is made, and gets no mode of the source's. */
function placeOf(target: string, name: string | undefined, { dryRun }: TransferContext["job"]) {
  const asTarget = name === undefined && !isThere(target);
  const top = asTarget ? resolve(target, "..") : target;
  if (!dryRun) makeTop(top);
  const own = asTarget ? remoteName(target) : name;
  return { top, parts: own === undefined ? [] : [own] };
}

function makeTop(path: string): void {
  try {
    mkdirSync(encodeName(path), { recursive: true });
  } catch (error) {
    throw localError(path, error);
  }
}

async function fileOf({ job }: TransferContext, item: Omit<GetItem, "file">) {
  const { source, attrs, top, parts, name } = item;
  if (job.sync?.checksum === false && isDirectory(resolve(top, ...parts))) {
    const found = await inDirectory(top, parts, (directory) => directory.lstat(name));
    const mtime = Math.floor((found?.mtimeMs ?? 0) / 1000);
    if (found?.isFile() && looksSame(attrs, { size: found.size, mtime }))
      return { type: "skipped", source, reason: SAME, size: attrs.size } as const;
  }
  return { type: "get", item } as const;
}

async function* directory(context: TransferContext, place: Place): Walk {
  const { connection, job, exclusion } = context;
  const { source, top, parts, path, mode } = place;
  const target = resolve(top, ...parts);
  if (parts.length > DEEPEST) {
    yield failed(source, new FileError(`${source}: too deep`));
    return;
  }
  try {
    const made = job.dryRun ? false : await make(place);
    const below: Place[] = [];
    const kept = new Set<string>();
    let complete = true;
    for await (const { batch, isTaken } of batches(connection, source)) {
      for (const { name, longname: _, ...listed } of batch) {
        if (name === "." || name === "..") continue;
        const from = joinRemote(source, name);
        if (!isPlainName(name)) {
          const message = `${source}: the server names a file ${visible(JSON.stringify(name))}: left out`;
          yield failed(source, new FileError(message));
          complete = false;
          continue;
        }
        const inside = path === "" ? name : `${path}/${name}`;
        if (kept.size > MOST_NAMES) throw new FileError(`${source}: too many names to read`);
        if (job.sync?.remove) kept.add(name);
        if (exclusion.has(inside, listed.type === "directory")) continue;
        const attrs = listed.type === "link" ? await connection.exists(from) : listed;
        if (attrs?.type === "file") {
          const partTaken = isTaken(`${name}.part`);
          const whole = resolve(target, name);
          const item = {
            source: from,
            attrs,
            top,
            parts,
            name,
            partTaken,
            fresh: made,
            target: whole,
          };
          yield await fileOf(context, item);
        } else if (attrs?.type === "directory" && listed.type !== "link") {
          const next = [...parts, name];
          below.push({ source: from, top, parts: next, path: inside, mode: attrs.mode });
        } else yield { type: "skipped", source: from, reason: whyNot(attrs) };
      }
    }
    if (job.sync?.remove && complete) yield* surplus(context, place, kept);
    for (const next of below) yield* directory(context, next);
    if (job.dryRun) return;
    if (job.preserve) yield { type: "later", run: () => copyTimes(context, source, top, parts) };
    else if (made && withoutExtra(OWNER, mode) !== OWNER) {
      const run = () => inDirectory(top, parts, (own) => own.setMode(withoutExtra(own.mode, mode)));
      yield { type: "later", run };
    }
  } catch (error) {
    if (isLost(error)) throw error;
    yield failed(errnoOf(error) === undefined ? source : target, error);
  }
}

/** True when it was made now. */
function make({ top, parts, mode }: Place): Promise<boolean> {
  const madeNow = (own: LocalDirectory): boolean => own.made;
  return inDirectory(top, parts, madeNow, (mode & 0o777) | OWNER);
}

async function* surplus(
  { exclusion }: TransferContext,
  { top, parts, path }: Place,
  kept: ReadonlySet<string>,
): Walk {
  const target = resolve(top, ...parts);
  if (!isDirectory(target)) return;
  const here = await inDirectory(top, parts, (directory) => directory.entries());
  for (const entry of here) {
    const name = decodeName(entry.name);
    const inside = path === "" ? name : `${path}/${name}`;
    if (kept.has(name) || exclusion.has(inside, entry.isDirectory())) continue;
    const run = () => removeLocal(top, parts, name, exclusion, inside);
    yield { type: "surplus", target: resolve(target, name), run };
  }
}

/** Names of a directory that are read before the first of its files is fetched. */
const MOST_HELD = 100_000;

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
