import { damaged } from "./errors.ts";

/** Counts up when an older program could not restore what a newer one writes. */
export const FORMAT = 1;

/** The first entry of an archive, and the last one. */
export const MANIFEST = "moorage-backup.json";
export const TRAILER = "moorage-backup.end.json";

/** Bytes of each that are read. */
export const MAX_MANIFEST_BYTES = 64 * 1024;

/** What the archive is, at its beginning. */
export interface Manifest {
  readonly format: number;
  /** of the program that made it */
  readonly program: string;
  /** of the database in it: the number of its last migration */
  readonly schema: number;
  /** of the instance, as in homes/.moorage */
  readonly instance: string;
  /** milliseconds since the epoch */
  readonly createdAt: number;
  /** true: the files of users and folders, too */
  readonly homes: boolean;
}

/** What is in it, at its end: an archive without it is not whole. */
export interface Trailer {
  /** entries before this one */
  readonly entries: number;
  /** bytes of files in homes/, each hard-linked file once */
  readonly bytes: number;
  /** entries in homes/NAME */
  readonly files: number;
  /** could not be read and is not in it */
  readonly unread: number;
  /** vanished while it was copied */
  readonly vanished: number;
  /** of all bytes before this entry's header, in hexadecimal */
  readonly sha256: string;
}

/** @throws InstanceError when it is none, or of a newer program */
export function parseManifest(text: string): Manifest {
  const found = parsed(text);
  const numbers = ["format", "schema", "createdAt"].every((key) => isCount(found[key]));
  const strings = typeof found.program === "string" && typeof found.instance === "string";
  if (!numbers || !strings || typeof found.homes !== "boolean") {
    throw damaged("its manifest is not one");
  }
  const manifest = found as unknown as Manifest;
  if (!/^[0-9a-f]{32}$/.test(manifest.instance)) throw damaged("its manifest is not one");
  return manifest;
}

/** @throws InstanceError */
export function parseTrailer(text: string): Trailer {
  const found = parsed(text);
  const numbers = ["entries", "bytes", "files", "unread", "vanished"];
  if (!numbers.every((key) => isCount(found[key])) || typeof found.sha256 !== "string") {
    throw damaged("its end is not one");
  }
  return found as unknown as Trailer;
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw damaged("a description in it is no JSON");
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
