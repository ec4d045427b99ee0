import { type SftpOptions, type SftpSession, serveSftp } from "../../src/sftp/session.ts";
import { MemoryChannel, type MemoryChannelOptions } from "./memory-channel.ts";
import { MemoryFs, type MemoryFsOptions } from "./memory-fs.ts";
import { memoryWire, SftpClient } from "./sftp-client.ts";

export interface MemorySession {
  readonly fs: MemoryFs;
  readonly channel: MemoryChannel;
  readonly client: SftpClient;
  readonly session: SftpSession;
  /** what the session reported */
  readonly errors: string[];
}

/** Serves a filesystem over a channel in memory; nothing has been sent on it yet. */
export function serveMemory(
  fs: MemoryFs,
  options: Partial<SftpOptions> = {},
  channelOptions: MemoryChannelOptions = {},
): MemorySession {
  const channel = new MemoryChannel(channelOptions);
  const client = new SftpClient(memoryWire(channel));
  const errors: string[] = [];
  const session = serveSftp(channel, fs, {
    maxHandles: 64,
    clientIdent: "SSH-2.0-OpenSSH_9.2p1",
    onError: (text) => errors.push(text),
    ...options,
  });
  return { fs, channel, client, session, errors };
}

/** A new filesystem, served, with INIT done. */
export async function startMemory(
  fsOptions: MemoryFsOptions = {},
  options: Partial<SftpOptions> = {},
  channelOptions: MemoryChannelOptions = {},
): Promise<MemorySession> {
  const served = serveMemory(new MemoryFs(fsOptions), options, channelOptions);
  await served.client.init();
  return served;
}

/** Waits a number of turns of the event loop, up to three, in a sequence given by the seed. */
export function randomDelay(seed: number): () => Promise<void> {
  let state = seed >>> 0 || 1;
  return async () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    for (let turns = state >>> 30; turns > 0; turns--) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
}
