import type { Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { named, quoteIfNeeded } from "../quote.ts";
import { isDirectory } from "../tree.ts";
import { each, pairs } from "./operands.ts";

export const ln: Command = {
  name: "ln",
  summary: "give a file a further name, or make a symbolic link",
  usage: `[-fsTv] TARGET LINK
   or: ln [-fsv] TARGET... DIRECTORY
  -f  replace what is there
  -s  make symbolic links
  -T  LINK is never a directory to make it in
  -v  say what is made`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "fsTvn",
      long: { force: "f", symbolic: "s", "no-target-directory": "T", verbose: "v" },
    });
    const symbolic = options.has("s");
    const { fs } = call;
    // With one operand the link is made here, under the same name.
    const [only] = options.operands;
    const one = options.operands.length === 1 && only !== undefined;
    const operands = one ? [only, "." as typeof only] : options.operands;
    return each(
      call,
      await pairs(call, operands, options.has("T")),
      ({ to }) => `failed to create ${symbolic ? "symbolic" : "hard"} link ${named(to)}`,
      async ({ from, to }) => {
        const there = await call.look(to, false);
        if (!symbolic) {
          const source = await call.look(from, false);
          if (source === undefined) {
            throw new CommandError(`failed to access ${named(from)}: No such file or directory`);
          }
          if (isDirectory(source)) {
            throw new CommandError(`${quoteIfNeeded(from)}: hard link not allowed for directory`);
          }
        }
        if (there !== undefined && options.has("f")) await fs.remove(call.path(to));
        if (symbolic) await fs.symlink(from, call.path(to));
        else await fs.hardLink(call.path(from), call.path(to));
        if (options.has("v"))
          await call.out.print(
            `'${call.shown(to)}' ${symbolic ? "-" : "="}> '${call.shown(from)}'\n`,
          );
      },
    );
  },
};
