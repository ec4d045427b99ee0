import { closeSync, linkSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "ssh2";
import { startTestServer } from "../support/server.ts";
import { duplexWire, SftpClient } from "../support/sftp-client.ts";
import { login, openSubsystem, socketOf } from "../support/ssh-client.ts";
import { type StartWireServer, wireCases } from "./wire-cases.ts";

const USER = "ann";

const start: StartWireServer = async (options = {}) => {
  const server = await startTestServer({
    users: [{ name: USER, quotaBytes: options.quota ?? null }],
  });
  const connections = new Map<SftpClient, Client>();
  // Not ssh2's own name, which is known to send a link before its target.
  const ident = options.ident?.replace("SSH-2.0-", "") ?? "wire";
  return {
    async connect() {
      const connection = await login(server, { ident });
      connection.on("error", () => {});
      const client = new SftpClient(duplexWire(await openSubsystem(connection)));
      connections.set(client, connection);
      return client;
    },
    drop(client) {
      const connection = connections.get(client);
      if (connection !== undefined) socketOf(connection).destroy();
    },
    async usage() {
      const { usedBytes } = await server.control.account(USER);
      const open = await server.store.ledger.journalOf(server.store.nodeId);
      return { bytes: usedBytes, open: open.length };
    },
    async fill(directory, count) {
      const host = join(server.home(USER), directory);
      const file = (index: number) => join(host, `f${index}`);
      for (let index = 0; index < count; index++) {
        // Links are made faster than files; ext4 allows 65,000 of one file.
        const first = index - (index % 20_000);
        if (index === first) closeSync(openSync(file(index), "wx"));
        else linkSync(file(first), file(index));
      }
    },
    async stop() {
      for (const connection of connections.values()) connection.end();
      await server.stop();
    },
  };
};

wireCases("wire cases over SSH, on the disk", start);
