import { FsError } from "../errors.ts";
import { visible } from "../text/safe.ts";

/**
 * A path or name as the client sent it, one char per byte (latin1), so that names that are not
 * UTF-8 survive and string operations stay cheap. Never print it: use {@link display}.
 */
export type ByteString = string & { readonly __bytes: unique symbol };

/** An absolute, normalised path inside a user's home, as a {@link ByteString}: "/", "/a/b". */
export type VirtualPath = ByteString & { readonly __virtual: unique symbol };

/** PATH_MAX on Linux: longer paths are refused before any work is done. */
export const MAX_PATH_BYTES = 4096;

/** Directories one inside the other that a path may lead through: each takes microseconds. */
export const MAX_DEPTH = 256;

export const ROOT = "/" as VirtualPath;

export function bytes(buffer: Buffer): ByteString {
  return buffer.toString("latin1") as ByteString;
}

/** UTF-8 text (from our own code, logs, the command line) as bytes on the wire. */
export function fromText(text: string): ByteString {
  return bytes(Buffer.from(text, "utf8"));
}

export function toBuffer(value: ByteString): Buffer {
  return Buffer.from(value, "latin1");
}

export function isAscii(value: ByteString): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the test is for plain ASCII
  return /^[\x00-\x7f]*$/.test(value);
}

/** For logs and messages: the bytes read as UTF-8, what isn't replaced, and made safe to show. */
export function display(value: ByteString): string {
  return visible(isAscii(value) ? value : toBuffer(value).toString("utf8"));
}

/**
 * The components of a client's path below the home, "." dropped. ".." stays: what it means depends
 * on links and is the jail's to decide. A relative path is relative to the home.
 */
export function components(path: ByteString): ByteString[] {
  if (path.length > MAX_PATH_BYTES) throw new FsError("ENAMETOOLONG");
  if (path.includes("\0")) throw new FsError("EINVAL", "a name holds a NUL byte");
  const parts: ByteString[] = [];
  for (let at = 0; at <= path.length; ) {
    const slash = path.indexOf("/", at);
    const end = slash < 0 ? path.length : slash;
    const part = path.slice(at, end);
    if (part !== "" && part !== ".") parts.push(part as ByteString);
    at = end + 1;
  }
  return parts;
}

/**
 * Whether only a directory can be meant: POSIX resolves a name with a slash behind it as if that
 * were "/.".
 */
export function endsInDirectory(path: ByteString): boolean {
  return path.endsWith("/") || path.endsWith("/.");
}

/** The path without the slashes behind its last name. */
export function withoutSlash(path: ByteString): ByteString {
  return path.endsWith("/") ? (path.replace(/([^/])\/+$/, "$1") as ByteString) : path;
}

export function join(directory: VirtualPath, name: ByteString): VirtualPath {
  return (directory === "/" ? `/${name}` : `${directory}/${name}`) as VirtualPath;
}

/** The path with ".." taken as text, for names that don't exist (REALPATH of a missing path). */
export function normalize(path: ByteString): VirtualPath {
  const out: string[] = [];
  for (const part of components(path)) {
    if (part === "..") out.pop();
    else out.push(part);
  }
  return `/${out.join("/")}` as VirtualPath;
}
