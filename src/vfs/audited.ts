import { FsError } from "../errors.ts";
import { AuditedFile, type FileEvent, type Transfer, UNFINISHED } from "./audited-file.ts";
import { type ByteString, display, type VirtualPath } from "./path.ts";
import type {
  FileStat,
  FileSystemStat,
  OpenDirectory,
  OpenFile,
  OpenFlags,
  Owner,
  StatChange,
  UserFileSystem,
} from "./types.ts";

/** Bytes of file content that clients sent and received. */
export interface Traffic {
  bytesIn: number;
  bytesOut: number;
}

/** A client that goes on after a refusal leaves one record in so long, in milliseconds. */
const REFUSAL_INTERVAL_MS = 1_000;

function isQuota(error: unknown): error is FsError {
  return error instanceof FsError && error.code === "EDQUOT";
}

/**
 * A user's filesystem that notes what is done for the audit trail and keeps the list of transfers
 * under way.
 */
export class AuditedFileSystem implements UserFileSystem {
  readonly #inner: UserFileSystem;
  readonly #record: (event: FileEvent) => void;
  readonly #files = new Set<AuditedFile>();
  /** @internal for AuditedFile */
  readonly traffic: Traffic;
  #lastId = 0;
  #copies = 0;
  #lastRefusal = Number.NEGATIVE_INFINITY;

  /** @param traffic counts what goes through, shared by all sessions of the process */
  constructor(
    inner: UserFileSystem,
    record: (event: FileEvent) => void,
    traffic: Traffic = { bytesIn: 0, bytesOut: 0 },
  ) {
    this.#inner = inner;
    this.#record = record;
    this.traffic = traffic;
  }

  get owner(): Owner {
    return this.#inner.owner;
  }

  get openFiles(): number {
    return this.#files.size;
  }

  /** Files that are open with what has gone through them. */
  transfers(): Promise<Transfer[]> {
    return Promise.all([...this.#files].map((file) => file.view()));
  }

  /**
   * Ends one transfer: what is asked of its file from now on fails with the text.
   * @returns false when there is none of that number
   */
  endTransfer(id: number, text: string): boolean {
    const file = [...this.#files].find((one) => one.id === id);
    file?.end(text);
    return file !== undefined;
  }

  /** True when data moved since the last call. @param milliseconds how long that is ago */
  sample(milliseconds: number): boolean {
    let moved = this.#copies > 0;
    for (const file of this.#files) {
      if (file.sample(milliseconds) > 0) moved = true;
    }
    return moved;
  }

  /** @internal for AuditedFile */
  record(event: FileEvent): void {
    this.#record(event);
  }

  /** @internal for AuditedFile */
  forget(file: AuditedFile): void {
    this.#files.delete(file);
  }

  /** @internal for AuditedFile */
  refused(error: unknown, file: AuditedFile): void {
    if (!isQuota(error) || file.refusalRecorded) return;
    file.refusalRecorded = true;
    this.#recordRefusal(error, display(file.path));
  }

  #recordRefusal(error: FsError, path: string): void {
    this.#record({ kind: "refused-quota", path, detail: error.message });
  }

  /** Notes what was done, or that the quota refused it. */
  async #noted<T>(path: ByteString, work: Promise<T>, event?: FileEvent): Promise<T> {
    try {
      const result = await work;
      if (event !== undefined) this.#record(event);
      return result;
    } catch (error) {
      const now = performance.now();
      if (isQuota(error) && now - this.#lastRefusal >= REFUSAL_INTERVAL_MS) {
        this.#lastRefusal = now;
        this.#recordRefusal(error, display(path));
      }
      throw error;
    }
  }

  async open(path: ByteString, flags: OpenFlags, mode?: number): Promise<OpenFile> {
    const inner = await this.#noted(path, this.#inner.open(path, flags, mode));
    this.#lastId += 1;
    const file = new AuditedFile(this.#lastId, inner, this);
    this.#files.add(file);
    return file;
  }

  openDirectory(path: ByteString): Promise<OpenDirectory> {
    return this.#inner.openDirectory(path);
  }

  stat(path: ByteString): Promise<FileStat> {
    return this.#inner.stat(path);
  }

  lstat(path: ByteString): Promise<FileStat> {
    return this.#inner.lstat(path);
  }

  setStat(path: ByteString, change: StatChange, follow: boolean): Promise<void> {
    return this.#noted(path, this.#inner.setStat(path, change, follow));
  }

  remove(path: ByteString): Promise<void> {
    return this.#noted(path, this.#inner.remove(path), { kind: "remove", path: display(path) });
  }

  makeDirectory(path: ByteString, mode?: number): Promise<void> {
    const event: FileEvent = { kind: "mkdir", path: display(path) };
    return this.#noted(path, this.#inner.makeDirectory(path, mode), event);
  }

  removeDirectory(path: ByteString): Promise<void> {
    const event: FileEvent = { kind: "rmdir", path: display(path) };
    return this.#noted(path, this.#inner.removeDirectory(path), event);
  }

  rename(from: ByteString, to: ByteString, replace: boolean): Promise<void> {
    const event: FileEvent = { kind: "rename", path: display(from), detail: `to ${display(to)}` };
    return this.#noted(from, this.#inner.rename(from, to, replace), event);
  }

  readLink(path: ByteString): Promise<ByteString> {
    return this.#inner.readLink(path);
  }

  symlink(target: ByteString, link: ByteString): Promise<void> {
    const detail = `symbolic link to ${display(target)}`;
    const event: FileEvent = { kind: "link", path: display(link), detail };
    return this.#noted(link, this.#inner.symlink(target, link), event);
  }

  hardLink(existing: ByteString, link: ByteString): Promise<void> {
    const detail = `second name of ${display(existing)}`;
    const event: FileEvent = { kind: "link", path: display(link), detail };
    return this.#noted(link, this.#inner.hardLink(existing, link), event);
  }

  realPath(path: ByteString): Promise<VirtualPath> {
    return this.#inner.realPath(path);
  }

  fileSystemStat(): Promise<FileSystemStat> {
    return this.#inner.fileSystemStat();
  }

  async copy(
    source: OpenFile,
    sourcePosition: number,
    length: number,
    target: OpenFile,
    targetPosition: number,
    told?: (bytes: number) => void,
  ): Promise<number> {
    const from = source instanceof AuditedFile ? source.inner : source;
    const to = target instanceof AuditedFile ? target.inner : target;
    const progress = (bytes: number): void => {
      if (target instanceof AuditedFile) target.bytesWritten += bytes;
      for (const file of [source, target]) {
        if (file instanceof AuditedFile && file.ended !== undefined) throw file.ended;
      }
      told?.(bytes);
    };
    this.#copies += 1;
    try {
      progress(0);
      const work = this.#inner.copy(from, sourcePosition, length, to, targetPosition, progress);
      return await this.#noted(target.path, work);
    } finally {
      this.#copies -= 1;
    }
  }

  /** What is still open is recorded as unfinished. */
  async close(): Promise<void> {
    try {
      await this.#inner.close();
    } finally {
      for (const file of [...this.#files]) file.record(UNFINISHED);
    }
  }
}
