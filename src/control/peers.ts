import { connectNode } from "./client.ts";
import type { Control, SessionInfo } from "./protocol.ts";

/** What another process may take to answer; then its sessions are shown without their transfers. */
const PATIENCE_MS = 500;

/** The other server processes of the instance, asked over their sockets. */
export class Peers {
  readonly #root: string;
  readonly #connections = new Map<string, Promise<Control>>();
  /** what a process is being asked; it isn't asked twice at once */
  readonly #asked = new Map<string, Promise<readonly SessionInfo[]>>();
  #closed = false;

  constructor(root: string) {
    this.#root = root;
  }

  /** The sessions of these processes, of those that answer in time. */
  async sessions(nodeIds: readonly string[]): Promise<SessionInfo[]> {
    if (this.#closed || nodeIds.length === 0) return [];
    const answers = await Promise.all(nodeIds.map((id) => inTime(this.#ask(id))));
    return answers.flat();
  }

  #ask(nodeId: string): Promise<readonly SessionInfo[]> {
    const before = this.#asked.get(nodeId);
    if (before !== undefined) return before;
    const answer = this.#connection(nodeId)
      .then((peer) => peer.call("sessions.own", {}))
      .catch(() => [])
      .finally(() => this.#asked.delete(nodeId));
    this.#asked.set(nodeId, answer);
    return answer;
  }

  #connection(nodeId: string): Promise<Control> {
    const before = this.#connections.get(nodeId);
    if (before !== undefined) return before;
    const connection = connectNode(this.#root, nodeId);
    this.#connections.set(nodeId, connection);
    const forget = (): void => void this.#connections.delete(nodeId);
    connection.then((peer) => {
      if (this.#closed) peer.close();
      void peer.closed.then(forget);
    }, forget);
    return connection;
  }

  close(): void {
    this.#closed = true;
    for (const connection of this.#connections.values()) {
      connection.then(
        (peer) => peer.close(),
        () => {},
      );
    }
  }
}

async function inTime(answer: Promise<readonly SessionInfo[]>): Promise<readonly SessionInfo[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<readonly SessionInfo[]>((resolve) => {
    timer = setTimeout(() => resolve([]), PATIENCE_MS);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
