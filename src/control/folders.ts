import { setTimeout as sleep } from "node:timers/promises";
import type { AccessMode } from "../access/modes.ts";
import { folderPath, pathText } from "../access/paths.ts";
import { rescan } from "../quota/rescan.ts";
import type { Store } from "../store/store.ts";
import type { AuditKind, Folder, Share } from "../store/types.ts";
import { checkFree } from "./covering.ts";
import { ControlError } from "./errors.ts";
import { deleteHome, dropEmptyHome, makeHome } from "./homes.ts";
import { checkedTrash, describeLimits } from "./login-limits.ts";
import { folderName, noFolder } from "./names.ts";
import { announceAccess, checkedPath, subjectNamed } from "./subjects.ts";

const POLL_MS = 50;

/** As many as a list of all, with whom they are shared, has room for. */
const MAX_FOLDERS = 1_000;
const MAX_SHARES = 1_000;

/** What the administration of folders stands on. */
export interface FolderControlOptions {
  readonly store: Store;
  /** the instance's directory */
  readonly root: string;
  /** who acts, for the audit trail */
  readonly actor: string;
  /** counts what is in a folder and corrects the books; without it, says nothing meanwhile */
  rescan?(folder: Folder): Promise<unknown>;
  /** called after each change that running servers have to apply */
  announced?(): Promise<void>;
  /** how long a removal waits for open files, in milliseconds */
  readonly closingTimeoutMs?: number;
}

/** Absent fields stay; null is no limit. */
export interface FolderChangeRequest {
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
  /** milliseconds; null is what the settings say */
  readonly trashKeep?: number | null;
}

export interface NewFolderRequest {
  /** with or without the "@" */
  readonly name: string;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
}

export interface ShareRequest {
  /** a user, or a group with an "@" */
  readonly to: string;
  /** path in the members' trees, UTF-8; without it "/" and the folder's name */
  readonly at?: string;
  readonly access: AccessMode;
}

export interface FolderWithShares {
  readonly folder: Folder;
  readonly shares: readonly Share[];
}

/**
 * The administration of shared folders. Each use-case records who did it and tells the running
 * servers, which apply it to open sessions at once. Rejects with ControlError for what a person can
 * put right. Names may be given with or without the "@".
 */
export class FolderControl {
  readonly #options: FolderControlOptions;
  readonly #store: Store;

  constructor(options: FolderControlOptions) {
    this.#options = options;
    this.#store = options.store;
  }

  /** With the usage as it is now. @param exact false: whoever asks has just had it told */
  async list({ exact = true } = {}): Promise<FolderWithShares[]> {
    if (exact) await this.#store.leases.exact();
    const shares = await this.#store.access.allShares();
    const folders = await this.#store.folders.list();
    return folders.map((folder) => ({
      folder,
      shares: shares.filter((share) => share.folder === folder.name),
    }));
  }

