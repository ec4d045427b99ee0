import { availableDigests, DIGEST_BYTES, type DigestAlgorithm } from "../../digests/types.ts";
import { FsError } from "../../errors.ts";
import { fromText } from "../../vfs/path.ts";
import type { OpenFile, OpenFlags } from "../../vfs/types.ts";
import type { Operation, OperationContext } from "../context.ts";
import { eofReply, statusReply } from "../replies.ts";
import { MAX_DATA, PacketType, StatusCode } from "../wire/constants.ts";
import type { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

/** The draft's smallest block. */
const MIN_BLOCK = 256;
/** Bytes of an algorithm list that are looked at. */
const MAX_LIST = 1024;

const READ: OpenFlags = {
  read: true,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};

const AVAILABLE = availableDigests();

/** Names that clients use for one of ours. */
const ALIASES: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ["sha-1", "sha1"],
  ["sha-224", "sha224"],
  ["sha-256", "sha256"],
  ["sha-384", "sha384"],
  ["sha-512", "sha512"],
  ...AVAILABLE.map((name) => [name, name] as const),
]);

/** The checksums that are offered along with an upload, for clients that verify it. */
export const ALONG = (["blake3", "sha256"] as const).filter((name) => AVAILABLE.includes(name));

/** The checksum that a client means by a name; undefined when there is none. */
export function digestNamed(name: Buffer): DigestAlgorithm | undefined {
  return ALIASES.get(name.subarray(0, MAX_LIST).toString("latin1").trim().toLowerCase());
}

/**
 * check-file-handle (draft-ietf-secsh-filexfer-extensions-00, section 3): string handle, string
 * algorithms, uint64 start, uint64 length (0: to the end), uint32 block size (0: one digest).
 * The reply: string algorithm, then the digests one behind the other.
 */
export const checkFileHandle: Operation = (context, id, request) => {
  return byHandle(context, id, request, []);
};

/** As paramiko asks for it, and wants it answered: with the request's name first. */
export const checkFile: Operation = (context, id, request) => {
  return byHandle(context, id, request, ["check-file"]);
};

/** The same with a path in place of the handle; a link is followed. */
export const checkFileName: Operation = async (context, id, request) => {
  const path = request.path();
  const wanted = readWanted(request);
  const file = await context.fs.open(path, READ);
  try {
    return await check(context, id, file, wanted, []);
  } finally {
    await file.close();
  }
};

const UNKNOWN = `None of these checksums is known: there are ${AVAILABLE.join(", ")}`;

interface Wanted {
  readonly algorithm: DigestAlgorithm;
  /** as the client named it */
  readonly name: string;
  readonly position: number;
  /** bytes; Infinity: to the end */
  readonly length: number;
  readonly blockSize: number;
}

function byHandle(
  context: OperationContext,
  id: number,
  request: Reader,
  prefix: readonly string[],
): Promise<Buffer> {
  const { file } = context.handles.file(request.handle());
  const wanted = readWanted(request);
  if (!file.flags.read) throw new FsError("EACCES");
  return check(context, id, file, wanted, prefix);
}

/** undefined when none of the algorithms is known. */
function readWanted(request: Reader): Wanted | undefined {
  const list = request.string();
  const position = request.u64();
  const length = request.u64();
  const blockSize = request.u32();
  const names = list.subarray(0, MAX_LIST).toString("latin1").split(",");
  const name = names.find((one) => ALIASES.has(one.trim().toLowerCase()))?.trim();
  const algorithm = name === undefined ? undefined : ALIASES.get(name.toLowerCase());
  if (name === undefined || algorithm === undefined) {
    return undefined;
  }
  if (blockSize > 0 && blockSize < MIN_BLOCK) {
    throw new FsError("EINVAL");
  }
  return { algorithm, name, position, length: length || Number.POSITIVE_INFINITY, blockSize };
}

async function check(
  { digests, signal, onActivity }: OperationContext,
  id: number,
  file: OpenFile,
  wanted: Wanted | undefined,
  prefix: readonly string[],
): Promise<Buffer> {
  if (digests === undefined) throw new FsError("EOPNOTSUPP");
  if (wanted === undefined) return statusReply(id, StatusCode.FAILURE, UNKNOWN);
  const { algorithm, name, position, blockSize } = wanted;
  const { size } = await file.stat();
  if (position > size) return eofReply(id);
  const length = Math.min(wanted.length, size - position);
  const blocks = blockSize === 0 ? 1 : Math.ceil(length / blockSize);
  if (blocks * DIGEST_BYTES[algorithm] > MAX_DATA - MAX_LIST) {
    throw new FsError("EFBIG", "Too many blocks for one reply: ask for fewer or larger ones");
  }
  const range = { position, length, blockSize };
  const digest = await digests.range(file, algorithm, range, signal, onActivity);
  const writer = new Writer(PacketType.EXTENDED_REPLY, 64 + digest.length).u32(id);
  for (const text of prefix) writer.bytes(fromText(text));
  return writer.bytes(fromText(name)).raw(digest).finish();
}
