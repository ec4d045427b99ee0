import { setTimeout as sleep } from "node:timers/promises";
import type { ByteChannel } from "../../channel.ts";
import { OpenFlag, StatusCode } from "../../sftp/wire/constants.ts";
import { LoginError, RemoteError } from "../errors.ts";
import type {
  Ending,
  FolderSpace,
  HashName,
  HashOptions,
  Remote,
  RemoteAttrs,
  RemoteEntry,
  Space,
  TransferEvent,
} from "../types.ts";
import { PATIENCE, type Patience, RemoteHashes } from "./hashes.ts";
import type { Line, Liveness } from "./line.ts";
import { Operations } from "./operations.ts";
import { GREETING, SftpClientChannel } from "./sftp.ts";

/** How a connection is made and made again. */
export interface Origin {
  /** "user@host", as typed */
  readonly name: string;
  /** user@host:port, as resolved */
  readonly server: string;
  connect(): Promise<Line>;
}

/** How often and after which waits a lost connection is made anew, in milliseconds. */
export interface Retry {
  readonly tries: number;
  readonly firstMs: number;
  readonly longestMs: number;
}

const RETRY: Retry = { tries: 10, firstMs: 500, longestMs: 30_000 };

export type ReconnectEvent = Extract<
  TransferEvent,
  { readonly type: "reconnecting" | "reconnected" }
>;

/** Failures that trying again doesn't cure. */
const FINAL: ReadonlySet<string> = new Set(["changed-host-key", "unknown-host-key", "refused"]);

/** A command that a person gave may take so long, in milliseconds, and say so many bytes. */
const COMMAND_MS = 10 * 60_000;
const LONG_OUTPUT = 16 * 1024 * 1024;

/**
 * A server that we are logged in to. When the connection is lost, the next call makes it anew, unless
 * the server ended the session on purpose.
 */
export class ClientConnection implements Remote {
  readonly name: string;
  /** user@host:port, for the journal */
  readonly server: string;
  home = "/";
  /** is told of lost connections and new ones */
  onReconnect: (event: ReconnectEvent) => void = () => {};
  onEnd: (ending: Ending) => void = () => {};
  retry: Retry = RETRY;
  /** how long checksums are waited for */
  patience: Patience = PATIENCE;
  readonly #origin: Origin;
  #line: Line;
  #operations: Operations | undefined;
  #hashes: RemoteHashes | undefined;
  #restoring: Promise<Operations> | undefined;
  #liveness: Liveness | undefined;
  #reason = "the connection was lost";
  #stop = new AbortController();

  private constructor(origin: Origin, line: Line) {
    this.name = origin.name;
    this.server = origin.server;
    this.#origin = origin;
    this.#line = line;
  }

  /** Starts SFTP on a connection. Rejects with LoginError. */
  static async open(origin: Origin, line: Line): Promise<ClientConnection> {
    const connection = new ClientConnection(origin, line);
    try {
      await connection.#start(line);
      return connection;
    } catch (error) {
      line.destroy("the login failed");
      const text = error instanceof Error ? error.message : "failed";
      throw new LoginError("protocol", `${origin.name}: no SFTP: ${text}`);
    }
  }

  /** Whether calls go through without a new connection. */
  get connected(): boolean {
    return this.#operations !== undefined && !this.#operations.channel.lost;
  }

  /** How a dead line is noticed; for tests, and lines that sleep long. */
  set liveness(liveness: Liveness) {
    this.#liveness = liveness;
    this.#line.keepAlive(liveness);
  }

