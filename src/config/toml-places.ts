/** A stretch of a text, in UTF-16 units. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

/** A key with its value, also inside of an inline table; or the head of a table. */
export interface Place extends Stretch {
  /** the names of the tables around it and its own; of `[[x]]` the name is `x[]` */
  readonly path: readonly string[];
  /** absent: the head of a table */
  readonly value?: Stretch;
  /** the braces of the inline table that it stands in */
  readonly braces?: Stretch;
}

/** The text is none that places can be told of. */
export class NoToml extends Error {
  override readonly name = "NoToml";
}

/** Some editors put it in front of a text. */
export const BOM = "\ufeff";

const STRING =
  /"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}|'''(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'/;
/** Of a value: a string, a comment, what it is made of, or what stands between those. */
const PIECE = new RegExp(`${STRING.source}|#[^\\n]*|[[\\]{},\\n]|[^"'#[\\]{},\\n]+`, "y");
const KEY = /[ \t]*("(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[\w-]+)[ \t]*/y;
const BLANKS = /(?:[ \t\r\n]|#[^\n]*)*/y;

/**
 * Where the keys and tables of a TOML text are, in their order. smol-toml tells none.
 * @param text that smol-toml takes: what is wrong with it is not noticed here
 * @throws NoToml
 */
export function placesIn(text: string): Place[] {
  const places: Place[] = [];
  let table: readonly string[] = [];
  let at = skipped(text, text.startsWith(BOM) ? BOM.length : 0);
  while (at < text.length) {
    const found = text[at] === "[" ? [headAt(text, at)] : pairsAt(text, at, table);
    const [first] = found;
    if (first === undefined) throw new NoToml();
    if (first.value === undefined) table = first.path;
    places.push(...found);
    at = skipped(text, first.to);
  }
  return places;
}

/** Whether a value has comments of its own. */
export function hasComments(value: string): boolean {
  return value.replace(new RegExp(STRING, "g"), "").includes("#");
}

/** Behind blanks, ends of lines and comments. */
function skipped(text: string, from: number): number {
  BLANKS.lastIndex = from;
  return from + (BLANKS.exec(text)?.[0].length ?? 0);
}

function headAt(text: string, from: number): Place {
  const brackets = text[from + 1] === "[" ? 2 : 1;
  const { path, to } = keyAt(text, from + brackets);
  const last = path.at(-1) ?? "";
  const named = brackets === 2 ? [...path.slice(0, -1), `${last}[]`] : path;
  return { path: named, from, to: to + brackets };
}

/** A key with its value and, where that is an inline table, the keys in it. */
function pairsAt(text: string, from: number, table: readonly string[], braces?: Stretch): Place[] {
  const key = keyAt(text, from);
  if (text[key.to] !== "=") throw new NoToml();
  const start = skippedBlanks(text, key.to + 1);
  const value = { from: start, to: valueEnd(text, start) };
  const path = [...table, ...key.path];
  const pair = { path, from, to: value.to, value, ...(braces && { braces }) };
  return text[start] === "{" ? [pair, ...pairsBetween(text, value, path)] : [pair];
}

function pairsBetween(text: string, braces: Stretch, table: readonly string[]): Place[] {
  const places: Place[] = [];
  let at = skipped(text, braces.from + 1);
  while (at < braces.to - 1) {
    const found = pairsAt(text, at, table, braces);
    places.push(...found);
    at = skipped(text, found[0]?.to ?? braces.to);
    if (text[at] === ",") at = skipped(text, at + 1);
  }
  return places;
}

function keyAt(text: string, from: number): { path: readonly string[]; to: number } {
  const path: string[] = [];
  let at = from;
  for (;;) {
    KEY.lastIndex = at;
    const [all, part] = KEY.exec(text) ?? [];
    if (all === undefined || part === undefined) throw new NoToml();
    // What is escaped in a key is nobody's name here.
    path.push(part.replace(/^["']|["']$/g, ""));
    at += all.length;
    if (text[at] !== ".") return { path, to: at };
    at += 1;
  }
}

function skippedBlanks(text: string, from: number): number {
  let at = from;
  while (text[at] === " " || text[at] === "\t") at += 1;
  return at;
}

function valueEnd(text: string, from: number): number {
  let depth = 0;
  let at = from;
  for (;;) {
    PIECE.lastIndex = at;
    const piece = PIECE.exec(text)?.[0];
    if (piece === undefined || (depth === 0 && /^[#\n,\]}]/.test(piece))) return at;
    if (piece === "[" || piece === "{") depth += 1;
    else if (piece === "]" || piece === "}") depth -= 1;
    else if (depth === 0) return at + piece.trimEnd().length;
    at += piece.length;
    if (depth === 0) return at;
  }
}
