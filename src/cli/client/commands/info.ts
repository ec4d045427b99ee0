import type { HashName } from "../../../client/types.ts";
import { UsageError } from "../../../shell/errors.ts";
import { percent } from "../../../text/figures.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";
import { table } from "../../format.ts";
import { messageOf } from "../exit.ts";
import { spaceText } from "../report/summary.ts";
import { MANY, type ShellCommand } from "../shell/command.ts";

const UNKNOWN = "the server doesn't tell its free space";

const df: ShellCommand = {
  name: "df",
  usage: "[DIRECTORY]",
  summary: "show the space there is, used and free",
  operands: [0, 1],
  side: () => "remote",
  async run(shell, { operands }) {
    const [path = shell.directory] = await shell.expandRemote(operands);
    const space = await shell.remote.space(path);
    if (space === undefined) throw new Error(UNKNOWN);
    const { totalBytes, freeBytes } = space;
    const used = totalBytes - freeBytes;
    const row = [totalBytes, used, freeBytes].map(roundSize);
    const titles = ["Size", "Used", "Free", "Use%"].map((title) => ({ title, right: true }));
    const cells = [...row, `${percent(used, totalBytes)}%`, visible(path)];
    shell.output.out(table(shell.output, [...titles, { title: "Path" }], [cells]));
  },
};

const quota: ShellCommand = {
  name: "quota",
  usage: "",
  summary: "show how much of the quota is used",
  operands: [0, 0],
  async run(shell) {
    const space = await shell.remote.space(shell.remote.home);
    if (space === undefined) throw new Error(UNKNOWN);
    shell.print(spaceText(space));
  },
};

function digest(name: HashName): ShellCommand {
  return {
    name,
    usage: "FILE...",
    summary: `print the ${name} checksums of remote files, computed there`,
    operands: [1, MANY],
    side: () => "remote",
    async run(shell, { operands }) {
      for (const path of await shell.expandRemote(operands)) {
        try {
          const hex = await shell.remote.hash(path, name);
          if (hex === undefined) throw new UsageError(`the server can't compute ${name} checksums`);
          shell.print(`${visible(hex)}  ${visible(path)}`);
        } catch (thrown) {
          if (thrown instanceof UsageError) throw thrown;
          shell.complain(messageOf(thrown));
        }
      }
    },
  };
}

export const INFO_COMMANDS = [df, quota, digest("md5"), digest("sha256")];
