import { connectControl, systemActor } from "../control/client.ts";
import { ControlError, EXIT } from "../control/errors.ts";
import { noServer } from "../control/instance.ts";
import { calleeOf } from "../control/machines.ts";
import type { Control } from "../control/protocol.ts";
import { RemoteControl } from "../control/remote.ts";
import { chosenServers } from "../control/stop-servers.ts";
import { isElsewhere } from "../store/belongings.ts";
import type { Store } from "../store/store.ts";
import { type CommandContext, withStore } from "./context.ts";

/**
 * Runs `use` with control of a server of this machine or, where none runs here, of another one.
 * Rejects with exit code 3 when none runs anywhere.
 */
export async function withAnyServer<T>(
  context: CommandContext,
  use: (control: Control) => Promise<T>,
): Promise<T> {
  const root = context.root();
  const found = await connectControl(root).catch((thrown: unknown) => {
    // One machine alone has its database here, and no other server.
    if (isNotRunning(thrown) && isElsewhere(root)) return undefined;
    throw thrown;
  });
  if (found !== undefined) return closing(found, use);
  return withStore(context, async (store) => closing(await remote(store, root), use), {
    withoutHomes: true,
  });
}

async function closing<T>(control: Control, use: (control: Control) => Promise<T>): Promise<T> {
  try {
    return await use(control);
  } finally {
    control.close();
  }
}

async function remote(store: Store, root: string): Promise<Control> {
  const [server] = await chosenServers(store, "all");
  if (server === undefined) throw new ControlError(noServer(root), EXIT.notRunning);
  return new RemoteControl(store, calleeOf(server), { actor: systemActor() });
}

function isNotRunning(thrown: unknown): boolean {
  return thrown instanceof ControlError && thrown.exitCode === EXIT.notRunning;
}
