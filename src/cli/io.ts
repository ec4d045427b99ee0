import type { Writable } from "node:stream";
import type { ReadStream } from "node:tty";

/** What a command sees of the world outside. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & Partial<Pick<ReadStream, "isTTY">>;
  /** Text as it is; lines end in "\n". */
  out(text: string): void;
  err(text: string): void;
  /** Standard output for what is no text; undefined where there is none. */
  readonly stdout?: Writable & { readonly isTTY?: boolean };
  /** True when standard error is a terminal where a line can be written over. */
  readonly errTerminal?: boolean;
  /** columns of the terminal; undefined when standard output is no terminal */
  readonly columns?: number | undefined;
  /** the same for standard error */
  readonly errColumns?: number | undefined;
  /** colours on standard output */
  readonly colour: boolean;
  /** True when nobody reads standard output any more. */
  unread?(): boolean;
  /** The server listens: whoever waits for it, may go. Only in a process in the background. */
  listening?(): void;
}

/** The process's own streams. Colours: on a terminal, and without NO_COLOR (no-color.org). */
export function processIo(): Io {
  let unread = false;
  // A reader that closed the pipe (`| head`) must not end a server.
  process.stderr.on("error", () => {});
  process.stdout.on("error", () => {
    unread = true;
  });
  return {
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    errTerminal: process.stderr.isTTY === true && process.env.TERM !== "dumb",
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    unread: () => unread,
    // This is asked anew each time, because the width can change while a command runs.
    get columns() {
      return columnsOf(process.stdout);
    },
    get errColumns() {
      return columnsOf(process.stderr);
    },
    colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
  };
}

/** Undefined also for a terminal that doesn't know its width: it says 0. */
function columnsOf({ isTTY, columns }: NodeJS.WriteStream): number | undefined {
  return isTTY ? columns || undefined : undefined;
}
