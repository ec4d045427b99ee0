import type { ByteString } from "../../vfs/path.ts";
import { S_IFMT, S_IFREG } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { reason } from "../errors.ts";
import { content, withOperand } from "../files.ts";
import { type Options, parseOptions } from "../options.ts";
import { quoteIfNeeded } from "../quote.ts";

interface Counts {
  lines: number;
  words: number;
  chars: number;
  bytes: number;
}

export const wc: Command = {
  name: "wc",
  summary: "count lines, words and bytes",
  usage: `[-clmw] [FILE]...
With no FILE, or when FILE is -, reads standard input.
  -c  bytes
  -l  lines
  -m  characters
  -w  words`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "clmw",
      long: { bytes: "c", lines: "l", chars: "m", words: "w" },
    });
    const { operands } = options;
    const width = await columnWidth(call, options);
    const total: Counts = { lines: 0, words: 0, chars: 0, bytes: 0 };
    let status = 0;
    for (const operand of operands.length === 0 ? ["-" as ByteString] : operands) {
      const counts: Counts = { lines: 0, words: 0, chars: 0, bytes: 0 };
      try {
        await withOperand(call, operand, (file) => count(call, content(call, file), counts));
      } catch (thrown) {
        if (call.signal.aborted) throw thrown;
        await call.complain(`${quoteIfNeeded(operand)}: ${reason(thrown)}`);
        status = 1;
        if (counts.bytes === 0) continue;
      }
      for (const key of Object.keys(total) as (keyof Counts)[]) total[key] += counts[key];
      await print(
        call,
        counts,
        operands.length === 0 ? "" : ` ${call.shown(operand)}`,
        options,
        width,
      );
    }
    if (operands.length > 1) await print(call, total, " total", options, width);
    return status;
  },
};

const COLUMNS: readonly (readonly [letter: string, key: keyof Counts])[] = [
  ["l", "lines"],
  ["w", "words"],
  ["m", "chars"],
  ["c", "bytes"],
];

function columns(options: Options): (keyof Counts)[] {
  const wanted = options.order.length === 0 ? "lwc" : options.order.join("");
  return COLUMNS.filter(([letter]) => wanted.includes(letter)).map(([, key]) => key);
}

/** As wide as the sum of the sizes; seven for what has no size, as GNU's. */
async function columnWidth(call: Call, options: Options): Promise<number> {
  const operands = options.operands;
  if (operands.length <= 1 && columns(options).length === 1) return 1;
  let least = operands.length === 0 ? 7 : 1;
  let sum = 0;
  for (const operand of operands) {
    const stat =
      operand === "-" ? undefined : await call.look(operand, true).catch(() => undefined);
    if (stat !== undefined && (stat.mode & S_IFMT) === S_IFREG) sum += stat.size;
    else if (stat !== undefined || operand === "-") least = 7;
  }
  return Math.max(least, String(sum).length);
}

async function print(
  call: Call,
  counts: Counts,
  name: string,
  options: Options,
  width: number,
): Promise<void> {
  const numbers = columns(options).map((key) => String(counts[key]).padStart(width));
  await call.out.print(`${numbers.join(" ")}${name}\n`);
}

const NEWLINE = 0x0a;

/** Adds up what it has read, also when reading fails in the middle. */
async function count(call: Call, pieces: AsyncIterable<Buffer>, counts: Counts): Promise<void> {
  let inWord = false;
  for await (const piece of pieces) {
    await call.step();
    counts.bytes += piece.length;
    for (const byte of piece) {
      if (byte === NEWLINE) counts.lines += 1;
      if ((byte & 0xc0) !== 0x80) counts.chars += 1;
      const blank = byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
      if (!blank && !inWord) counts.words += 1;
      inWord = !blank;
    }
  }
}
