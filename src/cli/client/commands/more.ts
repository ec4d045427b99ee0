import { spawn } from "node:child_process";
import { mkdir as makeHere } from "node:fs/promises";
import { DEEPEST } from "../../../client/names.ts";
import type { RemoteEntry } from "../../../client/types.ts";
import { UsageError } from "../../../shell/errors.ts";
import { parseMode } from "../../../text/chmod-mode.ts";
import { count } from "../../../text/figures.ts";
import { encodeName } from "../../../text/names.ts";
import { visible } from "../../../text/safe.ts";
import { roundSize } from "../../../text/units.ts";
import { messageOf } from "../exit.ts";
import { MAX_NAMES } from "../place/glob.ts";
import { under } from "../place/paths.ts";
import { MANY, type ShellCommand } from "../shell/command.ts";
import type { RemoteShell } from "../shell/remote-shell.ts";

const chmod: ShellCommand = {
  name: "chmod",
  usage: "MODE NAME...",
  summary: "set the permissions of remote files",
  details: "  MODE is octal, such as 640, or such as u+x, go-w, a=r",
  operands: [2, MANY],
  side: (index) => (index === 0 ? "none" : "remote"),
  async run(shell, { operands: [mode, ...names] }) {
    const change = parseMode(mode?.text ?? "");
    if (change === undefined) {
      throw new UsageError("a mode is octal, such as 640, or such as u+x or go-w");
    }
    for (const path of await shell.expandRemote(names)) {
      try {
        const { mode: before, type } = await shell.remote.stat(path);
        await shell.remote.chmod(path, change(before, type === "directory"));
      } catch (thrown) {
        shell.complain(messageOf(thrown));
      }
    }
  },
};

/** A longer file is one to get. */
const MOST_SHOWN = 16 * 1024 * 1024;

const cat: ShellCommand = {
  name: "cat",
  usage: "FILE...",
  summary: "print remote files",
  operands: [1, MANY],
  side: () => "remote",
  async run(shell, { operands }) {
    for (const path of await shell.expandRemote(operands)) {
      try {
        const bytes = await shell.remote.read(path, MOST_SHOWN);
        if (bytes === undefined)
          throw new Error(`${path}: is larger than ${roundSize(MOST_SHOWN)}`);
        // A terminal gets nothing that could steer it; a pipe gets text as it is.
        const text = bytes.toString("utf8");
        const lines = text.replace(/\n$/, "").split("\n").map(visible);
        if (shell.output.columns() === undefined) shell.output.out(text);
        else if (text !== "") for (const line of lines) shell.print(line);
      } catch (thrown) {
        shell.complain(messageOf(thrown));
      }
    }
  },
};

const clear: ShellCommand = {
  name: "clear",
  usage: "",
  summary: "clear the screen",
  operands: [0, 0],
  async run(shell) {
    if (shell.output.columns() !== undefined) shell.output.out("\u001b[H\u001b[2J\u001b[3J");
  },
};

/** What is in a tree of the server, directories before what is in them. Links are not followed. */
async function* below(
  shell: RemoteShell,
  path: string,
  depth = 0,
): AsyncGenerator<{ readonly entry: RemoteEntry; readonly depth: number }> {
  if (depth > DEEPEST) throw new Error(`${path}: too deep`);
  const all: RemoteEntry[] = [];
  for await (const batch of shell.remote.list(path)) {
    if (all.length > MAX_NAMES) throw new Error(`${path}: too many names to read`);
    // Names come from the server: one that leads elsewhere is none.
    all.push(...batch.filter(({ name }) => name !== "." && name !== ".." && !name.includes("/")));
  }
  for (const entry of all.sort((a, b) => (a.name < b.name ? -1 : 1))) {
    yield { entry, depth };
    if (entry.type === "directory") yield* below(shell, under(entry.name, path), depth + 1);
  }
}

const du: ShellCommand = {
  name: "du",
  usage: "[NAME...]",
  summary: "show what remote files and directories hold",
  operands: [0, MANY],
  side: () => "remote",
  async run(shell, { operands }) {
    const paths = await shell.expandRemote(operands);
    for (const path of paths.length > 0 ? paths : [shell.directory]) {
      try {
        const { type, size } = await shell.remote.lstat(path);
        let [bytes, files] = type === "directory" ? [0, 0] : [size, 1];
        if (type === "directory") {
          for await (const { entry } of below(shell, path)) {
            if (entry.type === "directory") continue;
            bytes += entry.size;
            files += 1;
          }
        }
        shell.print(`${roundSize(bytes).padStart(8)}  ${count(files, "file")}  ${visible(path)}`);
      } catch (thrown) {
        shell.complain(messageOf(thrown));
      }
    }
  },
};

const tree: ShellCommand = {
  name: "tree",
  usage: "[DIRECTORY]",
  summary: "list a remote directory with all that is in it",
  operands: [0, 1],
  side: () => "remote",
  async run(shell, { operands }) {
    const [path = shell.directory] = await shell.expandRemote(operands);
    shell.print(visible(path));
    for await (const { entry, depth } of below(shell, path)) {
      const end = entry.type === "directory" ? "/" : "";
      shell.print(`${"  ".repeat(depth + 1)}${visible(entry.name)}${end}`);
    }
  },
};

const lmkdir: ShellCommand = {
  name: "lmkdir",
  usage: "DIRECTORY...",
  summary: "make local directories, with those above them",
  operands: [1, MANY],
  side: () => "local",
  async run(shell, { operands }) {
    for (const word of operands) {
      await makeHere(encodeName(shell.localPath(word)), { recursive: true });
    }
  },
};

/** Runs a line of this machine's shell, as `!command` does, on the same terminal. */
export async function runHere(shell: RemoteShell, line: string): Promise<void> {
  if (line.trim() === "") throw new UsageError("!COMMAND runs a command of this machine");
  const child = spawn(process.env.SHELL || "/bin/sh", ["-c", line], {
    cwd: shell.localDirectory,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) shell.complain(`the command ended with ${code === null ? "a signal" : code}`);
}

export const MORE_COMMANDS = [chmod, cat, clear, du, tree, lmkdir];
