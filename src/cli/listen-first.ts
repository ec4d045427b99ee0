import type { Config } from "../config/types.ts";
import { instanceExists } from "../control/instance.ts";
import { closeOpenSecrets, type Owner, refuseOpenSecrets } from "../control/secrets.ts";
import {
  becomeForGood,
  ownerFor,
  refuseStrangersFiles,
  serverIdentity,
} from "../control/server-user.ts";
import { ListeningSocket } from "../transport/listening-socket.ts";
import { startError } from "./report.ts";

export interface Beginning {
  /** where there is another user to become; else the server listens by itself */
  readonly socket?: ListeningSocket;
  /** what others could enter or read until now, for the log, which is not open yet */
  readonly closed: readonly string[];
}

/**
 * What a server does while it may still be root: it looks at whose the instance is, listens, and
 * becomes `server.user`, before it accepts anybody and before it writes anything.
 * @throws ControlError that says what to mend
 */
export async function listenFirst(
  root: string,
  { server }: Pick<Config, "server">,
  paused: boolean,
): Promise<Beginning> {
  const identity = serverIdentity(server);
  if (identity !== undefined) refuseStrangersFiles(root, identity);
  // Those of a new one are closed when it is made.
  const closed = instanceExists(root) ? closeSecrets(root, ownerFor(identity)) : [];
  if (identity === undefined) return { closed };
  const { host, port } = server;
  try {
    const become = () => becomeForGood(identity);
    return { socket: await ListeningSocket.open({ host, port, paused }, become), closed };
  } catch (thrown) {
    throw startError(thrown, server);
  }
}

function closeSecrets(root: string, owner: Owner): string[] {
  const closed = closeOpenSecrets(root, owner);
  refuseOpenSecrets(root, owner);
  return closed;
}
