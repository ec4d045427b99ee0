import type { ByteString } from "../vfs/path.ts";
import type { FileStat, Owner } from "../vfs/types.ts";
import { TEXTS, toStatus } from "./status.ts";
import { writeAttrs } from "./wire/attrs.ts";
import { PacketType, StatusCode } from "./wire/constants.ts";
import { Writer } from "./wire/writer.ts";

/** STATUS with an empty language tag, as OpenSSH sends it. */
export function statusReply(id: number, code: StatusCode, text = TEXTS[code]): Buffer {
  return new Writer(PacketType.STATUS).u32(id).u32(code).text(text).text("").finish();
}

const OK = statusReply(0, StatusCode.OK);

/** STATUS OK for each of `ids`, in one buffer. */
export function okReplies(ids: readonly number[]): Buffer {
  const out = Buffer.allocUnsafe(OK.length * ids.length);
  let at = 0;
  for (const id of ids) {
    out.set(OK, at);
    out.writeUInt32BE(id, at + 5);
    at += OK.length;
  }
  return out;
}

export function okReply(id: number): Buffer {
  return okReplies([id]);
}

export function eofReply(id: number): Buffer {
  return statusReply(id, StatusCode.EOF);
}

/** The STATUS for whatever an operation threw. */
export function errorReply(id: number, thrown: unknown): Buffer {
  const { code, text } = toStatus(thrown);
  return statusReply(id, code, text);
}

export function unsupportedReply(id: number): Buffer {
  return statusReply(id, StatusCode.OP_UNSUPPORTED);
}

export function attrsReply(id: number, stat: FileStat, owner: Owner): Buffer {
  return writeAttrs(new Writer(PacketType.ATTRS).u32(id), stat, owner).finish();
}

export function handleReply(id: number, handle: Buffer): Buffer {
  return new Writer(PacketType.HANDLE).u32(id).string(handle).finish();
}

/** NAME with one name and no attributes, as REALPATH and READLINK answer. */
export function nameReply(id: number, name: ByteString): Buffer {
  return new Writer(PacketType.NAME).u32(id).u32(1).bytes(name).bytes(name).u32(0).finish();
}
