import type { Connection, Engine, RunOptions } from "../../../../src/cli/client/engine.ts";
import { isRemote, parseTarget } from "../../../../src/client/login/target.ts";
import type {
  FolderSpace,
  JournalEntry,
  Remote,
  RemoteAttrs,
  RemoteEntry,
  Space,
  TransferJob,
  TransferSummary,
} from "../../../../src/client/types.ts";

const SUMMARY: TransferSummary = { files: 1, failed: 0, skipped: 0, bytes: 1, durationMs: 1 };

/** A server of names only: files by path with their sizes, directories with "/" at the end. */
export class FakeEngine implements Engine {
  readonly jobs: TransferJob[] = [];
  readonly lists: string[] = [];
  entries: JournalEntry[] = [];
  space: Space | undefined;
  onSpace: (path: string) => Promise<Space | undefined> = async () => this.space;
  /** what spaces@moorage tells; undefined: the server doesn't have it */
  onSpaces: () => Promise<readonly FolderSpace[] | undefined> = async () => undefined;
  banner = "";
  /** its jobs say that they start a file */
  starts = true;
  failure: Error | undefined;
  onRun: (job: TransferJob, options: RunOptions) => Promise<TransferSummary> = async () => SUMMARY;
  readonly #files: Readonly<Record<string, number>>;

  constructor(files: Readonly<Record<string, number>> = {}) {
    this.#files = files;
  }

  async open(_options: unknown, prompts: { notice(text: string): void }): Promise<Connection> {
    if (this.failure !== undefined) throw this.failure;
    if (this.banner !== "") prompts.notice(this.banner);
    return {
      remote: this.remote(),
      server: "ann@h:22",
      run: async (job, options) => {
        this.jobs.push(job);
        const {
          direction,
          sources: [source = ""],
          target,
        } = job;
        if (this.starts)
          options.onEvent({
            type: "start",
            file: 1,
            source,
            target,
            direction,
            size: 1,
            offset: 0,
          });
        return this.onRun(job, options);
      },
    };
  }

  journal() {
    return {
      list: async (server: string) => this.entries.filter((entry) => entry.server === server),
      forget: async (id: string) => {
        this.entries = this.entries.filter((entry) => entry.id !== id);
      },
    };
  }

  stateDirectory(): string {
    throw new Error("not used without a terminal");
  }

  parseTarget = parseTarget;
  isRemote = isRemote;

  remote(): Remote {
    const refuse = async () => {
      throw new Error("not allowed");
    };
    return {
      name: "ann@h",
      home: "/home",
      realpath: async (path) => path,
      stat: async (path) => this.#attrs(path),
      lstat: async (path) => this.#attrs(path),
      read: async (path) => Buffer.from(`bytes of ${path}\n`),
      readlink: refuse,
      list: (path) => this.#list(path),
      mkdir: refuse,
      rmdir: refuse,
      remove: refuse,
      rename: refuse,
      chmod: refuse,
      utimes: refuse,
      space: (path) => this.onSpace(path),
      spaces: () => this.onSpaces(),
      hash: async () => undefined,
      hashes: async () => [],
      close: async () => {},
    };
  }

  #attrs(path: string): RemoteAttrs {
    const plain = path.replace(/\/+$/, "");
    const size = this.#files[plain];
    const directory = Object.keys(this.#files).some((name) => name.startsWith(`${plain}/`));
    if (size === undefined && !directory) throw new Error(`${path}: no such file or directory`);
    const type = directory ? "directory" : "file";
    return { type, size: size ?? 0, mode: 0o644, mtime: 0, atime: 0 };
  }

  async *#list(path: string): AsyncGenerator<RemoteEntry[]> {
    this.lists.push(path);
    const start = path.endsWith("/") ? path : `${path}/`;
    const below = Object.keys(this.#files).filter((name) => name.startsWith(start));
    const names = new Set(below.map((name) => name.slice(start.length).split("/")[0] ?? ""));
    for (const name of names) {
      if (name !== "") yield [{ name, longname: "", ...this.#attrs(start + name) }];
    }
  }
}

export function unfinished(id: string, offset: number): JournalEntry {
  return {
    id,
    direction: "down",
    server: "ann@h:22",
    source: `/home/${id}`,
    target: `/local/${id}`,
    size: 1000,
    mtime: 0,
    offset,
    preserve: true,
    updatedAt: 0,
  };
}
