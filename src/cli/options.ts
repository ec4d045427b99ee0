import { InvalidArgumentError, Option } from "commander";
import { parseSize, UnitError } from "../text/units.ts";

/** A limit as given on the command line: a number, none, or what the settings say. */
export type Limit = number | "none" | "default";

export function quotaOption(): Option {
  return new Option("--quota <size>", "10GB, 512MiB, bytes, `none` or `default`").argParser(
    (text): Limit => {
      if (text === "none" || text === "default") return text;
      try {
        return parseSize(text);
      } catch (thrown) {
        if (!(thrown instanceof UnitError)) throw thrown;
        throw new InvalidArgumentError("Give a size such as 10GB or 512MiB, none or default.");
      }
    },
  );
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

/** @param otherwise what `default` and leaving the option out mean */
export function limitOf(limit: Limit | undefined, otherwise: number | null): number | null {
  if (limit === "none") return null;
  return limit === undefined || limit === "default" ? otherwise : limit;
}
