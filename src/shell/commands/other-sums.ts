import { type ByteString, toBuffer } from "../../vfs/path.ts";
import type { Command } from "../call.ts";
import { content, withOperand } from "../files.ts";
import { parseOptions } from "../options.ts";
import { forOperands, sumOf } from "./sums.ts";

/** `md5` and `sha1` of the BSDs. */
function bsdSum(name: "md5" | "sha1"): Command {
  return {
    name,
    summary: `print ${name.toUpperCase()} checksums as on BSD`,
    usage: `[-q | -r] [-s STRING] [FILE]...
With no FILE reads standard input.

  -q  print the checksums only
  -r  print the checksum first, then the name
  -s  print the checksum of STRING`,
    async run(call) {
      const options = parseOptions(call.args, { short: "qrs:" });
      const print = async (digest: string, what: string): Promise<void> => {
        if (options.has("q")) await call.out.print(`${digest}\n`);
        else if (options.has("r")) await call.out.print(`${digest} ${what}\n`);
        else await call.out.print(`${name.toUpperCase()} (${what}) = ${digest}\n`);
      };
      const text = options.value("s");
      if (text !== undefined) {
        const { digests } = call.shell.context;
        const pieces = (async function* () {
          yield toBuffer(text);
        })();
        const digest = await digests.stream(pieces, name, call.signal);
        await print(digest.toString("hex"), `"${text}"`);
        if (options.operands.length === 0) return 0;
      }
      if (options.operands.length === 0) {
        await call.out.print(`${await sumOf(call, "-" as ByteString, name)}\n`);
        return 0;
      }
      return forOperands(call, options.operands, async (operand) => {
        await print(await sumOf(call, operand, name), call.shown(operand));
      });
    },
  };
}

const crc32: Command = {
  name: "crc32",
  summary: "print CRC-32 checksums as in zip and gzip",
  usage: "[FILE]...\nWith no FILE, or when FILE is -, reads standard input.",
  async run(call) {
    const { operands } = parseOptions(call.args, { short: "" });
    return forOperands(call, operands, async (operand) => {
      const name = operands.length > 1 ? `\t${call.shown(operand)}` : "";
      await call.out.print(`${await sumOf(call, operand, "crc32")}${name}\n`);
    });
  },
};

const cksum: Command = {
  name: "cksum",
  summary: "print POSIX checksums and sizes",
  usage: "[FILE]...\nWith no FILE, or when FILE is -, reads standard input.",
  async run(call) {
    const { operands } = parseOptions(call.args, { short: "" });
    const { digests } = call.shell.context;
    return forOperands(call, operands, async (operand) => {
      let size = 0;
      const digest = await withOperand(call, operand, async (file) => {
        if (file !== undefined) {
          size = (await file.stat()).size;
          return digests.file(file, "posix-crc", call.signal);
        }
        const counted = (async function* () {
          for await (const piece of content(call, undefined)) {
            size += piece.length;
            yield piece;
          }
        })();
        return digests.stream(counted, "posix-crc", call.signal);
      });
      const name = operands.length === 0 ? "" : ` ${call.shown(operand)}`;
      await call.out.print(`${digest.readUInt32BE()} ${size}${name}\n`);
    });
  },
};

export const otherSums: readonly Command[] = [bsdSum("md5"), bsdSum("sha1"), crc32, cksum];