  /** The requests of the connection as it is now, made anew when it was lost. */
  live(): Promise<Operations> {
    const operations = this.#operations;
    if (operations !== undefined && !operations.channel.lost) return Promise.resolve(operations);
    if (this.#stop.signal.aborted) {
      return Promise.reject(
        new RemoteError(undefined, "the connection was closed", { lost: true }),
      );
    }
    this.#restoring ??= this.#restore().finally(() => {
      this.#restoring = undefined;
    });
    return this.#restoring;
  }

  async realpath(path: string): Promise<string> {
    return (await this.live()).realpath(path);
  }

  async stat(path: string): Promise<RemoteAttrs> {
    return (await this.live()).stat(path);
  }

  async lstat(path: string): Promise<RemoteAttrs> {
    return (await this.live()).lstat(path);
  }

  /** undefined where there is nothing. */
  async exists(path: string, follow = true): Promise<RemoteAttrs | undefined> {
    try {
      return await (follow ? this.stat(path) : this.lstat(path));
    } catch (error) {
      if (error instanceof RemoteError && error.status === StatusCode.NO_SUCH_FILE)
        return undefined;
      throw error;
    }
  }

  async readlink(path: string): Promise<string> {
    return (await this.live()).readlink(path);
  }

  async read(path: string, most: number): Promise<Buffer | undefined> {
    const operations = await this.live();
    const handle = await operations.open(path, OpenFlag.READ);
    const pieces: Buffer[] = [];
    try {
      for (let at = 0; at <= most; ) {
        const data = await operations.read(handle, at, operations.maxRead);
        if (data === undefined || data.length === 0) return Buffer.concat(pieces);
        pieces.push(data);
        at += data.length;
      }
      return undefined;
    } finally {
      if (!operations.channel.lost) await operations.close(handle).catch(() => {});
    }
  }

  async *list(path: string): AsyncGenerator<readonly RemoteEntry[], void, undefined> {
    const operations = await this.live();
    const handle = await operations.opendir(path);
    try {
      for (;;) {
        const batch = await operations.readdir(handle);
        if (batch === undefined) return;
        yield batch;
      }
    } finally {
      if (!operations.channel.lost) await operations.close(handle).catch(() => {});
    }
  }

  async mkdir(path: string, mode?: number): Promise<void> {
    return (await this.live()).mkdir(path, mode);
  }

  async rmdir(path: string): Promise<void> {
    return (await this.live()).rmdir(path);
  }

  async remove(path: string): Promise<void> {
    return (await this.live()).remove(path);
  }

  async rename(from: string, to: string): Promise<void> {
    return (await this.live()).rename(from, to);
  }

  async chmod(path: string, mode: number): Promise<void> {
    return (await this.live()).setstat(path, { mode });
  }

  async utimes(path: string, atime: number, mtime: number): Promise<void> {
    return (await this.live()).setstat(path, { times: { atime, mtime } });
  }

  async space(path: string): Promise<Space | undefined> {
    return (await this.live()).space(path);
  }

  async spaces(): Promise<readonly FolderSpace[] | undefined> {
    return (await this.live()).spaces();
  }

  async hash(
    path: string,
    name: HashName,
    length?: number,
    options: HashOptions = {},
  ): Promise<string | undefined> {
    await this.live();
    return this.#hashes?.hash(path, name, length, { patience: this.patience, ...options });
  }

  async run(command: string) {
    await this.live();
    return this.#line.exec(command, COMMAND_MS, LONG_OUTPUT);
  }

  async hashes(): Promise<readonly HashName[]> {
    await this.live();
    return (await this.#hashes?.names()) ?? [];
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#operations?.channel.close();
    this.#line.end();
    await this.#line.closed;
  }

  async #start(line: Line): Promise<Operations> {
    line.keepAlive(this.#liveness);
    line.onGone = (ending) => {
      if (this.#line !== line) return;
      this.#reason = ending.reason;
      if (!this.#stop.signal.aborted) this.onEnd(ending);
    };
    const why = (): RemoteError | undefined =>
      line.gone || line.ending.final ? line.lostError() : undefined;
    const lost = (reason: string): void => {
      if (this.#line === line && !line.gone) this.#reason = reason;
    };
    const attach = (channel: ByteChannel): Operations =>
      new Operations(new SftpClientChannel(channel, lost, why), line.isMoorage);
    const operations = await line.subsystem("sftp", GREETING, attach);
    this.home = await operations.start();
    this.#operations = operations;
    this.#hashes = new RemoteHashes(operations, line, this.#hashes);
    return operations;
  }

  /** Tries again and again, with growing waits. Rejects with RemoteError. */
  async #restore(): Promise<Operations> {
    this.#line.destroy(this.#reason);
    await this.#line.closed;
    if (this.#line.ending.final) throw this.#line.lostError();
    let reason = this.#reason;
    for (let attempt = 1; attempt <= this.retry.tries; attempt++) {
      // Several clients that one restart cut off don't come back in step.
      const steady = Math.min(this.retry.longestMs, this.retry.firstMs * 2 ** (attempt - 1));
      const waitMs = Math.round(steady * (0.5 + Math.random() / 2));
      this.onReconnect({ type: "reconnecting", attempt, waitMs, reason });
      try {
        await sleep(waitMs, undefined, { signal: this.#stop.signal });
      } catch {
        throw new RemoteError(undefined, "the connection was closed", { lost: true });
      }
      let line: Line | undefined;
      try {
        line = await this.#origin.connect();
        this.#line = line;
        const operations = await this.#start(line);
        this.onReconnect({ type: "reconnected" });
        return operations;
      } catch (error) {
        line?.destroy("the login failed");
        reason = (error as Error).message;
        if (error instanceof LoginError && FINAL.has(error.failure) && !error.willPass) break;
      }
    }
    throw new RemoteError(undefined, `no connection any more: ${reason}`, { lost: true });
  }
}
