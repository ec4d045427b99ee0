import { lstat, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { RemoteAttrs } from "../../../client/types.ts";
import { dateText } from "../../../text/figures.ts";
import { decodeName, encodeName } from "../../../text/names.ts";
import { visible } from "../../../text/safe.ts";
import { humanSize } from "../../../text/units.ts";
import { width } from "../../../text/width.ts";
import { messageOf } from "../exit.ts";
import { MAX_NAMES } from "../place/glob.ts";
import { under } from "../place/paths.ts";
import type { Arguments, ShellCommand } from "../shell/command.ts";
import { MANY } from "../shell/command.ts";
import type { RemoteShell } from "../shell/remote-shell.ts";

type Attrs = Pick<RemoteAttrs, "type" | "size" | "mode" | "mtime">;
type Entry = Attrs & { readonly name: string };

/** A side that can be listed. */
interface ListedSide {
  attrs(path: string): Promise<Attrs>;
  entries(path: string): Promise<Entry[]>;
  linkTarget(path: string): Promise<string>;
}

const DETAILS = `
  -l  size, time and mode     -h  sizes such as 1.5M     -a  also names that begin with a dot
  -t  newest first            -S  largest first          -r  the other way round    -1  one a line`;

const OPTIONS = Object.fromEntries(
  ["l", "a", "h", "t", "S", "r", "1"].map((short) => [short, { type: "boolean", short } as const]),
);

const ls: ShellCommand = {
  name: "ls",
  aliases: ["dir"],
  usage: "[-lahtSr1] [NAME...]",
  summary: "list a remote directory",
  details: DETAILS,
  options: OPTIONS,
  operands: [0, MANY],
  side: () => "remote",
  async run(shell, args) {
    const { remote } = shell;
    const place: ListedSide = {
      attrs: (path) => remote.lstat(path),
      async entries(path) {
        const all: Entry[] = [];
        for await (const batch of remote.list(path)) {
          if (all.length > MAX_NAMES) throw new Error(`${path}: too many names to list`);
          all.push(...batch);
        }
        return all;
      },
      linkTarget: (path) => remote.readlink(path),
    };
    const paths = await shell.expandRemote(args.operands);
    await list(shell, place, args, paths.length > 0 ? paths : [shell.directory]);
  },
};

const lls: ShellCommand = {
  name: "lls",
  usage: "[-lahtSr1] [NAME...]",
  summary: "list a local directory",
  details: DETAILS,
  options: OPTIONS,
  operands: [0, MANY],
  side: () => "local",
  async run(shell, args) {
    const paths = await shell.expandLocal(args.operands);
    await list(shell, LOCAL, args, paths.length > 0 ? paths : [shell.localDirectory]);
  },
};

const LOCAL: ListedSide = {
  async attrs(path) {
    const found = await lstat(encodeName(path));
    const type = found.isFile()
      ? "file"
      : found.isDirectory()
        ? "directory"
        : found.isSymbolicLink()
          ? "link"
          : "other";
    const mtime = Math.floor(found.mtimeMs / 1000);
    return { type, size: found.size, mode: found.mode & 0o7777, mtime };
  },
  async entries(path) {
    const all: Entry[] = [];
    for (const bytes of await readdir(encodeName(path), { encoding: "buffer" })) {
      const name = decodeName(bytes);
      const attrs = await LOCAL.attrs(join(path, name)).catch(() => undefined);
      if (attrs !== undefined) all.push({ name, ...attrs });
    }
    return all;
  },
  linkTarget: async (path) => decodeName(await readlink(encodeName(path), "buffer")),
};

async function list(
  shell: RemoteShell,
  place: ListedSide,
  { flags }: Arguments,
  paths: readonly string[],
): Promise<void> {
  const files: Entry[] = [];
  const directories: string[] = [];
  for (const path of paths) {
    try {
      // A link that is named means what it leads to, as with ls.
      const attrs = await place.attrs(path);
      if (attrs.type === "file" || attrs.type === "other") files.push({ ...attrs, name: path });
      else directories.push(path);
    } catch (thrown) {
      shell.complain(messageOf(thrown));
    }
  }
  await show(shell, place, flags, files, "");
  for (const [index, path] of directories.entries()) {
    if (paths.length > 1) shell.print(`${files.length + index > 0 ? "\n" : ""}${visible(path)}:`);
    try {
      const all = await entriesOf(place, path);
      const shown = flags.has("a") ? all : all.filter(({ name }) => !name.startsWith("."));
      await show(shell, place, flags, shown, path);
    } catch (thrown) {
      shell.complain(messageOf(thrown));
    }
  }
}

/** A link that leads to no directory is itself what is listed. */
async function entriesOf(place: ListedSide, path: string): Promise<Entry[]> {
  try {
    return await place.entries(path);
  } catch (thrown) {
    const attrs = await place.attrs(path);
    if (attrs.type !== "link") throw thrown;
    return [{ ...attrs, name: path }];
  }
}

async function show(
  shell: RemoteShell,
  place: ListedSide,
  flags: ReadonlySet<string>,
  entries: Entry[],
  directory: string,
): Promise<void> {
  sort(entries, flags);
  if (flags.has("l")) {
    const sizes = entries.map(({ size }) => (flags.has("h") ? humanSize(size) : String(size)));
    const widest = Math.max(0, ...sizes.map((size) => size.length));
    for (const [index, entry] of entries.entries()) {
      const { name, type, mode, mtime } = entry;
      const path = directory === "" ? name : under(name, directory);
      const target =
        type === "link" ? ` -> ${visible(await place.linkTarget(path).catch(() => "?"))}` : "";
      const size = (sizes[index] ?? "").padStart(widest);
      const shown = visible(name);
      shell.print(`${modeText(type, mode)} ${size} ${dateText(mtime * 1000)} ${shown}${target}`);
    }
    return;
  }
  const names = entries.map(({ name, type }) => visible(name) + (type === "directory" ? "/" : ""));
  const columns = shell.output.columns();
  const lines = flags.has("1") || columns === undefined ? names : inColumns(names, columns - 1);
  for (const line of lines) shell.print(line);
}

function sort(entries: Entry[], flags: ReadonlySet<string>): void {
  const byName = (a: Entry, b: Entry) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  entries.sort((a, b) => {
    if (flags.has("t") && a.mtime !== b.mtime) return b.mtime - a.mtime;
    if (flags.has("S") && a.size !== b.size) return b.size - a.size;
    return byName(a, b);
  });
  if (flags.has("r")) entries.reverse();
}

const TYPES = { file: "-", directory: "d", link: "l", other: "?" } as const;

export function modeText(type: RemoteAttrs["type"], mode: number): string {
  const bits = [6, 3, 0].map((shift) => {
    const three = (mode >> shift) & 7;
    return (three & 4 ? "r" : "-") + (three & 2 ? "w" : "-") + (three & 1 ? "x" : "-");
  });
  return TYPES[type] + bits.join("");
}

/** Down the page, as many columns as fit. */
export function inColumns(names: readonly string[], columns: number): string[] {
  const widths = names.map(width);
  const widest = Math.max(1, ...widths);
  const across = Math.max(1, Math.floor((columns + 2) / (widest + 2)));
  const rows = Math.ceil(names.length / across);
  return Array.from({ length: rows }, (_, row) => {
    const cells: string[] = [];
    for (let at = row; at < names.length; at += rows) {
      cells.push((names[at] ?? "") + " ".repeat(widest - (widths[at] ?? 0)));
    }
    return cells.join("  ").trimEnd();
  });
}

export const LIST_COMMANDS = [ls, lls];
