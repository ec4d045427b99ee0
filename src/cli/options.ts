import { InvalidArgumentError, Option } from "commander";
import { nearest } from "../config/nearest.ts";
import { count } from "../text/figures.ts";
import { parseSize, UnitError } from "../text/units.ts";
import type { Io } from "./io.ts";
import { fitted } from "./layout.ts";

/** A limit as given on the command line: a number, none, or what the settings say. */
export type Limit = number | "none" | "default";

export function quotaOption(io: Io): Option {
  const description = "10GB, 512MiB or 512M, bytes, `none` or `default`";
  return new Option("--quota <size>", description).argParser((text): Limit => {
    if (text === "none" || text === "default") return text;
    try {
      const bytes = parseSize(text);
      noteBareSize(io, text, bytes);
      return bytes;
    } catch (thrown) {
      if (!(thrown instanceof UnitError)) throw thrown;
      throw new InvalidArgumentError("Give a size such as 10GB or 512MiB, none or default.");
    }
  });
}

/** A bare number below this was hardly meant as bytes. */
const LEAST_BARE = 1_000_000;

/** Says that a bare number is bytes when it is so small that something else was meant. Scripts give bytes, so it is no error. */
export function noteBareSize({ err, errColumns }: Io, text: string, bytes: number): void {
  if (!/^\s*\d+\s*$/.test(text) || bytes === 0 || bytes >= LEAST_BARE) return;
  const example = bytes < 1000 ? `${bytes}GB` : `${bytes / 1000}KB`;
  const note = `the quota is ${count(bytes, "byte")}: a size has a unit, such as ${example}`;
  err(fitted(`moorage: ${note}\n`, errColumns));
}

export function maxFilesOption(): Option {
  return new Option(
    "--max-files <n>",
    "files and directories at most, `none` or `default`",
  ).argParser((text): Limit => {
    if (text === "none" || text === "default") return text;
    const count = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(count)) return count;
    throw new InvalidArgumentError("Give a whole number, none or default.");
  });
}

export function roleOption(): Option {
  return new Option("--role <role>", "what the account may do").choices(["user", "admin"]);
}

/** An option that takes one of many words. There are too many to list in an error, so it names the nearest. */
export function oneOfMany(option: Option, words: readonly string[]): Option {
  const parse = option.choices(words).parseArg;
  return option.argParser((text: string, before: unknown) => {
    const near = words.includes(text) ? undefined : nearest(text, words);
    if (near !== undefined) throw new InvalidArgumentError(`(Did you mean ${near}?)`);
    return parse?.(text, before);
  });
}

/** @param otherwise what `default` and leaving the option out mean */
export function limitOf(limit: Limit | undefined, otherwise: number | null): number | null {
  if (limit === "none") return null;
  return limit === undefined || limit === "default" ? otherwise : limit;
}
