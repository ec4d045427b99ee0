import { FsError } from "../../errors.ts";
import { type ByteString, display } from "../../vfs/path.ts";
import type { Call, Command } from "../call.ts";
import { CommandError, UsageError } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { named } from "../quote.ts";
import { isDirectory, parentName } from "../tree.ts";
import { each, needOperands } from "./operands.ts";

export const mkdir: Command = {
  name: "mkdir",
  summary: "make directories",
  usage: `[-p] [-v] [-m MODE] DIRECTORY...
  -m  permissions in octal
  -p  make missing parents too, and don't mind what is there
  -v  say what is made`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "m:pv",
      long: { parents: "p", verbose: "v", "mode=": "m" },
    });
    needOperands(options.operands);
    const mode = parseMode(options.value("m"));
    const make = async (path: ByteString, permissions: number | undefined): Promise<void> => {
      await call.fs.makeDirectory(call.path(path), permissions);
      if (permissions !== undefined) await call.fs.setStat(call.path(path), { permissions }, false);
      if (options.has("v"))
        await call.out.print(`mkdir: created directory '${call.shown(path)}'\n`);
    };
    return each(
      call,
      options.operands,
      (operand) => `cannot create directory ${named(operand)}`,
      (operand) => (options.has("p") ? makeAll(call, operand, mode, make) : make(operand, mode)),
    );
  },
};

/** undefined without one. @throws UsageError */
function parseMode(text: ByteString | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^[0-7]{1,4}$/.test(text)) throw new UsageError(`invalid mode '${display(text)}'`);
  return Number.parseInt(text, 8);
}

async function makeAll(
  call: Call,
  operand: ByteString,
  mode: number | undefined,
  make: (path: ByteString, mode: number | undefined) => Promise<void>,
): Promise<void> {
  call.path(operand);
  const ends = [...operand.matchAll(/[^/]+/g)].map((part) => part.index + part[0].length);
  for (const [index, end] of ends.entries()) {
    await call.step();
    const path = operand.slice(0, end) as ByteString;
    try {
      await make(path, index === ends.length - 1 ? mode : undefined);
    } catch (thrown) {
      const there = thrown instanceof FsError && thrown.code === "EEXIST";
      if (there && isDirectory(await call.look(path, true))) continue;
      if (!there || index === ends.length - 1) throw thrown;
      throw new CommandError(`cannot create directory ${named(path)}: Not a directory`);
    }
  }
}

export const rmdir: Command = {
  name: "rmdir",
  summary: "remove empty directories",
  usage: `[-p] [-v] DIRECTORY...
  -p  remove the parents too: 'rmdir -p a/b' is 'rmdir a/b a'
  -v  say what is removed`,
  async run(call) {
    const options = parseOptions(call.args, {
      short: "pv",
      long: { parents: "p", verbose: "v" },
    });
    needOperands(options.operands);
    let current = "" as ByteString;
    return each(
      call,
      options.operands,
      () => `failed to remove ${named(current)}`,
      async (operand) => {
        for (current = operand; ; current = parentName(current)) {
          if (options.has("v"))
            await call.out.print(`rmdir: removing directory, '${call.shown(current)}'\n`);
          await call.fs.removeDirectory(call.path(current));
          if (!options.has("p") || parentName(current) === "") return;
        }
      },
    );
  },
};
