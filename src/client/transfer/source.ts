import { type Stats, statSync } from "node:fs";
import { resolve } from "node:path";
import { encodeName } from "../../text/names.ts";
import { errnoOf, FileError, localError } from "../errors.ts";

/**
 * Looks what a local name that is to be sent stands for.
 * @param given must be a directory when it ends in "/"
 * @throws FileError when there is nothing that can be sent
 */
export function sourceStat(given: string, recursive: boolean): Stats {
  const stat = looked(given);
  if (stat.isDirectory()) {
    if (recursive) return stat;
    throw new FileError(`${given}: is a directory (-r sends it with all in it)`, "is-a-directory");
  }
  if (stat.isFile() && !given.endsWith("/")) return stat;
  throw new FileError(`${given}: is not a ${stat.isFile() ? "directory" : "file"}`);
}

function looked(given: string): Stats {
  try {
    return statSync(encodeName(resolve(given)));
  } catch (error) {
    throw errnoOf(error) === undefined ? error : localError(given, error);
  }
}

/** An error names at most so many files. */
const NAMED = 5;

/**
 * Looks whether at least one of the names can be sent. It is called before the login, so that nobody
 * types a password for nothing.
 * @throws FileError when none can be sent; its message says why of each
 */
export function checkSources(given: readonly string[], recursive: boolean): void {
  const errors: FileError[] = [];
  for (const name of given) {
    try {
      sourceStat(name, recursive);
      return;
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      errors.push(error);
    }
  }
  const said = errors.slice(0, NAMED).map(({ message }) => message);
  const more = errors.length > NAMED ? [`and ${errors.length - NAMED} more`] : [];
  throw new FileError([...said, ...more].join("; "), errors[0]?.code);
}
