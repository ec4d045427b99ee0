import { Writable } from "node:stream";
import { type FromScreen, SCREEN_CREDIT, type ScreenStart } from "../src/screens/messages.ts";

/** Output that waits for a client that doesn't read; what is drawn beyond it is drawn anew later. */
const MAX_WAITING = 256 * 1024;

type Post = (message: FromScreen & { type: "output" }) => void;

/** The client's screen. A client that doesn't keep up is shown the newest picture, not all of them. */
export class ScreenOutput extends Writable {
  readonly isTTY = true;
  columns: number;
  rows: number;
  /** called when something was left out: all is to be drawn again */
  onSkipped: () => void = () => {};
  readonly #post: Post;
  #credit = SCREEN_CREDIT;
  #skipped = false;
  #resume: (() => void) | undefined;

  constructor({ columns, rows }: Pick<ScreenStart, "columns" | "rows">, post: Post) {
    super({ decodeStrings: true });
    this.columns = columns;
    this.rows = rows;
    this.#post = post;
  }

  // biome-ignore lint/suspicious/noExplicitAny: one signature for the overloads of stream.Writable
  override write(chunk: any, ...rest: any[]): boolean {
    if (this.writableLength > MAX_WAITING) {
      this.#skipped = true;
      return false;
    }
    return super.write(chunk, ...rest);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#credit <= 0) {
      this.#resume = () => this._write(chunk, _encoding, done);
      return;
    }
    this.#credit -= chunk.length;
    this.#post({ type: "output", data: chunk });
    done();
  }

  sent(bytes: number): void {
    this.#credit += bytes;
    const resume = this.#resume;
    if (resume === undefined || this.#credit <= 0) return;
    this.#resume = undefined;
    resume();
    if (this.#resume !== undefined || !this.#skipped) return;
    this.#skipped = false;
    this.onSkipped();
  }

  /** Resolves when all that was written is on its way. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      if (this.writableLength === 0) resolve();
      else super.write("", () => resolve());
    });
  }
}
