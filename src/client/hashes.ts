import { createHash } from "node:crypto";
import { RemoteError } from "./errors.ts";
import type { Line } from "./line.ts";
import { encodeName } from "./names.ts";
import type { Operations } from "./operations.ts";
import type { HashName } from "./types.ts";

const NAMES: readonly HashName[] = ["sha256", "md5"];
const COMMANDS: Readonly<Record<HashName, string>> = { sha256: "sha256sum", md5: "md5sum" };
const HEX_LENGTH: Readonly<Record<HashName, number>> = { sha256: 64, md5: 32 };

/** A command may take so long, and for each byte as long as the slowest disk we wait for. */
const COMMAND_MS = 60_000;
const PROBE_MS = 20_000;
const SLOWEST_BYTES_PER_MS = 5_000;

/** A path as a word of the server's shell: nothing in it is special. */
export function shellQuote(path: string): string {
  // ssh2 sends commands as UTF-8, so other names can't be named this way.
  if (!Buffer.from(path, "utf8").equals(encodeName(path)) || path.includes("\0")) {
    throw new RemoteError(path, "the name can't be said in a command");
  }
  return `'${path.replaceAll("'", "'\\''")}'`;
}

/** The digest in the one line that md5sum and its kin print; undefined for anything else. */
export function parseSum(output: string, name: HashName): string | undefined {
  const [, hex = "", rest = ""] = /^\\?([0-9a-f]+) [ *]([^\n]*)\n?$/.exec(output) ?? [];
  return hex.length === HEX_LENGTH[name] && rest !== "" ? hex : undefined;
}

/** Checksums that the server computes: by the extension check-file, else by commands. */
export class RemoteHashes {
  readonly #operations: Operations;
  readonly #line: Line;
  #names: Promise<readonly HashName[]> | undefined;
  #byCommand: boolean;

  /** @param before what an earlier connection to the same server found out */
  constructor(operations: Operations, line: Line, before?: RemoteHashes) {
    this.#operations = operations;
    this.#line = line;
    this.#byCommand = before !== undefined ? before.#byCommand : !operations.has("check-file");
    this.#names = before === undefined ? undefined : before.#names;
  }

  /** Which the server can give, best first. Rejects when the connection is lost. */
  names(): Promise<readonly HashName[]> {
    this.#names ??= this.#byCommand ? this.#probe() : Promise.resolve(NAMES);
    this.#names.catch(() => {
      this.#names = undefined;
    });
    return this.#names;
  }

  /** The digest in hex; undefined where the server can't. Rejects when the connection is lost. */
  async hash(path: string, name: HashName, length?: number): Promise<string | undefined> {
    // To check-file a length of 0 means all.
    if (length === 0) return createHash(name).digest("hex");
    if (!(await this.names()).includes(name)) return undefined;
    try {
      return this.#byCommand
        ? await this.#command(path, name, length)
        : (await this.#operations.checkFile(path, name, length))?.toString("hex");
    } catch (error) {
      if (error instanceof RemoteError && !error.lost) return undefined;
      throw error;
    }
  }

  async #command(path: string, name: HashName, length?: number): Promise<string | undefined> {
    const file = shellQuote(await this.#operations.realpath(path));
    const { size } = await this.#operations.stat(path);
    const whole = length === undefined || length === size;
    const sum = COMMANDS[name];
    const command = whole ? `${sum} ${file}` : `head -c ${length} ${file} | ${sum}`;
    const limit = COMMAND_MS + Math.min(length ?? size, size) / SLOWEST_BYTES_PER_MS;
    const { code, stdout } = await this.#line.exec(command, limit);
    return code === 0 ? parseSum(stdout, name) : undefined;
  }

  /** Tries each command on an empty input, as rclone does. */
  async #probe(): Promise<readonly HashName[]> {
    const found: HashName[] = [];
    for (const name of NAMES) {
      const empty = createHash(name).digest("hex");
      try {
        const { code, stdout } = await this.#line.exec(COMMANDS[name], PROBE_MS);
        if (code === 0 && parseSum(stdout, name) === empty) found.push(name);
      } catch (error) {
        if (this.#line.gone || !(error instanceof RemoteError) || error.lost) throw error;
        break;
      }
    }
    return found;
  }
}
