import { homedir } from "node:os";
import { resolve } from "node:path";
import { UsageError } from "../../../shell/errors.ts";
import type { Word } from "../shell/words.ts";

/** A remote path as typed, seen from a directory; "~" is the login directory. */
export function remotePath(word: Word, directory: string, home: string): string {
  return under(word.home ? `${home}${word.text.slice(1)}` : word.text, directory);
}

/** Absolute paths stay; ".." too, for what it means is the server's to say. */
export function under(path: string, directory: string): string {
  if (path === "") throw new UsageError("a name is empty");
  if (path === ".") return directory;
  if (path.startsWith("/")) return path;
  return directory.endsWith("/") ? directory + path : `${directory}/${path}`;
}

/** A local path as typed, absolute. */
export function localPath(word: Word, directory: string): string {
  if (word.text === "") throw new UsageError("a name is empty");
  return resolve(directory, word.home ? `${homedir()}${word.text.slice(1)}` : word.text);
}

/**
 * A path as it was typed. A "/" at its end says that it is a directory, and for a source that its contents
 * are meant. "." and ".." say the same, so they get a "/" where the path is made without them.
 */
export function asTyped(path: string, typed: string): string {
  return /(\/|(^|\/)\.\.?)$/.test(typed) && !path.endsWith("/") ? `${path}/` : path;
}

/** The directory that a remote path is in. */
export function remoteParent(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  const slash = trimmed.lastIndexOf("/");
  if (slash < 0) return ".";
  return slash === 0 ? "/" : trimmed.slice(0, slash);
}
