import { type ByteString, display } from "../../vfs/path.ts";
import { type FileStat, S_IFDIR, S_IFMT, S_IFREG } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import { READING, withFile } from "../files.ts";
import { isDirectory, isLink } from "../tree.ts";

const USAGE = `EXPRESSION
  -e PATH  there is something      -f PATH  a file          -d PATH  a directory
  -L PATH  a link                  -s PATH  not empty       -r -w -x PATH  permitted
  -n TEXT  not empty               -z TEXT  empty           ! EXPRESSION   not
  A = B  A != B                    the same text, or not
  A -eq B  -ne -lt -le -gt -ge     numbers
  A -nt B  A -ot B                 newer, older             A -ef B  the same file
Use && and || for and, or.`;

function fail(message: string): CommandError {
  return new CommandError(message, 2);
}

export const test: Command = {
  name: "test",
  summary: "check files, texts and numbers; the exit code tells",
  usage: USAGE,
  usageStatus: 2,
  run: async (call) => ((await evaluate(call, call.args)) ? 0 : 1),
};

export const bracket: Command = {
  ...test,
  name: "[",
  usage: USAGE.replace("EXPRESSION", "EXPRESSION ]"),
  async run(call) {
    if (call.args.at(-1) !== "]") throw fail("missing ']'");
    return (await evaluate(call, call.args.slice(0, -1))) ? 0 : 1;
  },
};

/** Decides by the number of arguments, as POSIX has it. */
async function evaluate(call: Call, args: readonly ByteString[]): Promise<boolean> {
  let wanted = true;
  // A loop: thousands of "!" would be too deep for the stack.
  for (let from = 0, end = args.length; ; from += 1) {
    const inner = args.slice(from, Math.min(end, from + 4));
    const result = await simple(call, inner);
    if (result !== undefined) return result === wanted;
    if (inner[0] === "!") wanted = !wanted;
    else if (inner[0] === "(" && args[end - 1] === ")") end -= 1;
    else if (inner.length > 3) throw fail("too many arguments (use && and ||)");
    else throw fail(`'${display(inner[1] as ByteString)}': binary operator expected`);
  }
}

/** undefined for what is more than one test of its own */
async function simple(call: Call, args: readonly ByteString[]): Promise<boolean | undefined> {
  const [first, second, third] = args;
  if (first === undefined) return false;
  if (second === undefined) return first !== "";
  if (third === undefined) return first === "!" ? second === "" : unary(call, first, second);
  return args.length === 3 ? binary(call, first, second, third) : undefined;
}

async function unary(call: Call, operator: ByteString, operand: ByteString): Promise<boolean> {
  if (operator === "-n") return operand !== "";
  if (operator === "-z") return operand === "";
  if (operator === "-t") return call.terminal !== undefined;
  const test = FILE_TESTS[operator];
  if (test === undefined) throw fail(`'${display(operator)}': unary operator expected`);
  const follow = operator !== "-L" && operator !== "-h";
  const stat = operand === "" ? undefined : await call.look(operand, follow);
  return stat !== undefined && test(stat);
}

const FILE_TESTS: Readonly<Record<string, (stat: FileStat) => boolean>> = {
  "-a": () => true,
  "-e": () => true,
  "-d": isDirectory,
  "-f": ({ mode }) => (mode & S_IFMT) === S_IFREG,
  "-h": isLink,
  "-L": isLink,
  "-p": () => false,
  "-S": () => false,
  "-b": () => false,
  "-c": () => false,
  "-r": ({ mode }) => (mode & 0o400) !== 0,
  "-w": ({ mode }) => (mode & 0o200) !== 0,
  // Nothing here can be run: to be searched is what remains.
  "-x": ({ mode }) => (mode & S_IFMT) === S_IFDIR && (mode & 0o100) !== 0,
  "-s": ({ size }) => size > 0,
};

const NUMBER_TESTS: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  "-eq": (a, b) => a === b,
  "-ne": (a, b) => a !== b,
  "-lt": (a, b) => a < b,
  "-le": (a, b) => a <= b,
  "-gt": (a, b) => a > b,
  "-ge": (a, b) => a >= b,
};

/** undefined when it is no operator of two sides */
function binary(
  call: Call,
  left: ByteString,
  operator: ByteString,
  right: ByteString,
): boolean | Promise<boolean> | undefined {
  switch (operator) {
    case "=":
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "<":
      return left < right;
    case ">":
      return left > right;
    case "-nt":
      return isNewer(call, left, right);
    case "-ot":
      return isNewer(call, right, left);
    case "-ef":
      return isSame(call, left, right);
  }
  const numbers = NUMBER_TESTS[operator];
  return numbers?.(integer(left), integer(right));
}

function integer(text: ByteString): bigint {
  if (!/^\s*[+-]?\d{1,40}\s*$/.test(text)) throw fail(`'${display(text)}': integer expected`);
  return BigInt(text.trim().replace("+", ""));
}

async function isNewer(call: Call, left: ByteString, right: ByteString): Promise<boolean> {
  const [a, b] = [await call.look(left, true), await call.look(right, true)];
  return a !== undefined && (b === undefined || a.mtime > b.mtime);
}

async function isSame(call: Call, left: ByteString, right: ByteString): Promise<boolean> {
  const [a, b] = [await call.look(left, true), await call.look(right, true)];
  if (a === undefined || b === undefined) return false;
  const paths = await Promise.all([left, right].map((path) => call.fs.realPath(call.path(path))));
  if (paths[0] === paths[1]) return true;
  if (isDirectory(a) || isDirectory(b)) return false;
  const inode = (path: ByteString) =>
    withFile(call.fs, call.path(path), READING, async (file) => file.inode);
  return (await inode(left)) === (await inode(right));
}
