import { spaceOf } from "../../../client/remote/spaces.ts";
import type { FolderSpace, HashName } from "../../../client/types.ts";
import { UsageError } from "../../../shell/errors.ts";
import { percent } from "../../../text/figures.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";
import { table } from "../../format.ts";
import { messageOf } from "../exit.ts";
import { spaceText } from "../report/summary.ts";
import { MANY, type ShellCommand } from "../shell/command.ts";
import type { RemoteShell } from "../shell/remote-shell.ts";

const UNKNOWN = "the server doesn't tell its free space";

const df: ShellCommand = {
  name: "df",
  usage: "[DIRECTORY]",
  summary: "show the space there is, used and free, also of each shared folder",
  operands: [0, 1],
  side: () => "remote",
  async run(shell, { operands }) {
    const [path] = await shell.expandRemote(operands);
    const all = path === undefined ? await everySpace(shell) : [await spaceAt(shell, path)];
    const titles = ["Size", "Used", "Free", "Use%"].map((title) => ({ title, right: true }));
    shell.output.out(table(shell.output, [...titles, { title: "Path" }], all.map(dfCells)));
  },
};

function dfCells({ totalBytes, usedBytes, freeBytes, path }: FolderSpace): string[] {
  const sizes = [totalBytes, usedBytes, freeBytes].map(roundSize);
  return [...sizes, `${percent(usedBytes, totalBytes)}%`, visible(path)];
}

/** The space of the home and of each shared folder; of the current directory when the server can't list them. */
async function everySpace(shell: RemoteShell): Promise<readonly FolderSpace[]> {
  const all = await shell.remote.spaces?.();
  return all !== undefined && all.length > 0 ? all : [await spaceAt(shell, shell.directory)];
}

/** The space at a path, to the byte when the server tells it, else in the blocks of statvfs. */
async function spaceAt({ remote }: RemoteShell, path: string): Promise<FolderSpace> {
  const space = await remote.space(path);
  // Of a folder where one may only hand in nothing is told: what it is in is not meant.
  if (space === undefined) throw new Error(UNKNOWN);
  const all = (await remote.spaces?.()) ?? [];
  const exact = spaceOf(all, await remote.realpath(path));
  const usedBytes = space.totalBytes - space.freeBytes;
  return { ...(exact ?? { usedBytes, ...space }), path };
}

const quota: ShellCommand = {
  name: "quota",
  usage: "",
  summary: "show how much of the quotas is used, your own first",
  operands: [0, 0],
  async run(shell) {
    const { remote } = shell;
    const [space, all = []] = await Promise.all([remote.space(remote.home), remote.spaces?.()]);
    if (space === undefined) throw new Error(UNKNOWN);
    shell.print(spaceText(all.find(({ path }) => path === "/") ?? space));
    const folders = all.filter(({ path }) => path !== "/");
    for (const folder of folders) shell.print(`${visible(folder.path)}: ${spaceText(folder)}`);
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
