import { FsError } from "../errors.ts";
import type { AuditEvent } from "../store/types.ts";
import { type Direction, tally } from "../tally.ts";
import { rateText } from "../text/figures.ts";
import { display, type VirtualPath } from "../vfs/path.ts";
import type { FileStat, OpenFile, OpenFlags, StatChange } from "../vfs/types.ts";
import type { AuditedFileSystem } from "./audited.ts";
import { PacedFile } from "./paced.ts";

/** A file being transferred, as people see it. */
export interface TransferView {
  /** names it among those of the session, as for `transfer.end` */
  readonly id: number;
  /** virtual path */
  readonly path: string;
  readonly direction: "upload" | "download";
  /**
   * How far it is: of an upload how large the file is by now, with what it goes on from, and never more
   * than `size`; of a download how much was read.
   */
  readonly bytes: number;
  /** the size of the whole file; null for an upload whose size the client did not tell */
  readonly size: number | null;
  readonly bytesPerSecond: number;
}

/** An event without who and where, which the session adds. */
export type FileEvent = Pick<
  AuditEvent,
  | "kind"
  | "path"
  | "bytes"
  | "durationMs"
  | "detail"
  | "size"
  | "expected"
  | "unfinished"
  | "temporaryPath"
>;

/** How much of the newest second counts in the speed shown. */
const RATE_WEIGHT = 0.5;

/** How the audit trail calls a transfer whose file was open when its connection ended. */
export const UNFINISHED = "unfinished";

