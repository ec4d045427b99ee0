import { statfsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Reserve } from "../store/reserve.ts";
import { type Disk, floorOf, type Space } from "../vfs/space.ts";

/** How often the disks are looked at, in milliseconds. */
export const LOOK_MS = 1_000;

/** Keeps the database's reserve, and tells when the disks are full and when there is room again. */
export class DiskWatch {
  readonly #root: string;
  readonly #log: Logger;
  readonly #space: Space;
  readonly #reserve: Reserve;
  readonly #full = new Set<string>();

  constructor(root: string, log: Logger, space: Space, reserve: Reserve) {
    this.#root = root;
    this.#log = log;
    this.#space = space;
    this.#reserve = reserve;
  }

  /** True while new data is refused. */
  get isFull(): boolean {
    return this.#full.size > 0;
  }

  async look(): Promise<void> {
    const database = this.#diskAt("db");
    const homes = this.#diskAt("homes");
    const { disks } = this.#space;
    for (const disk of disks) disk.look();
    const { blocks, bsize } = statfsSync(join(this.#root, "db"));
    this.#reserve.fill(floorOf(blocks * bsize, this.#space.floor()));
    // On one disk with the homes its own look tells, at each write.
    const apart = database !== homes && database?.isFull === true;
    this.#space.isClosed = apart || this.#reserve.missing > 0;
    this.#tell("db/", this.#space.isClosed);
    const others = disks.filter((disk) => disk !== database || disk === homes);
    this.#tell(
      "homes/",
      others.some((disk) => disk.isFull),
    );
  }

  #diskAt(name: "db" | "homes"): Disk | undefined {
    const path = join(this.#root, name);
    const device = statSync(path, { throwIfNoEntry: false })?.dev;
    return device === undefined ? undefined : this.#space.disk(device, path);
  }

  /** Once when it becomes so, and once when it is over. */
  #tell(disk: string, isFull: boolean): void {
    if (this.#full.has(disk) === isFull) return;
    const before = this.isFull;
    if (isFull) this.#full.add(disk);
    else this.#full.delete(disk);
    if (before === this.isFull) return;
    if (isFull) this.#log.error({ disk }, "the disk is full: new data is refused");
    else this.#log.warn({ disk }, "there is room on the disk again: new data is stored");
  }
}