  async show(name: string): Promise<FolderWithShares> {
    const folder = await this.folder(name);
    return { folder, shares: await this.#store.access.sharesOf(folder.id) };
  }

  /** With the usage as it is now. */
  async folder(given: string): Promise<Folder> {
    const name = folderName(given);
    const found = await this.#store.folders.byName(name);
    if (found !== undefined) await this.#store.leases.exact(found.id);
    const folder = found && (await this.#store.folders.byName(name));
    if (folder !== undefined) return folder;
    throw await noFolder(this.#store, given);
  }

  /** One that was kept from before is taken over, and what is in it counted. */
  async add(request: NewFolderRequest): Promise<Folder> {
    const name = folderName(request.name);
    if ((await this.#store.folders.byName(name)) !== undefined) throw exists(name);
    if ((await this.#store.folders.list()).length >= MAX_FOLDERS) {
      throw new ControlError(`there are ${MAX_FOLDERS} folders already: remove some`);
    }
    this.#store.ledger.requireHomes();
    await this.#insert({ ...request, name });
    this.#record("folder-add", name, `quota ${request.quotaBytes ?? "none"}`);
    return this.folder(name);
  }

  /** The folder with a place for its files, or neither. */
  async #insert(request: NewFolderRequest): Promise<void> {
    const { root } = this.#options;
    const { name } = request;
    const hadFiles = await makeHome(root, name);
    let folder: Folder | undefined;
    try {
      folder = await this.#store.folders.add(request);
    } catch (thrown) {
      if (!hadFiles) await dropEmptyHome(root, name);
      throw thrown;
    }
    if (folder === undefined) throw exists(name);
    // Nobody has it yet, so nothing is stored meanwhile.
    if (hadFiles) await this.#takeOver(folder);
  }

  async #takeOver(folder: Folder): Promise<void> {
    try {
      await this.#rescan(folder);
    } catch (thrown) {
      await this.#store.folders.remove(folder.id);
      throw thrown;
    }
  }

  async #rescan(folder: Folder): Promise<void> {
    const { store, root } = this.#options;
    await (this.#options.rescan?.(folder) ?? rescan(store, root, folder));
  }

  async set(given: string, change: FolderChangeRequest): Promise<Folder> {
    const { id, name } = await this.folder(given);
    if (change.trashKeep !== undefined) checkedTrash(change.trashKeep);
    if ((await this.#store.folders.set(id, change)) === undefined) throw gone(name);
    if (change.trashKeep !== undefined) await this.#announceKeep(id);
    this.#record("folder-set", name, describe(change));
    return this.folder(name);
  }

  /** Those who have it take up how long it keeps what is removed. */
  async #announceKeep(id: number): Promise<void> {
    for (const { to } of await this.#store.access.sharesOf(id)) {
      const { users } = await subjectNamed(this.#store, to);
      await announceAccess(this.#store, users, this.#options.announced);
    }
  }

  /** Counts the folder again: for files put there by other means. */
  async rescan(given: string): Promise<Folder> {
    const before = await this.folder(given);
    await this.#rescan(before);
    const after = await this.folder(given);
    const bytes = after.usedBytes - before.usedBytes;
    const files = after.usedFiles - before.usedFiles;
    this.#record("rescan", before.name, `corrected by ${bytes} bytes, ${files} files`);
    return after;
  }

  /**
   * Takes the folder from everybody, then removes it and, if asked, its files. When files stay open
   * it is left as it is, but shared with nobody.
   */
  async remove(given: string, { deleteFiles = false } = {}): Promise<{ filesDeleted: boolean }> {
    const folder = await this.folder(given);
    if (deleteFiles) this.#store.ledger.requireHomes();
    for (const { to } of await this.#store.access.sharesOf(folder.id)) {
      await this.unshare(folder.name, to);
    }
    await this.#closed(folder);
    const forget = async (): Promise<void> => {
      if (!(await this.#store.folders.remove(folder.id))) throw gone(folder.name);
      this.#record("folder-remove", folder.name, deleteFiles ? "with its files" : "");
    };
    const { root } = this.#options;
    if (deleteFiles) return { filesDeleted: await deleteHome(root, folder.name, forget) };
    await forget();
    return { filesDeleted: false };
  }

  /** Removing rows under an open file would leave the books and the disk unequal. */
  async #closed(folder: Folder): Promise<void> {
    const deadline = Date.now() + (this.#options.closingTimeoutMs ?? 10_000);
    for (;;) {
      const open = await this.#store.folders.openFiles(folder.id);
      if (open === 0) return;
      if (Date.now() >= deadline) {
        throw new ControlError(
          `${folder.name} is shared with nobody any more but not removed: ${open} of its files are still being closed; run this again`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  /** Shares the folder, or changes where it is or what may be done in it. */
  async share(given: string, { to, at, access }: ShareRequest): Promise<FolderWithShares> {
    const folder = await this.folder(given);
    const known = await subjectNamed(this.#store, to);
    const path = checkedPath(folderPath, at ?? `/${folder.name.slice(1)}`);
    for (const user of known.users) {
      await checkFree(this.#store, user, { folderId: folder.id, at: path });
    }
    await this.#checkShares(folder, known.name);
    await this.#store.access.share(folder.id, known.subject, path, access);
    await announceAccess(this.#store, known.users, this.#options.announced);
    this.#record(
      "folder-share",
      folder.name,
      `with ${known.name} at ${pathText(path)}, access ${access}`,
    );
    return this.show(folder.name);
  }

  async #checkShares({ id, name }: Folder, to: string): Promise<void> {
    const shares = await this.#store.access.sharesOf(id);
    if (shares.length < MAX_SHARES || shares.some((share) => share.to === to)) return;
    throw new ControlError(
      `${name.slice(1)} is shared ${MAX_SHARES} times already: share it with a group`,
    );
  }

  /** @returns the shares with groups by which the user has it all the same */
  async unshare(given: string, to: string): Promise<readonly Share[]> {
    const folder = await this.folder(given);
    const known = await subjectNamed(this.#store, to);
    if (!(await this.#store.access.unshare(folder.id, known.subject))) {
      throw new ControlError(
        `${folder.name} is not shared with ${known.name}: \`moorage folder show ${folder.name.slice(1)}\` shows with whom`,
      );
    }
    await announceAccess(this.#store, known.users, this.#options.announced);
    this.#record("folder-unshare", folder.name, `with ${known.name}`);
    const { userId } = known.subject;
    const left = userId === null ? [] : await this.#store.access.sharesWith(userId);
    return left.filter(({ folderId }) => folderId === folder.id);
  }

  #record(kind: AuditKind, user: string, detail = ""): void {
    this.#store.audit.record({ kind, user, actor: this.#options.actor, detail });
  }
}

function describe({ quotaBytes, quotaFiles, trashKeep }: FolderChangeRequest): string {
  const parts = [
    quotaBytes !== undefined && `quota ${quotaBytes ?? "none"}`,
    quotaFiles !== undefined && `max files ${quotaFiles ?? "none"}`,
    ...describeLimits(trashKeep === undefined ? {} : { trashKeep }),
  ];
  return parts.filter((part) => part !== false).join(", ");
}

function exists(name: string): ControlError {
  return new ControlError(
    `folder ${name.slice(1)} exists already: \`moorage folder set ${name.slice(1)}\` changes it`,
  );
}

function gone(name: string): ControlError {
  return new ControlError(`folder ${name.slice(1)} was removed meanwhile`);
}
