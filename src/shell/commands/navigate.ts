import { FsError } from "../../errors.ts";
import { type ByteString, display, ROOT } from "../../vfs/path.ts";
import type { Command } from "../call.ts";
import { CommandError, reason } from "../errors.ts";
import { parseOptions } from "../options.ts";
import { quoteIfNeeded } from "../quote.ts";
import { isDirectory } from "../tree.ts";

export const pwd: Command = {
  name: "pwd",
  summary: "print the current directory",
  usage: "",
  usageStatus: 2,
  async run(call) {
    parseOptions(call.args, { short: "LP" });
    await call.out.print(`${call.shown(call.shell.directory)}\n`);
    return 0;
  },
};

export const cd: Command = {
  name: "cd",
  summary: "change the current directory",
  usage: "[DIRECTORY | -]\nWithout DIRECTORY goes to the home, with - to the directory before.",
  usageStatus: 2,
  async run(call) {
    const { shell } = call;
    const { operands } = parseOptions(call.args, { short: "LP" });
    if (operands.length > 1) throw new CommandError("too many arguments");
    const [operand = ROOT as ByteString] = operands;
    const back = operand === "-";
    if (back && shell.previous === undefined) throw new CommandError("no directory before");
    const path = back ? (shell.previous as ByteString) : call.path(operand);
    try {
      if (!isDirectory(await call.fs.stat(path))) throw new FsError("ENOTDIR");
      const directory = await call.fs.realPath(path);
      shell.previous = shell.directory;
      shell.directory = directory;
    } catch (thrown) {
      throw new CommandError(`${quoteIfNeeded(operand)}: ${reason(thrown)}`);
    }
    if (back) await call.out.print(`${call.shown(shell.directory)}\n`);
    return 0;
  },
};

/** The exit code of `exit [N]`, as the POSIX shell reads it. */
function leave(name: string): Command {
  return {
    name,
    summary: "leave the shell",
    usage: "[STATUS]",
    usageStatus: 2,
    async run(call) {
      const [status, more] = call.args;
      if (more !== undefined) throw new CommandError("too many arguments");
      call.shell.leaving = true;
      if (status === undefined) return call.shell.status;
      if (/^-?\d{1,9}$/.test(status)) return Number(status) & 0xff;
      throw new CommandError(`${display(status)}: numeric argument required`, 2);
    },
  };
}

export const exit = leave("exit");
export const logout = leave("logout");
