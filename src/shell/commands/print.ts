import type { ByteString } from "../../vfs/path.ts";
import type { OpenFile } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { parseCount } from "../count.ts";
import { CommandError } from "../errors.ts";
import { content, withOperand } from "../files.ts";
import { parseOptions } from "../options.ts";
import { named, quoteIfNeeded } from "../quote.ts";
import { each } from "./operands.ts";
import { tailOfFile, tailOfStream } from "./tail.ts";

const STDIN = "-" as ByteString;
const NEWLINE = 0x0a;

export const cat: Command = {
  name: "cat",
  summary: "print files",
  usage: `[-n] [FILE]...
With no FILE, or when FILE is -, copies standard input.
  -n  number the lines`,
  async run(call) {
    const options = parseOptions(call.args, { short: "nu", long: { number: "n" } });
    const numbering = new Numbering(call);
    return each(call, orStdin(options.operands), quoteIfNeeded, (operand) =>
      withOperand(call, operand, async (file) => {
        for await (const piece of content(call, file)) {
          if (options.has("n")) await numbering.print(piece);
          else await call.out.write(piece);
        }
      }),
    );
  },
};

/** `cat -n`: goes on from one file to the next, in the middle of a line too. */
class Numbering {
  readonly #call: Call;
  #line = 0;
  #atStart = true;

  constructor(call: Call) {
    this.#call = call;
  }

  async print(piece: Buffer): Promise<void> {
    for (let at = 0; at < piece.length; ) {
      await this.#call.step();
      if (this.#atStart) {
        this.#line += 1;
        await this.#call.out.print(`${String(this.#line).padStart(6)}\t`);
      }
      const newline = piece.indexOf(NEWLINE, at);
      const end = newline < 0 ? piece.length : newline + 1;
      await this.#call.out.print(piece.toString("latin1", at, end));
      this.#atStart = newline >= 0;
      at = end;
    }
  }
}

function orStdin(operands: readonly ByteString[]): readonly ByteString[] {
  return operands.length === 0 ? [STDIN] : operands;
}

/** What head and tail are to print. */
export interface Part {
  readonly unit: "lines" | "bytes";
  readonly count: number;
  /** "+" in front for tail: from there on; "-" for head: all but so many */
  readonly sign: string;
}

/** Reads -n, -c and the old "-5". */
function parsePart(call: Call): { part: Part; options: ReturnType<typeof parseOptions> } {
  const args = call.args.map((arg) => (/^-\d+$/.test(arg) ? `-n${arg.slice(1)}` : arg));
  const options = parseOptions(args as ByteString[], {
    short: "n:c:qv",
    long: { "lines=": "n", "bytes=": "c", quiet: "q", silent: "q", verbose: "v" },
  });
  const unit = options.last("nc") === "c" ? "bytes" : "lines";
  const text = options.value(unit === "bytes" ? "c" : "n") ?? ("10" as ByteString);
  const [, sign = "", number = ""] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  return { part: { unit, sign, count: parseCount(number as ByteString, unit) }, options };
}

async function printParts(
  call: Call,
  print: (file: OpenFile | undefined, part: Part) => Promise<void>,
): Promise<number> {
  const { part, options } = parsePart(call);
  const operands = orStdin(options.operands);
  const titled =
    options.last("qv") === undefined ? operands.length > 1 : options.last("qv") === "v";
  let gap = "";
  return each(
    call,
    operands,
    (operand) => `cannot open ${named(operand)} for reading`,
    (operand) =>
      withOperand(call, operand, async (file) => {
        const title = operand === STDIN ? "standard input" : call.shown(operand);
        if (titled) await call.out.print(`${gap}==> ${title} <==\n`);
        gap = "\n";
        await print(file, part);
      }),
  );
}

export const head: Command = {
  name: "head",
  summary: "print the first lines of files",
  usage: `[-n LINES | -c BYTES] [-qv] [FILE]...
  -c  so many bytes, like 100, 4K, 1M
  -n  so many lines (10)
  -q  no titles
  -v  titles`,
  run: (call) => printParts(call, (file, part) => printHead(call, file, part)),
};

async function printHead(call: Call, file: OpenFile | undefined, part: Part): Promise<void> {
  if (part.sign === "-") throw new CommandError("counting from the end is not supported");
  let left = part.count;
  if (left === 0) return;
  for await (const piece of content(call, file)) {
    const length = part.unit === "bytes" ? Math.min(left, piece.length) : endOfLines(piece, left);
    if (file === undefined) call.stdin.unread(piece.subarray(length));
    await call.out.write(piece.subarray(0, length));
    left -= part.unit === "bytes" ? length : countLines(piece.subarray(0, length));
    if (left === 0) return;
  }
}

/** Where the next `count` lines end. */
function endOfLines(piece: Buffer, count: number): number {
  let left = count;
  // Byte after byte: a search for each newline takes many times longer where they are all there is.
  for (let at = 0; at < piece.length; at += 1) {
    if (left === 0) return at;
    if (piece[at] === NEWLINE) left -= 1;
  }
  return piece.length;
}

export function countLines(piece: Buffer): number {
  let lines = 0;
  for (let at = 0; at < piece.length; at += 1) if (piece[at] === NEWLINE) lines += 1;
  return lines;
}

export const tail: Command = {
  name: "tail",
  summary: "print the last lines of files",
  usage: `[-n LINES | -c BYTES] [-qv] [FILE]...
  -c  so many bytes, like 100, 4K, 1M; +N: from byte N on
  -n  so many lines (10); +N: from line N on
  -q  no titles
  -v  titles`,
  run: (call) =>
    printParts(call, async (file, part) => {
      if (part.sign === "+") await printFrom(call, file, part);
      else if (file === undefined) await tailOfStream(call, part);
      else await tailOfFile(call, file, part);
    }),
};

async function printFrom(call: Call, file: OpenFile | undefined, part: Part): Promise<void> {
  let skip = Math.max(0, part.count - 1);
  const start = file !== undefined && part.unit === "bytes" ? skip : 0;
  if (start > 0) skip = 0;
  for await (const piece of content(call, file, start)) {
    const drop = part.unit === "bytes" ? Math.min(skip, piece.length) : endOfLines(piece, skip);
    skip -= part.unit === "bytes" ? drop : countLines(piece.subarray(0, drop));
    if (drop < piece.length) await call.out.write(piece.subarray(drop));
  }
}
