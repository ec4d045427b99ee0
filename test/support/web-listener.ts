import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** 24 bytes in base64. */
export const SECRET = `whsec_${Buffer.alloc(24, "s").toString("base64")}`;

/** A request as a web server saw it. */
export interface Received {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Listener {
  readonly port: number;
  readonly received: Received[];
  /** resolves when so many requests were received */
  got(requests: number): Promise<readonly Received[]>;
  close(): Promise<void>;
}

/** A web server on a free port of loopback. @param answer what it does with each request */
export async function listenerFor(
  answer: (response: ServerResponse, request: Received) => void,
): Promise<Listener> {
  const received: Received[] = [];
  let wake = (): void => {};
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const one = { path: request.url ?? "", headers: request.headers, body };
    received.push(one);
    answer(response, one);
    wake();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const got = async (requests: number): Promise<readonly Received[]> => {
    while (received.length < requests) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return received;
  };
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, received, got, close };
}
