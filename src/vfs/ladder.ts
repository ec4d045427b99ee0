import { constants, fstatSync, openSync } from "node:fs";
import { FsError } from "../errors.ts";
import { letGo } from "./let-go.ts";
import { inodeKey, itself, O_PATH } from "./proc.ts";

/** Directories above the one where it stands that are kept open, unless it is said how many. */
const HELD = 8;

/** Directories entered through a link, which can't be left by "..": as many as links in one path. */
const MAX_LINKED = 40;

interface Rung {
  /** undefined: closed until it is come back to */
  fd: number | undefined;
  /** what it was when it was closed */
  key: string | undefined;
  /** whether ".." leads back to the one above */
  readonly climbs: boolean;
}

/**
 * The way down into a tree and back up, however deep, with few descriptors. Only the last
 * directories stay open: one further up is opened again as "..", and has to be the one it was. So
 * nobody who moves directories meanwhile leads it anywhere else than where it came from.
 */
export class Ladder {
  readonly #rungs: Rung[];
  readonly #held: number;
  #linked = 0;

  /**
   * @param fd the directory where it begins: stays the caller's to close
   * @param held directories above the one where it stands that stay open
   */
  constructor(fd: number, held = HELD) {
    this.#held = held;
    this.#rungs = [{ fd, key: undefined, climbs: false }];
  }

  /** Directories below where it began. */
  get depth(): number {
    return this.#rungs.length - 1;
  }

  /** The directory where it stands. @throws FsError EBUSY when that could not be come back to */
  get fd(): number {
    const fd = this.#rungs.at(-1)?.fd;
    if (fd === undefined) throw moved();
    return fd;
  }

  /**
   * Goes into a directory.
   * @param fd open (O_PATH); from now on this object's to close
   * @param climbs false where its ".." is not the directory that is left
   * @throws FsError ELOOP, with `fd` still the caller's
   */
  down(fd: number, climbs = true): void {
    if (!climbs && this.#linked >= MAX_LINKED) throw new FsError("ELOOP");
    if (!climbs) this.#linked += 1;
    this.#rungs.push({ fd, key: undefined, climbs });
    this.#letGo(this.#rungs.length - 1 - this.#held);
  }

  /** Goes back. @throws FsError EBUSY when the directory was moved elsewhere meanwhile */
  up(): void {
    if (this.depth === 0) throw new FsError("EINVAL");
    const left = this.#rungs.pop() as Rung;
    const here = this.#rungs.at(-1) as Rung;
    if (!left.climbs) this.#linked -= 1;
    if (left.fd === undefined) throw moved();
    try {
      here.fd ??= parentOf(left.fd, here.key);
    } finally {
      letGo(left.fd);
    }
  }

  /** Goes back to where it began. */
  restart(): void {
    for (const { fd } of this.#rungs.splice(1)) if (fd !== undefined) letGo(fd);
    this.#linked = 0;
  }

  /** Gives the directory where it stands to the caller, and closes the others. */
  take(): number {
    const { fd } = this;
    if (this.depth > 0) this.#rungs.pop();
    this.restart();
    return fd;
  }

  #letGo(at: number): void {
    const rung = this.#rungs[at];
    if (at < 1 || rung?.fd === undefined || !this.#rungs[at + 1]?.climbs) return;
    rung.key = inodeKey(fstatSync(rung.fd, { bigint: true }));
    letGo(rung.fd);
    rung.fd = undefined;
  }
}

function parentOf(fd: number, key: string | undefined): number {
  const parent = openSync(`${itself(fd)}/..`, O_PATH | constants.O_DIRECTORY);
  let isKept = false;
  try {
    isKept = inodeKey(fstatSync(parent, { bigint: true })) === key;
  } finally {
    if (!isKept) letGo(parent);
  }
  if (isKept) return parent;
  throw moved();
}

function moved(): FsError {
  return new FsError("EBUSY", "a directory was moved elsewhere meanwhile");
}