/** An open file that counts what goes through it. */
export class AuditedFile implements OpenFile {
  readonly id: number;
  readonly inner: OpenFile;
  readonly #owner: AuditedFileSystem;
  readonly #opened = performance.now();
  readonly #refused = (error: unknown): void => this.#owner.refused(error, this);
  readonly #didRead = (bytes: number): void => {
    this.bytesRead += bytes;
    tally.count("bytes download", bytes);
    this.#owner.traffic.bytesOut += bytes;
  };
  readonly #didWrite = (bytes: number): void => {
    this.bytesWritten += bytes;
    tally.count("bytes upload", bytes);
    this.#owner.traffic.bytesIn += bytes;
  };
  /** absent until a rate is in force */
  #paced: PacedFile | undefined;
  bytesRead = 0;
  bytesWritten = 0;
  refusalRecorded = false;
  #sampled = 0;
  #rate = 0;
  #recorded = false;
  #examined = false;
  #ended: FsError | undefined;
  #abandoned = false;
  /** the end of what was written, when it is known where that was */
  #reached = 0;
  #expected: number | undefined;

  constructor(id: number, inner: OpenFile, owner: AuditedFileSystem) {
    this.id = id;
    this.inner = inner;
    this.#owner = owner;
    tally.level(`transfers ${this.#direction}`, 1);
  }

  /** as it was opened for */
  get #direction(): Direction {
    return this.inner.flags.write ? "upload" : "download";
  }

  get path(): VirtualPath {
    return this.inner.path;
  }

  get recorded(): VirtualPath {
    return this.inner.recorded ?? this.inner.path;
  }

  get homeId(): number | undefined {
    return this.inner.homeId;
  }

  get flags(): OpenFlags {
    return this.inner.flags;
  }

  get inode(): string {
    return this.inner.inode;
  }

  get sizeAtFirst(): number | undefined {
    return this.inner.sizeAtFirst;
  }

  /** Every later request to this file fails with this text; it can still be closed. */
  end(text: string): void {
    this.#ended ??= new FsError("EIO", text);
    this.#paced?.end(this.#ended);
  }

  get ended(): FsError | undefined {
    return this.#ended;
  }

  read(target: Buffer, offset: number, length: number, position: number): Promise<number> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const { download } = this.#owner.pace;
    if (download.isLimited) {
      const where = [offset, length, position] as const;
      return this.#pacing().read(download, target, where, this.#didRead);
    }
    const done = this.inner.read(target, offset, length, position);
    done.then(this.#didRead, ignore);
    return done;
  }

  write(slices: readonly Buffer[], length: number, position: number): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    const { upload } = this.#owner.pace;
    if (upload.isLimited && length > 0) {
      const paced = this.#pacing().write(upload, slices, [length, position], this.#didWrite);
      paced.then(() => this.reaches(position + length), this.#refused);
      return paced;
    }
    const done = this.inner.write(slices, length, position);
    done.then(() => {
      this.#didWrite(length);
      this.reaches(position + length);
    }, this.#refused);
    return done;
  }

  #pacing(): PacedFile {
    this.#paced ??= new PacedFile(this.inner);
    return this.#paced;
  }

  get mostAtOnce(): number | undefined {
    const { upload } = this.#owner.pace;
    return upload.isLimited ? upload.piece : undefined;
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

  /** What the client says the file will have when it is complete, in bytes. */
  expect(size: number): void {
    if (Number.isSafeInteger(size)) this.#expected = size;
  }

  checkAlong(algorithm: string): void {
    this.inner.checkAlong?.(algorithm);
  }

  /** Something was written up to there. */
  reaches(end: number): void {
    if (end > this.#reached) this.#reached = end;
  }

  abandon(): void {
    this.#abandoned = true;
  }

  async close(): Promise<void> {
    this.#paced?.end(this.#ended ?? new FsError("EBADF"));
    try {
      await this.inner.close();
    } finally {
      this.record(this.#ended?.message ?? (this.#abandoned ? UNFINISHED : undefined));
    }
  }

  /** Writes the transfer to the audit trail, once. @param end why it ended before its time */
  record(end?: string): void {
    if (this.#recorded) return;
    this.#recorded = true;
    this.#owner.forget(this);
    tally.level(`transfers ${this.#direction}`, -1);
    const { create, truncate, write } = this.flags;
    const durationMs = performance.now() - this.#opened;
    const path = display(this.recorded);
    const transfer = (kind: "upload" | "download", bytes: number): FileEvent => {
      const isUpload = kind === "upload";
      const extent = isUpload ? this.#extent() : undefined;
      const isShort = extent?.expected !== undefined && extent.size < extent.expected;
      const unfinished = end !== undefined || isShort;
      const why = unfinished ? unfinishedText(end ?? UNFINISHED, extent) : undefined;
      const rate = rateText((bytes * 1000) / Math.max(1, durationMs));
      tally.count(`files ${kind} ${unfinished ? "unfinished" : "done"}`);
      const detail = why === undefined ? rate : `${rate}, ${why}`;
      return {
        kind,
        path,
        bytes,
        durationMs,
        detail,
        ...extent,
        ...(unfinished && { unfinished }),
      };
    };
    if (this.bytesWritten > 0 || (write && (create || truncate))) {
      this.#owner.record(transfer("upload", this.bytesWritten));
    }
    if (this.bytesRead > 0 || !(write || this.#examined)) {
      this.#owner.record(transfer("download", this.bytesRead));
    }
  }

  /** How far the file goes, as far as its session knows. */
  #extent(): { readonly size: number; readonly expected?: number } {
    const { append, truncate } = this.flags;
    const before = truncate ? 0 : (this.sizeAtFirst ?? 0);
    const written = append ? before + this.bytesWritten : this.#reached;
    const expected = this.#expected === undefined ? {} : { expected: this.#expected };
    return { size: Math.max(before, written), ...expected };
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

  async view(): Promise<TransferView> {
    const uploading = this.flags.write && (this.bytesWritten > 0 || !this.flags.read);
    return {
      id: this.id,
      path: display(this.path),
      direction: uploading ? "upload" : "download",
      ...(uploading ? this.#sent() : await this.#fetched()),
      bytesPerSecond: Math.round(this.#rate),
    };
  }

  /** An upload that goes on did not begin at 0, and a client may say less than it sends. */
  #sent(): Pick<TransferView, "bytes" | "size"> {
    const { size, expected } = this.#extent();
    // A long write that is held up by a rate counts with what is done of it.
    const bytes = Math.max(size, this.bytesWritten);
    return { bytes: Math.min(bytes, expected ?? bytes), size: expected ?? null };
  }

  async #fetched(): Promise<Pick<TransferView, "bytes" | "size">> {
    const stat = await this.inner.stat().catch(() => undefined);
    return { bytes: this.bytesRead, size: stat?.size ?? null };
  }
}

/** "unfinished: 3145728 of 10485760 bytes" */
function unfinishedText(
  why: string,
  extent: { readonly size: number; readonly expected?: number } | undefined,
): string {
  if (extent === undefined) return why;
  const { size, expected } = extent;
  return `${why}: ${expected === undefined ? `${size} bytes there` : `${size} of ${expected} bytes`}`;
}

function ignore(): void {}
