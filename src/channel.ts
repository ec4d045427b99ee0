/**
 * One SSH session channel as the protocol code sees it: bytes in order, credit for what was used,
 * and how much is still on its way out. ssh/ implements it over ssh2; tests over memory.
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
  /** Called when the channel is not full any more, after somebody has found it full. */
  onDrain: () => void;
  /** Bytes taken by write() that the kernel does not have yet (peer's window or socket full). */
  readonly queuedBytes: number;
  /**
   * True when no more should be written before `onDrain`: more than DRAIN_BYTES are queued, or the
   * session has some queued and its share of the server's memory is used up.
   */
  readonly isFull: boolean;
  /**
   * Sends bytes. Never refuses: the caller watches `queuedBytes` or `isFull`. The buffer must not
   * change until `released` is called with it, which is always: when it was packed, or is not needed
   * since the channel has ended.
   */
  write(data: Buffer, released?: (data: Buffer) => void): void;
  /** Gives the peer credit (window) for received bytes that no longer occupy memory. */
  consume(bytes: number): void;
  /** Sends what is queued, then exit-status, EOF and CLOSE, in that order. */
  end(exitStatus: number): void;
  /** Closes at once: a protocol error of the peer. */
  destroy(): void;
}

/** The channel of a command or shell, which has a second stream. */
export interface SessionChannel extends ByteChannel {
  /** Text for the client's standard error, in order with write(); counts in `queuedBytes`. */
  writeError(data: Buffer): void;
}

/** The size of a client's terminal, in characters; 0 for what it doesn't know. */
export interface PtySize {
  readonly columns: number;
  readonly rows: number;
}

/** The terminal a client asked for (RFC 4254 section 6.2). */
export interface Terminal extends PtySize {
  /** TERM, as the client gave it */
  readonly term: string;
  /** false: the client sent NO_COLOR */
  readonly colour: boolean;
}

/** What a client may say later of the program that it started on a channel. */
export interface ProgramControl {
  /** The client's window changed (RFC 4254 section 6.7). */
  resize(size: PtySize): void;
  /** The client sends a signal by its name without "SIG" (section 6.9). */
  signal(name: string): void;
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

/** A channel with more than this queued is full, in bytes. */
export const DRAIN_BYTES = 512 * 1024;
