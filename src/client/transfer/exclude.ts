import { TextPattern } from "../../text/pattern.ts";

/** Patterns of one job at most. */
export const MOST_PATTERNS = 1_000;

/** One pattern of --exclude. */
interface Rule {
  readonly parts: readonly (TextPattern | "**")[];
  readonly directoriesOnly: boolean;
}

/**
 * What is left out of a job. A pattern without "/" counts for names at any depth; with one it counts
 * for the path below the source. A "/" at its end makes it count for directories only. `**` stands
 * for any number of directories.
 */
export class Exclusion {
  readonly #rules: readonly Rule[];

  constructor(patterns: readonly string[]) {
    this.#rules = patterns.slice(0, MOST_PATTERNS).map(parse);
  }

  /** @param path below the source, parted by "/" */
  has(path: string, isDirectory: boolean): boolean {
    if (this.#rules.length === 0) return false;
    const names = path.split("/");
    return this.#rules.some(
      ({ parts, directoriesOnly }) =>
        (isDirectory || !directoriesOnly) && matches(parts, 0, names, 0),
    );
  }
}

function parse(pattern: string): Rule {
  const directoriesOnly = pattern.endsWith("/");
  const text = pattern.replace(/\/+$/, "");
  const anchored = text.includes("/");
  const named = text.split("/").filter((part) => part !== "");
  const parts = (anchored ? named : ["**", ...named]).map((part) =>
    part === "**" ? part : new TextPattern(part),
  );
  return { parts: parts as Rule["parts"], directoriesOnly };
}

function matches(
  parts: Rule["parts"],
  part: number,
  names: readonly string[],
  name: number,
): boolean {
  const first = parts[part];
  if (first === undefined) return part > 0 && name === names.length;
  if (first === "**") {
    // Several of them in a row mean the same as one.
    let rest = part;
    while (parts[rest] === "**") rest += 1;
    for (let at = name; at <= names.length; at++) if (matches(parts, rest, names, at)) return true;
    return false;
  }
  const text = names[name];
  return text !== undefined && first.matches(text) && matches(parts, part + 1, names, name + 1);
}
