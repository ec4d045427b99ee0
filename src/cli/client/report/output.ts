import type { Io } from "../../io.ts";
import { fitted } from "../../layout.ts";

/** Where the client writes: text that is safe for a terminal already, lines that end in "\n". */
export interface Output {
  out(text: string): void;
  /** Prints one line to standard error. In a narrow terminal it is broken into several. */
  err(text: string): void;
  /** of standard output; undefined: it is no terminal, or one that can't move its cursor */
  columns(): number | undefined;
  rows(): number;
  readonly colour: boolean;
  /** @returns how to stop listening */
  onResize(listener: () => void): () => void;
}

/** Standard output and error of this process. */
export function processOutput(io: Io): Output {
  const { stdout } = process;
  const terminal = stdout.isTTY === true && io.env.TERM !== "dumb";
  return {
    out: (text) => io.out(text),
    err: (text) => io.err(fitted(text, io.errColumns)),
    // A terminal that doesn't tell its size (a serial line) says 0.
    columns: () => (terminal ? stdout.columns || 80 : undefined),
    rows: () => stdout.rows || 24,
    colour: io.colour,
    onResize(listener) {
      stdout.on("resize", listener);
      return () => stdout.off("resize", listener);
    },
  };
}
