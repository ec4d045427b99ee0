import { AccessControl, planFor } from "../../src/control/access.ts";
import { FolderControl } from "../../src/control/folders.ts";
import type { Account } from "../../src/store/types.ts";
import { openHome } from "../../src/vfs/home.ts";
import { fromText, type VirtualPath } from "../../src/vfs/path.ts";
import type { OpenFile, OpenFlags, UserFileSystem } from "../../src/vfs/types.ts";
import { TestInstance } from "./instance.ts";

const NONE: OpenFlags = {
  read: false,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};

/** How clients open files, by name. */
export const HOW = {
  read: { ...NONE, read: true },
  write: { ...NONE, write: true },
  put: { ...NONE, write: true, create: true, truncate: true },
  make: { ...NONE, write: true, create: true },
  fresh: { ...NONE, write: true, create: true, exclusive: true },
  both: { ...NONE, read: true, write: true, create: true },
  append: { ...NONE, write: true, append: true, create: true },
} satisfies Record<string, OpenFlags>;

/** Users of a temporary instance, with folders and rules as administrators make them. */
export class Team {
  readonly instance: TestInstance;
  readonly folders: FolderControl;
  readonly access: AccessControl;
  readonly #open = new Set<UserFileSystem>();

  constructor(instance: TestInstance) {
    this.instance = instance;
    const { store, root } = instance;
    const announced = (): Promise<void> => this.reload();
    this.folders = new FolderControl({ store, root, actor: "test", announced });
    this.access = new AccessControl({ store, actor: "test", announced });
  }

  static async create(): Promise<Team> {
    return new Team(await TestInstance.create());
  }

  /** What a server does when a change is announced. */
  async reload(): Promise<void> {
    for (const fs of this.#open) await fs.reload?.();
  }

  user(name: string, quotaBytes: number | null = null): Promise<Account> {
    return this.instance.addUser(name, quotaBytes);
  }

  folder(name: string, quotaBytes: number | null = null) {
    return this.folders.add({ name, quotaBytes, quotaFiles: null });
  }

  /** A session's files. */
  async session({ id, name }: Account): Promise<UserFileSystem> {
    const { root, ledger: books, store } = this.instance;
    const plan = async () => {
      const { mounts, access } = await planFor(store, id);
      return { access, folders: mounts.map((one) => ({ ...one, at: one.at as VirtualPath })) };
    };
    const fs = await openHome({ root, account: { id, name }, books, plan });
    this.#open.add(fs);
    return fs;
  }

  async close(): Promise<void> {
    for (const fs of this.#open) await fs.close();
    await this.instance.close();
  }
}

/** Uploads a text. Rejects with FsError. */
export async function put(
  fs: UserFileSystem,
  path: string,
  text: string,
  how: OpenFlags = HOW.put,
): Promise<void> {
  const file = await fs.open(fromText(path), how);
  try {
    await write(file, text);
  } finally {
    await file.close();
  }
}

export async function write(file: OpenFile, text: string, position = 0): Promise<void> {
  await file.write([Buffer.from(text)], text.length, position);
}

export async function get(fs: UserFileSystem, path: string): Promise<string> {
  const file = await fs.open(fromText(path), HOW.read);
  try {
    const buffer = Buffer.alloc(1000);
    return buffer.toString("utf8", 0, await file.read(buffer, 0, 1000, 0));
  } finally {
    await file.close();
  }
}

/** The names in a directory but "." and "..", sorted. */
export async function names(fs: UserFileSystem, path: string): Promise<string[]> {
  const directory = await fs.openDirectory(fromText(path));
  try {
    const found: string[] = [];
    for (;;) {
      const page = await directory.next(100);
      if (page.length === 0) break;
      found.push(...page.map(({ name }) => name));
    }
    return found.filter((name) => name !== "." && name !== "..").sort();
  } finally {
    await directory.close();
  }
}

/** "ok", or the code that something failed with. */
export async function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "ok",
    (thrown: { code?: string }) => thrown.code ?? String(thrown),
  );
}
