import type { ByteString } from "../vfs/path.ts";
import type { OpenFile, OpenFlags, UserFileSystem } from "../vfs/types.ts";
import type { Call } from "./call.ts";
import { unlessAborted } from "./io.ts";

const NONE: OpenFlags = {
  read: false,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};

export const READING: OpenFlags = { ...NONE, read: true };
export const KEEPING: OpenFlags = { ...NONE, write: true, create: true };

const PIECE = 256 * 1024;
const STDIN = "-";

/** Runs `act` with the file an operand names, "-" being the standard input, and closes it. */
export async function withOperand<T>(
  call: Call,
  operand: ByteString,
  act: (file: OpenFile | undefined) => Promise<T>,
): Promise<T> {
  if (operand === STDIN) return act(undefined);
  return withFile(call.fs, call.path(operand), READING, act);
}

export async function withFile<T>(
  fs: Pick<UserFileSystem, "open">,
  path: ByteString,
  flags: OpenFlags,
  act: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = await fs.open(path, flags);
  try {
    return await act(file);
  } finally {
    await file.close();
  }
}

/** The bytes of a file, or of the standard input for undefined. Each piece is the caller's. */
export async function* content(
  call: Call,
  file: OpenFile | undefined,
  start = 0,
  length = Number.POSITIVE_INFINITY,
): AsyncGenerator<Buffer> {
  if (file === undefined) {
    for (;;) {
      await call.step();
      const piece = await call.stdin.read(call.signal);
      if (piece === undefined) return;
      yield piece;
    }
  }
  const end = start + length;
  for (let at = start; at < end; ) {
    await call.step();
    const wanted = Math.min(PIECE, end - at);
    const buffer = Buffer.allocUnsafe(Math.min(wanted, await expected(file, at)));
    // A slow rate must not hold up who is interrupted.
    const count = await unlessAborted(call.signal, file.read(buffer, 0, buffer.length, at));
    if (count === 0) return;
    yield buffer.subarray(0, count);
    at += count;
  }
}

/** Bytes to make room for: a small file needs no large buffer, and one that grows is read on. */
async function expected(file: OpenFile, at: number): Promise<number> {
  if (at > 0) return PIECE;
  const { size } = await file.stat();
  return Math.max(1, Math.min(PIECE, size + 1));
}
