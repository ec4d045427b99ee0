import { type PatternElement, TextPattern } from "../text/pattern.ts";

/** All of Unicode that has characters of a class: what is beside it is unassigned, private or surrogates. */
const ASSIGNED: readonly (readonly [number, number])[] = [
  [1, 0xd7ff],
  [0xe000, 0xffff],
  [0x10000, 0x3ffff],
  [0xe0000, 0xeffff],
];

const LAST = 0x10ffff;

/** By the source of a class: finding the ranges takes some hundredths of a second. */
const known = new Map<string, string>();

/**
 * The regular expression of PostgreSQL that takes the texts which the shell pattern takes. Classes
 * are as JavaScript knows them, whatever the database's locale is.
 */
export function toRegExp(pattern: string): string {
  return `^${new TextPattern(pattern).elements.map(elementOf).join("")}$`;
}

function elementOf(element: PatternElement): string {
  if (element === "star") return ".*";
  if (element === "any") return ".";
  return "char" in element ? codeOf(element.char.codePointAt(0) ?? 0) : bracketOf(element);
}

type Bracket = Exclude<PatternElement, "star" | "any" | { readonly char: string }>;

function bracketOf({ negated, ranges, classes }: Bracket): string {
  const usual = ranges.flatMap(([low, high]) => (low <= high ? rangeOf(low, high) : []));
  const set = [...usual, ...classes.map(classOf)].join("");
  // What takes no character at all, or each.
  if (set === "") return negated ? "." : `[^${rangeOf(1, LAST)}]`;
  return `[${negated ? "^" : ""}${set}]`;
}

function rangeOf(low: number, high: number): string {
  return `${codeOf(low)}-${codeOf(high)}`;
}

/** As an escape, which means the same in and out of brackets. A text has no character 0. */
function codeOf(code: number): string {
  return `\\U${Math.max(1, code).toString(16).padStart(8, "0")}`;
}

function classOf({ source }: RegExp): string {
  let found = known.get(source);
  if (found === undefined) {
    const runs = new RegExp(`${source.slice(1, -1)}+`, "gu");
    found = ASSIGNED.map(([low, high]) => runsOf(runs, low, high)).join("");
    known.set(source, found);
  }
  return found;
}

/** The ranges of a class between two code points. */
function runsOf(runs: RegExp, low: number, high: number): string {
  const size = high > 0xffff ? 2 : 1;
  const text = charactersOf(low, high);
  const found = [...text.matchAll(runs)];
  return found
    .map(({ 0: run, index }) => rangeOf(low + index / size, low + (index + run.length) / size - 1))
    .join("");
}

function charactersOf(low: number, high: number): string {
  const units = new Uint16Array((high - low + 1) * (high > 0xffff ? 2 : 1));
  let at = 0;
  for (let code = low; code <= high; code += 1) {
    if (code <= 0xffff) {
      units[at++] = code;
      continue;
    }
    units[at++] = 0xd800 + ((code - 0x10000) >> 10);
    units[at++] = 0xdc00 + (code & 0x3ff);
  }
  return Buffer.from(units.buffer).toString("utf16le");
}
