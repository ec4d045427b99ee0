import { availableDigests, type DigestAlgorithm } from "../../digests/types.ts";
import type { ByteString } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import { reason, UsageError } from "../errors.ts";
import { content, withOperand } from "../files.ts";
import { GNU_SUMS } from "../names.ts";
import { type Options, parseOptions } from "../options.ts";
import { quoteIfNeeded } from "../quote.ts";
import { checkSums } from "./sums-check.ts";

/** The name in the lines of `--tag` and in messages. */
const TAGS: Readonly<Record<keyof typeof GNU_SUMS, string>> = {
  md5sum: "MD5",
  sha1sum: "SHA1",
  sha224sum: "SHA224",
  sha256sum: "SHA256",
  sha384sum: "SHA384",
  sha512sum: "SHA512",
  b2sum: "BLAKE2b",
  b3sum: "BLAKE3",
};

const USAGE = `[OPTION]... [FILE]...
With no FILE, or when FILE is -, reads standard input.

  -b, --binary          mark the names with '*'
  -c, --check           read checksums from the FILEs and check them
      --tag             print BSD-style lines
  -t, --text            mark the names with ' ' (default)
  -z, --zero            end lines with NUL and don't escape names
With -c only:
      --ignore-missing  don't fail or report for missing files
      --quiet           don't print OK
      --status          print nothing, the exit code tells
      --strict          fail on improperly formatted lines
  -w, --warn            warn about improperly formatted lines`;

const OPTIONS = {
  short: "bctwz",
  long: {
    binary: "b",
    check: "c",
    tag: "tag",
    text: "t",
    zero: "z",
    "ignore-missing": "ignore-missing",
    quiet: "quiet",
    status: "status",
    strict: "strict",
    warn: "w",
  },
};

/** The checksum of an operand's content in hexadecimal. Rejects with FsError. */
export async function sumOf(
  call: Call,
  operand: ByteString,
  algorithm: DigestAlgorithm,
): Promise<string> {
  const { digests } = call.shell.context;
  const digest = await withOperand(call, operand, (file) =>
    file === undefined
      ? digests.stream(content(call, undefined), algorithm, call.signal)
      : digests.file(file, algorithm, call.signal),
  );
  return digest.toString("hex");
}

/** Prints a line for each operand; complains about those that can't be read. */
export async function forOperands(
  call: Call,
  operands: readonly ByteString[],
  print: (operand: ByteString) => Promise<void>,
): Promise<number> {
  let status = 0;
  for (const operand of operands.length === 0 ? ["-" as ByteString] : operands) {
    await call.step();
    try {
      await print(operand);
    } catch (thrown) {
      if (call.signal.aborted) throw thrown;
      await call.complain(`${quoteIfNeeded(operand)}: ${reason(thrown)}`);
      status = 1;
    }
  }
  return status;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };

/** Names that would break the line are escaped, and a backslash in front of the line says so. */
function escapeName(name: ByteString): string {
  return name.replace(/[\\\n\r]/g, (c) => ESCAPES[c] as string);
}

function line(call: Call, name: ByteString, digest: string, tag: string, options: Options): string {
  const zero = options.has("z");
  const escaped = zero ? name : escapeName(name);
  const mark = escaped === name ? "" : "\\";
  const shown = zero ? name : call.shown(escaped as ByteString);
  const end = zero ? "\0" : "\n";
  if (options.has("tag")) return `${mark}${tag} (${shown}) = ${digest}${end}`;
  const mode = options.last("bt") === "b" ? "*" : " ";
  return `${mark}${digest} ${mode}${shown}${end}`;
}

const CHECK_ONLY: readonly [option: string, name: string][] = [
  ["ignore-missing", "--ignore-missing"],
  ["status", "--status"],
  ["w", "--warn"],
  ["quiet", "--quiet"],
  ["strict", "--strict"],
];

function checkOptions(options: Options): void {
  if (options.has("tag") && options.last("bt") === "t") {
    throw new UsageError("--tag does not support --text mode");
  }
  if (options.has("z") && options.has("c")) {
    throw new UsageError("the --zero option is not supported when verifying checksums");
  }
  if (options.has("tag") && options.has("c")) {
    throw new UsageError("the --tag option is meaningless when verifying checksums");
  }
  if (options.order.some((o) => o === "b" || o === "t") && options.has("c")) {
    throw new UsageError(
      "the --binary and --text options are meaningless when verifying checksums",
    );
  }
  for (const [option, name] of CHECK_ONLY) {
    if (options.has(option) && !options.has("c")) {
      throw new UsageError(`the ${name} option is meaningful only when verifying checksums`);
    }
  }
}

function gnuSum(name: keyof typeof GNU_SUMS): Command {
  const algorithm = GNU_SUMS[name];
  const tag = TAGS[name];
  return {
    name,
    summary: `print or check ${tag} checksums`,
    usage: USAGE,
    async run(call) {
      const options = parseOptions(call.args, OPTIONS);
      checkOptions(options);
      if (options.has("c")) return checkSums(call, options, { algorithm, tag });
      return forOperands(call, options.operands, async (operand) => {
        const digest = await sumOf(call, operand, algorithm);
        await call.out.print(line(call, operand, digest, tag, options));
      });
    },
  };
}

export const gnuSums: readonly Command[] = (Object.keys(GNU_SUMS) as (keyof typeof GNU_SUMS)[])
  .filter((name) => availableDigests().includes(GNU_SUMS[name]))
  .map(gnuSum);
