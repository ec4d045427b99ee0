import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy on loopback that makes lines long and breaks them. */
export interface LineProxy {
  readonly port: number;
  /** bytes carried so far, both directions */
  readonly bytes: number;
  /** connections accepted so far */
  readonly connections: number;
  /** Breaks all connections at once; new ones go through. */
  cut(): void;
  /** Breaks all connections once so many bytes more were carried. */
  cutAfter(bytes: number): void;
  /** Carries nothing any more, and says nothing: a line that died. New connections go through. */
  freeze(): void;
  close(): Promise<void>;
}

export interface ProxyOptions {
  /** where to connect to; asked for each connection, so that a server may move */
  target(): number;
  /** added on the way there and on the way back, in milliseconds */
  readonly delayMs?: number;
}

/** What may be on its way in one direction, in bytes; far more than any window. */
const ON_THE_WAY = 512 * 1024 * 1024;

/** Passes bytes from one socket to the other, each chunk `delayMs` after it came. */
function pipe(from: Socket, to: Socket, delayMs: number, carried: (bytes: number) => void): void {
  const chunks: { readonly due: number; readonly data: Buffer }[] = [];
  let held = 0;
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    const now = performance.now();
    while (chunks[0] !== undefined && chunks[0].due <= now) {
      const { data } = chunks.shift() as { data: Buffer };
      held -= data.length;
      if (!to.destroyed) to.write(data);
    }
    if (held < ON_THE_WAY && from.isPaused()) from.resume();
    schedule();
  };
  const schedule = (): void => {
    if (timer !== undefined || chunks[0] === undefined) return;
    timer = setTimeout(flush, Math.max(0, chunks[0].due - performance.now()));
  };
  from.on("data", (data: Buffer) => {
    carried(data.length);
    if (delayMs === 0) {
      if (!to.write(data)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
      return;
    }
    chunks.push({ due: performance.now() + delayMs, data });
    held += data.length;
    if (held >= ON_THE_WAY) from.pause();
    schedule();
  });
  from.on("end", () => setTimeout(() => to.end(), delayMs));
  from.on("close", () => {
    clearTimeout(timer);
    to.destroy();
  });
}

/** Starts a proxy on a free loopback port. */
export async function startProxy({ target, delayMs = 0 }: ProxyOptions): Promise<LineProxy> {
  const sockets = new Set<Socket>();
  let bytes = 0;
  let connections = 0;
  let limit = Number.POSITIVE_INFINITY;
  const cut = (): void => {
    limit = Number.POSITIVE_INFINITY;
    for (const socket of sockets) socket.destroy();
  };
  const carried = (count: number): void => {
    bytes += count;
    if (bytes >= limit) cut();
  };
  const server = createServer({ allowHalfOpen: true }, (near) => {
    connections += 1;
    const far = connect({ port: target(), host: "127.0.0.1", allowHalfOpen: true });
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    pipe(near, far, delayMs, carried);
    pipe(far, near, delayMs, carried);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    get bytes() {
      return bytes;
    },
    get connections() {
      return connections;
    },
    cut,
    cutAfter(count) {
      limit = bytes + count;
    },
    freeze() {
      for (const socket of sockets) socket.pause().removeAllListeners("data");
    },
    async close() {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
