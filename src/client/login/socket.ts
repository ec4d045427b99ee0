import { connect, type Socket } from "node:net";

/** What one read may bring, in bytes: Node's own reads bring a quarter of it, each in new memory. */
const READ_BYTES = 256 * 1024;

/**
 * Connects to the server, with Node's "data" events, but reads into the same memory every time.
 * Paused until somebody listens.
 * @param mayReuse true where the listener is done with a chunk when it returns; else it gets a copy
 */
export function openSocket(host: string, port: number, mayReuse: () => boolean): Socket {
  const memory = Buffer.allocUnsafeSlow(READ_BYTES);
  const callback = (length: number): boolean => {
    const chunk = memory.subarray(0, length);
    socket.emit("data", mayReuse() ? chunk : Buffer.from(chunk));
    return true;
  };
  const socket = connect({ host, port, onread: { buffer: memory, callback } });
  socket.pause();
  return socket;
}

/** What errors of a socket mean to people. */
const SOCKET_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there (connection refused)",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "the host's name can't be looked up now",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no way to that host",
  ENETUNREACH: "no way to that network",
  ECONNRESET: "the connection was cut",
  EACCES: "not permitted",
};

/** The port when none is given. Most people who get an error there don't know which port was tried. */
const USUAL_PORT = 22;

/** What an error of a socket to that port means, in words; undefined when the code is not known. */
export function socketError(code: string | undefined, port: number): string | undefined {
  if (code === "ECONNREFUSED" && port === USUAL_PORT) {
    return "nothing listens on port 22 (connection refused): give the server's port with -P";
  }
  return SOCKET_ERRORS[code ?? ""];
}
