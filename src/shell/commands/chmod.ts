import { parseMode } from "../../text/chmod-mode.ts";
import { display, fromText } from "../../vfs/path.ts";
import type { Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { each, needOperands } from "./operands.ts";

/** Permission bits; the type of a file is not among them. */
const BITS = 0o7777;
const S_IFMT = 0xf000;
const S_IFDIR = 0x4000;

const NONE = fromText("");

export const chmod: Command = {
  name: "chmod",
  summary: "set files' permissions",
  usage: `MODE FILE...
  MODE is octal, such as 640, or such as u+x, go-w, a=r`,
  async run(call) {
    // "-w" is a mode, not an option.
    const isMode = parseMode(display(call.args[0] ?? NONE)) !== undefined;
    const { operands } = parseOptions(isMode ? [fromText("--"), ...call.args] : call.args, {
      short: "",
      long: {},
    });
    needOperands(operands);
    const [text = NONE, ...files] = operands;
    if (files.length === 0) throw new CommandError(`missing operand after ${named(text)}`);
    const change = parseMode(display(text));
    if (change === undefined) throw new CommandError(`invalid mode: ${named(text)}`);
    return each(
      call,
      files,
      (operand) => `cannot change the mode of ${named(operand)}`,
      async (operand) => {
        const stat = await call.look(operand, true);
        if (stat === undefined) {
          throw new CommandError(`cannot access ${named(operand)}: No such file or directory`);
        }
        const isDirectory = (stat.mode & S_IFMT) === S_IFDIR;
        const mode = change(stat.mode & BITS, isDirectory);
        await call.fs.setStat(call.path(operand), { permissions: mode }, true);
      },
    );
  },
};
