import { humanSize, siSize } from "../text/units.ts";
import { type ByteString, display } from "../vfs/path.ts";
import { UsageError } from "./errors.ts";
import type { Options } from "./options.ts";

export const KIB = 1024;
const MIB = KIB * KIB;

/** How sizes are printed, by the options of `df` and `du`. */
export interface Unit {
  /** the bytes of a block; undefined when each size gets the unit that suits it */
  readonly block: number | undefined;
  /** @param round how a part of a block becomes a whole number */
  shown(bytes: number, round: (blocks: number) => number): string;
}

const HUMAN: Unit = { block: undefined, shown: humanSize };
const SI: Unit = { block: undefined, shown: siSize };

/** The unit by the last of the options -b, -h, -H (or --si), -k, -m and -B; KiB when none is given. */
export function unitOf(options: Options): Unit {
  switch (options.last("bBhHkm")) {
    case "h":
      return HUMAN;
    case "H":
      return SI;
    case "b":
      return blocksOf(1);
    case "m":
      return blocksOf(MIB);
    case "B":
      return readBlocks(options.value("B") as ByteString);
    default:
      return blocksOf(KIB);
  }
}

function blocksOf(block: number, suffix = ""): Unit {
  return { block, shown: (bytes, round) => `${round(bytes / block)}${suffix}` };
}

const LETTERS = "KMGTP";
const BLOCK = /^(\d{0,9})(?:([KMGTP])(iB|B)?)?$/i;

/**
 * The value of -B, read as coreutils do: "M" and "MiB" are 2^20, "MB" is 10^6. When it has no number, the
 * unit is printed behind each size.
 */
function readBlocks(text: ByteString): Unit {
  const match = BLOCK.exec(text);
  const [, digits = "", letter = "", rest = ""] = match ?? [];
  const base = rest.toUpperCase() === "B" ? 1000 : KIB;
  const power = letter === "" ? 0 : LETTERS.indexOf(letter.toUpperCase()) + 1;
  const block = Number(digits || "1") * base ** power;
  if (match === null || text === "" || block === 0 || !Number.isSafeInteger(block)) {
    throw new UsageError(`invalid block size '${display(text)}'`);
  }
  return blocksOf(block, digits === "" ? blockName(block).slice(1) : "");
}

/** The size of a block for the title of a column, as "1K", "4K", "1MB" or "512B". */
export function blockName(block: number): string {
  return inPowers(block, KIB, "") ?? inPowers(block, 1000, "B") ?? `${block}B`;
}

function inPowers(block: number, base: number, rest: string): string | undefined {
  for (let power = LETTERS.length; power > 0; power -= 1) {
    const unit = base ** power;
    const letter = power === 1 && base === 1000 ? "k" : LETTERS[power - 1];
    if (block % unit === 0) return `${block / unit}${letter}${rest}`;
  }
  return undefined;
}
