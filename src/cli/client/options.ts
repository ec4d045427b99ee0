import { type Command, InvalidArgumentError, Option } from "commander";

/** Options of every client command, as commander reads them. */
export interface LoginFlags {
  readonly port?: number;
  readonly identity?: readonly string[];
  readonly config?: string;
  readonly acceptNew?: boolean;
  readonly quiet?: boolean;
}

/** Options of `put` and `get` besides. */
export interface TransferFlags extends LoginFlags {
  readonly recursive?: boolean;
  readonly preserve?: boolean;
  readonly jobs: number;
  readonly verify: boolean;
  /** undefined where neither of its two options is given: it is meant then, too */
  readonly resume?: boolean;
  readonly json?: boolean;
}

/** Files at once, when nobody says. */
export const PARALLEL = 4;
export const MAX_PARALLEL = 64;

export const EXIT_CODES = `
Exit codes: 0 done, 1 a file or command failed, 2 wrong usage, 4 the login was refused,
5 the server can't be reached, 6 its host key is unknown, 7 its host key has changed, 8 it speaks
no SFTP, 130 cancelled.
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
  return addLoginOptions(command)
    .option("-r, --recursive", "directories with all that is in them")
    .option("-p, --preserve", "keep times and modes")
    .addOption(
      new Option("-j, --jobs <n>", `files at once, 1 to ${MAX_PARALLEL}`)
        .default(PARALLEL)
        .argParser(parseJobs),
    )
    .option("--resume", "go on where the same transfer was broken off (so it is by default)")
    .option("--no-resume", "start over")
    .option("--no-verify", "don't compare checksums afterwards")
    .option("--json", "print one JSON event a line, nothing else");
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
