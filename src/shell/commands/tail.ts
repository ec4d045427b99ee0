import type { OpenFile } from "../../vfs/types.ts";
import type { Call } from "../call.ts";
import { CommandError } from "../errors.ts";
import { content } from "../files.ts";
import { unlessAborted } from "../io.ts";
import { countLines, type Part } from "./print.ts";

/** What is read at once on the way from the end of a file to the front. */
const STEP = 64 * 1024;

/** What of a standard input is remembered at most. */
const MAX_KEPT = 8 * 1024 * 1024;

const NEWLINE = 0x0a;

/** The last lines or bytes of a file, read from its end only. */
export async function tailOfFile(call: Call, file: OpenFile, part: Part): Promise<void> {
  const { size } = await file.stat();
  const start =
    part.unit === "bytes" ? Math.max(0, size - part.count) : await startOf(call, file, size, part);
  for await (const piece of content(call, file, start, size - start)) await call.out.write(piece);
}

/** Where the last `count` lines begin. */
async function startOf(call: Call, file: OpenFile, size: number, part: Part): Promise<number> {
  if (part.count === 0) return size;
  const buffer = Buffer.allocUnsafe(STEP);
  let left = part.count;
  // A newline at the very end ends the last line and begins none.
  for (let end = Math.max(0, size - 1); end > 0; ) {
    await call.step();
    const from = Math.max(0, end - STEP);
    const count = await unlessAborted(call.signal, file.read(buffer, 0, end - from, from));
    const piece = buffer.subarray(0, count);
    for (let at = lastNewline(piece, piece.length); at >= 0; at = lastNewline(piece, at)) {
      left -= 1;
      if (left === 0) return from + at + 1;
    }
    end = from;
  }
  return 0;
}

/** The last newline before `end`, or -1. */
function lastNewline(piece: Buffer, end: number): number {
  return end === 0 ? -1 : piece.lastIndexOf(NEWLINE, end - 1);
}

/** The same of the standard input, which can't be read backwards. */
export async function tailOfStream(call: Call, part: Part): Promise<void> {
  const kept: Buffer[] = [];
  let length = 0;
  let lines = 0;
  for await (const piece of content(call, undefined)) {
    const last = kept.at(-1);
    if (last === undefined || last.length + piece.length > STEP) kept.push(piece);
    else kept[kept.length - 1] = Buffer.concat([last, piece]);
    length += piece.length;
    lines += countLines(piece);
    for (let first = kept[0]; first !== undefined; first = kept[0]) {
      const firstLines = countLines(first);
      const spare =
        part.unit === "bytes"
          ? length - first.length >= part.count
          : lines - firstLines > part.count;
      if (!spare) break;
      kept.shift();
      length -= first.length;
      lines -= firstLines;
    }
    if (length > MAX_KEPT) throw new CommandError("too much to remember: use a file");
  }
  const rest = Buffer.concat(kept);
  await call.out.write(rest.subarray(partStart(rest, part)));
}

function partStart(rest: Buffer, part: Part): number {
  if (part.unit === "bytes") return Math.max(0, rest.length - part.count);
  if (part.count === 0) return rest.length;
  let left = part.count;
  for (let at = lastNewline(rest, rest.length - 1); at >= 0; at = lastNewline(rest, at)) {
    left -= 1;
    if (left === 0) return at + 1;
  }
  return 0;
}
