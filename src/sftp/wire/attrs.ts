import { FsError } from "../../errors.ts";
import type { FileStat, Owner, StatChange } from "../../vfs/types.ts";
import { AttrFlag } from "./constants.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** ATTRS as a client sends them (draft-ietf-secsh-filexfer-02, section 5); absent fields stay out. */
export interface Attrs {
  readonly size?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** with the file type bits some clients set */
  readonly permissions?: number;
  readonly times?: { readonly atime: number; readonly mtime: number };
}

const ALL = AttrFlag.SIZE | AttrFlag.UIDGID | AttrFlag.PERMISSIONS | AttrFlag.ACMODTIME;
const MAX_U32 = 0xffffffff;

/** As uid or gid: leave it as it is. OpenSSH's server hands it to chown(2), where it is -1. */
const UNCHANGED = MAX_U32;

/** @param onExtended is given the type and the data of each extended attribute */
export function readAttrs(
  reader: Reader,
  onExtended?: (type: Buffer, data: Buffer) => void,
): Attrs {
  const flags = reader.u32();
  const size = flags & AttrFlag.SIZE ? { size: reader.u64() } : undefined;
  const owner =
    flags & AttrFlag.UIDGID ? { owner: { uid: reader.u32(), gid: reader.u32() } } : undefined;
  const permissions = flags & AttrFlag.PERMISSIONS ? { permissions: reader.u32() } : undefined;
  const times =
    flags & AttrFlag.ACMODTIME
      ? { times: { atime: reader.u32(), mtime: reader.u32() } }
      : undefined;
  if (flags & AttrFlag.EXTENDED) readExtended(reader, onExtended);
  return { ...size, ...owner, ...permissions, ...times };
}

function readExtended(reader: Reader, onExtended?: (type: Buffer, data: Buffer) => void): void {
  // Each pair takes 8 bytes at least, so a count that lies ends in MalformedError soon.
  for (let count = reader.u32(); count > 0; count--) {
    const type = reader.string();
    const data = reader.string();
    onExtended?.(type, data);
  }
}

/** @throws FsError EFBIG for a size of 2^53 or more */
export function toChange(attrs: Attrs): StatChange {
  if (attrs.size === Number.POSITIVE_INFINITY) throw new FsError("EFBIG");
  const { owner, permissions, ...change } = attrs;
  return {
    ...change,
    ...(owner && { owner: toOwner(owner) }),
    ...(permissions !== undefined && { permissions: permissions & 0o7777 }),
  };
}

function toOwner({ uid, gid }: NonNullable<Attrs["owner"]>): NonNullable<StatChange["owner"]> {
  return { ...(uid !== UNCHANGED && { uid }), ...(gid !== UNCHANGED && { gid }) };
}

/** All fields but the extended ones; uid and gid are always the virtual owner's. */
export function writeAttrs(writer: Writer, stat: FileStat, owner: Owner): Writer {
  return writer
    .u32(ALL)
    .u64(stat.size)
    .u32(owner.uid)
    .u32(owner.gid)
    .u32(stat.mode)
    .u32(clamp(stat.atime))
    .u32(clamp(stat.mtime));
}

/** Version 3 times are uint32 seconds: earlier and later ones show the nearest it can say. */
function clamp(seconds: number): number {
  return Math.min(Math.max(Math.trunc(seconds), 0), MAX_U32);
}
