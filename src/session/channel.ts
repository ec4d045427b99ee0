/**
 * One SSH session channel as the protocol code sees it: bytes in order, credit for what was used,
 * and how much is still on its way out. transport/ implements it over ssh2; tests over memory.
 */
export interface ByteChannel {
  /**
   * Set by the consumer. On the server each chunk is the receiver's to keep; nothing will write into
   * it again. On the client it is good until this returns.
   */
  onData: (chunk: Buffer) => void;
  /** The peer sent EOF: no more data will come. */
  onEnd: () => void;
  /** The channel or its connection is gone; nothing can be written any more. Called once, last. */
  onClose: () => void;
  /** Called when `queuedBytes` has fallen to DRAIN_BYTES or less after having been above. */
  onDrain: () => void;
  /** Bytes taken by write() that the kernel does not have yet (peer's window or socket full). */
  readonly queuedBytes: number;
  /**
   * Sends bytes. Never refuses: the caller watches `queuedBytes`. The buffer must not change until
   * `released` is called with it (or for ever, where the channel ends before).
   */
  write(data: Buffer, released?: (data: Buffer) => void): void;
  /** Gives the peer credit (window) for received bytes that no longer occupy memory. */
  consume(bytes: number): void;
  /** Sends what is queued, then exit-status, EOF and CLOSE, in that order. */
  end(exitStatus: number): void;
  /** Closes at once: a protocol error of the peer. */
  destroy(): void;
}

/** From this size on a copy gets memory of its own: Node's pool is up to 64 KiB (from 24 on). */
const POOLED = 1024;

/**
 * A chunk to keep. What lies around it in memory is kept with it, and a packet can hold far more than
 * the data that counts against the window: so a small piece of something large is copied.
 */
export function compact(chunk: Buffer): Buffer {
  if (chunk.length * 4 >= chunk.buffer.byteLength) return chunk;
  if (chunk.length < POOLED) return Buffer.from(chunk);
  const kept = Buffer.allocUnsafeSlow(chunk.length);
  kept.set(chunk);
  return kept;
}

/** The low-water mark of {@link ByteChannel.onDrain}. */
export const DRAIN_BYTES = 512 * 1024;
