import type { Socket } from "node:net";

type Listener = (chunk: Buffer) => void;

/**
 * Stands between the socket and ssh2, which listens to it later: what comes in goes to `received`,
 * with the listener that it may be passed on to.
 */
export function interceptInput(
  socket: Socket,
  received: (chunk: Buffer, pass: Listener) => void,
): void {
  const on = socket.on.bind(socket) as (event: string, listener: never) => Socket;
  socket.on = (event: string, listener: never): Socket => {
    if (event !== "data") return on(event, listener);
    const pass = listener as Listener;
    return on(event, ((chunk: Buffer) => received(chunk, pass)) as never);
  };
}
