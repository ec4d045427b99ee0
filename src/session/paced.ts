import { FsError } from "../errors.ts";
import type { Lane, Passage } from "../rates/lane.ts";
import type { OpenFile } from "../vfs/types.ts";

/** Bytes of some slices: `length` of them from `from`. */
function part(slices: readonly Buffer[], from: number, length: number): Buffer[] {
  const found: Buffer[] = [];
  let at = 0;
  for (const slice of slices) {
    const start = Math.max(0, from - at);
    const end = Math.min(slice.length, from + length - at);
    if (start < end) found.push(slice.subarray(start, end));
    at += slice.length;
  }
  return found;
}

/**
 * An open file whose bytes move as a rate lets them. What waits ends when the file is closed.
 */
export class PacedFile {
  readonly #file: OpenFile;
  readonly #passages = new Set<Passage>();
  #ended: Error | undefined;

  constructor(file: OpenFile) {
    this.#file = file;
  }

  /** As OpenFile.read. @param moved told of each piece that was read, in bytes */
  read(
    lane: Lane,
    target: Buffer,
    [offset, length, position]: readonly [number, number, number],
    moved: (bytes: number) => void,
  ): Promise<number> {
    return this.#passing(lane, length, async (passage) => {
      let done = 0;
      while (done < length) {
        const piece = await passage.next();
        const count = await this.#file.read(target, offset + done, piece, position + done);
        passage.giveBack(piece - count);
        moved(count);
        done += count;
        if (count < piece) break;
      }
      return done;
    });
  }

  /** As OpenFile.write. @param moved told of each piece that was written, in bytes */
  write(
    lane: Lane,
    slices: readonly Buffer[],
    [length, position]: readonly [number, number],
    moved: (bytes: number) => void,
  ): Promise<void> {
    const file = this.#file;
    const pieces = (passage: Passage) => async (): Promise<void> => {
      for (let done = 0; done < length; ) {
        const piece = await passage.next();
        await file.write(part(slices, done, piece), piece, position + done);
        moved(piece);
        done += piece;
      }
    };
    return this.#passing(lane, length, (passage) => {
      if (file.flags.append) return this.#append(passage, slices, length, moved);
      const write = pieces(passage);
      // The whole is charged first: over the quota nothing is written, and nobody waits to hear it.
      return file.withRoom?.(position + length, write) ?? write();
    });
  }

  /** As one: a piece that fails would be there twice when it is sent again. */
  async #append(
    passage: Passage,
    slices: readonly Buffer[],
    length: number,
    moved: (bytes: number) => void,
  ): Promise<void> {
    while (passage.left > 0) await passage.next();
    await this.#file.write(slices, length, 0);
    moved(length);
  }

  async #passing<T>(lane: Lane, bytes: number, act: (passage: Passage) => Promise<T>): Promise<T> {
    if (this.#ended !== undefined) throw this.#ended;
    const passage = lane.enter(bytes);
    this.#passages.add(passage);
    try {
      return await act(passage);
    } finally {
      this.#passages.delete(passage);
      passage.end(new FsError("EBADF"));
    }
  }

  /** Nothing more moves: what waits fails with that. */
  end(reason: Error): void {
    this.#ended ??= reason;
    for (const passage of this.#passages) passage.end(reason);
  }
}
