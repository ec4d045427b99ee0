import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

const TICK_MS = 20;

/** A TCP proxy on a loopback port of its own that lets so many bytes a second through, each way. */
export class SlowProxy {
  /** bytes a second; may change while it runs */
  rate: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, target: number, rate: number) {
    this.#server = server;
    this.rate = rate;
    server.on("connection", (client) => {
      const upstream = connect(target, "127.0.0.1");
      this.#pipe(client, upstream);
      this.#pipe(upstream, client);
    });
  }

  /** @param target port of the server on loopback */
  static async open(target: number, rate: number): Promise<SlowProxy> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new SlowProxy(server, target, rate);
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #pipe(from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    // Small pieces at a steady pace, as a slow line has them.
    const timer = setInterval(() => {
      const wanted = Math.max(1, Math.floor((this.rate * TICK_MS) / 1000));
      const chunk: Buffer | null = from.read(Math.min(wanted, from.readableLength)) ?? null;
      if (chunk !== null) to.write(chunk);
    }, TICK_MS);
    from.on("readable", () => {});
    from.on("error", () => {});
    from.on("end", () => {
      to.end();
    });
    from.on("close", () => {
      clearInterval(timer);
      this.#sockets.delete(from);
      to.destroy();
    });
  }
}
