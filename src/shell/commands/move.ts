import { FsError } from "../../errors.ts";
import type { Call, Command } from "../call.ts";
import { CommandError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { isDirectory } from "../tree.ts";
import { copyAll } from "./copy.ts";
import { each, endsInDots, type Pair, pairs, placeOf } from "./operands.ts";
import { removeAll } from "./remove.ts";

export const mv: Command = {
  name: "mv",
  summary: "move or rename files and directories",
  usage: `[-fnTv] SOURCE TARGET
   or: mv [-fnv] SOURCE... DIRECTORY
  -f  replace what is there (it does so anyway)
  -n  don't replace what is there
  -T  TARGET is never a directory to move into
  -v  say what is moved`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "fnTv",
      long: {
        force: "f",
        "no-clobber": "n",
        "no-target-directory": "T",
        verbose: "v",
      },
    });
    return each(
      call,
      await pairs(call, options.operands, options.has("T")),
      ({ from, to }) => `cannot move ${named(from)} to ${named(to)}`,
      async (pair) => {
        const moved = await move(call, pair, options.last("fn") !== "n");
        if (moved && options.has("v")) {
          await call.out.print(`renamed '${call.shown(pair.from)}' -> '${call.shown(pair.to)}'\n`);
        }
      },
    );
  },
};

/** False when nothing was to be done. */
async function move(call: Call, { from, to }: Pair, replace: boolean): Promise<boolean> {
  if ((await call.look(from, false)) === undefined) {
    throw new CommandError(`cannot stat ${named(from)}: No such file or directory`);
  }
  if (endsInDots(from)) throw new FsError("EBUSY");
  const source = await placeOf(call, from);
  const target = await placeOf(call, to);
  if (`${target}/`.startsWith(`${source}/`) && source !== target) {
    throw new CommandError(`cannot move ${named(from)} to a subdirectory of itself, ${named(to)}`);
  }
  if (source === target && (await call.look(to, false)) !== undefined) {
    throw new CommandError(`${named(from)} and ${named(to)} are the same file`);
  }
  await checkKinds(call, { from, to });
  try {
    await call.fs.rename(call.path(from), call.path(to), replace);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof FsError)) throw thrown;
    if (thrown.code === "EXDEV") return moveAcross(call, { from, to }, replace);
    if (!replace && thrown.code === "EEXIST") return false;
    throw thrown;
  }
}

/** Into another folder, which has a quota of its own: copies, then removes what was copied. */
async function moveAcross(call: Call, pair: Pair, replace: boolean): Promise<boolean> {
  const there = await call.look(pair.to, false);
  if (there !== undefined && !replace) return false;
  if (isDirectory(there)) throw new FsError("EEXIST");
  if ((await copyAll(call, pair)) > 0) {
    throw new CommandError(`not all of ${named(pair.from)} could be copied: nothing was removed`);
  }
  if ((await removeAll(call, pair.from)) > 0) {
    throw new CommandError(`${named(pair.from)} was copied, but could not be removed`);
  }
  return true;
}

/** Says more than the error that would follow. */
async function checkKinds(call: Call, { from, to }: Pair): Promise<void> {
  const [source, target] = [await call.look(from, false), await call.look(to, false)];
  if (target === undefined || isDirectory(source) === isDirectory(target)) return;
  throw new CommandError(
    isDirectory(target)
      ? `cannot overwrite directory ${named(to)} with non-directory ${named(from)}`
      : `cannot overwrite non-directory ${named(to)} with directory ${named(from)}`,
  );
}
