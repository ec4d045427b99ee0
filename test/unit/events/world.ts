import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import type { Receiver } from "../../../src/events/types.ts";

/** "whsec_" and 24 bytes in base64. */
export const SECRET = `whsec_${Buffer.alloc(24, "s").toString("base64")}`;

/** A receiver as the settings would give it. */
export function receiver(change: Partial<Receiver> = {}): Receiver {
  return {
    name: "ci",
    kinds: ["all"],
    users: [],
    folders: [],
    url: "",
    secretFile: "",
    secretEnv: "SECRET",
    allow: [],
    caFile: "",
    command: [],
    timeout: 5_000,
    atOnce: 1,
    queue: 1_000,
    queueBytes: 1_000_000,
    keep: 86_400_000,
    ...change,
  };
}

/** A request as a receiver's server saw it. */
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
}

/** A web server on loopback, closed after the test. @param answer what it does; default: 204 */
export async function listener(
  answer: (response: ServerResponse, request: Received) => void = (response) => {
    response.writeHead(204).end();
  },
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
  const port = await listen(server);
  const got = async (requests: number): Promise<readonly Received[]> => {
    while (received.length < requests) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    return received;
  };
  return { port, received, got };
}

/** On a free port of loopback; closed with its connections after the test. */
export async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}
