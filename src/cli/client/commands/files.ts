import { DEEPEST } from "../../../client/names.ts";
import { UsageError } from "../../../shell/errors.ts";
import { messageOf } from "../exit.ts";
import { remoteParent, under } from "../place/paths.ts";
import { baseName } from "../report/progress-state.ts";
import { MANY, type ShellCommand } from "../shell/command.ts";
import type { RemoteShell } from "../shell/remote-shell.ts";

const mkdir: ShellCommand = {
  name: "mkdir",
  usage: "[-p] DIRECTORY...",
  summary: "make remote directories",
  details: "  -p  with those above it; no error when it is there already",
  options: { p: { type: "boolean", short: "p" } },
  operands: [1, MANY],
  side: () => "remote",
  async run(shell, { flags, operands }) {
    for (const word of operands) {
      const path = shell.remotePath(word);
      await each(shell, () => (flags.has("p") ? makeAll(shell, path) : shell.remote.mkdir(path)));
    }
  },
};

async function makeAll(shell: RemoteShell, path: string): Promise<void> {
  const there = await shell.remote.stat(path).catch(() => undefined);
  if (there?.type === "directory") return;
  if (there !== undefined) throw new Error(`${path}: exists, and is not a directory`);
  const parent = remoteParent(path);
  if (parent !== path && parent !== ".") await makeAll(shell, parent);
  await shell.remote.mkdir(path);
}

const rmdir: ShellCommand = {
  name: "rmdir",
  usage: "DIRECTORY...",
  summary: "remove empty remote directories",
  operands: [1, MANY],
  side: () => "remote",
  async run(shell, { operands }) {
    for (const path of await shell.expandRemote(operands)) {
      await each(shell, () => shell.remote.rmdir(path));
    }
  },
};

const rm: ShellCommand = {
  name: "rm",
  aliases: ["delete", "remove"],
  usage: "[-r] [-f] NAME...",
  summary: "remove remote files and empty directories",
  details: "  -r  directories with all that is in them\n  -f  no error for what isn't there",
  options: { r: { type: "boolean", short: "r" }, f: { type: "boolean", short: "f" } },
  operands: [1, MANY],
  side: () => "remote",
  async run(shell, { flags, operands }) {
    await shell.place.interrupts.during(async (signal) => {
      for (const path of await shell.expandRemote(operands)) {
        await each(shell, async () => {
          const attrs = await shell.remote.lstat(path).catch((error) => {
            if (flags.has("f") && error?.status === 2) return undefined;
            throw error;
          });
          if (attrs === undefined) return;
          if (attrs.type !== "directory") return shell.remote.remove(path);
          if (!flags.has("r")) return removeEmpty(shell, path);
          await removeTree(shell, path, signal);
        });
        signal.throwIfAborted();
      }
    });
  },
  stopsItself: true,
};

async function removeEmpty(shell: RemoteShell, path: string): Promise<void> {
  for await (const batch of shell.remote.list(path)) {
    if (batch.some(({ name }) => name !== "." && name !== "..")) {
      throw new Error(`${path}: is a directory that is not empty (rm -r removes it)`);
    }
  }
  await shell.remote.rmdir(path);
}

/** Links in it are removed, not followed. What can't be removed is told, the rest goes. */
async function removeTree(
  shell: RemoteShell,
  path: string,
  signal: AbortSignal,
  depth = 0,
): Promise<void> {
  if (depth > DEEPEST) throw new Error(`${path}: too deep`);
  const names: [name: string, directory: boolean][] = [];
  for await (const batch of shell.remote.list(path)) {
    for (const { name, type } of batch) names.push([name, type === "directory"]);
  }
  for (const [name, directory] of names) {
    signal.throwIfAborted();
    // Names come from the server: one that leads elsewhere is none.
    if (name === "." || name === ".." || name.includes("/")) continue;
    const below = under(name, path);
    await each(shell, () =>
      directory ? removeTree(shell, below, signal, depth + 1) : shell.remote.remove(below),
    );
  }
  await each(shell, () => shell.remote.rmdir(path));
}

const mv: ShellCommand = {
  name: "mv",
  aliases: ["rename"],
  usage: "NAME... TARGET",
  summary: "rename remote files, or move them into a directory",
  operands: [2, MANY],
  side: () => "remote",
  async run(shell, { operands }) {
    const sources = await shell.expandRemote(operands.slice(0, -1));
    const [target = ""] = await shell.expandRemote(operands.slice(-1));
    const there = await shell.remote.stat(target).catch(() => undefined);
    const into = there?.type === "directory";
    if (sources.length > 1 && !into) throw new UsageError(`${target}: is not a directory`);
    for (const source of sources) {
      const to = into ? under(baseName(source), target) : target;
      await each(shell, () => shell.remote.rename(source, to));
    }
  },
};

/** One of several: when it fails the others are done all the same. */
async function each(shell: RemoteShell, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (thrown) {
    if ((thrown as { lost?: boolean }).lost || (thrown as Error).name === "Cancelled") throw thrown;
    shell.complain(messageOf(thrown));
  }
}

export const FILE_COMMANDS = [mkdir, rmdir, rm, mv];
