import { stat } from "node:fs/promises";
import { UsageError } from "../../../shell/errors.ts";
import { encodeName } from "../../../text/names.ts";
import { visible } from "../../../text/safe.ts";
import type { ShellCommand } from "../shell/command.ts";

const cd: ShellCommand = {
  name: "cd",
  usage: "[DIRECTORY]",
  summary: "change the remote directory; without a name to the login directory",
  operands: [0, 1],
  side: () => "remote",
  async run(shell, { operands }) {
    const [path = shell.remote.home] = await shell.expandRemote(operands);
    const full = await shell.remote.realpath(path);
    const { type } = await shell.remote.stat(full);
    if (type !== "directory") throw new UsageError(`${path}: is not a directory`);
    shell.directory = full;
  },
};

const pwd: ShellCommand = {
  name: "pwd",
  usage: "",
  summary: "print the remote directory",
  operands: [0, 0],
  async run(shell) {
    shell.print(visible(shell.directory));
  },
};

const lcd: ShellCommand = {
  name: "lcd",
  usage: "[DIRECTORY]",
  summary: "change the local directory; without a name to the home directory",
  operands: [0, 1],
  side: () => "local",
  async run(shell, { operands }) {
    const home = { text: "~", pattern: undefined, home: true };
    const [path = ""] = await shell.expandLocal(operands.length > 0 ? operands : [home]);
    const found = await stat(encodeName(path)).catch(() => undefined);
    if (!found?.isDirectory()) throw new UsageError(`${path}: is no directory of this machine`);
    shell.localDirectory = path;
  },
};

const lpwd: ShellCommand = {
  name: "lpwd",
  usage: "",
  summary: "print the local directory",
  operands: [0, 0],
  async run(shell) {
    shell.print(visible(shell.localDirectory));
  },
};

export const PLACE_COMMANDS = [cd, pwd, lcd, lpwd];
