import { type ByteString, display } from "../../vfs/path.ts";
import type { Call } from "../call.ts";
import { CommandError } from "../errors.ts";

/** Control lines are a mode, a size and a name of 255 bytes at most. */
export const MAX_LINE = 4096;

export interface ScpOptions {
  readonly recursive: boolean;
  /** -p: permissions and times too */
  readonly preserve: boolean;
  /** -d: the target must be a directory */
  readonly directory: boolean;
  readonly verbose: boolean;
}

/** Seconds since the epoch. */
export interface Times {
  readonly atime: number;
  readonly mtime: number;
}

/** What a source announces. Sizes in bytes; `mode` are permission bits. */
export type ControlRecord =
  | {
      readonly type: "file";
      readonly mode: number;
      readonly size: number;
      readonly name: ByteString;
    }
  | { readonly type: "directory"; readonly mode: number; readonly name: ByteString }
  | { readonly type: "times"; readonly times: Times }
  | { readonly type: "end" };

const ENTRY = /^([CD])([0-7]{4,6}) (\d{1,16}) (.*)$/s;
const TIMES = /^T(\d{1,12}) \d{1,9} (\d{1,12}) \d{1,9}$/;

/** Reads a control line (rcp's protocol, as scp.c of OpenSSH speaks it); undefined if it is none. */
export function parseRecord(line: string): ControlRecord | undefined {
  if (line === "E") return { type: "end" };
  const times = TIMES.exec(line);
  if (times !== null) {
    return { type: "times", times: { mtime: Number(times[1]), atime: Number(times[2]) } };
  }
  const [, type, mode = "", digits = "", name] = ENTRY.exec(line) ?? [];
  if (type === undefined) return undefined;
  const size = Number(digits);
  if (!Number.isSafeInteger(size)) return undefined;
  const common = { mode: Number.parseInt(mode, 8) & 0o777, name: name as ByteString };
  return type === "C" ? { type: "file", size, ...common } : { type: "directory", ...common };
}

/** A name of one component, and nothing that moves elsewhere: what OpenSSH takes from a source. */
export function isPlainName(name: ByteString): boolean {
  return name !== "" && name !== "." && name !== ".." && !/[/\0]/.test(name);
}

/**
 * A name as a control line can hold it: the line ends at the first newline, so that what stands
 * behind one would be the next record. OpenSSH writes `\^J` in its place, and all else as it is.
 */
export function inLine(name: ByteString): ByteString {
  return name.replaceAll("\n", "\\^J") as ByteString;
}

/** The two directions of a session, and how either side says yes and no. */
export class ScpChannel {
  readonly #call: Call;
  readonly #verbose: boolean;
  /** exit code: 1 after an error on either side */
  status = 0;

  constructor(call: Call, verbose: boolean) {
    this.#call = call;
    this.#verbose = verbose;
  }

  async accept(): Promise<void> {
    await this.send("\0");
  }

  /**
   * What is sent next has a packet of its own. phpseclib reads a file packet by packet, and takes an
   * answer behind the last of its bytes for content.
   */
  async separate(): Promise<void> {
    await this.#call.out.packed();
  }

  /** Tells the client what could not be done; it goes on with the next thing. */
  async refuse(text: string): Promise<void> {
    this.status = 1;
    await this.send(Buffer.from(`\x01scp: ${text}\n`));
  }

  /** @param data bytes, one a char, when it is a string */
  async send(data: string | Buffer): Promise<void> {
    const buffer = typeof data === "string" ? Buffer.from(data, "latin1") : data;
    await this.#call.out.write(buffer);
  }

  async trace(text: string): Promise<void> {
    if (this.#verbose) await this.#call.warn(`${text}\n`);
  }

  /** A line without its newline; undefined at the end. @throws CommandError for an overlong one */
  async line(): Promise<string | undefined> {
    const line = await this.#call.stdin.readLine(this.#call.signal, MAX_LINE);
    if (line === undefined) return undefined;
    if (line.endsWith("\n")) return line.slice(0, -1);
    if (line.length >= MAX_LINE) throw new CommandError("protocol error: the line is too long");
    throw lost();
  }

  /** Up to `max` bytes of a file's content. */
  async data(max: number): Promise<Buffer> {
    const data = await this.#call.stdin.read(this.#call.signal, max);
    if (data === undefined) throw lost();
    return data;
  }

  /** The other side's answer: true for yes. Its message goes to standard error. */
  async answer(): Promise<boolean> {
    const code = (await this.data(1))[0];
    if (code === 0) return true;
    const text = await this.line();
    await this.message(code === 1 || code === 2 ? "" : String.fromCharCode(code as number), text);
    if (code !== 1) throw new CommandError("the client gave up");
    return false;
  }

  /** Notes a message of the other side. */
  async message(start: string, text: string | undefined): Promise<void> {
    this.status = 1;
    await this.#call.warn(`${display(`${start}${text ?? ""}` as ByteString)}\n`);
  }
}

function lost(): CommandError {
  return new CommandError("the connection ended too early");
}
