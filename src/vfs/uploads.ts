import { randomBytes } from "node:crypto";
import type { Stats } from "node:fs";
import { NAME_MAX } from "../text/names.ts";
import { directoryOf, isOwnThere, isPlain, rightsAt } from "./guard.ts";
import { type ByteString, fromText, join, type VirtualPath } from "./path.ts";
import type { Place } from "./place.ts";
import { isPartial } from "./temporary-names.ts";
import type { OpenFlags } from "./types.ts";

/**
 * The place of a new file for one that this session uploaded before, whole, where nothing is read: it
 * is as taken as any other name there. The place itself for everything else.
 */
export function afresh(place: Place, isNew: (seen: Stats) => boolean): Place {
  if (isPlain(place)) return place;
  const { read, create } = rightsAt(place);
  const { seen, asked, treePath } = place;
  const isAgain = !read && create && seen?.isFile() === true && isNew(seen) && isOwnThere(place);
  if (!isAgain) return place;
  return place.renamed(asked, join(directoryOf(treePath), asked), { isHidden: true });
}

/** An upload that begins anew. */
export function beginsAnew(place: Place, flags: OpenFlags): (seen: Stats) => boolean {
  return ({ size }) =>
    flags.create && (flags.exclusive || (flags.truncate && size > 0 && !isPartial(place.name)));
}

/** Bytes that tell names apart which would be the same. */
const TELLING_BYTES = 4;

/**
 * The place under a name that is free: whether the one that was asked for is, must not show.
 * @returns the place itself where names may be seen
 */
export function unseen(place: Place): Place {
  if (!place.isHidden) return place;
  const { name, treePath } = place;
  const asked = place.renamed(name, treePath);
  if (asked.seen === undefined) return asked;
  const other = tellApart(name);
  return asked.renamed(other, join(directoryOf(treePath), other));
}

/** "a.txt" becomes "a-1f00c2d4.txt"; at most as long as a name may be. */
function tellApart(name: ByteString): ByteString {
  const mark = fromText(`-${randomBytes(TELLING_BYTES).toString("hex")}`);
  const dot = name.lastIndexOf(".");
  const end = dot > 0 ? name.slice(dot).slice(-32) : "";
  const start = name
    .slice(0, dot > 0 ? dot : undefined)
    .slice(0, NAME_MAX - mark.length - end.length);
  return `${start}${mark}${end}` as ByteString;
}

/** A file or directory that was made where its session may not change anything. @param asked how it was named */
export function remember(place: Place, asked: VirtualPath, inode: string): void {
  if (isPlain(place) || rightsAt(place).change) return;
  const { own } = place.mount.tree;
  for (const path of new Set([asked, place.treePath])) own.add(path, { name: place.name, inode });
}

/** The same of a directory that stands there now. */
export function rememberDirectory(place: Place): void {
  const inode = isPlain(place) ? undefined : place.current();
  if (inode !== undefined) remember(place, place.treePath, inode);
}

/** @param asked where it should be moved to */
export function moved(source: Place, asked: Place, target: Place): void {
  const { own } = source.mount.tree;
  const upload = own.at(source.treePath);
  if (upload === undefined) return;
  own.forget(source.treePath);
  remember(target, asked.treePath, upload.inode);
}
