import { visible } from "../../../text/safe.ts";
import { commandNames, findCommand } from "../commands/all.ts";
import { LOCAL_TREE, type Named, remoteTree, type Tree } from "../place/glob.ts";
import type { RemoteShell } from "./remote-shell.ts";
import { lastWord, type Quote, quoteWord, type Word } from "./words.ts";

/** How long a directory's names are remembered, in milliseconds. */
const FRESH_MS = 5000;
const MAX_CACHED = 50;
/** Candidates given at most: nobody reads more. */
const MAX_CANDIDATES = 500;

type Result = [candidates: string[], typed: string];

/** Completes commands, and names on the side that the command means. */
export class Completion {
  readonly #shell: RemoteShell;
  readonly #remote: Tree;
  readonly #now: () => number;
  readonly #cache = new Map<string, { at: number; names: readonly Named[] }>();

  constructor(shell: RemoteShell, now: () => number = () => performance.now()) {
    this.#shell = shell;
    this.#remote = remoteTree(shell.remote);
    this.#now = now;
  }

  /** Names have changed, for all one knows. */
  clear(): void {
    this.#cache.clear();
  }

  /** @param line up to the cursor */
  async complete(line: string): Promise<Result> {
    const { before, last } = lastWord(line);
    const typed = line.slice(last.start);
    const [first] = before;
    if (first === undefined) return [candidates(commandNames(), typed), typed];
    const command = findCommand(first.text);
    const operands = before.slice(1).filter(({ text }) => !text.startsWith("-"));
    const side = typed.startsWith("-") ? "none" : command?.side?.(operands.length);
    if (side === "command") return [candidates(commandNames(), typed), typed];
    if (side !== "remote" && side !== "local") return [[], typed];
    return [await this.#names(side, typed), typed];
  }

  async #names(side: "remote" | "local", typed: string): Promise<string[]> {
    const slash = typed.lastIndexOf("/");
    const lead = typed.slice(0, slash + 1);
    const place = lead === "" ? undefined : lastWord(lead).last;
    const { text: begun, open } = lastWord(typed).last;
    const prefix = begun.slice(begun.lastIndexOf("/") + 1);
    // A quote that began behind the last slash has to begin again.
    const opening = open === place?.open ? "" : open;
    const names = await this.#list(side, place);
    return (
      names
        .filter(({ name }) => name.startsWith(prefix) && name !== "." && name !== "..")
        .filter(({ name }) => prefix.startsWith(".") || !name.startsWith("."))
        // What must not reach the terminal can't be offered there.
        .filter(({ name }) => !name.includes("/") && visible(name) === name)
        .slice(0, MAX_CANDIDATES)
        .map(({ name, directory }) => lead + opening + written(name, open, directory))
        .sort()
    );
  }

  async #list(side: "remote" | "local", place: Word | undefined): Promise<readonly Named[]> {
    const shell = this.#shell;
    const word = place ?? { text: ".", pattern: undefined, home: false };
    const path = side === "remote" ? shell.remotePath(word) : shell.localPath(word);
    const key = `${side}:${path}`;
    const known = this.#cache.get(key);
    if (known !== undefined && this.#now() - known.at < FRESH_MS) return known.names;
    const tree = side === "remote" ? this.#remote : LOCAL_TREE;
    const names = await tree.names(path).catch(() => []);
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(key, { at: this.#now(), names });
    return names;
  }
}

function written(name: string, open: Quote, directory: boolean): string {
  const quoted = quoteWord(name, open);
  return directory ? `${quoted}/` : `${quoted}${open} `;
}

function candidates(names: readonly string[], typed: string): string[] {
  return names.filter((name) => name.startsWith(typed)).map((name) => `${name} `);
}
