import type { PtySize, SessionChannel } from "../channel.ts";
import type { AuditedFileSystem } from "../session/audited.ts";
import { type ServeOptions, type ShellService, serveShell } from "../shell/serve.ts";

/** A channel lent to a shell: its end is not that of the channel. */
class BorrowedChannel implements SessionChannel {
  onData: (chunk: Buffer) => void = () => {};
  onEnd: () => void = () => {};
  onClose: () => void = () => {};
  onDrain: () => void = () => {};
  readonly #lender: SessionChannel;
  readonly #onEnd: (status: number) => void;
  /** given to the shell and not consumed by it */
  #unread = 0;
  #ended = false;

  constructor(lender: SessionChannel, onEnd: (status: number) => void) {
    this.#lender = lender;
    this.#onEnd = onEnd;
  }

  get queuedBytes(): number {
    return this.#ended ? 0 : this.#lender.queuedBytes;
  }

  get isFull(): boolean {
    return !this.#ended && this.#lender.isFull;
  }

  receive(chunk: Buffer): void {
    this.#unread += chunk.length;
    this.onData(chunk);
  }

  write(data: Buffer, released?: (data: Buffer) => void): void {
    if (this.#ended) released?.(data);
    else this.#lender.write(data, released);
  }

  writeError(data: Buffer): void {
    if (!this.#ended) this.#lender.writeError(data);
  }

  consume(bytes: number): void {
    const known = Math.min(bytes, this.#unread);
    this.#unread -= known;
    this.#lender.consume(known);
  }

  end(exitStatus: number): void {
    if (this.#ended) return;
    this.#ended = true;
    this.consume(this.#unread);
    this.#onEnd(exitStatus);
  }

  destroy(): void {
    this.end(1);
  }
}

/** A file shell on a channel that goes on after it. */
export class FileShell {
  readonly #channel: BorrowedChannel;
  readonly #service: ShellService;
  readonly #files: AuditedFileSystem | undefined;
  #closing: Promise<void> | undefined;

  /**
   * @param files closed with the shell; absent: they are somebody else's to close
   * @param onEnd called once, with the exit code
   */
  constructor(
    channel: SessionChannel,
    options: ServeOptions,
    onEnd: (status: number) => void,
    files?: AuditedFileSystem,
  ) {
    this.#channel = new BorrowedChannel(channel, onEnd);
    this.#service = serveShell(this.#channel, options);
    this.#files = files;
  }

  input(chunk: Buffer): void {
    this.#channel.receive(chunk);
  }

  /** The client sends nothing more. */
  endInput(): void {
    this.#channel.onEnd();
  }

  drained(): void {
    this.#channel.onDrain();
  }

  resize(size: PtySize): void {
    this.#service.resize(size);
  }

  signal(name: string): void {
    this.#service.signal(name);
  }

  /** Whether bytes of files were moved. @param elapsed milliseconds since the last call */
  sample(elapsed: number): boolean {
    return this.#files?.sample(elapsed) ?? false;
  }

  /** Ends it. Resolves when nothing of it uses the files any more. */
  close(): Promise<void> {
    this.#closing ??= this.#service.close().then(() => this.#files?.close());
    return this.#closing;
  }
}
