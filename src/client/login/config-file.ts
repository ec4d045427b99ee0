import { readdirSync, readFileSync, type Stats, statSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import { join } from "node:path";
import SSHConfig, { type Line, type Match, type Section } from "ssh-config";
import { TextPattern } from "../../text/pattern.ts";
import { errnoOf, LoginError } from "../errors.ts";
import { matches } from "./known-hosts.ts";

/** Files may include files so deep: OpenSSH's bound (READCONF_MAX_DEPTH). */
const DEEPEST = 16;

/** Files read for one host, those read again counted. */
const MOST_FILES = 1024;

/** A larger file is no configuration, in bytes. */
const LARGEST_FILE = 4 * 1024 * 1024;

/** All that are given count; of other keywords only the first (ssh_config(5)). */
const COLLECTED: ReadonlySet<string> = new Set(["identityfile"]);

/** What a file says about a host, by keyword in small letters. */
export type Values = ReadonlyMap<string, readonly string[]>;

export interface ConfigQuery {
  /** as typed */
  readonly host: string;
  readonly user: string | undefined;
  /** nobody named the file: it may be missing, but not be somebody else's */
  readonly standard: boolean;
}

/**
 * Reads a file as ssh_config(5) has it, with those it includes. No command in it is run: `Match exec`
 * never fits.
 * @throws LoginError for what can't be read, or isn't the person's own
 */
export function configValues(file: string, query: ConfigQuery): Values {
  const reading = new Reading(query);
  reading.file(file, query.standard, true, 0);
  if (reading.wantsFinal) {
    reading.beginFinal();
    reading.file(file, query.standard, true, 0);
  }
  return reading.values;
}

class Reading {
  readonly values = new Map<string, string[]>();
  /** there is a `Match final`: all is read again, with what was found */
  wantsFinal = false;
  readonly #alias: string;
  readonly #files = new Map<string, readonly Line[]>();
  #host: string;
  #final = false;
  #visits = 0;

  constructor({ host, user }: ConfigQuery) {
    this.#alias = host;
    this.#host = host;
    if (user !== undefined) this.values.set("user", [user]);
  }

  beginFinal(): void {
    this.#final = true;
    this.#host = this.#hostName();
  }

  /**
   * @param checked nobody else may have written it, and it may be missing
   * @param active what includes it is in force
   */
  file(path: string, checked: boolean, active: boolean, depth: number): void {
    if (depth > DEEPEST) {
      throw new LoginError("protocol", `${path}: files include each other, or too deep`);
    }
    if (++this.#visits > MOST_FILES) {
      throw new LoginError("protocol", `${path}: too many files are included`);
    }
    const lines = this.#files.get(path) ?? readConfig(path, checked);
    this.#files.set(path, lines);
    this.#lines(lines, path, active, depth);
  }

  #lines(lines: Iterable<Line>, path: string, active: boolean, depth: number): void {
    for (const line of lines) {
      if (line.type !== SSHConfig.DIRECTIVE) continue;
      const name = line.param.toLowerCase();
      if ("config" in line) {
        const fits = this.#fits(line);
        this.#lines(line.config, path, active && fits, depth);
      } else if (name === "include") {
        for (const pattern of words(line.value)) {
          for (const one of included(pattern, path)) this.file(one, true, active, depth + 1);
        }
      } else if (active) this.#set(name, words(line.value));
    }
  }

  #set(name: string, value: readonly string[]): void {
    const before = this.values.get(name);
    if (before === undefined) this.values.set(name, [...value]);
    else if (COLLECTED.has(name)) before.push(...value.filter((one) => !before.includes(one)));
  }

  #fits(line: Match | Section): boolean {
    if (!("criteria" in line)) return matches(words(line.value), this.#host);
    const fitting = Object.entries(line.criteria).map(([criterion, value]) => {
      const [, negated = "", name = ""] = /^(!?)(.*)$/.exec(criterion.toLowerCase()) ?? [];
      const fits = this.#meets(name, words(value).join(","));
      return fits === undefined ? false : fits !== (negated !== "");
    });
    return fitting.every(Boolean);
  }

  /** undefined: not known here */
  #meets(criterion: string, list: string): boolean | undefined {
    const patterns = list.split(",");
    const small = list.toLowerCase().split(",");
    switch (criterion) {
      case "all":
        return true;
      case "final":
        this.wantsFinal = true;
        return this.#final;
      case "canonical":
        return this.#final;
      case "host":
        return matches(small, this.#hostName());
      case "originalhost":
        return matches(small, this.#alias);
      case "user":
        return matches(patterns, this.values.get("user")?.[0] ?? userInfo().username);
      case "localuser":
        return matches(patterns, userInfo().username);
      default:
        return undefined;
    }
  }

  #hostName(): string {
    return hostNameOf(this.values, this.#alias);
  }
}

/** The host's address: HostName where it is given, in which %h is what was typed. */
export function hostNameOf(values: Values, alias: string): string {
  const name = values.get("hostname")?.[0] ?? alias;
  return name.replace(/%[%h]/g, (token) => (token === "%h" ? alias : "%"));
}

function words(value: string | readonly { readonly val: string }[]): string[] {
  return typeof value === "string" ? [value] : value.map(({ val }) => val);
}

function readConfig(path: string, checked: boolean): readonly Line[] {
  try {
    if (checked && !mayBeUsed(path)) return [];
    return SSHConfig.parse(readFileSync(path, "utf8"));
  } catch (error) {
    if (error instanceof LoginError) throw error;
    const [reason] = (error as Error).message.split("\n");
    throw new LoginError("protocol", `${path}: ${errnoOf(error) ?? reason}`);
  }
}

/** False where no file is: nothing, or what a pattern fits as well, a directory or a socket. */
function mayBeUsed(path: string): boolean {
  let stat: Stats;
  try {
    stat = statSync(path);
  } catch {
    return false;
  }
  const own = process.getuid?.();
  const owned = stat.uid === 0 || stat.uid === own;
  // A group that has the person's number is the person's alone, as Debian's OpenSSH takes it.
  const others = stat.gid === own ? 0o002 : 0o022;
  if (stat.size > LARGEST_FILE) throw new LoginError("protocol", `${path}: is too large`);
  if (owned && (stat.mode & others) === 0) return stat.isFile();
  throw new LoginError("protocol", `${path}: bad owner or permissions: others may change it`);
}

/** The paths of an Include, in the order of their bytes. Relative ones are in ~/.ssh. */
function included(pattern: string, from: string): string[] {
  const home = homedir();
  if (/^~[^/]/.test(pattern)) {
    throw new LoginError("protocol", `${from}: Include ${pattern}: only one's own ~ is known here`);
  }
  const full = pattern.startsWith("~")
    ? home + pattern.slice(1)
    : pattern.startsWith("/")
      ? pattern
      : join(home, ".ssh", pattern);
  let found = ["/"];
  for (const part of full.split("/").filter((one) => one !== "")) {
    found = found.flatMap((directory) => step(directory, part));
  }
  return found.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

/** What a part of a pattern stands for in a directory (glob(7)); what can't be read holds nothing. */
function step(directory: string, part: string): string[] {
  if (!/[*?[]/.test(part)) return [join(directory, part.replace(/\\(.)/gs, "$1"))];
  const pattern = new TextPattern(part);
  let names: string[] = [];
  try {
    names = readdirSync(directory);
  } catch {}
  return names
    .filter((name) => part.startsWith(".") || !name.startsWith("."))
    .filter((name) => pattern.matches(name))
    .map((name) => join(directory, name));
}
