import { isSafe } from "../text/safe.ts";
import { escapeWord } from "./quote.ts";
import { decodeText, encodeText } from "./text.ts";

/** What there is to complete to. Names are text as {@link decodeText} makes it. */
export interface CompletionScope {
  readonly commands: readonly string[];
  /** the names in a directory; none when it can't be read */
  entries(directory: string): AsyncIterable<{ readonly name: string; readonly directory: boolean }>;
}

export interface Completion {
  /** where the word begins that the candidates replace, in chars of the line */
  readonly start: number;
  /** the word as it may go on, quoted as it was begun; a blank behind what is complete */
  readonly candidates: readonly string[];
}

/** More names than these are not looked at, and more candidates are of no use. */
export const MAX_SCANNED = 20_000;
const MAX_CANDIDATES = 500;

/** These take directories only. */
const OF_DIRECTORIES: ReadonlySet<string> = new Set(["cd", "rmdir"]);

/** The word before the cursor, as far as it was typed. */
interface Begun {
  readonly start: number;
  readonly value: string;
  /** the quote that is still open */
  readonly quote: "" | "'" | '"';
  /** begins with a "~" that stands for the home */
  readonly tilde: boolean;
  /** the command it belongs to; undefined when it is the command itself */
  readonly command: string | undefined;
}

/** What the word before the cursor may become. Never rejects but for what `scope` does. */
export async function complete(
  line: string,
  cursor: number,
  scope: CompletionScope,
): Promise<Completion> {
  const word = wordAt(line.slice(0, cursor));
  const found =
    word.command === undefined && !word.value.includes("/") && !word.tilde
      ? commands(word, scope)
      : await paths(word, scope);
  const candidates = found.length > MAX_CANDIDATES ? [] : found.sort();
  return { start: word.start, candidates };
}

function wordAt(text: string): Begun {
  let start = -1;
  let value = "";
  let quote: Begun["quote"] = "";
  let tilde = false;
  let command: string | undefined;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] as string;
    if (quote === "" && /[\s;|&]/.test(char)) {
      if (start >= 0) command ??= value;
      if (char !== " " && char !== "\t") command = undefined;
      start = -1;
      value = "";
      continue;
    }
    if (start < 0) {
      start = at;
      tilde = char === "~";
    }
    if (quote === "" && (char === "'" || char === '"')) quote = char;
    else if (char === quote) quote = "";
    else if (char === "\\" && escapes(quote, text[at + 1])) {
      at += 1;
      value += text[at] ?? "";
    } else value += char;
  }
  const none = start < 0;
  return { start: none ? text.length : start, value, quote, tilde: !none && tilde, command };
}

function escapes(quote: Begun["quote"], next: string | undefined): boolean {
  if (quote === "'") return false;
  return quote === "" || /[$`"\\\n]/.test(next ?? "");
}

function commands({ value }: Begun, scope: CompletionScope): string[] {
  return scope.commands.filter((name) => name.startsWith(value)).map((name) => `${name} `);
}

async function paths(word: Begun, scope: CompletionScope): Promise<string[]> {
  const { value, command, tilde } = word;
  if (tilde && !value.startsWith("~/")) return value === "~" ? ["~/"] : [];
  const slash = value.lastIndexOf("/") + 1;
  const directory = tilde ? value.slice(1, slash) : value.slice(0, slash);
  const begun = value.slice(slash);
  const found: string[] = [];
  let scanned = 0;
  for await (const entry of scope.entries(directory || ".")) {
    scanned += 1;
    if (scanned > MAX_SCANNED) return [];
    if (!entry.name.startsWith(begun) || (entry.name.startsWith(".") && begun === "")) continue;
    // In the list they would do things to the screen.
    if (!isSafe(entry.name)) continue;
    if (!entry.directory && OF_DIRECTORIES.has(command ?? "")) continue;
    found.push(written(value.slice(0, slash) + entry.name, entry.directory, word));
  }
  return found;
}

/** A whole path in the quotes that were begun; a directory is left open for more. */
function written(path: string, directory: boolean, { quote, tilde }: Begun): string {
  if (quote === "'") return `'${path.replaceAll("'", "'\\''")}${directory ? "/" : "' "}`;
  if (quote === '"') return `"${path.replace(/[$`"\\]/g, "\\$&")}${directory ? "/" : '" '}`;
  const escaped = decodeText(escapeWord(encodeText(tilde ? path.slice(1) : path)));
  return `${tilde ? "~" : ""}${escaped}${directory ? "/" : " "}`;
}
