import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** The way from a machine to the database, which can be cut. */
export class Relay {
  readonly #server: Server;
  readonly #target: number;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((socket) => this.#accept(socket));
  }

  /** @param target a port of the loopback */
  static async open(target: number): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  #accept(near: Socket): void {
    this.#add(near);
    // As when packets are lost: nothing comes back, and nobody says why.
    if (this.#isCut) return;
    const far = connect(this.#target, "127.0.0.1");
    this.#add(far);
    const pass = (from: Socket, to: Socket): void => {
      from.on("data", (data) => {
        if (!this.#isCut) to.write(data);
      });
      from.on("close", () => to.destroy());
    };
    pass(near, far);
    pass(far, near);
  }

  #add(socket: Socket): void {
    this.#sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => {});
    socket.on("close", () => this.#sockets.delete(socket));
  }

  cut(): void {
    this.#isCut = true;
  }

  mend(): void {
    this.#isCut = false;
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.mend();
    this.#server.close();
    await once(this.#server, "close");
  }
}
