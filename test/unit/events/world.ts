import type { ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import type { Receiver } from "../../../src/events/types.ts";
import { type Listener, listenerFor, type Received } from "../../support/web-listener.ts";

export { type Listener, SECRET } from "../../support/web-listener.ts";

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

/** A web server on loopback, closed after the test. @param answer what it does; default: 204 */
export async function listener(
  answer: (response: ServerResponse, request: Received) => void = (response) => {
    response.writeHead(204).end();
  },
): Promise<Listener> {
  const made = await listenerFor(answer);
  onTestFinished(() => made.close());
  return made;
}
