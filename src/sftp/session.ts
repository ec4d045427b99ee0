import type { ByteChannel } from "../channel.ts";
import type { Digests } from "../digests/types.ts";
import { FsError } from "../errors.ts";
import { plentyOfMemory, type SessionMemory } from "../memory/budget.ts";
import { Turn } from "../turn.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type { OperationContext } from "./context.ts";
import { Handles } from "./handles.ts";
import { ownerColumns } from "./longname.ts";
import { Scheduler } from "./scheduler.ts";
import { toStatus } from "./status.ts";
import { sendsLinkFirst } from "./symlink-order.ts";

export interface SftpOptions {
  /** open handles at once, 64 or more: OpenSSH's client takes less as its number of requests */
  readonly maxHandles: number;
  /** the client's SSH identification string: some order SYMLINK's arguments otherwise */
  readonly clientIdent: string;
  /** computes what check-file asks for */
  readonly digests?: Digests;
  /** shared by all channels of a user */
  readonly turn?: Turn;
  /** shared by all channels of a session */
  readonly memory?: SessionMemory;
  /** called in every turn that started a request */
  onActivity?(): void;
  /** what the peer or a closing file did wrong, for a log: no host paths */
  onError?(text: string): void;
}

export interface SftpSession {
  /**
   * Stops, waits for running operations, closes all handles and the channel. Resolves when that is
   * done; also after the channel ended by itself.
   */
  close(): Promise<void>;
  readonly openHandles: number;
}

/**
 * Serves SFTP version 3 on a channel (draft-ietf-secsh-filexfer-02, and the extensions of OpenSSH's
 * PROTOCOL) until the client ends it, breaks the protocol, or the connection is gone.
 */
export function serveSftp(
  channel: ByteChannel,
  fs: UserFileSystem,
  options: SftpOptions,
): SftpSession {
  const handles = new Handles(options.maxHandles);
  const columns = ownerColumns(fs.owner);
  const ending = new AbortController();
  const context: OperationContext = {
    fs,
    handles,
    columns,
    digests: options.digests,
    signal: ending.signal,
    onActivity: () => options.onActivity?.(),
    linkFirst: sendsLinkFirst(options.clientIdent),
  };
  const report = (text: string) => options.onError?.(text);
  const { turn = new Turn(), memory = plentyOfMemory() } = options;
  const scheduler = new Scheduler(channel, context, turn, memory, report);

  let gone = false;
  let closing: Promise<void> | undefined;
  const shutDown = (end: () => void): Promise<void> => {
    ending.abort(new FsError("EBADF"));
    const closeHandles = (): Promise<void> =>
      handles.closeAll((thrown) => report(`close: ${toStatus(thrown).text}`));
    // At once too: what runs for long, such as a copy, ends when its files are closed.
    closing ??= Promise.all([scheduler.stop(), closeHandles()])
      .then(closeHandles)
      .then(() => {
        if (!gone) end();
      });
    return closing;
  };

  scheduler.onDone = (outcome) => {
    void shutDown(() => (outcome === "eof" ? channel.end(0) : channel.destroy()));
  };
  channel.onData = (chunk) => scheduler.receive(chunk);
  channel.onEnd = () => scheduler.finish();
  channel.onDrain = () => scheduler.wake();
  channel.onClose = () => {
    gone = true;
    void shutDown(() => {});
  };
  return {
    close: () => shutDown(() => channel.destroy()),
    get openHandles() {
      return handles.size;
    },
  };
}
