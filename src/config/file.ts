import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, TomlError } from "smol-toml";
import { NoToml, placesIn } from "./toml-places.ts";

export const FILE_NAME = "moorage.toml";

/** A key of the file that isn't a table itself, with the names of the tables around it. */
export interface FileEntry {
  /** `limits.max_sessions` */
  readonly name: string;
  readonly value: unknown;
  /** `moorage.toml:12 (limits.max_sessions)`, or without the line where it couldn't be told */
  readonly place: string;
}

/** The file could not be read or is no TOML. The message is one line with its place. */
export class FileProblem extends Error {
  override readonly name = "FileProblem";
}

/**
 * The entries of the instance's moorage.toml; none when there is no such file.
 * @throws FileProblem
 */
export function readSettingsFile(root: string): FileEntry[] {
  return entriesOf(readText(join(root, FILE_NAME)) ?? "");
}

/**
 * The entries of a text as they would be the file's.
 * @throws FileProblem
 */
export function entriesOf(text: string): FileEntry[] {
  const parsed = parseToml(text);
  const lines = keyLines(text);
  return [...entries(parsed, "")].map(({ name, value }) => {
    const line = lines.get(name);
    return { name, value, place: `${FILE_NAME}${line ? `:${line}` : ""} (${name})` };
  });
}

/** Whether the file has such text, also when it is no TOML. */
export function mentions(root: string, pattern: RegExp): boolean {
  try {
    return pattern.test(readText(join(root, FILE_NAME)) ?? "");
  } catch {
    return true;
  }
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new FileProblem(`${FILE_NAME}: can't be read (${code ?? "unknown error"})`);
  }
}

/** @throws FileProblem */
export function parseToml(text: string): Record<string, unknown> {
  try {
    return parse(text, { maxDepth: 20 });
  } catch (thrown) {
    if (!(thrown instanceof TomlError)) throw thrown;
    const reason = thrown.message.split("\n", 1)[0]?.replace(/^Invalid TOML document: /, "");
    throw new FileProblem(`${FILE_NAME}:${thrown.line}:${thrown.column}: ${reason}`);
  }
}

function* entries(
  table: Record<string, unknown>,
  prefix: string,
): Generator<Pick<FileEntry, "name" | "value">> {
  for (const [key, value] of Object.entries(table)) {
    const name = `${prefix}${key}`;
    // An empty table is listed too, so that an unknown one is not passed over.
    if (isTable(value) && Object.keys(value).length > 0) yield* entries(value, `${name}.`);
    else yield { name, value };
  }
}

export function isTable(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  return !Array.isArray(value) && !(value instanceof Date);
}

/** The line of each key; of what is in `[[tables]]` of one name there may be several, which get none. */
function keyLines(text: string): Map<string, number> {
  const found = new Map<string, number>();
  let [line, at] = [1, 0];
  for (const { path, from } of knownPlaces(text)) {
    for (; at < from; at++) if (text[at] === "\n") line += 1;
    const name = path.join(".").replace(/\[\]$/, "");
    if (!found.has(name)) found.set(name, line);
  }
  return found;
}

/** A value whose place is not told is none the worse. */
function knownPlaces(text: string) {
  try {
    return placesIn(text);
  } catch (thrown) {
    if (!(thrown instanceof NoToml)) throw thrown;
    return [];
  }
}
