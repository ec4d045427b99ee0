import type { ByteChannel } from "../session/channel.ts";
import type { UserFileSystem } from "../vfs/types.ts";
import type { Context } from "./context.ts";
import { Handles } from "./handles.ts";
import { ownerColumns } from "./longname.ts";
import { Scheduler } from "./scheduler.ts";
import { toStatus } from "./status.ts";
import { sendsLinkFirst } from "./version.ts";

export interface SftpOptions {
  /** open handles at once, 64 or more: OpenSSH's client takes less as its number of requests */
  readonly maxHandles: number;
  /** the client's SSH identification string: some order SYMLINK's arguments otherwise */
  readonly clientIdent: string;
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
  const context: Context = {
    fs,
    handles,
    columns,
    linkFirst: sendsLinkFirst(options.clientIdent),
  };
  const report = (text: string) => options.onError?.(text);
  const scheduler = new Scheduler(channel, context, () => options.onActivity?.(), report);

  let gone = false;
  let closing: Promise<void> | undefined;
  const shutDown = (end: () => void): Promise<void> => {
    closing ??= scheduler
      .stop()
      .then(() => handles.closeAll((thrown) => report(`close: ${toStatus(thrown).text}`)))
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
