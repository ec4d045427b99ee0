import type { ByteString, VirtualPath } from "./path.ts";

/** So many are known at once; the oldest is forgotten, and can't be gone on with then. */
const MOST = 4096;

/** A file as its uploader named it. */
export interface OwnUpload {
  /** of the file it became: another may have had the name, which must not show */
  readonly name: ByteString;
  readonly inode: string;
}

/**
 * The files that a session uploaded where it may not change anything. While it lasts it may go on
 * with them, and rename those that have a name for unfinished ones.
 */
export class OwnUploads {
  readonly #files = new Map<VirtualPath, OwnUpload>();

  at(path: VirtualPath): OwnUpload | undefined {
    return this.#files.get(path);
  }

  add(path: VirtualPath, upload: OwnUpload): void {
    const oldest = this.#files.keys().next().value;
    if (this.#files.size >= MOST && oldest !== undefined) this.#files.delete(oldest);
    this.#files.set(path, upload);
  }

  forget(path: VirtualPath): void {
    this.#files.delete(path);
  }
}
