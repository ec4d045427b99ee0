import { CommanderError } from "commander";
import { ConfigError } from "../config/errors.ts";
import { ControlError, EXIT } from "../control/errors.ts";
import { FsError, InstanceError } from "../errors.ts";
import { visible, visibleLines } from "../text/safe.ts";
import type { Io } from "./io.ts";
import { fitted } from "./layout.ts";

const SQLITE: readonly [RegExp, string][] = [
  [/^SQLITE_(BUSY|LOCKED)/, "the database is busy: try again"],
  [/^SQLITE_(READONLY|PERM|AUTH)/, "the database can't be written: run this as its owner"],
  [/^SQLITE_CANTOPEN/, "the database can't be opened: run this as the instance's owner"],
  [/^SQLITE_(FULL|IOERR_SHMSIZE)/, "the disk of db/ is full: make some room on it"],
  [
    /^SQLITE_(CORRUPT|NOTADB)/,
    "the database db/moorage.sqlite is damaged: restore it from a backup",
  ],
  [/^SQLITE_IOERR/, "the disk fails: the database can't be read or written"],
];

const LISTEN: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is in use: stop what uses it, or give another --port",
  EACCES:
    "not allowed: ports below 1024 need privileges; start it as root with server.user, or give another --port",
  EADDRNOTAVAIL: "this machine has no such address: give another --host",
  ENOTFOUND: "no such host name: give another --host",
  EAI_AGAIN: "the host name can't be looked up now: give an address as --host",
};

/** The command that a wrong command line names. */
export interface Meant {
  /** "moorage kick" */
  readonly name: string;
  /** "moorage kick [options] <session>" */
  readonly usage: string;
  /** the command below it that was probably meant by a word that is not a command */
  other?(word: string): string | undefined;
}

const WHOLE: Meant = { name: "moorage", usage: "moorage [options] [command]" };

/** The errors about arguments, and not options: with them the usage is shown as well. */
const OF_ARGUMENTS = ["commander.missingArgument", "commander.excessArguments"];

/** Writes what went wrong, one line (settings: one a problem), and tells the exit code. */
export function report(thrown: unknown, io: Io, meant: Meant = WHOLE): number {
  if (thrown instanceof CommanderError) return reportUsage(thrown, io, meant);
  if (thrown instanceof ConfigError) {
    for (const problem of thrown.problems) complain(io, problem);
    return EXIT.usage;
  }
  if (thrown instanceof ControlError) {
    complain(io, thrown.message);
    return thrown.exitCode;
  }
  const text = known(thrown);
  if (text !== undefined) complain(io, text);
  else reportUnexpected(thrown, io);
  return EXIT.failed;
}

/**
 * What a failed start means; anything else stays what it is.
 * @param owner the process of this instance that has the port already
 */
export function startError(
  thrown: unknown,
  { host, port }: { readonly host: string; readonly port: number },
  owner?: number,
): unknown {
  if (!(thrown instanceof Error)) return thrown;
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  const taken = code === "EADDRINUSE" && owner !== undefined;
  const own = `the port is in use by this instance's own server (pid ${owner}): stop it first, or give another --port`;
  const reason = code === undefined ? undefined : taken ? own : LISTEN[code];
  if (reason !== undefined && (syscall === "listen" || syscall === "getaddrinfo")) {
    return new ControlError(`can't listen on ${host} port ${port}: ${reason}`);
  }
  // A plain Error of our own says in one line what to do; Node's and the language's have more.
  if (code === undefined && thrown.name === "Error") return new ControlError(thrown.message);
  return thrown;
}

function reportUsage(error: CommanderError, io: Io, meant: Meant): number {
  const { name, usage } = meant;
  // Help or the version was asked for and is printed already.
  if (error.exitCode === 0) return EXIT.ok;
  // A command without its subcommand: its help is printed already.
  if (error.code === "commander.help") return EXIT.usage;
  const whole = withOther(error, meant).replace(/^error: /, "");
  const text = whole.replace(". (Did you mean", " (Did you mean");
  const how = OF_ARGUMENTS.includes(error.code) ? `; usage: ${usage}` : "";
  complain(io, `${text.replace(/\.?$/, "")}${how}; see \`${name} --help\``);
  return EXIT.usage;
}

/** When the word is what people call a command elsewhere, names that command instead of one spelt alike. */
function withOther({ code, message }: CommanderError, { other }: Meant): string {
  const [told, word = ""] = /^.*?unknown command '(.*?)'/s.exec(message) ?? [];
  if (code !== "commander.unknownCommand" || told === undefined) return message;
  const name = other?.(word);
  return name === undefined ? message : `${told} (Did you mean ${name}?)`;
}

function known(thrown: unknown): string | undefined {
  if (thrown instanceof FsError || thrown instanceof InstanceError) return thrown.message;
  if (!(thrown instanceof Error)) return undefined;
  const { code, syscall, path } = thrown as NodeJS.ErrnoException;
  if (typeof code !== "string") return undefined;
  if (code === "DATABASE_GONE") return thrown.message;
  if (code.startsWith("SQLITE_")) return SQLITE.find(([pattern]) => pattern.test(code))?.[1];
  if (syscall === undefined || path === undefined) return undefined;
  return `${syscall} ${path} failed (${code}): check that this user may do that`;
}

function reportUnexpected(thrown: unknown, io: Io): void {
  const level = io.env.MOORAGE_LOG_LEVEL;
  if (level === "debug" || level === "trace") {
    const whole = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
    io.err(`${visibleLines(whole).join("\n")}\n`);
    return;
  }
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  complain(io, `unexpected error: ${text}; set MOORAGE_LOG_LEVEL=debug to see more`);
}

function complain(io: Io, text: string): void {
  const line = `moorage: ${visible(text.replace(/\s*\n\s*/g, " ").trim())}\n`;
  io.err(fitted(line, io.errColumns));
}
