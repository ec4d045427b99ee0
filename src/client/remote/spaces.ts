import { MalformedError, type Reader } from "../../sftp/wire/reader.ts";
import { MOST_SPACES } from "../../sftp/wire/spaces.ts";
import { decodeName } from "../../text/names.ts";
import { RemoteError } from "../errors.ts";
import type { FolderSpace, Space } from "../types.ts";

/** The fewest bytes that an entry of a reply can have. */
const SHORTEST = 44;

/** A reply of spaces@moorage; sftp/extensions/spaces.ts says what is in it. */
export function readSpaces(body: Reader): FolderSpace[] {
  try {
    const count = body.u32();
    if (count * SHORTEST > body.remaining) throw new MalformedError();
    return Array.from({ length: count }, () => readSpace(body));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    throw new RemoteError(undefined, "the server's list is damaged");
  }
}

/** Of the home or folder that a path is in; undefined: it may be beyond the end of a list that is full. */
export function spaceOf(all: readonly FolderSpace[], path: string): FolderSpace | undefined {
  if (all.length >= MOST_SPACES) return undefined;
  const above = all.filter((one) => one.path === "/" || `${path}/`.startsWith(`${one.path}/`));
  return above.sort((one, other) => other.path.length - one.path.length)[0];
}

/** Where there is no quota the number is beyond all others. */
function readSpace(body: Reader): FolderSpace {
  const path = decodeName(body.string());
  const [usedBytes, quota, freeBytes] = [body.u64(), body.u64(), body.u64()];
  if (!Number.isFinite(usedBytes + freeBytes)) throw new MalformedError();
  const totalBytes = Number.isFinite(quota) ? quota : usedBytes + freeBytes;
  const files = filesOf(body.u64(), body.u64());
  return { path, totalBytes, usedBytes, freeBytes, ...(files !== undefined && { files }) };
}

function filesOf(used: number, total: number): Space["files"] {
  return Number.isFinite(total) ? { total, free: Math.max(0, total - used) } : undefined;
}
