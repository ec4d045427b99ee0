import { NAME_MAX } from "../text/names.ts";
import type { ByteString } from "../vfs/path.ts";
import { damaged } from "./errors.ts";

/**
 * Bytes of a path in an archive. By moving directories into each other clients make paths of any
 * length, and each entry has its whole path: a deep tree would take the square of its depth.
 */
export const MAX_PATH_BYTES = 16 * 1024;

/** The names that a path of an archive is made of. @throws InstanceError when it leads elsewhere */
export function partsOf(path: string): ByteString[] {
  if (path.length > MAX_PATH_BYTES) throw damaged("a path in it is too long");
  const parts = path.split("/");
  if (!parts.every(isName)) throw damaged("a path in it is none of an instance");
  return parts as ByteString[];
}

function isName(name: string): boolean {
  const isPlain = name !== "" && name !== "." && name !== ".." && !name.includes("\0");
  return isPlain && name.length <= NAME_MAX;
}
