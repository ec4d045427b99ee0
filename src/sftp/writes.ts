import { toFsError } from "../errors.ts";
import type { OpenFile } from "../vfs/types.ts";
import { type DataRequest, peekTransfer, TRANSFER_HEADER } from "./data-request.ts";
import { errorReply, okReplies, okReply } from "./replies.ts";
import { PacketType } from "./wire/constants.ts";
import type { FrameQueue } from "./wire/frames.ts";

/** Bytes of consecutive WRITEs that go to the disk as one; the rest gathers behind. */
const MAX_BATCH = 2 * 1024 * 1024;
const MAX_PARTS = 512;

interface Part {
  readonly id: number;
  readonly position: number;
  readonly length: number;
  readonly slices: readonly Buffer[];
}

/** WRITEs to one file that follow each other without a gap, done as one and answered one by one. */
export class WriteBatch {
  readonly file: OpenFile;
  readonly handle: number;
  readonly position: number;
  length = 0;
  /** received bytes the client gets credit for when the batch is done */
  frameBytes = 0;
  #parts: Part[] = [];

  /** Takes the WRITE at the head of the queue, and those behind it that continue it. */
  constructor(file: OpenFile, frames: FrameQueue, first: DataRequest) {
    this.file = file;
    this.handle = first.handle;
    // Behind the end is where an append goes, whatever offset the client sent.
    this.position = file.flags.append ? 0 : first.position;
    this.#take(frames, first);
    let next = this.#continuation(frames);
    while (next !== undefined) {
      this.#take(frames, next);
      next = this.#continuation(frames);
    }
  }

  /** Resolves to the replies of all parts, in order. */
  run(): Promise<Buffer> {
    const parts = this.#parts;
    const slices = parts.length === 1 ? firstSlices(parts) : parts.flatMap((part) => part.slices);
    return this.file.write(slices, this.length, this.position).then(
      () => okReplies(parts.map((part) => part.id)),
      (thrown: unknown) => this.#refused(thrown),
    );
  }

  /** The same error for every part. */
  refusal(thrown: unknown): Buffer {
    return Buffer.concat(this.#parts.map((part) => errorReply(part.id, thrown)));
  }

  #continuation(frames: FrameQueue): DataRequest | undefined {
    const length = frames.nextLength();
    if (length === -1 || frames.size < 4 + length || this.#parts.length >= MAX_PARTS) return;
    if (length < 1 || frames.u8(4) !== PacketType.WRITE) return;
    const next = peekTransfer(frames);
    if (next === undefined || next.handle !== this.handle || !isWhole(next)) return;
    if (next.length === 0 || this.length + next.length > MAX_BATCH) return;
    if (!this.file.flags.append && next.position !== this.position + this.length) return;
    return next;
  }

  #take(frames: FrameQueue, transfer: DataRequest): void {
    const slices: Buffer[] = [];
    frames.skip(TRANSFER_HEADER);
    frames.takeSlices(transfer.length, slices);
    frames.skip(transfer.frameBytes - TRANSFER_HEADER - transfer.length);
    const { id, length } = transfer;
    const position = this.position + this.length;
    this.#parts.push({ id, position, length, slices });
    this.length += length;
    this.frameBytes += transfer.frameBytes;
  }

  /**
   * Over the quota nothing of a batch was written, but its first parts may fit; and after another
   * error writing a part again at its place does no harm. An append could be there twice.
   */
  async #refused(thrown: unknown): Promise<Buffer> {
    const repeatable = !this.file.flags.append || toFsError(thrown).code === "EDQUOT";
    if (this.#parts.length === 1 || !repeatable) return this.refusal(thrown);
    const replies: Buffer[] = [];
    let over: { readonly error: unknown; readonly length: number } | undefined;
    for (const { id, slices, length, position } of this.#parts) {
      // Where one did not fit, those behind it don't either: asking for each takes long.
      if (over !== undefined && (!this.file.flags.append || length >= over.length)) {
        replies.push(errorReply(id, over.error));
        continue;
      }
      try {
        await this.file.write(slices, length, position);
        replies.push(okReply(id));
      } catch (error) {
        if (toFsError(error).code === "EDQUOT") over = { error, length };
        replies.push(errorReply(id, error));
      }
    }
    return Buffer.concat(replies);
  }
}

function firstSlices(parts: readonly Part[]): readonly Buffer[] {
  return parts[0]?.slices ?? [];
}

/** False when the frame ends before the data it announces. */
export function isWhole(transfer: DataRequest): boolean {
  return transfer.length <= transfer.frameBytes - TRANSFER_HEADER;
}
