import { constants } from "node:fs";
import { type FileHandle, lstat, mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { logOf } from "../store/audit-groups.ts";
import type { AuditRecord } from "../store/types.ts";
import { jsonLine } from "./line.ts";
import type { Outlet } from "./outlet.ts";

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;

export interface FileLimits {
  /** bytes after which a file is set aside */
  readonly size: number;
  /** milliseconds after which it is; 0: never */
  readonly age: number;
  /** how many are kept that were set aside */
  readonly keep: number;
}

/**
 * `users.log`, `admin.log` and `security.log`: each record is a line of JSON in one of them. The
 * files that were set aside are `users.log.1` (the newest) and so on.
 */
export class LogFiles implements Outlet {
  readonly #directory: string;
  readonly #limits: () => FileLimits;

  /** @param limits asked at each use */
  constructor(directory: string, limits: () => FileLimits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  async write(records: readonly AuditRecord[]): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const log of ["users", "admin", "security"] as const) {
      const lines = records.filter(({ kind }) => logOf(kind) === log).map(jsonLine);
      if (lines.length > 0) await this.#append(`${log}.log`, `${lines.join("\n")}\n`);
    }
  }

  /** Opened for each piece: who sets files aside with a program of their own can. */
  async #append(name: string, text: string): Promise<void> {
    await this.#setAside(name);
    const file = await this.#open(name);
    try {
      await file.write(text);
    } finally {
      await file.close();
    }
  }

  #open(name: string): Promise<FileHandle> {
    const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;
    return open(join(this.#directory, name), flags, 0o600);
  }

  async #setAside(name: string): Promise<void> {
    const { size, age, keep } = this.#limits();
    const path = join(this.#directory, name);
    const stat = await lstat(path).catch(() => undefined);
    if (stat === undefined || stat.size === 0) return;
    // A file system that knows no time of birth says 0.
    const born = stat.birthtimeMs || stat.mtimeMs;
    if (stat.size < size && (age === 0 || Date.now() - born < age)) return;
    for (let number = keep - 1; number >= 1; number -= 1) {
      await rename(`${path}.${number}`, `${path}.${number + 1}`).catch(ignoreMissing);
    }
    await rename(path, `${path}.1`);
  }

  close(): void {}
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
}
