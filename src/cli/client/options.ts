import { type Command, InvalidArgumentError, Option } from "commander";
import { MOST_PATTERNS } from "../../client/transfer/exclude.ts";
import { parseRate } from "../../text/units.ts";

/** Options of every client command, as commander reads them. */
export interface LoginFlags {
  readonly port?: number;
  readonly identity?: readonly string[];
  readonly config?: string;
  readonly acceptNew?: boolean;
  readonly quiet?: boolean;
}

/** Options of every transfer besides. */
export interface CommonFlags extends LoginFlags {
  readonly jobs: number;
  readonly verify: boolean;
  readonly exclude?: readonly string[];
  readonly dryRun?: boolean;
  /** bytes a second */
  readonly limitRate?: number;
  readonly json?: boolean;
}

/** Options of `sync`. */
export interface SyncFlags extends CommonFlags {
  readonly delete?: boolean;
  readonly checksum?: boolean;
}

/** Options of `put` and `get`. */
export interface TransferFlags extends CommonFlags {
  readonly recursive?: boolean;
  readonly preserve?: boolean;
  /** undefined where neither of its two options is given: it is meant then, too */
  readonly resume?: boolean;
}

/** Files at once, when nobody says. */
export const PARALLEL = 4;
export const MAX_PARALLEL = 64;

/** The slowest --limit-rate, in bytes a second: below it servers take the line for dead. */
const SLOWEST_RATE = 1000;

export const EXIT_CODES = `
Exit codes: 0 done, 1 a file or command failed, 2 wrong usage, 4 the login was refused,
5 the server can't be reached, 6 its host key is unknown, 7 its host key has changed, 8 it speaks
no SFTP, 9 it ended the session on purpose, 130 cancelled.
`;

export function addLoginOptions(command: Command): Command {
  return command
    .addOption(new Option("-P, --port <port>", "the server's port [22]").argParser(parsePort))
    .addOption(
      new Option("-i, --identity <file>", "a private key, may be repeated").argParser(
        (file, before: readonly string[] | undefined) => [...(before ?? []), file],
      ),
    )
    .option("-F, --config <file>", "instead of ~/.ssh/config; `none` for no file")
    .option("--accept-new", "take and store the key of a host that is not known yet")
    .option("-q, --quiet", "print errors only");
}

export function addTransferOptions(command: Command): Command {
  addLoginOptions(command)
    .option("-r, --recursive", "directories with all that is in them")
    .option("-p, --preserve", "keep times and modes")
    .option("--resume", "go on where this transfer was cut (the default)")
    .option("--no-resume", "start over");
  return addCommonOptions(command);
}

export function addSyncOptions(command: Command): Command {
  addLoginOptions(command)
    .option("--delete", "remove from the target what the source does not have")
    .option("--checksum", "compare checksums, not times, where the sizes are the same");
  return addCommonOptions(command);
}

function addCommonOptions(command: Command): Command {
  return command
    .option("-n, --dry-run", "change nothing, and tell what would be done")
    .addOption(
      new Option("--exclude <pattern>", "leave out names that match; may be repeated").argParser(
        parseExclude,
      ),
    )
    .addOption(
      new Option(
        "--limit-rate <rate>",
        "bytes a second at most, such as 500K (of 1024) or 2MB",
      ).argParser(parseLimit),
    )
    .addOption(
      new Option("-j, --jobs <n>", `large files at once, 1 to ${MAX_PARALLEL}`)
        .default(PARALLEL)
        .argParser(parseJobs),
    )
    .option("--no-verify", "don't compare checksums afterwards")
    .option("--json", "print one JSON event a line, nothing else");
}

function parseExclude(pattern: string, before: readonly string[] = []): readonly string[] {
  if (/^\/*$/.test(pattern)) throw new InvalidArgumentError("Give a pattern, such as '*.tmp'.");
  if (before.length >= MOST_PATTERNS) throw new InvalidArgumentError("There are too many.");
  return [...before, pattern];
}

function parseLimit(text: string): number {
  try {
    const rate = parseRate(text);
    if (rate >= SLOWEST_RATE) return rate;
  } catch {}
  throw new InvalidArgumentError("Give bytes a second, 1KB or more, such as 500K or 2MB.");
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65535) return port;
  throw new InvalidArgumentError("Give a number from 1 to 65535.");
}

function parseJobs(text: string): number {
  const number = Number(text);
  if (/^\d{1,3}$/.test(text) && number >= 1 && number <= MAX_PARALLEL) return number;
  throw new InvalidArgumentError(`Give a number from 1 to ${MAX_PARALLEL}.`);
}
