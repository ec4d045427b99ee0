import type { Socket } from "node:net";
import ssh2, { type Server as SshServer } from "ssh2";
import type { Access } from "../auth/access.ts";
import type { Config } from "../config/types.ts";
import { ALGORITHMS } from "../ssh/algorithms.ts";
import { socketOf } from "../ssh/internals.ts";
import { type ConnectionServices, SshConnection } from "./connection.ts";
import type { HostKey } from "./host-keys.ts";
import { IDENT } from "./ident.ts";
import type { Arrival } from "./proxied.ts";
import type { Stranger, StrangersPlace } from "./strangers.ts";

/** ssh2 has no "off" for keepalive but an interval that never ends (largest of setInterval). */
const NEVER_MS = 2 ** 31 - 1;

export interface ConnectionsOptions extends Omit<ConnectionServices, "config"> {
  readonly config: Pick<Config, "server" | "limits" | "transport">;
  readonly hostKeys: readonly HostKey[];
}

/** The connections that this process serves, each from when it was accepted. */
export class Connections {
  readonly #options: ConnectionsOptions;
  readonly #ssh: SshServer;
  readonly #connections = new Map<Socket, SshConnection>();

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#ssh = this.#sshServer();
  }

  #sshServer(): SshServer {
    const { config, hostKeys, log } = this.#options;
    const server = new ssh2.Server({
      hostKeys: hostKeys.map((key) => key.privateKey),
      ident: IDENT,
      // ssh2 asks for these at each connection, and a reload changes them.
      get banner() {
        return config.server.banner;
      },
      algorithms: {
        kex: [...ALGORITHMS.kex],
        serverHostKey: [...ALGORITHMS.serverHostKey],
        cipher: [...ALGORITHMS.cipher],
        hmac: [...ALGORITHMS.hmac],
        compress: [...ALGORITHMS.compress],
      },
      get keepaliveInterval() {
        const { keepaliveInterval } = config.transport;
        return keepaliveInterval > 0 ? keepaliveInterval : NEVER_MS;
      },
      get keepaliveCountMax() {
        return config.transport.keepaliveCount;
      },
    });
    server.on("error", (error: Error) => log.error({ error: error.name }, "ssh server failed"));
    server.on("connection", (connection, info) => {
      this.#connections.get(socketOf(connection))?.attach(connection, info);
    });
    return server;
  }

  /** Serves a connection. @param join gives it its place among the strangers */
  receive({ socket, from, head }: Arrival, join: (stranger: Stranger) => StrangersPlace): void {
    const stranger: Stranger = {
      get busy() {
        return connection.busy;
      },
      evict: (text) => connection.evict(text),
    };
    const connection = new SshConnection(socket, this.#options, join(stranger), from);
    this.#connections.set(socket, connection);
    socket.once("close", () => this.#connections.delete(socket));
    if (head.length > 0) socket.unshift(head);
    this.#ssh.injectSocket(socket);
  }

  /** Ends what has not logged in yet and comes from an address that may not connect any more. */
  async review(access: Pick<Access, "refuses">): Promise<void> {
    for (const connection of [...this.#connections.values()]) {
      if (connection.hasSession || connection.gone.aborted) continue;
      const unwelcome = await access.refuses(connection.address);
      if (unwelcome === undefined || connection.hasSession) continue;
      connection.excuse();
      connection.disconnect(unwelcome.refusal);
    }
  }

  /** Ends what is still connected; resolves when every socket is closed. */
  async close(text: string): Promise<void> {
    const closed = [...this.#connections].map(([socket, connection]) => {
      const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      connection.excuse();
      connection.disconnect(text);
      return gone;
    });
    await Promise.all(closed);
  }
}
