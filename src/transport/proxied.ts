import type { Socket } from "node:net";
import { type Endpoint, endpointOf } from "./endpoint.ts";
import { MAX_HEADER, ProxyHeaderError, readHeader } from "./proxy-header.ts";

/** A proxy sends its header at once. */
const PATIENCE_MS = 5_000;

/** A connection and who is at its other end. */
export interface Arrival {
  readonly socket: Socket;
  readonly from: Endpoint;
  /** what was read of it already, and is for whoever serves it */
  readonly head: Buffer;
  /**
   * For who gives the connection to another process: what was read since, and this process reads no
   * more of it. Absent: nothing ever was.
   */
  readonly rest?: () => Buffer;
}

const NOTHING: Buffer = Buffer.alloc(0);

/** A connection that comes as it is. */
export function direct(socket: Socket): Arrival {
  return { socket, from: endpointOf(socket), head: NOTHING };
}

/**
 * A connection from a trusted proxy: reads the header that names the client, and pauses. What comes
 * meanwhile may be read into the socket's own buffer.
 * Rejects when there is none, or it doesn't come in time; the socket is destroyed then.
 */
export function proxied(socket: Socket): Promise<Arrival> {
  return new Promise((resolve, reject) => {
    let held = NOTHING;
    const end = (): void => {
      clearTimeout(timer);
      socket.off("data", read);
      socket.off("close", closed);
      socket.off("error", failed);
    };
    const fail = (error: Error): void => {
      end();
      socket.on("error", () => {});
      socket.destroy();
      reject(error);
    };
    const failed = (error: Error): void => fail(error);
    const closed = (): void => fail(new ProxyHeaderError("closed before its PROXY header"));
    const timer = setTimeout(() => fail(new ProxyHeaderError("no PROXY header")), PATIENCE_MS);
    const read = (chunk: Buffer): void => {
      held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      try {
        const header = readHeader(held.subarray(0, MAX_HEADER));
        if (header === undefined) return;
        socket.pause();
        end();
        const { length, client = endpointOf(socket) } = header;
        const rest = (): Buffer => restOf(socket);
        resolve({ socket, from: client, head: held.subarray(length), rest });
      } catch (thrown) {
        fail(thrown as Error);
      }
    };
    socket.on("data", read);
    socket.on("close", closed);
    socket.on("error", failed);
    // A supervisor's come paused.
    socket.resume();
  });
}

/**
 * A socket that is paused reads on until its buffer is full: Node.js fills it in the next tick after
 * each piece. A worker that has the connection as well would miss what this process takes.
 */
function restOf(socket: Socket): Buffer {
  const rest = (socket.read() as Buffer | null) ?? NOTHING;
  // Asking for it made the socket read again, from the next turn of the loop on.
  const { _handle: handle } = socket as unknown as {
    readonly _handle: { reading: boolean; readStop(): void } | null;
  };
  if (handle !== null) {
    handle.reading = false;
    handle.readStop();
  }
  return rest;
}
