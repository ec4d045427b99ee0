import { humanSize, siSize } from "../text/units.ts";
import { type ByteString, display } from "../vfs/path.ts";
import { UsageError } from "./errors.ts";
import type { Options } from "./options.ts";

export const KIB = 1024;
const MIB = KIB * KIB;

/** How sizes are printed, as the options of `df` and `du` say it. */
export interface Unit {
  /** bytes of a block; undefined: each size has a unit of its own */
  readonly block: number | undefined;
  /** @param round to whole blocks */
  shown(bytes: number, round: (blocks: number) => number): string;
}

const HUMAN: Unit = { block: undefined, shown: humanSize };
const SI: Unit = { block: undefined, shown: siSize };

/** What the last of the options -b, -h, -H (or --si), -k, -m and -B says; without one, in KiB. */
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

/** As coreutils read it: "M" and "MiB" are 2^20, "MB" is 10^6. Without a number each size gets the unit. */
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

/** "1K", "4K", "1MB", "512B". */
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
