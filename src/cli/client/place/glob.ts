import { readdir, stat } from "node:fs/promises";
import type { Remote } from "../../../client/types.ts";
import { UsageError } from "../../../shell/errors.ts";
import { decodeName, encodeName } from "../../../text/names.ts";
import { TextPattern } from "../../../text/pattern.ts";
import type { Word } from "../shell/words.ts";

export interface Named {
  readonly name: string;
  /** links count when they may lead to one */
  readonly directory: boolean;
}

/** A tree of names, here or there. */
export interface Tree {
  names(directory: string): Promise<readonly Named[]>;
  exists(path: string): Promise<boolean>;
}

/** Names of one directory that are held at once: a server could list without end. */
export const MAX_NAMES = 1_000_000;

/** Names that a pattern may come to. */
const MAX_MATCHES = 100_000;

export function remoteTree(remote: Remote): Tree {
  return {
    async names(directory) {
      const found: Named[] = [];
      for await (const batch of remote.list(directory)) {
        if (found.length > MAX_NAMES) throw new Error(`${directory}: too many names to read`);
        for (const { name, type } of batch) {
          found.push({ name, directory: type === "directory" || type === "link" });
        }
      }
      return found;
    },
    exists: (path) =>
      remote.lstat(path).then(
        () => true,
        () => false,
      ),
  };
}

export const LOCAL_TREE: Tree = {
  async names(directory) {
    // By their bytes: names here need not be UTF-8.
    const options = { withFileTypes: true, encoding: "buffer" } as const;
    const entries = await readdir(encodeName(directory), options);
    return entries.map((entry) => {
      const name = decodeName(entry.name);
      return { name, directory: entry.isDirectory() || entry.isSymbolicLink() };
    });
  },
  exists: (path) =>
    stat(encodeName(path)).then(
      () => true,
      () => false,
    ),
};

/**
 * The paths that a word stands for: itself, or the names that its pattern matches, sorted.
 * @param place makes the full path of a word's text
 * @throws UsageError when nothing matches
 */
export async function expand(
  word: Word,
  tree: Tree,
  place: (word: Word) => string,
): Promise<string[]> {
  if (word.pattern === undefined) return [place(word)];
  const parts = word.pattern.split("/");
  // What comes before the first pattern is a path as it is.
  const first = parts.findIndex(isMagic);
  const head = parts.slice(0, first).map(literal).join("/");
  const lead = first > 0 && head === "" ? "/" : head;
  let found = [lead === "" ? place(plain(".")) : place({ ...plain(lead), home: word.home })];
  for (const part of parts.slice(first)) {
    found = await step(found, part, tree);
    if (found.length > MAX_MATCHES) throw new UsageError(`${word.text}: too many names match`);
  }
  if (found.length === 0) throw new UsageError(`${word.text}: no name matches`);
  return found;
}

function plain(text: string): Word {
  return { text, pattern: undefined, home: false };
}

async function step(directories: readonly string[], part: string, tree: Tree): Promise<string[]> {
  const found: string[] = [];
  if (part === "" || part === "." || part === "..") {
    return part === "" ? [...directories] : directories.map((one) => join(one, part));
  }
  if (!isMagic(part)) {
    for (const directory of directories) {
      const path = join(directory, literal(part));
      if (await tree.exists(path)) found.push(path);
    }
    return found;
  }
  const pattern = new TextPattern(part);
  for (const directory of directories) {
    // Of several places some may be no directories, or closed ones: they hold no match.
    const names = await tree.names(directory).catch((error) => {
      if (directories.length === 1) throw error;
      return [];
    });
    const matching = names
      .map(({ name }) => name)
      .filter((name) => name !== "." && name !== ".." && !name.includes("/"))
      .filter((name) => part.startsWith(".") || !name.startsWith("."))
      .filter((name) => pattern.matches(name))
      .sort();
    found.push(...matching.map((name) => join(directory, name)));
  }
  return found;
}

function join(directory: string, name: string): string {
  if (directory === ".") return name;
  return directory.endsWith("/") ? directory + name : `${directory}/${name}`;
}

function isMagic(part: string): boolean {
  return /(^|[^\\])(\\\\)*[*?[]/.test(part);
}

function literal(part: string): string {
  return part.replace(/\\(.)/gs, "$1");
}
