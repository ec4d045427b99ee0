import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** As seen from the client: up is what it sends, down what it gets. */
export type Direction = "up" | "down";

interface Limit {
  readonly direction: Direction;
  readonly bytes: number;
  readonly reached: () => void;
  readonly cuts: boolean;
}

/**
 * A TCP proxy on a loopback port of its own that cuts or holds a connection after so many bytes: the
 * network's failures at a known place, whatever the machine's speed.
 */
export class CuttingProxy {
  /** bytes that went through since the last {@link reset}, of all connections together */
  readonly passed: Record<Direction, number> = { up: 0, down: 0 };
  /** connections taken since the last {@link reset} */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #target: number;
  #limit: Limit | undefined;
  #held: (() => void)[] = [];
  #holds = false;
  #down = false;

  private constructor(server: Server, target: number) {
    this.#server = server;
    this.#target = target;
    server.on("connection", (client) => this.#join(client));
  }

  /** @param target port of the server on loopback */
  static async open(target: number): Promise<CuttingProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new CuttingProxy(server, target);
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** New connections go to another port. */
  retarget(port: number): void {
    this.#target = port;
  }

  /**
   * Ends the connection through which byte number `bytes` goes, at the client's side by a reset:
   * nothing after it arrives, either way. Takes no further connections until {@link reset}. Resolves
   * then. One limit at a time.
   */
  cutAfter(direction: Direction, bytes: number): Promise<void> {
    return this.#set(direction, bytes, true);
  }

  /**
   * Lets nothing more through once `bytes` did, until {@link release}; resolves then. Connections
   * that come meanwhile wait, too.
   */
  holdAfter(direction: Direction, bytes: number): Promise<void> {
    return this.#set(direction, bytes, false);
  }

  /** Lets go on what was held, and takes limits away. */
  release(): void {
    this.#limit = undefined;
    this.#holds = false;
    for (const resume of this.#held.splice(0)) resume();
  }

  /** Counts from zero, without a limit. */
  reset(): void {
    this.release();
    this.#down = false;
    this.passed.up = 0;
    this.passed.down = 0;
    this.connections = 0;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #set(direction: Direction, bytes: number, cuts: boolean): Promise<void> {
    this.reset();
    return new Promise((reached) => {
      this.#limit = { direction, bytes, reached, cuts };
    });
  }

  #join(client: Socket): void {
    if (this.#holds) {
      client.on("error", () => {});
      this.#held.push(() => this.#join(client));
      return;
    }
    if (this.#down) {
      client.destroy();
      return;
    }
    this.connections += 1;
    const server = connect({ port: this.#target, host: "127.0.0.1", allowHalfOpen: true });
    this.#pipe("up", client, server);
    this.#pipe("down", server, client);
  }

  #pipe(direction: Direction, from: Socket, to: Socket): void {
    this.#sockets.add(from);
    from.setNoDelay(true);
    from.on("data", (chunk) => this.#pass(direction, chunk, from, to));
    from.on("end", () => to.end());
    from.on("error", () => to.destroy());
    from.on("close", () => this.#sockets.delete(from));
  }

  #pass(direction: Direction, chunk: Buffer, from: Socket, to: Socket): void {
    const limit = this.#limit;
    const before = this.passed[direction];
    const over = limit?.direction === direction && before + chunk.length >= limit.bytes;
    if (over) limit.reached();
    if (over && limit.cuts) {
      this.#limit = undefined;
      this.#down = true;
      this.passed[direction] += limit.bytes - before;
      const client = direction === "up" ? from : to;
      to.end(chunk.subarray(0, limit.bytes - before), () => client.resetAndDestroy());
      if (client !== from) from.destroy();
      return;
    }
    this.passed[direction] += chunk.length;
    const resume = (): void => {
      if (to.writableEnded || to.destroyed || to.write(chunk)) from.resume();
      else to.once("drain", () => from.resume());
    };
    from.pause();
    if (over) {
      this.#holds = true;
      this.#held.push(resume);
    } else resume();
  }
}
