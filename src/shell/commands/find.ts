import { type ByteString, display } from "../../vfs/path.ts";
import { S_IFMT } from "../../vfs/types.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { HelpRequest } from "../options.ts";
import { Pattern } from "../pattern.ts";
import { named } from "../quote.ts";
import { baseName, listEntries } from "../tree.ts";
import { type Visit, walk } from "../walk.ts";
import { isExpected } from "./operands.ts";

/** What a path must fulfil; all of a call's tests must. */
type Test = (visit: Visit) => boolean | Promise<boolean>;

interface Query {
  readonly starts: ByteString[];
  readonly tests: Test[];
  min: number;
  max: number;
  end: string;
}

export const find: Command = {
  name: "find",
  summary: "find files by name, type, size and age",
  usage: `[PATH]... [TEST]...
All TESTs must be fulfilled; '!' in front of one means that it must not.

  -name PATTERN    the name matches, as in '*.txt' (quote it)
  -iname PATTERN   the same without regard to case
  -path PATTERN    the whole path matches
  -type f|d|l      a file, a directory, a link
  -size [+|-]N[ckMG]  larger (+), smaller (-) or exactly so large, in 512-byte blocks or
                   the unit (c: bytes), rounded up
  -newer FILE      modified later than FILE
  -mtime [+|-]N    modified so many days ago
  -empty           an empty file or directory
  -maxdepth N      go down so many directories at most
  -mindepth N      leave out what is less deep
  -print, -print0  print the paths (does so anyway), each with a newline or a NUL`,
  async run(call) {
    const query = await parseQuery(call);
    let status = 0;
    const failed = async (path: ByteString, thrown: unknown): Promise<void> => {
      if (call.signal.aborted || !isExpected(thrown)) throw thrown;
      const why = thrown instanceof CommandError ? thrown.message : reason(thrown);
      await call.complain(`${named(path)}: ${why}`);
      status = 1;
    };
    for (const path of query.starts) {
      try {
        const stat = await call.fs.lstat(call.path(path));
        const start = { path, name: baseName(path) || path, stat };
        await walk(call, start, {
          other: (visit) => consider(call, query, visit),
          async enter(visit) {
            await consider(call, query, visit);
            return visit.depth < query.max;
          },
          failed: (visit, thrown) => failed(visit.path, thrown),
        });
      } catch (thrown) {
        await failed(path, thrown);
      }
    }
    return status;
  },
};

async function consider(call: Call, query: Query, visit: Visit): Promise<void> {
  if (visit.depth < query.min || visit.depth > query.max) return;
  for (const test of query.tests) {
    await call.step();
    if (!(await test(visit))) return;
  }
  const path = query.end === "\n" ? call.shown(visit.path) : visit.path;
  await call.out.print(path + query.end);
}

async function parseQuery(call: Call): Promise<Query> {
  const rest = [...call.args];
  const first = rest.findIndex((arg) => arg.startsWith("-") || arg === "!");
  const starts = rest.splice(0, first < 0 ? rest.length : first);
  if (starts.length === 0) starts.push("." as ByteString);
  const query: Query = {
    starts,
    tests: [],
    min: 0,
    max: Number.POSITIVE_INFINITY,
    end: "\n",
  };
  let negated = false;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "!" || word === "-not") {
      negated = !negated;
      continue;
    }
    const test = await parseTest(call, word, rest, query);
    if (test === undefined) continue;
    const wanted = !negated;
    negated = false;
    query.tests.push(async (visit) => (await test(visit)) === wanted);
  }
  if (negated) throw new CommandError("expected an expression after '!'");
  return query;
}

/** Undefined for what is no test. @throws CommandError */
async function parseTest(
  call: Call,
  word: ByteString,
  rest: ByteString[],
  query: Query,
): Promise<Test | undefined> {
  const value = (): ByteString => {
    const next = rest.shift();
    if (next === undefined) throw new CommandError(`missing argument to '${display(word)}'`);
    return next;
  };
  switch (word) {
    case "-name":
    case "-iname": {
      const pattern = new Pattern(value(), word === "-iname");
      return ({ name }) => pattern.matches(name);
    }
    case "-path": {
      const pattern = new Pattern(value());
      return ({ path }) => pattern.matches(path);
    }
    case "-type":
      return typeTest(value());
    case "-size":
      return sizeTest(value());
    case "-mtime":
      return ageTest(value());
    case "-newer":
      return newerTest(call, value());
    case "-empty":
      return (visit) => isEmpty(call, visit);
    case "-maxdepth":
      query.max = depth(word, value());
      return undefined;
    case "-mindepth":
      query.min = depth(word, value());
      return undefined;
    case "-print":
    case "-print0":
      query.end = word === "-print" ? "\n" : "\0";
      return undefined;
    case "--help":
      throw new HelpRequest();
    default:
      throw new CommandError(`unknown predicate '${display(word)}' (see find --help)`);
  }
}

const TYPES: Readonly<Record<string, number>> = { f: 0o100000, d: 0o040000, l: 0o120000 };

function typeTest(text: ByteString): Test {
  const wanted = text.split(",").map((letter) => TYPES[letter]);
  if (wanted.includes(undefined)) {
    throw new CommandError(`unknown argument to -type: ${display(text)}`);
  }
  return ({ stat }) => wanted.includes(stat.mode & S_IFMT);
}

/** "+5", "-5", "5" and what they ask of a number. */
function comparison(text: string, name: string, whole: ByteString): (value: number) => boolean {
  const [, sign, digits] = /^([+-]?)(\d{1,15})$/.exec(text) ?? [];
  const number = Number(digits);
  if (digits === undefined) {
    throw new CommandError(`invalid argument '${display(whole)}' to '${name}'`);
  }
  if (sign === "+") return (value) => value > number;
  return sign === "-" ? (value) => value < number : (value) => value === number;
}

const UNITS: Readonly<Record<string, number>> = {
  b: 512,
  c: 1,
  w: 2,
  k: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
};

function sizeTest(text: ByteString): Test {
  const unit = UNITS[text.at(-1) ?? ""];
  const matches = comparison(unit === undefined ? text : text.slice(0, -1), "-size", text);
  return ({ stat }) => matches(Math.ceil(stat.size / (unit ?? 512)));
}

const DAY = 24 * 60 * 60;

function ageTest(text: ByteString): Test {
  const matches = comparison(text, "-mtime", text);
  const now = Math.floor(Date.now() / 1000);
  return ({ stat }) => matches(Math.floor((now - stat.mtime) / DAY));
}

async function newerTest(call: Call, reference: ByteString): Promise<Test> {
  const stat = await call.look(reference, true);
  if (stat === undefined) {
    throw new CommandError(`${named(reference)}: No such file or directory`);
  }
  return (visit) => visit.stat.mtime > stat.mtime;
}

async function isEmpty(call: Call, { fs, at, stat }: Visit): Promise<boolean> {
  const type = stat.mode & S_IFMT;
  if (type === TYPES.f) return stat.size === 0;
  if (type !== TYPES.d) return false;
  for await (const _ of listEntries(call, at, fs)) return false;
  return true;
}

function depth(word: ByteString, text: ByteString): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new CommandError(`expected a whole number for ${word}, not '${display(text)}'`);
}
