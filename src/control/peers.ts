import type { StoreNode } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import { connectNode } from "./client.ts";
import { calleeOf } from "./machines.ts";
import type { Control, SessionInfo } from "./protocol.ts";
import { RemoteControl } from "./remote.ts";

/** What another process may take to answer; then its sessions are shown without their transfers. */
const PATIENCE_MS = 500;
/** The same of another machine. */
const REMOTE_PATIENCE_MS = 2_000;

type Sessions = readonly SessionInfo[];

/** The other server processes of the instance: of this machine over their sockets, else through the store. */
export class Peers {
  readonly #root: string;
  readonly #store: Pick<Store, "calls" | "nodes">;
  readonly #connections = new Map<string, Promise<Control>>();
  /** what a process is being asked; it isn't asked twice at once */
  readonly #asked = new Map<string, Promise<Sessions>>();
  readonly #remote = new Set<Control>();
  #closed = false;

  constructor(root: string, store: Pick<Store, "calls" | "nodes">) {
    this.#root = root;
    this.#store = store;
  }

  /** The sessions of these processes of this machine, of those that answer in time. */
  async sessions(nodeIds: readonly string[]): Promise<SessionInfo[]> {
    const ask = (id: string) => this.#connection(id).then((peer) => peer.call("sessions.own", {}));
    return this.#all(nodeIds, ask, PATIENCE_MS);
  }

  /** The same of whole machines. @param servers one of each */
  async elsewhere(servers: readonly StoreNode[]): Promise<SessionInfo[]> {
    const known = new Map(servers.map((node) => [node.id, node]));
    const ask = (id: string) => this.#askElsewhere(known.get(id));
    return this.#all([...known.keys()], ask, REMOTE_PATIENCE_MS);
  }

  async #all(
    ids: readonly string[],
    ask: (id: string) => Promise<Sessions>,
    patienceMs: number,
  ): Promise<SessionInfo[]> {
    if (this.#closed || ids.length === 0) return [];
    const answers = await Promise.all(ids.map((id) => inTime(this.#once(id, ask), patienceMs)));
    return answers.flat();
  }

  #once(id: string, ask: (id: string) => Promise<Sessions>): Promise<Sessions> {
    const before = this.#asked.get(id);
    if (before !== undefined) return before;
    const answer = ask(id)
      .catch(() => [])
      .finally(() => this.#asked.delete(id));
    this.#asked.set(id, answer);
    return answer;
  }

  async #askElsewhere(node: StoreNode | undefined): Promise<Sessions> {
    if (node === undefined) return [];
    const options = { actor: "server", patienceMs: REMOTE_PATIENCE_MS };
    const control = new RemoteControl(this.#store, calleeOf(node), options);
    this.#remote.add(control);
    try {
      return await control.call("sessions.here", {});
    } finally {
      this.#remote.delete(control);
    }
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

  /** Nobody is asked any more; resolves when what was asked elsewhere is taken back. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const control of this.#remote) control.close();
    for (const connection of this.#connections.values()) {
      connection.then(
        (peer) => peer.close(),
        () => {},
      );
    }
    if (this.#remote.size > 0) await Promise.all(this.#asked.values());
  }
}

async function inTime(answer: Promise<Sessions>, patienceMs: number): Promise<Sessions> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Sessions>((resolve) => {
    timer = setTimeout(() => resolve([]), patienceMs);
  });
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}
