import { createHash, hasBlake3 } from "../../hash.js";
import { encodeName } from "../../text/names.ts";
import { LateError, RemoteError } from "../errors.ts";
import type { HashName, HashOptions } from "../types.ts";
import type { Line } from "./line.ts";
import type { Operations } from "./operations.ts";

const NAMES: readonly HashName[] = ["sha256", "md5"];
const COMMANDS: Readonly<Record<HashName, string>> = {
  blake3: "b3sum",
  sha256: "sha256sum",
  md5: "md5sum",
};
const HEX_LENGTH: Readonly<Record<HashName, number>> = { blake3: 64, sha256: 64, md5: 32 };

/** How long a checksum is waited for: so long in any case, and longer at the rate of a slow disk. */
export interface Patience {
  readonly baseMs: number;
  readonly bytesPerMs: number;
}

export const PATIENCE: Patience = { baseMs: 60_000, bytesPerMs: 5_000 };

/** The longest a timer of Node can be. */
const LONGEST_MS = 2 ** 31 - 1 - 60_000;

const PROBE_MS = 20_000;

/** A command is ended some time after its result is of no more use, in milliseconds. */
const COMMAND_EXTRA_MS = 1_000;

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
  /** questions that were given up and have no answer yet */
  #late = 0;

  /** @param before what an earlier connection to the same server found out */
  constructor(operations: Operations, line: Line, before?: RemoteHashes) {
    this.#operations = operations;
    this.#line = line;
    this.#byCommand = before !== undefined ? before.#byCommand : !operations.has("check-file");
    // Which commands work is tried out only once. What the extension has is told anew with each connection.
    this.#names = before !== undefined && this.#byCommand ? before.#names : undefined;
  }

  /** Which the server can give, best first. Rejects when the connection is lost. */
  names(): Promise<readonly HashName[]> {
    this.#names ??= this.#byCommand ? this.#probe() : Promise.resolve(this.#offered());
    this.#names.catch(() => {
      this.#names = undefined;
    });
    return this.#names;
  }

  /** The hashes by check-file. Every server with it has these two, and ours says when it has a faster one. */
  #offered(): readonly HashName[] {
    const fast = this.#operations.checksAlong.includes("blake3") && hasBlake3();
    return fast ? ["blake3", ...NAMES] : NAMES;
  }

  /**
   * The digest in hex; undefined where the server can't. Rejects with LateError when it does not
   * come in time, or an earlier one still hasn't; with RemoteError when the connection is lost.
   */
  async hash(
    path: string,
    name: HashName,
    length?: number,
    { size, signal, patience = PATIENCE }: HashOptions & { readonly patience?: Patience } = {},
  ): Promise<string | undefined> {
    // To check-file a length of 0 means all.
    if (length === 0) return createHash(name).digest().toString("hex");
    if (!(await this.names()).includes(name)) return undefined;
    // Else each file of a job would wait as long again.
    if (this.#late > 0) throw new LateError(path);
    const bytes = length ?? size ?? (await this.#operations.stat(path)).size;
    const limitMs = Math.min(patience.baseMs + bytes / patience.bytesPerMs, LONGEST_MS);
    try {
      return await this.#inTime(
        path,
        () => this.#ask(path, name, length, limitMs),
        limitMs,
        signal,
      );
    } catch (error) {
      const refused = error instanceof RemoteError && !error.lost;
      if (refused && !(error instanceof LateError)) return undefined;
      throw error;
    }
  }

  async #ask(
    path: string,
    name: HashName,
    length: number | undefined,
    limitMs: number,
  ): Promise<string | undefined> {
    if (this.#byCommand) return this.#command(path, name, length, limitMs);
    const hex = (await this.#operations.checkFile(path, name, length))?.toString("hex");
    return hex?.length === HEX_LENGTH[name] ? hex : undefined;
  }

  /** An answer that comes later is taken in and dropped. */
  #inTime<T>(
    path: string,
    ask: () => Promise<T>,
    limitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      let late = false;
      const over = (error: unknown): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancelled);
        reject(error);
      };
      const cancelled = (): void => over(signal?.reason);
      const timer = setTimeout(() => {
        late = true;
        this.#late++;
        over(new LateError(path));
      }, limitMs);
      signal?.addEventListener("abort", cancelled);
      if (signal?.aborted) return cancelled();
      const answered = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", cancelled);
        if (late) this.#late--;
      };
      ask().finally(answered).then(resolve, reject);
    });
  }

  async #command(
    path: string,
    name: HashName,
    length: number | undefined,
    limitMs: number,
  ): Promise<string | undefined> {
    const file = shellQuote(await this.#operations.realpath(path));
    const { size } = await this.#operations.stat(path);
    const whole = length === undefined || length === size;
    const sum = COMMANDS[name];
    const command = whole ? `${sum} ${file}` : `head -c ${length} ${file} | ${sum}`;
    const { code, stdout } = await this.#line.exec(command, limitMs + COMMAND_EXTRA_MS);
    return code === 0 ? parseSum(stdout, name) : undefined;
  }

  /** Tries each command on an empty input, as rclone does. */
  async #probe(): Promise<readonly HashName[]> {
    const found: HashName[] = [];
    for (const name of NAMES) {
      const empty = createHash(name).digest().toString("hex");
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
