import { createServer, type Server as NetServer, type Socket } from "node:net";
import ssh2, { type Server as SshServer } from "ssh2";
import { refusalText } from "../auth/penalties.ts";
import type { Config } from "../config/types.ts";
import { errorName } from "../errors.ts";
import { ALGORITHMS } from "../ssh/algorithms.ts";
import { socketOf } from "../ssh/internals.ts";
import { type ConnectionServices, SshConnection } from "./connection.ts";
import type { HostKey } from "./host-keys.ts";
import { Refusals } from "./refusals.ts";
import { type Stranger, Strangers } from "./strangers.ts";

/** "SSH-2.0-" and this: no version of ours or of node. */
const IDENT = "Moorage";

/** ssh2 has no "off" for keepalive but an interval that never ends (largest of setInterval). */
const NEVER_MS = 2 ** 31 - 1;

const BACKLOG = 511;
const FULL = "Not allowed at this time";

export interface ListenerOptions extends Omit<ConnectionServices, "config"> {
  readonly config: Pick<Config, "server" | "limits" | "transport" | "auth">;
  readonly hostKeys: readonly HostKey[];
  /** how many connections are read why they are refused, at once; others are closed */
  readonly maxRefused: () => number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Accepts TCP connections and hands them to ssh2. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #services: ConnectionServices;
  readonly #ssh: SshServer;
  readonly #net: NetServer;
  readonly #connections = new Map<Socket, SshConnection>();
  readonly #strangers: Strangers;
  readonly #refusals: Refusals;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#services = options;
    this.#ssh = this.#sshServer();
    this.#refusals = new Refusals(IDENT, options.maxRefused);
    const { auth, limits } = options.config;
    this.#strangers = new Strangers({
      places: () => limits.maxUnauthenticated,
      waiting: () => auth.hashQueue + auth.hashConcurrency,
    });
    this.#net = createServer({ noDelay: true }, (socket) => void this.#accept(socket));
    this.#net.on("error", (error) => {
      // A failed start rejects listen() and is told there.
      if (!this.#net.listening) return;
      options.log.error({ error: (error as NodeJS.ErrnoException).code }, "listener failed");
    });
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

  /** Rejects with the system's error when the address can't be listened on. */
  listen(): Promise<Address> {
    const { host, port } = this.#options.config.server;
    return new Promise((resolve, reject) => {
      this.#net.once("error", reject);
      this.#net.listen({ host, port, backlog: BACKLOG }, () => {
        this.#net.removeListener("error", reject);
        const bound = this.#net.address();
        if (bound === null || typeof bound === "string") reject(new Error("not listening"));
        else resolve({ host: bound.address, port: bound.port });
      });
    });
  }

  /** No new connections; those there are go on. */
  stopAccepting(): void {
    this.#net.close();
  }

  /** Ends what is still connected; resolves when every socket is closed. */
  async close(text: string): Promise<void> {
    this.stopAccepting();
    const closed = [...this.#connections].map(([socket, connection]) => {
      const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      connection.excuse();
      connection.disconnect(text);
      return gone;
    });
    await Promise.all(closed);
  }

  async #accept(socket: Socket): Promise<void> {
    const wait = await this.#waitOf(socket);
    if (wait > 0) {
      this.#refusals.refuse(socket, refusalText(wait));
      return;
    }
    if (socket.destroyed || !this.#net.listening) {
      socket.destroy();
      return;
    }
    if (!this.#strangers.hasRoom(socket.remoteAddress)) {
      this.#refusals.refuseByLine(socket, FULL);
      return;
    }
    const stranger: Stranger = {
      get busy() {
        return connection.busy;
      },
      disconnect: (text) => connection.disconnect(text),
    };
    const place = this.#strangers.add(stranger, socket);
    const connection = new SshConnection(socket, this.#services, place);
    this.#connections.set(socket, connection);
    socket.once("close", () => this.#connections.delete(socket));
    this.#ssh.injectSocket(socket);
  }

  /** How long the address is refused. Errors of the socket until then just close it. */
  async #waitOf(socket: Socket): Promise<number> {
    const ignore = (): void => {};
    socket.on("error", ignore);
    try {
      return await this.#options.penalties.wait(socket.remoteAddress);
    } catch (error) {
      // Who can't be looked up can't log in either, and is told so there.
      this.#options.log.error({ error: errorName(error) }, "penalties not read");
      return 0;
    } finally {
      socket.off("error", ignore);
    }
  }
}
