import { fstatSync } from "node:fs";
import { FsError, toFsError } from "../errors.ts";
import { NAME_MAX } from "../text/names.ts";
import { isLink, type Jail, locateIn, type Places } from "./jail.ts";
import { Ladder } from "./ladder.ts";
import { letGo } from "./let-go.ts";
import { type ByteString, fromText, join, MAX_PATH_BYTES, type VirtualPath } from "./path.ts";
import type { Place } from "./place.ts";
import type { Mount } from "./tree.ts";
import type { Cursor, UserFileSystem } from "./types.ts";

/** Descriptors a cursor takes at most: its ladder's, and those of what is done with a name. */
export const CURSOR_DESCRIPTORS = 16;

/** Stands for the directories that are left out of a path that would be too long. */
const LEFT_OUT = fromText("…");

/** What is left of such a path at its beginning: it is written down for each file. */
const BEGINNING = 256;

/** Where a cursor stands, as a path. */
interface Spot {
  /** of the deepest directory on the way whose path is whole */
  readonly path: VirtualPath;
  /** directories below that one */
  readonly beyond: number;
  readonly mount: Mount;
}

export interface CursorOptions {
  readonly jail: Jail;
  /** the directory where it begins, open; from now on the cursor's to close */
  readonly fd: number;
  readonly path: VirtualPath;
  readonly mount: Mount;
  /** the home as it is seen from these places */
  readonly view: (places: Places) => UserFileSystem;
  readonly onClose: (cursor: HomeCursor) => void;
}

/** Stands in a directory of a home and goes down and up from there, as deep as the tree is. */
export class HomeCursor implements Cursor, Places {
  readonly fs: UserFileSystem;
  readonly #options: CursorOptions;
  readonly #ladder: Ladder;
  /** where it stood before it followed links, by depth */
  readonly #before = new Map<number, Spot>();
  #spot: Spot;
  #closed = false;

  constructor(options: CursorOptions) {
    this.#options = options;
    this.#ladder = new Ladder(options.fd);
    this.#spot = { path: options.path, beyond: 0, mount: options.mount };
    this.fs = options.view(this);
  }

  get isGone(): boolean {
    const { mount } = this.#spot;
    return !mount.tree.has(mount);
  }

  async enter(name: ByteString, follow = false): Promise<void> {
    const place = this.locate(name, false);
    try {
      if (follow && isLink(place.existing)) this.#follow(name);
      else if (place.mount !== this.#spot.mount) this.#into(place);
      else this.#down(place, name);
    } catch (thrown) {
      throw toFsError(thrown);
    } finally {
      place.close();
    }
  }

  async leave(): Promise<void> {
    this.#check();
    const { depth } = this.#ladder;
    try {
      this.#ladder.up();
    } catch (thrown) {
      throw toFsError(thrown);
    }
    const { path, beyond, mount } = this.#spot;
    const up = path.slice(0, Math.max(1, path.lastIndexOf("/"))) as VirtualPath;
    this.#spot =
      this.#before.get(depth) ??
      (beyond > 0 ? { path, beyond: beyond - 1, mount } : { path: up, beyond, mount });
    this.#before.delete(depth);
  }

  where(name: ByteString): VirtualPath {
    const { path, beyond } = this.#spot;
    const here = beyond === 0 ? path : join(beginning(path), LEFT_OUT);
    return name === "." ? here : join(here, name);
  }

  /** A path from the home, or one name in the directory where it stands. */
  locate(path: ByteString, follow: boolean): Place {
    this.#check();
    const { jail } = this.#options;
    if (path.startsWith("/")) return jail.locate(path, follow);
    if (path === "" || path === ".." || path.includes("/")) throw new FsError("EINVAL");
    const place = locateIn(this.#ladder.fd, path, this.where(path), this.#spot.mount);
    if (!follow || place.target === undefined || !isLink(place.target)) return place;
    place.close();
    return this.#behind(path);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.onClose(this);
    this.#ladder.restart();
    letGo(this.#options.fd);
  }

  /** What a link here leads to: what its text means depends on where it is, from the home on. */
  #behind(name: ByteString): Place {
    if (this.#spot.beyond > 0) throw new FsError("ENAMETOOLONG");
    return this.#options.jail.locate(this.where(name), true);
  }

  #follow(name: ByteString): void {
    const place = this.#behind(name);
    try {
      this.#into(place);
    } finally {
      place.close();
    }
  }

  /** Goes into a directory whose ".." is not the one where this stands. */
  #into(place: Place): void {
    const before = this.#spot;
    this.#go(place, false);
    this.#before.set(this.#ladder.depth, before);
    this.#spot = { path: place.treePath, beyond: 0, mount: place.mount };
  }

  #down(place: Place, name: ByteString): void {
    this.#go(place, true);
    const { path, beyond, mount } = this.#spot;
    // A path that is kept whole leaves room for one more name.
    const whole = beyond === 0 && path.length + name.length < MAX_PATH_BYTES - NAME_MAX - 1;
    this.#spot = whole
      ? { path: join(path, name), beyond, mount }
      : { path, beyond: beyond + 1, mount };
  }

  #go(place: Place, climbs: boolean): void {
    if (!fstatSync(place.existing).isDirectory()) throw new FsError("ENOTDIR");
    const fd = place.reopen();
    try {
      this.#ladder.down(fd, climbs);
    } catch (thrown) {
      letGo(fd);
      throw thrown;
    }
  }

  #check(): void {
    if (this.#closed) throw new FsError("EBADF");
  }
}

function beginning(path: VirtualPath): VirtualPath {
  const end = path.lastIndexOf("/", BEGINNING);
  return path.slice(0, Math.max(1, end)) as VirtualPath;
}
