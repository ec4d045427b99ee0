import { toFsError } from "../../errors.ts";
import type { OpenFile } from "../../vfs/types.ts";
import { errorReply, okReplies, okReply } from "../replies.ts";

/** The data of one WRITE, as it lies in memory. */
export interface WritePart {
  readonly id: number;
  readonly position: number;
  readonly length: number;
  readonly slices: readonly Buffer[];
}

/**
 * Writes what follows each other without a gap as one, and answers one by one: resolves to the
 * replies of all parts, in order.
 */
export async function writeParts(
  file: OpenFile,
  parts: readonly [WritePart, ...WritePart[]],
): Promise<Buffer> {
  const [first] = parts;
  const slices = parts.length === 1 ? first.slices : parts.flatMap((part) => part.slices);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  try {
    await file.write(slices, length, first.position);
    return okReplies(parts.map(({ id }) => id));
  } catch (thrown) {
    if (parts.length > 1 && isRepeatable(file, thrown)) return writeEach(file, parts);
    return Buffer.concat(parts.map(({ id }) => errorReply(id, thrown)));
  }
}

/**
 * Over the quota nothing of a batch was written, but its first parts may fit; and after another
 * error writing a part again at its place does no harm. An append could be there twice.
 */
function isRepeatable(file: OpenFile, thrown: unknown): boolean {
  return !file.flags.append || toFsError(thrown).code === "EDQUOT";
}

async function writeEach(file: OpenFile, parts: readonly WritePart[]): Promise<Buffer> {
  const replies: Buffer[] = [];
  let over: { readonly error: unknown; readonly length: number } | undefined;
  for (const { id, slices, length, position } of parts) {
    // Where one did not fit, those behind it don't either: asking for each takes long.
    if (over !== undefined && (!file.flags.append || length >= over.length)) {
      replies.push(errorReply(id, over.error));
      continue;
    }
    try {
      await file.write(slices, length, position);
      replies.push(okReply(id));
    } catch (error) {
      if (toFsError(error).code === "EDQUOT") over = { error, length };
      replies.push(errorReply(id, error));
    }
  }
  return Buffer.concat(replies);
}
