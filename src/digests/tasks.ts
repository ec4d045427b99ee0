import type { FsError } from "../errors.ts";
import { type HashedPiece, type Piece, SLICE, type Task } from "./pool.ts";
import type { DigestAlgorithm, DigestProgress, DigestRange } from "./types.ts";

/** A range of a file, for one who waits. */
export class RangeTask implements Task {
  readonly user: number;
  readonly #fd: number;
  readonly #algorithms: readonly DigestAlgorithm[];
  readonly #range: DigestRange;
  readonly #onProgress: DigestProgress | undefined;
  readonly #settle: (result: readonly Uint8Array[] | FsError) => void;
  #done = 0;

  /** @param fd stays the caller's, and open until `settle` is called or the task is removed */
  constructor(
    user: number,
    fd: number,
    algorithms: readonly DigestAlgorithm[],
    range: DigestRange,
    settle: (result: readonly Uint8Array[] | FsError) => void,
    onProgress?: DigestProgress,
  ) {
    this.user = user;
    this.#fd = fd;
    this.#algorithms = algorithms;
    this.#range = range;
    this.#settle = settle;
    this.#onProgress = onProgress;
  }

  /** bytes hashed so far */
  get bytes(): number {
    return this.#done;
  }

  next(): Piece {
    const { position, length, blockSize } = this.#range;
    const here = Math.min(SLICE, length - this.#done);
    const from = position + this.#done;
    return {
      algorithms: this.#algorithms,
      blockSize,
      fd: this.#fd,
      from,
      to: from + here,
      last: this.#done + here === length,
    };
  }

  done({ bytes, digests }: HashedPiece): boolean {
    this.#done += bytes;
    this.#onProgress?.(this.#done);
    if (digests === undefined) return false;
    this.#settle(digests);
    return true;
  }

  failed(error: FsError): void {
    this.#settle(error);
  }
}

/** Bytes that are handed over one after the other. */
export class StreamTask implements Task {
  readonly user: number;
  readonly #algorithm: DigestAlgorithm;
  #piece: Piece | undefined;
  #resolve: (digest: Uint8Array | undefined) => void = () => {};
  #reject: (error: FsError) => void = () => {};
  #error: FsError | undefined;

  constructor(user: number, algorithm: DigestAlgorithm) {
    this.user = user;
    this.#algorithm = algorithm;
  }

  /**
   * Offers the next bytes; wake the pool afterwards. One at a time.
   * @returns the digest after the last ones, else undefined, once they are hashed
   */
  push(data: Uint8Array<ArrayBuffer>, last: boolean): Promise<Uint8Array | undefined> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    const algorithms = [this.#algorithm];
    this.#piece = { algorithms, blockSize: 0, fd: -1, from: 0, to: 0, data, last };
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  next(): Piece | undefined {
    return this.#piece;
  }

  done({ digests }: HashedPiece): boolean {
    this.#piece = undefined;
    this.#resolve(digests?.[0]);
    return digests !== undefined;
  }

  failed(error: FsError): void {
    this.#error = error;
    this.#reject(error);
  }
}
