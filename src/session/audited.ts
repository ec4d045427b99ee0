import { FsError } from "../errors.ts";
import type { SessionPace } from "../rates/rates.ts";
import { UNPACED } from "../rates/unpaced.ts";
import { type ByteString, display, type VirtualPath } from "../vfs/path.ts";
import type {
  Cursor,
  FileStat,
  FileSystemStat,
  OpenDirectory,
  OpenFile,
  OpenFlags,
  Owner,
  StatChange,
  UserFileSystem,
  UserTrash,
} from "../vfs/types.ts";
import { AuditedFile, type FileEvent, type TransferView, UNFINISHED } from "./audited-file.ts";
import { RenamedUploads, type UploadRecorder } from "./renamed-uploads.ts";

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
  /** how fast the files of a session move */
  pace: SessionPace = UNPACED;
  readonly #uploads: RenamedUploads;
  /** called once it is closed */
  onClosed: (() => void) | undefined;
  #lastId = 0;
  #copies = 0;
  #lastRefusal = Number.NEGATIVE_INFINITY;
  /** undefined: this is the whole home */
  readonly #cursor: { readonly at: Cursor; readonly of: AuditedFileSystem } | undefined;

  /**
   * @param recorder the audit trail; a function, or one that can't hold, records at once
   * @param traffic counts what goes through, shared by all sessions of the process
   */
  constructor(
    inner: UserFileSystem,
    recorder: UploadRecorder | ((event: FileEvent) => void),
    traffic: Traffic = { bytesIn: 0, bytesOut: 0 },
    cursor?: { readonly at: Cursor; readonly of: AuditedFileSystem },
  ) {
    this.#inner = inner;
    const trail = typeof recorder === "function" ? { record: recorder } : recorder;
    this.#uploads = cursor === undefined ? new RenamedUploads(trail) : cursor.of.#uploads;
    this.#record = (event) => this.#uploads.record(event);
    this.traffic = traffic;
    this.#cursor = cursor;
  }

  /** The one that knows what is open and under way, also of its cursors. */
  get #whole(): AuditedFileSystem {
    return this.#cursor?.of ?? this;
  }

  /** A path as people read it. */
  #shown(path: ByteString): string {
    const recorded = this.#inner.recorded?.(path);
    if (recorded !== undefined) return display(recorded);
    const isName = this.#cursor !== undefined && !path.startsWith("/");
    return display(isName ? this.#cursor.at.where(path) : path);
  }

  get owner(): Owner {
    return this.#inner.owner;
  }

  get openFiles(): number {
    return this.#files.size;
  }

  /**
   * Files that are open with what has gone through them. One that was ended is not among them: a client
   * with a bound on its rate may notice and close it much later.
   */
  transfers(): Promise<TransferView[]> {
    const going = [...this.#files].filter(({ ended }) => ended === undefined);
    return Promise.all(going.map((file) => file.view()));
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
    this.#recordRefusal(error, display(file.recorded));
  }

  #recordRefusal(error: FsError, path: string): void {
    this.#record({ kind: "refused-quota", path, detail: error.message });
  }

  /** Notes what was done, or that the quota refused it. */
  async #noted<T>(path: string, work: Promise<T>, event?: Omit<FileEvent, "path">): Promise<T> {
    const whole = this.#whole;
    try {
      const result = await work;
      if (event !== undefined) this.#record({ path, ...event });
      return result;
    } catch (error) {
      const now = performance.now();
      if (isQuota(error) && now - whole.#lastRefusal >= REFUSAL_INTERVAL_MS) {
        whole.#lastRefusal = now;
        this.#recordRefusal(error, path);
      }
      throw error;
    }
  }

  async open(path: ByteString, flags: OpenFlags, mode?: number): Promise<OpenFile> {
    const inner = await this.#noted(this.#shown(path), this.#inner.open(path, flags, mode));
    const whole = this.#whole;
    whole.#lastId += 1;
    const file = new AuditedFile(whole.#lastId, inner, whole);
    whole.#files.add(file);
    return file;
  }

  get trash(): UserTrash | undefined {
    const { trash } = this.#inner;
    if (trash === undefined) return undefined;
    return {
      list: (after) => trash.list(after),
      restore: async (id, options) => {
        const path = await this.#noted(id, trash.restore(id, options));
        this.#record({ kind: "restore", path: this.#shown(path) });
        return path;
      },
      remove: async (id) => {
        const file = await trash.remove(id);
        const detail = `for good, ${file.size} bytes`;
        this.#record({ kind: "remove", path: this.#shown(file.path), detail });
        return file;
      },
    };
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
    return this.#noted(this.#shown(path), this.#inner.setStat(path, change, follow));
  }

  remove(path: ByteString): Promise<void> {
    return this.#noted(this.#shown(path), this.#inner.remove(path), { kind: "remove" });
  }

  makeDirectory(path: ByteString, mode?: number): Promise<void> {
    const done = this.#inner.makeDirectory(path, mode);
    return this.#noted(this.#shown(path), done, { kind: "mkdir" });
  }

  removeDirectory(path: ByteString): Promise<void> {
    return this.#noted(this.#shown(path), this.#inner.removeDirectory(path), { kind: "rmdir" });
  }

  async rename(from: ByteString, to: ByteString, replace: boolean): Promise<void> {
    const [before, after] = [this.#shown(from), this.#shown(to)];
    await this.#noted(before, this.#inner.rename(from, to, replace));
    this.#uploads.renamed(before, after);
  }

  readLink(path: ByteString): Promise<ByteString> {
    return this.#inner.readLink(path);
  }

  symlink(target: ByteString, link: ByteString): Promise<void> {
    const detail = `symbolic link to ${display(target)}`;
    const event = { kind: "link", detail } as const;
    return this.#noted(this.#shown(link), this.#inner.symlink(target, link), event);
  }

  hardLink(existing: ByteString, link: ByteString): Promise<void> {
    const event = { kind: "link", detail: `second name of ${this.#shown(existing)}` } as const;
    return this.#noted(this.#shown(link), this.#inner.hardLink(existing, link), event);
  }

  realPath(path: ByteString): Promise<VirtualPath> {
    return this.#inner.realPath(path);
  }

  fileSystemStat(path?: VirtualPath): Promise<FileSystemStat> {
    return this.#inner.fileSystemStat(path);
  }

  mounts(): readonly VirtualPath[] {
    return this.#inner.mounts();
  }

  reload(): Promise<void> {
    return this.#inner.reload?.() ?? Promise.resolve();
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
    let reached = targetPosition;
    const progress = (bytes: number): void => {
      if (target instanceof AuditedFile) {
        target.bytesWritten += bytes;
        reached += bytes;
        target.reaches(reached);
      }
      for (const file of [source, target]) {
        if (file instanceof AuditedFile && file.ended !== undefined) throw file.ended;
      }
      told?.(bytes);
    };
    const whole = this.#whole;
    whole.#copies += 1;
    try {
      progress(0);
      const work = this.#inner.copy(from, sourcePosition, length, to, targetPosition, progress);
      return await this.#noted(display(target.recorded ?? target.path), work);
    } finally {
      whole.#copies -= 1;
    }
  }

  async walkFrom(path: ByteString): Promise<Cursor> {
    const at = await this.#inner.walkFrom(path);
    const cursor = { at, of: this.#whole };
    const fs = new AuditedFileSystem(at.fs, this.#record, this.traffic, cursor);
    return {
      fs,
      enter: (name, follow) => at.enter(name, follow),
      leave: () => at.leave(),
      where: (name) => at.where(name),
      close: () => at.close(),
    };
  }

  /** What is still open is recorded as unfinished. */
  async close(): Promise<void> {
    try {
      await this.#inner.close();
    } finally {
      for (const file of [...this.#files]) file.record(UNFINISHED);
      this.#uploads.close();
      this.onClosed?.();
    }
  }
}
