import { FsError } from "../errors.ts";
import type { AuditEvent } from "../store/types.ts";
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

/** A file being transferred, as people see it. */
export interface Transfer {
  /** its number among those of the session */
  readonly id: number;
  readonly path: string;
  readonly direction: "upload" | "download";
  readonly bytes: number;
  /** bytes in all; null when only the client knows */
  readonly size: number | null;
  readonly bytesPerSecond: number;
}

/** Bytes of file content that clients sent and received. */
export interface Traffic {
  bytesIn: number;
  bytesOut: number;
}

/** An event without who and where, which the session adds. */
export type FileEvent = Pick<AuditEvent, "kind" | "path" | "bytes" | "durationMs" | "detail">;

/** A client that goes on after a refusal leaves one record in so long, in milliseconds. */
const REFUSAL_INTERVAL_MS = 1_000;

/** How much of the newest second counts in the speed shown. */
const RATE_WEIGHT = 0.5;

/** How the audit trail calls a transfer whose file was open when its connection ended. */
export const UNFINISHED = "unfinished";

function isQuota(error: unknown): error is FsError {
  return error instanceof FsError && error.code === "EDQUOT";
}

/** "12.3 MB/s", decimal. */
export function formatRate(bytes: number, milliseconds: number): string {
  const perSecond = (bytes * 1000) / Math.max(1, milliseconds);
  if (perSecond >= 1e9) return `${(perSecond / 1e9).toFixed(1)} GB/s`;
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(1)} MB/s`;
  if (perSecond >= 1e3) return `${(perSecond / 1e3).toFixed(1)} kB/s`;
  return `${Math.round(perSecond)} B/s`;
}

/** An open file that counts what goes through it. */
class AuditedFile implements OpenFile {
  readonly id: number;
  readonly inner: OpenFile;
  readonly #owner: AuditedFileSystem;
  readonly #opened = performance.now();
  readonly #refused = (error: unknown): void => this.#owner.refused(error, this);
  readonly #didRead = (bytes: number): void => {
    this.bytesRead += bytes;
    this.#owner.traffic.bytesOut += bytes;
  };
  bytesRead = 0;
  bytesWritten = 0;
  refusalRecorded = false;
  #sampled = 0;
  #rate = 0;
  #recorded = false;
  #examined = false;
  #ended: FsError | undefined;
  #abandoned = false;

  constructor(id: number, inner: OpenFile, owner: AuditedFileSystem) {
    this.id = id;
    this.inner = inner;
    this.#owner = owner;
  }

  get path(): VirtualPath {
    return this.inner.path;
  }

  get flags(): OpenFlags {
    return this.inner.flags;
  }

  get inode(): string {
    return this.inner.inode;
  }

  /** Whatever is asked of it from now on fails with this text; it can still be closed. */
  end(text: string): void {
    this.#ended ??= new FsError("EIO", text);
  }

  get ended(): FsError | undefined {
    return this.#ended;
  }

  read(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const done = this.inner.read(target, offset, length, position);
    done.then(this.#didRead, ignore);
    return done;
  }

  write(slices: readonly Buffer[], length: number, position: number): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const done = this.inner.write(slices, length, position);
    done.then(() => {
      this.bytesWritten += length;
      this.#owner.traffic.bytesIn += length;
    }, this.#refused);
    return done;
  }

  stat(): Promise<FileStat> {
    return this.inner.stat();
  }

  setStat(change: StatChange): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const done = this.inner.setStat(change);
    done.catch(this.#refused);
    return done;
  }

  sync(): Promise<void> {
    return this.inner.sync();
  }

  /** For a checksum: the server reads the file, and nobody downloads it. */
  duplicate(): number {
    if (this.#ended !== undefined) throw this.#ended;
    if (this.inner.duplicate === undefined) throw new FsError("EOPNOTSUPP");
    this.#examined = true;
    return this.inner.duplicate();
  }

  abandon(): void {
    this.#abandoned = true;
  }

  async close(): Promise<void> {
    try {
      await this.inner.close();
    } finally {
      this.record(this.#ended?.message ?? (this.#abandoned ? UNFINISHED : undefined));
    }
  }

  /** Writes the transfer to the audit trail, once. */
  record(detail?: string): void {
    if (this.#recorded) return;
    this.#recorded = true;
    this.#owner.forget(this);
    const { create, truncate, write } = this.flags;
    const durationMs = performance.now() - this.#opened;
    const path = display(this.path);
    const transfer = (kind: "upload" | "download", bytes: number): FileEvent => {
      const rate = formatRate(bytes, durationMs);
      const text = detail === undefined ? rate : `${rate}, ${detail}`;
      return { kind, path, bytes, durationMs, detail: text };
    };
    if (this.bytesWritten > 0 || (write && (create || truncate))) {
      this.#owner.record(transfer("upload", this.bytesWritten));
    }
    if (this.bytesRead > 0 || !(write || this.#examined)) {
      this.#owner.record(transfer("download", this.bytesRead));
    }
  }

  /** Bytes in both directions since the last call, which is made about once a second. */
  sample(milliseconds: number): number {
    const bytes = this.bytesRead + this.bytesWritten;
    const moved = bytes - this.#sampled;
    this.#sampled = bytes;
    const now = (moved * 1000) / Math.max(1, milliseconds);
    this.#rate = this.#rate === 0 ? now : this.#rate * (1 - RATE_WEIGHT) + now * RATE_WEIGHT;
    return moved;
  }

  async view(): Promise<Transfer> {
    const uploading = this.flags.write && (this.bytesWritten > 0 || !this.flags.read);
    const size = uploading
      ? null
      : await this.inner.stat().then(
          (s) => s.size,
          () => null,
        );
    return {
      id: this.id,
      path: display(this.path),
      direction: uploading ? "upload" : "download",
      bytes: uploading ? this.bytesWritten : this.bytesRead,
      size,
      bytesPerSecond: Math.round(this.#rate),
    };
  }
}

function ignore(): void {}

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
  ): Promise<number> {
    const from = source instanceof AuditedFile ? source.inner : source;
    const to = target instanceof AuditedFile ? target.inner : target;
    for (const file of [source, target]) {
      if (file instanceof AuditedFile && file.ended !== undefined) throw file.ended;
    }
    this.#copies += 1;
    try {
      const work = this.#inner.copy(from, sourcePosition, length, to, targetPosition);
      const copied = await this.#noted(target.path, work);
      if (target instanceof AuditedFile) target.bytesWritten += copied;
      return copied;
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
