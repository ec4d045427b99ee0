import { fromText } from "../../src/vfs/path.ts";
import type { MemoryChannel } from "../support/memory-channel.ts";
import { MemoryFs } from "../support/memory-fs.ts";
import type { SftpClient } from "../support/sftp-client.ts";
import { serveMemory } from "../support/sftp-client-memory.ts";
import { type StartWireServer, wireCases } from "./wire-cases.ts";

const CREATE = { read: false, write: true, append: false, create: true, truncate: false };

const start: StartWireServer = async (options = {}) => {
  const fs = new MemoryFs(options.quota === undefined ? {} : { quota: options.quota });
  const channels = new Map<SftpClient, MemoryChannel>();
  const clientIdent = options.ident ?? "SSH-2.0-OpenSSH_9.2";
  return {
    async connect() {
      const { channel, client } = serveMemory(fs, { clientIdent });
      channels.set(client, channel);
      return client;
    },
    drop: (client) => channels.get(client)?.disconnect(),
    usage: async () => ({ bytes: fs.used, open: fs.openFiles }),
    async fill(directory, count) {
      for (let index = 0; index < count; index++) {
        const flags = { ...CREATE, exclusive: true };
        await (await fs.open(fromText(`${directory}/f${index}`), flags)).close();
      }
    },
    async stop() {
      for (const channel of channels.values()) channel.disconnect();
    },
  };
};

wireCases("wire cases over a memory channel and a filesystem in memory", start);
