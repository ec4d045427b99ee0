import type { Caller } from "./methods.ts";
import { nodeInfos } from "./node-list.ts";
import type { NodeMethods } from "./node-protocol.ts";
import { STOP_GRACE_MS, stopOrder } from "./stop-order.ts";

type Result<M extends keyof NodeMethods> = NodeMethods[M]["result"];
type Params<M extends keyof NodeMethods> = NodeMethods[M]["params"];

/** What is of the processes themselves. */
export const NODE_METHODS: {
  readonly [M in keyof NodeMethods]: (caller: Caller, params: Params<M>) => Promise<Result<M>>;
} = {
  "nodes.list": ({ host }) => nodeInfos(host.store),
  reload,
  renew,
  stop,
  stopping: async ({ host }) => host.stopping(),
};

async function reload({ host, actor }: Caller): Promise<Result<"reload">> {
  const result = host.reload();
  await host.store.changes.add("reload", 0);
  host.store.audit.record({ kind: "reload", detail: result.applied.join(", "), actor });
  return result;
}

async function renew({ host, actor }: Caller, { drainMs }: Params<"renew">): Promise<null> {
  await host.renew(drainMs);
  host.store.audit.record({ kind: "reload", detail: "new workers", actor });
  return null;
}

async function stop(
  { host, actor }: Caller,
  { graceMs = STOP_GRACE_MS, alone = false }: Params<"stop">,
): Promise<null> {
  const { store } = host;
  store.audit.record({ kind: "server-stop", detail: "asked for", actor });
  if (!alone) await store.changes.add("stop", 0, stopOrder(graceMs, store.life));
  host.stop(graceMs);
  return null;
}
