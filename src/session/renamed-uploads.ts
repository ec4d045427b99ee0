import { mayBeRenamed } from "../vfs/temporary-names.ts";
import type { FileEvent } from "./audited-file.ts";

/** An upload whose record waits for the name that the file will have. */
export interface HeldUpload {
  /** Records it as this. */
  settle(event: FileEvent): void;
}

/** Records an event at once, or where it can keeps one that isn't decided. */
export interface UploadRecorder {
  record(event: FileEvent): void;
  hold?(event: FileEvent): HeldUpload;
}

/** A client renames what it uploaded within some round trips, in milliseconds. */
const PATIENCE_MS = 10_000;
/** Uploads of a session that wait at once: clients upload some files side by side. */
const MAX_HELD = 32;

interface Waiting {
  readonly event: FileEvent;
  readonly held: HeldUpload;
  readonly until: number;
}

/**
 * One record for one upload: that of a file under a temporary name waits for a moment whether the
 * session renames it, and then has the final name.
 */
export class RenamedUploads {
  readonly #recorder: UploadRecorder;
  readonly #now: () => number;
  /** by path, in the order they came */
  readonly #waiting = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | undefined;

  constructor(recorder: UploadRecorder, now: () => number = () => performance.now()) {
    this.#recorder = recorder;
    this.#now = now;
  }

  /** Records an event, an upload under a temporary name perhaps later. */
  record(event: FileEvent): void {
    const { kind, path = "", unfinished } = event;
    // Whatever else happens to the file comes after its upload, in the trail as well.
    this.#settle(path);
    const mayWait = kind === "upload" && !unfinished && mayBeRenamed(path);
    const held = mayWait ? this.#recorder.hold?.(event) : undefined;
    if (held === undefined) this.#recorder.record(event);
    else this.#wait(path, event, held);
  }

  #wait(path: string, event: FileEvent, held: HeldUpload): void {
    this.#waiting.set(path, { event, held, until: this.#now() + PATIENCE_MS });
    if (this.#waiting.size > MAX_HELD) this.#settleOldest();
    this.#look();
  }

  /** Records that a path has another name now: with the upload, when that waits for it. */
  renamed(from: string, to: string): void {
    const upload = this.#waiting.get(from);
    this.#settle(to);
    this.#waiting.delete(from);
    if (upload === undefined) {
      this.#recorder.record({ kind: "rename", path: from, detail: `to ${to}` });
    } else upload.held.settle({ ...upload.event, path: to, temporaryPath: from });
  }

  /** Nothing waits any more. */
  close(): void {
    for (const path of [...this.#waiting.keys()]) this.#settle(path);
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #settle(path: string): void {
    const upload = this.#waiting.get(path);
    this.#waiting.delete(path);
    upload?.held.settle(upload.event);
  }

  #settleOldest(): void {
    const [oldest] = this.#waiting.keys();
    if (oldest !== undefined) this.#settle(oldest);
  }

  /** A timer for the one that has waited longest. */
  #look(): void {
    if (this.#timer !== undefined) return;
    const [first] = this.#waiting.values();
    if (first === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        for (const [path, { until }] of [...this.#waiting]) {
          if (until <= this.#now()) this.#settle(path);
        }
        this.#look();
      },
      Math.max(1, first.until - this.#now()),
    ).unref();
  }
}
