import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ledger } from "../../src/quota/ledger.ts";
import { ChangeWatcher } from "../../src/session/watcher.ts";
import type { MachineOptions } from "../../src/store/life.ts";
import type { Store } from "../../src/store/store.ts";
import type { Account } from "../../src/store/types.ts";
import type { Books } from "../../src/vfs/books.ts";
import { Evidence } from "../../src/vfs/evidence.ts";
import { openHome } from "../../src/vfs/home.ts";
import { homeOf } from "../../src/vfs/homes.ts";
import { inodeKey } from "../../src/vfs/proc.ts";
import { counts } from "../../src/vfs/trash-names.ts";
import type { OpenFlags, UserFileSystem } from "../../src/vfs/types.ts";
import { tour } from "../../src/vfs/walk.ts";
import { dropDatabase, openTestStore } from "./store-engine.ts";

/** See Ledger. */
interface Holds {
  readonly holds?: boolean;
  readonly quietMs?: number;
  /** default: all processes are of one machine */
  readonly machine?: MachineOptions;
}

/** A temporary instance without a server: store, ledger and homes. */
export class TestInstance {
  readonly root: string;
  readonly store: Store;
  readonly ledger: Ledger;
  readonly #opened: UserFileSystem[] = [];
  readonly #owns: boolean;
  readonly #watcher: ChangeWatcher;
  readonly #errors: unknown[] = [];

  constructor(root: string, store: Store, owns: boolean, holding: Holds) {
    this.root = root;
    this.store = store;
    this.ledger = new Ledger(store, new Evidence(store.ledger), holding);
    this.#owns = owns;
    this.#watcher = new ChangeWatcher(
      store.changes,
      (change) => this.ledger.onChange(change),
      (error) => this.#errors.push(error),
      () => 1,
    );
  }

  static async create(holding: Holds = {}): Promise<TestInstance> {
    const root = mkdtempSync(join(tmpdir(), "moorage-test-"));
    mkdirSync(join(root, "homes"), { mode: 0o700 });
    return TestInstance.#open(root, true, holding);
  }

  static async #open(root: string, owns: boolean, holding: Holds): Promise<TestInstance> {
    const { machine } = holding;
    const store = await openTestStore(root, "server", "test", { machine });
    const instance = new TestInstance(root, store, owns, holding);
    if (holding.holds) await instance.#watcher.start();
    return instance;
  }

  /** The same instance as another process sees it: its own connection, node and ledger. */
  async another(holding: Holds = {}): Promise<TestInstance> {
    return TestInstance.#open(this.root, false, holding);
  }

  async addUser(name: string, quotaBytes: number | null, quotaFiles: number | null = null) {
    return this.store.users.add({ name, role: "user", passwordHash: null, quotaBytes, quotaFiles });
  }

  async home(account: Account, books: Books = this.ledger): Promise<UserFileSystem> {
    const opened = await openHome({ root: this.root, account, books });
    this.#opened.push(opened);
    return opened;
  }

  path(name: string, ...rest: string[]): string {
    return join(homeOf(this.root, name), ...rest);
  }

  /** As a machine that vanishes: it says and writes nothing any more, and its row stays. */
  async vanish(): Promise<void> {
    this.store.life.close();
    await this.#watcher.stop();
  }

  async close(): Promise<void> {
    for (const home of this.#opened) await home.close();
    await this.#watcher.stop();
    await this.store.close();
    if (this.#owns) {
      await dropDatabase(this.root);
      rmSync(this.root, { recursive: true, force: true });
    }
    if (this.#errors.length > 0) throw this.#errors[0];
  }
}

/** What a walk of the disk finds: bytes by inode, directory entries. Of the trash what books count. */
export function onDisk(home: string): { bytes: number; files: number } {
  const seen = new Set<string>();
  let bytes = 0;
  let files = 0;
  for (const found of tour(home)) {
    if (found?.kind !== "entry" || !counts(found.path, found.stat.nlink)) continue;
    const { stat } = found;
    files += 1;
    if (!stat.isFile() || seen.has(inodeKey(stat))) continue;
    seen.add(inodeKey(stat));
    bytes += Number(stat.size);
  }
  return { bytes, files };
}

const NONE: OpenFlags = {
  read: false,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};

export const READ: OpenFlags = { ...NONE, read: true };
export const WRITE: OpenFlags = { ...NONE, write: true };
/** as `put` of OpenSSH's sftp opens */
export const PUT: OpenFlags = { ...NONE, write: true, create: true, truncate: true };
export const RESUME: OpenFlags = { ...NONE, write: true, create: true };
export const APPEND: OpenFlags = { ...NONE, write: true, create: true, append: true };
export const EXCLUSIVE: OpenFlags = { ...NONE, write: true, create: true, exclusive: true };
