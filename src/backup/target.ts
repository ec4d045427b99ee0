import {
  closeSync,
  createWriteStream,
  linkSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Writable } from "node:stream";
import { InstanceError } from "../errors.ts";
import { livingProcess } from "../processes.ts";
import { syncPath } from "../store/synced.ts";

const TAKEN = "is there already: give another name, or --force to replace it";

/** A file that stands at its name when it is whole, and not before. */
export class TargetFile {
  readonly #path: string;
  readonly #force: boolean;
  readonly #draft: string;
  /** a name beside it for what is needed on the way */
  readonly aside: string;

  /** @throws InstanceError when something is in its place; the system's errors */
  constructor(path: string, force: boolean) {
    this.#path = path;
    this.#force = force;
    this.#check();
    dropDead(path);
    const own = livingProcess(process.pid)?.startTime ?? "0";
    this.#draft = `${path}.${process.pid}-${own}.partial`;
    this.aside = `${path}.${process.pid}-${own}.database.partial`;
    closeSync(openSync(this.#draft, "wx", 0o600));
  }

  /** What is written comes to the file. */
  output(): Writable {
    return createWriteStream(this.#draft, { flags: "r+" });
  }

  /** All was written: from now on it stands at its name, also after a power cut. */
  commit(): void {
    syncPath(this.#draft);
    this.#check();
    if (this.#force) renameSync(this.#draft, this.#path);
    else this.#moveToFree();
    syncPath(dirname(this.#path));
  }

  /** Takes away what is no whole file. */
  close(): void {
    for (const path of [this.#draft, this.aside]) rmSync(path, { force: true });
  }

  #moveToFree(): void {
    try {
      // A link is made only where nothing is, whoever else is about to make something there.
      linkSync(this.#draft, this.#path);
    } catch (thrown) {
      const { code } = thrown as { code?: string };
      if (code === "EEXIST") throw this.#taken(TAKEN);
      // A file system without hard links.
      renameSync(this.#draft, this.#path);
    }
  }

  #check(): void {
    const stat = lstatSync(this.#path, { throwIfNoEntry: false });
    if (stat === undefined) return;
    if (!stat.isFile()) throw this.#taken("is no file: give another name");
    if (!this.#force) throw this.#taken(TAKEN);
  }

  #taken(why: string): InstanceError {
    return new InstanceError(`${basename(this.#path)} ${why}`);
  }
}

/** What processes that were killed have left of the same file. */
function dropDead(path: string): void {
  const directory = dirname(path);
  const start = `${basename(path)}.`;
  for (const name of readdirSync(directory)) {
    const found = /^(\d+)-(\d+)\.(?:database\.)?partial(?:-journal)?$/.exec(
      name.slice(start.length),
    );
    if (!name.startsWith(start) || found === null) continue;
    const [, pid, startTime] = found;
    if (livingProcess(Number(pid))?.startTime !== startTime) rmSync(join(directory, name));
  }
}
