import { createInterface } from "node:readline";
import { Writable } from "node:stream";
import { NOT_UTF8 } from "../auth/passwords.ts";
import { ControlError, EXIT } from "../control/errors.ts";
import { type NewPasswords, ruleLine, typedPassword } from "../text/new-password.ts";
import { decodeUtf8 } from "../text/utf8.ts";
import type { Io } from "./io.ts";
import { fitted } from "./layout.ts";

const MAX_LINE_BYTES = 64 * 1024;

/** The password in the first line of standard input; what follows is not read. */
export async function readPassword(io: Io): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of io.stdin) {
    const bytes = Buffer.from(chunk);
    const end = bytes.indexOf(0x0a);
    chunks.push(end === -1 ? bytes : bytes.subarray(0, end));
    size += bytes.length;
    if (end !== -1) break;
    if (size > MAX_LINE_BYTES) throw new ControlError("the line on standard input is too long");
  }
  const line = decodeUtf8(Buffer.concat(chunks));
  if (line === undefined) throw new ControlError(NOT_UTF8, EXIT.usage);
  return line.replace(/\r$/, "");
}

/** One question on the terminal; the answer is not shown. */
export type Ask = (prompt: string) => Promise<string>;

/**
 * Asks for a new password on the terminal, twice and without echo. When it is refused, asks for another
 * one. The prompts go to standard error, so that standard output stays the command's result.
 */
export function askNewPassword(io: Io, passwords: NewPasswords): Promise<string> {
  return asking(io, async (ask) => {
    const desk = { ask, say: (line: string) => say(io, `${line}\n`) };
    desk.say(ruleLine(passwords));
    const typed = await typedPassword(desk, passwords);
    if ("problem" in typed) throw new ControlError(typed.problem, EXIT.usage);
    return typed.password;
  });
}

/** Shows a line to the person at the terminal, between the prompts. */
function say({ err, errColumns }: Io, text: string): void {
  err(fitted(text, errColumns));
}

/** Questions on the terminal, without echo. The prompts go to standard error. */
export async function asking<T>(io: Io, use: (ask: Ask) => Promise<T>): Promise<T> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: io.stdin, output, terminal: true, historySize: 0 });
  reader.on("SIGINT", () => reader.close());
  // One reader for all: what is typed or pasted ahead must not get lost between two.
  const lines = reader[Symbol.asyncIterator]();
  try {
    return await use((prompt) => ask(io, lines, prompt));
  } finally {
    reader.close();
  }
}

/** Asks on the terminal. Anything but "yes" and "y" is no. */
export async function askYes(io: Io, question: string): Promise<boolean> {
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: io.stdin, output, terminal: false });
  try {
    io.err(`${question} [y/N]: `);
    const { done, value } = await reader[Symbol.asyncIterator]().next();
    return !done && /^\s*y(es)?\s*$/i.test(value);
  } finally {
    reader.close();
  }
}

async function ask(io: Io, lines: AsyncIterator<string>, prompt: string): Promise<string> {
  io.err(prompt);
  const { done, value } = await lines.next();
  io.err("\n");
  if (done) throw new ControlError("cancelled: nothing was changed");
  return value;
}

/** A person is asked before files are deleted; a script has said what it wants. */
export async function confirmDeleting(
  io: Io,
  what: string,
  { yes = false }: { readonly yes?: boolean },
): Promise<void> {
  if (yes || !io.stdin.isTTY) return;
  if (!(await askYes(io, `Delete ${what}?`))) throw new ControlError("nothing was changed");
}
