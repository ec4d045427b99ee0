import { BOM, hasComments, type Place, placesIn, type Stretch } from "./toml-places.ts";

/**
 * Changes of one key in a TOML text. Everything else stays as it is, byte for byte. Who changes a text
 * looks afterwards whether it says what was meant.
 */

/** A key by its table and its name in it. */
export type KeyPath = readonly [table: string, key: string];

/** A string, number, truth value, or a list of them as TOML has it. */
export function literal(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  // The escapes of JSON are TOML's, but for one character that TOML wants escaped as well.
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}

/** The value has comments of its own, which a change would lose. */
export class OwnComments extends Error {
  override readonly name = "OwnComments";
}

/**
 * The text with that value: in the key's place, else as the last key of its table, which is added at
 * the end where it is missing.
 * @throws OwnComments, NoToml
 */
export function withValue(text: string, key: KeyPath, value: string): string {
  const places = placesIn(text);
  const found = pairOf(places, key);
  if (found === undefined) return added(text, places, key, value);
  return replaced(text, ownValue(text, found), value);
}

/** The text without the key. A comment behind it on its line stays. */
export function withoutKey(text: string, key: KeyPath): string {
  const found = pairOf(placesIn(text), key);
  if (found === undefined) return text;
  ownValue(text, found);
  if (found.braces !== undefined) return replaced(text, withComma(text, found, found.braces), "");
  const end = lineEnd(text, found.to);
  const comment = text.slice(found.to, end).indexOf("#");
  if (comment >= 0) return replaced(text, { from: found.from, to: found.to + comment }, "");
  const from = lineStart(text, found.from);
  return replaced(text, { from, to: Math.min(text.length, end + 1) }, "");
}

function pairOf(places: readonly Place[], key: KeyPath): Place | undefined {
  return places.find(({ path, value }) => value !== undefined && isPath(path, key));
}

function isPath(path: readonly string[], wanted: readonly string[]): boolean {
  return path.length === wanted.length && path.every((name, at) => name === wanted[at]);
}

function ownValue(text: string, { value }: Place): Stretch {
  if (value === undefined || hasComments(text.slice(value.from, value.to))) throw new OwnComments();
  return value;
}

function replaced(text: string, { from, to }: Stretch, by: string): string {
  return `${text.slice(0, from)}${by}${text.slice(to)}`;
}

function added(text: string, places: readonly Place[], key: KeyPath, value: string): string {
  const [table, name] = key;
  const inline = places.find(({ path, value }) => value !== undefined && isPath(path, [table]));
  if (inline?.value !== undefined) return addedInside(text, inline.value, `${name} = ${value}`);
  const head = places.findIndex(({ path, value }) => !value && isPath(path, [table]));
  if (head >= 0) {
    return addedBehind(text, lastOf(places, head) ?? places[head], `${name} = ${value}`);
  }
  const dotted = outside(places).findLast(({ path }) => path[0] === table);
  if (dotted !== undefined) return addedBehind(text, dotted, `${table}.${name} = ${value}`);
  return withTable(text, `[${table}]`, `${name} = ${value}`);
}

function addedInside(text: string, { from }: Stretch, pair: string): string {
  const isEmpty = /^\{\s*\}/.test(text.slice(from));
  return replaced(text, { from: from + 1, to: from + 1 }, isEmpty ? ` ${pair}` : ` ${pair},`);
}

/** The last key of a table, by the number of its head. */
function lastOf(places: readonly Place[], head: number): Place | undefined {
  return outside(places.slice(head + 1)).at(-1);
}

/** The keys in front of the first head that are in no inline table. */
function outside(places: readonly Place[]): Place[] {
  const next = places.findIndex(({ value }) => value === undefined);
  const own = next < 0 ? places : places.slice(0, next);
  return own.filter(({ braces }) => braces === undefined);
}

/** A line more, as far from the edge as the one before. */
function addedBehind(text: string, place: Place | undefined, line: string): string {
  const { from = 0, to = 0 } = place ?? {};
  const whole = `${text.slice(lineStart(text, from), from)}${line}`;
  const end = lineEnd(text, to);
  if (end === text.length) return `${text}${endOfLine(text)}${whole}${endOfLine(text)}`;
  return replaced(text, { from: end + 1, to: end + 1 }, `${whole}${endOfLine(text)}`);
}

function withTable(text: string, head: string, line: string): string {
  const end = endOfLine(text);
  const whole = text === "" || text.endsWith("\n") ? text : `${text}${end}`;
  const gap = whole === "" || /\n\r?\n$/.test(whole) ? "" : end;
  return `${whole}${gap}${head}${end}${line}${end}`;
}

/** A key of an inline table, with the comma behind it, else the one before. */
function withComma(text: string, { from, to }: Place, braces: Stretch): Stretch {
  const behind = /^\s*,[ \t]*/.exec(text.slice(to, braces.to))?.[0].length;
  if (behind !== undefined) return { from, to: to + behind };
  const before = /\s*,\s*$/.exec(text.slice(braces.from, from))?.[0].length ?? 0;
  return { from: from - before, to };
}

function lineStart(text: string, from: number): number {
  const end = text.slice(0, from).lastIndexOf("\n");
  if (end >= 0) return end + 1;
  return text.startsWith(BOM) ? BOM.length : 0;
}

/** Where the line ends, without its end; of the last one that is the text's. */
function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function endOfLine(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}
