import { createServer, type Server, type Socket } from "node:net";

const BACKLOG = 511;

/** Connections that wait until somebody takes them; more are closed. */
const MOST_WAITING = 511;

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface ListenOn extends Address {
  /** true: nothing is read from the sockets that come */
  readonly paused: boolean;
}

/**
 * A TCP socket that listens. It may be opened before there is somebody to take its connections: a port
 * below 1024 needs a privilege, and who takes connections should not have it any more.
 */
export class ListeningSocket {
  readonly address: Address;
  readonly #net: Server;
  readonly #waiting: Socket[] = [];
  #take: ((socket: Socket) => void) | undefined;

  private constructor(net: Server) {
    this.#net = net;
    this.address = addressOf(net);
    net.on("connection", (socket) => this.#came(socket));
  }

  /**
   * Rejects with the system's error when the address can't be listened on.
   * @param bound called when it listens, before any connection can have been accepted; what it throws
   * rejects
   */
  static open(
    { host, port, paused }: ListenOn,
    bound: () => void = () => {},
  ): Promise<ListeningSocket> {
    const net = createServer({ noDelay: true, pauseOnConnect: paused });
    return new Promise<ListeningSocket>((resolve, reject) => {
      net.once("error", reject);
      net.listen({ host, port, backlog: BACKLOG }, () => {
        net.removeListener("error", reject);
        try {
          bound();
          resolve(new ListeningSocket(net));
        } catch (thrown) {
          net.close();
          reject(thrown);
        }
      });
    });
  }

  get listening(): boolean {
    return this.#net.listening;
  }

  #came(socket: Socket): void {
    if (this.#take !== undefined) this.#take(socket);
    else if (this.#waiting.length >= MOST_WAITING) socket.destroy();
    else {
      // Its error closes it; who takes it sees that.
      socket.on("error", ignore);
      this.#waiting.push(socket);
    }
  }

  /** Gives the connections from now on, and those that have come, to `accept`. */
  take(accept: (socket: Socket) => void, failed: (error: Error) => void): void {
    this.#take = accept;
    this.#net.on("error", failed);
    for (const socket of this.#waiting.splice(0)) {
      socket.off("error", ignore);
      if (!socket.destroyed) accept(socket);
    }
  }

  /** No new connections; those there are go on. */
  close(): void {
    this.#net.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }
}

function addressOf(net: Server): Address {
  const bound = net.address();
  if (bound === null || typeof bound === "string") throw new Error("not listening");
  return { host: bound.address, port: bound.port };
}

function ignore(): void {}
