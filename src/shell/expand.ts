import type { ByteString } from "../vfs/path.ts";
import type { Shell } from "./context.ts";
import { CommandError } from "./errors.ts";
import { expandPattern, type GlobScope, isPattern } from "./glob.ts";
import type { VariableName, Word } from "./lexer.ts";
import { escapePattern } from "./pattern.ts";

/** What all arguments of one command may take, in bytes. */
const MAX_ARGUMENTS = 2 * 1024 * 1024;

/**
 * The arguments that words stand for. Unlike in a POSIX shell the value of a variable is neither
 * split into words nor taken as a pattern.
 */
export async function expandWords(
  words: readonly Word[],
  shell: Shell,
  step: () => Promise<void>,
): Promise<ByteString[]> {
  const scope: GlobScope = {
    fs: shell.context.fs,
    resolve: (path) => shell.resolve(path === "" ? ("." as ByteString) : path),
    step,
  };
  const args: ByteString[] = [];
  let length = 0;
  for (const word of words) {
    for (const arg of await expandWord(word, shell, scope)) {
      length += arg.length + 1;
      if (length > MAX_ARGUMENTS) throw new CommandError("the argument list is too long", 126);
      args.push(arg);
    }
  }
  return args;
}

async function expandWord(word: Word, shell: Shell, scope: GlobScope): Promise<ByteString[]> {
  let text = "";
  let pattern = "";
  let quoted = false;
  for (const [index, part] of word.entries()) {
    let value: ByteString;
    if (part.kind === "text") value = part.text;
    else if (part.kind === "variable") value = variable(part.name, shell);
    else value = home(part.user, shell, word[index + 1] !== undefined);
    const unquoted = part.kind === "text" && !part.quoted;
    quoted ||= part.kind === "text" && part.quoted;
    quoted ||= part.kind === "variable" && part.quoted;
    text += value;
    pattern += unquoted ? value : escapePattern(value);
  }
  if (text === "" && !quoted) return [];
  if (!isPattern(pattern as ByteString)) return [text as ByteString];
  return expandPattern(pattern as ByteString, scope);
}

/** The home is "/", so before a "/" nothing is left to write. */
function home(user: ByteString, shell: Shell, more: boolean): ByteString {
  if (user !== "" && user !== shell.context.user) return `~${user}` as ByteString;
  return (more ? "" : "/") as ByteString;
}

function variable(name: VariableName, shell: Shell): ByteString {
  switch (name) {
    case "?":
    // The C shell's name for it: WinSCP tries this one first and waits for an answer.
    case "status":
      return String(shell.status) as ByteString;
    case "HOME":
      return "/" as ByteString;
    case "USER":
      return shell.context.user as ByteString;
    case "PWD":
      return shell.directory;
    case "ShellId":
      return "" as ByteString;
  }
}
