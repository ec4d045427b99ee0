import type { StoreNode } from "../store/nodes.ts";
import type { Store } from "../store/store.ts";
import { connectNode, systemActor } from "./client.ts";
import { machineName } from "./node-list.ts";
import type { Control } from "./protocol.ts";
import { RemoteControl } from "./remote.ts";

/** What other machines have of an instance. */
export interface OtherMachines {
  /** their servers that live; each answers for its workers */
  readonly servers: readonly StoreNode[];
  isHere(nodeId: string): boolean;
  /** what people call the machine of a process */
  nameOf(nodeId: string): string;
}

/** Undefined where one machine is alone: nothing is looked up then. */
export async function otherMachines(
  store: Pick<Store, "nodes" | "life">,
): Promise<OtherMachines | undefined> {
  if (store.life.options === undefined) return undefined;
  const nodes = (await store.nodes.list()).filter(({ kind }) => kind === "server");
  if (nodes.every(({ isHere }) => isHere)) return undefined;
  const known = new Map(nodes.map((node) => [node.id, node]));
  const isServer = ({ isHere, alive, supervisor }: StoreNode) =>
    !isHere && alive && !known.has(supervisor);
  return {
    servers: nodes.filter(isServer),
    isHere: (id) => known.get(id)?.isHere ?? false,
    nameOf: (id) => {
      const node = known.get(id);
      return node === undefined ? "" : machineName(node);
    },
  };
}

/** Where a process looks for the others. */
export interface Vantage {
  /** the instance's directory: sockets are in it */
  readonly root: string;
  readonly store: Pick<Store, "calls" | "nodes">;
}

/**
 * Control of a server process: over its socket where it is of this machine, else through the store.
 * Rejects with ControlError when it is of this machine and does not listen.
 */
export async function reach({ root, store }: Vantage, node: StoreNode): Promise<Control> {
  if (node.isHere) return connectNode(root, node.id);
  return new RemoteControl(store, calleeOf(node), { actor: systemActor() });
}

export function calleeOf(node: StoreNode): { readonly id: string; readonly host: string } {
  return { id: node.id, host: machineName(node) };
}
