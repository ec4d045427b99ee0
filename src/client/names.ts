import { createHash } from "node:crypto";
import { encodeName, NAME_MAX } from "../text/names.ts";

/**
 * Directories one inside the other that are gone into: as deep as a path of Moorage's leads. Deeper
 * trees are loops, or meant to harm.
 */
export const DEEPEST = 256;

/** Joins a remote directory and a name. */
export function joinRemote(directory: string, name: string): string {
  if (directory === "") return name;
  return directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
}

/** The directory a remote path is in. */
export function directoryOf(path: string): string {
  const at = path.lastIndexOf("/");
  return at <= 0 ? (at === 0 ? "/" : ".") : path.slice(0, at);
}

/** The last part of a remote path, "" for "/". */
export function remoteName(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  return trimmed.slice(trimmed.lastIndexOf("/") + 1);
}

/** The first bytes of a text's SHA-256 in hex: a name that always fits. */
export function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** The name beside a file's own under which it is kept when it is damaged. @param taken it is in use */
export function corruptName(name: string, taken: boolean): string {
  if (!taken && fits(`${name}.corrupt`)) return `${name}.corrupt`;
  return `.${shortHash(encodeName(name).toString("latin1"))}.corrupt`;
}

/** The names beside a file's own that it may have until it is whole. */
export interface PartNames {
  /** what a person knows it by; only where nothing has this name yet */
  readonly plain: string | undefined;
  /** of this one transfer and no other: what has this name was left by it */
  readonly own: string;
}

/** @param id the transfer's in the journal. @param plain false: a file of the plain name is to come */
export function partNames(name: string, id: string, plain: boolean): PartNames {
  const wanted = plain && fits(`${name}.part`);
  return { plain: wanted ? `${name}.part` : undefined, own: `.${id}.part` };
}

function fits(name: string): boolean {
  return encodeName(name).length <= NAME_MAX;
}
