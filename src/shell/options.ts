import { type ByteString, display } from "../vfs/path.ts";
import { UsageError } from "./errors.ts";

/** `--help` was asked for. */
export class HelpRequest extends Error {
  constructor() {
    super("help");
    this.name = "HelpRequest";
  }
}

export interface OptionSpec {
  /** letters as for getopt(3): a colon behind one that takes a value */
  readonly short: string;
  /** long options with the letter (or another long name) they stand for; "=" behind a value's */
  readonly long?: Readonly<Record<string, string>>;
  /** options end at the first operand */
  readonly strict?: boolean;
}

/** The options of a call by their letters, and the operands. */
export class Options {
  readonly operands: ByteString[] = [];
  readonly #values = new Map<string, ByteString>();
  /** letters in the order they were given */
  readonly order: string[] = [];

  has(letter: string): boolean {
    return this.#values.has(letter);
  }

  /** the value given last */
  value(letter: string): ByteString | undefined {
    return this.#values.get(letter);
  }

  /** The one of these letters that was given last. */
  last(letters: string): string | undefined {
    return this.order.findLast((letter) => letters.includes(letter));
  }

  set(letter: string, value: ByteString): void {
    this.#values.set(letter, value);
    this.order.push(letter);
  }
}

const NONE = "" as ByteString;

/** Reads options as GNU's getopt_long does. @throws UsageError, HelpRequest */
export function parseOptions(args: readonly ByteString[], spec: OptionSpec): Options {
  const options = new Options();
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift() as ByteString;
    if (arg === "--") {
      options.operands.push(...rest);
      break;
    }
    if (arg.startsWith("--")) longOption(arg, rest, spec, options);
    else if (arg.startsWith("-") && arg !== "-") shortOptions(arg, rest, spec, options);
    else if (spec.strict) {
      options.operands.push(arg, ...rest);
      break;
    } else options.operands.push(arg);
  }
  return options;
}

function shortOptions(
  arg: ByteString,
  rest: ByteString[],
  spec: OptionSpec,
  options: Options,
): void {
  for (let at = 1; at < arg.length; at += 1) {
    const letter = arg[at] as string;
    const index = letter === ":" ? -1 : spec.short.indexOf(letter);
    if (index < 0) throw new UsageError(`invalid option -- '${display(letter as ByteString)}'`);
    if (spec.short[index + 1] !== ":") {
      options.set(letter, NONE);
      continue;
    }
    const value = at + 1 < arg.length ? (arg.slice(at + 1) as ByteString) : rest.shift();
    if (value === undefined) throw new UsageError(`option requires an argument -- '${letter}'`);
    options.set(letter, value);
    return;
  }
}

function longOption(arg: ByteString, rest: ByteString[], spec: OptionSpec, options: Options): void {
  const equals = arg.indexOf("=");
  const name = arg.slice(2, equals < 0 ? undefined : equals);
  if (name === "help") throw new HelpRequest();
  const known = Object.keys(spec.long ?? {}).map((key) => key.replace("=", ""));
  const matching = known.includes(name) ? [name] : known.filter((key) => key.startsWith(name));
  const [found] = matching;
  const shown = `'--${display(name as ByteString)}'`;
  if (found === undefined) throw new UsageError(`unrecognized option ${shown}`);
  if (matching.length > 1) {
    const all = matching.map((one) => `'--${one}'`).join(" ");
    throw new UsageError(`option ${shown} is ambiguous; possibilities: ${all}`);
  }
  const letter = spec.long?.[found];
  if (letter !== undefined) {
    if (equals >= 0) throw new UsageError(`option '--${found}' doesn't allow an argument`);
    options.set(letter, NONE);
    return;
  }
  const value = equals >= 0 ? (arg.slice(equals + 1) as ByteString) : rest.shift();
  if (value === undefined) throw new UsageError(`option '--${found}' requires an argument`);
  options.set(spec.long?.[`${found}=`] as string, value);
}
