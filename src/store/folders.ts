import type { Connection, Statement } from "./connection.ts";
import type { LeaseStore } from "./leases.ts";
import type { Folder } from "./types.ts";
import { checkQuota } from "./users.ts";
import type { Writes } from "./writes.ts";

/** What a new folder starts with. Quotas: null is no limit. */
export interface NewFolder {
  /** with the "@" */
  readonly name: string;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
}

/** Absent fields stay, null is no limit. */
export interface FolderChange {
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
  /** milliseconds; null: what the settings say */
  readonly trashKeep?: number | null;
}

const COLUMNS = `id, name, quota_bytes AS "quotaBytes", quota_files AS "quotaFiles",
  used_bytes AS "usedBytes", used_files AS "usedFiles", trash_keep AS "trashKeep",
  created_at AS "createdAt"`;

/** The shared folders: homes that nobody owns. Names are checked by the caller. */
export class FolderStore {
  readonly #writes: Writes;
  readonly #leases: Pick<LeaseStore, "whileShared">;
  readonly #insert: Statement<unknown[], Folder>;
  readonly #byName: Statement<[string], Folder>;
  readonly #byId: Statement<[number], Folder>;
  readonly #all: Statement<[], Folder>;
  readonly #fullest: Statement<[number], Folder>;
  readonly #set: Statement;
  readonly #remove: Statement;
  readonly #open: Statement<[number], number>;

  constructor(connection: Connection, writes: Writes, leases: Pick<LeaseStore, "whileShared">) {
    this.#writes = writes;
    this.#leases = leases;
    this.#insert = connection.prepare(
      `INSERT INTO homes (kind, name, quota_bytes, quota_files, created_at)
       VALUES ('folder', ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING RETURNING ${COLUMNS}`,
    );
    const select = `SELECT ${COLUMNS} FROM homes WHERE kind = 'folder'`;
    this.#byName = connection.prepare(`${select} AND name = ?`);
    this.#byId = connection.prepare(`${select} AND id = ?`);
    this.#all = connection.prepare(`${select} ORDER BY name`);
    this.#fullest = connection.prepare(`${select} ORDER BY used_bytes DESC, name LIMIT ?`);
    this.#set = connection.prepare(
      "UPDATE homes SET quota_bytes = ?, quota_files = ?, trash_keep = ? WHERE id = ? AND kind = 'folder'",
    );
    this.#open = connection
      .prepare<[number], number>("SELECT count(*) FROM open_files WHERE user_id = ?")
      .pluck();
    this.#remove = connection.prepare("DELETE FROM homes WHERE id = ? AND kind = 'folder'");
  }

  /** undefined when the name is taken. */
  async add({ name, quotaBytes, quotaFiles }: NewFolder): Promise<Folder | undefined> {
    checkQuota(quotaBytes);
    checkQuota(quotaFiles);
    return this.#writes.run(() => this.#insert.get(name, quotaBytes, quotaFiles, Date.now()));
  }

  async byName(name: string): Promise<Folder | undefined> {
    return this.#byName.get(name);
  }

  /** By name. */
  async list(): Promise<Folder[]> {
    return this.#all.all();
  }

  /** The folders with most stored, the fullest first. */
  async fullest(limit: number): Promise<Folder[]> {
    return this.#fullest.all(limit);
  }

  /** The folder as changed; undefined when there is none. A quota may be set below the usage. */
  async set(id: number, change: FolderChange): Promise<Folder | undefined> {
    checkQuota(change.quotaBytes);
    checkQuota(change.quotaFiles);
    return this.#leases.whileShared(id, () => {
      const before = this.#byId.get(id);
      if (before === undefined) return undefined;
      const after = { ...before, ...change };
      this.#set.run(after.quotaBytes, after.quotaFiles, after.trashKeep, id);
      return this.#byId.get(id);
    });
  }

  /** How many of its files are open, in all processes. */
  async openFiles(id: number): Promise<number> {
    return this.#leases.whileShared(id, () => this.#open.get(id) ?? 0);
  }

  /** Removes the folder with its shares; false when there is none. */
  async remove(id: number): Promise<boolean> {
    return this.#leases.whileShared(id, () => this.#remove.run(id).changes > 0);
  }
}
