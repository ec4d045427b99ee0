import type { ByteString } from "../vfs/path.ts";
import { display } from "../vfs/path.ts";

/** Something that is not in the archive as it should be. */
export interface Missed {
  readonly what: "unread" | "vanished" | "changed" | "skipped";
  /** below the instance, safe to show */
  readonly path: string;
  readonly why: string;
}

/** So many are told one by one; all are counted. */
const MOST_TOLD = 100;

/** What an archive doesn't have, or not as it is now. */
export class Toll {
  readonly counts = { unread: 0, vanished: 0, changed: 0, skipped: 0 };
  readonly #tell: (missed: Missed) => void;
  #told = 0;

  constructor(tell: (missed: Missed) => void) {
    this.#tell = tell;
  }

  /** @param path below the instance, bytes */
  add(what: Missed["what"], path: string, why: string): void {
    this.counts[what] += 1;
    this.#told += 1;
    const shown = display(path as ByteString);
    if (this.#told <= MOST_TOLD) this.#tell({ what, path: shown, why });
  }

  /** What a system call threw. */
  failed(path: string, thrown: unknown): void {
    const { code } = thrown as { code?: string };
    if (code === "ENOENT" || code === "ENOTDIR" || code === "ELOOP") {
      this.add("vanished", path, "gone before it was read");
    } else this.add("unread", path, code ?? "unexpected error");
  }
}
