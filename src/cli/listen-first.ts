import type { Config } from "../config/types.ts";
import { instanceExists } from "../control/instance.ts";
import { refuseOpenSecrets } from "../control/secrets.ts";
import {
  becomeForGood,
  ownerFor,
  refuseStrangersFiles,
  serverIdentity,
} from "../control/server-user.ts";
import { ListeningSocket } from "../transport/listening-socket.ts";
import { startError } from "./report.ts";

/**
 * What a server does while it may still be root: it looks at whose the instance is, listens, and
 * becomes `server.user`, before it accepts anybody and before it writes anything.
 * @returns the socket, where there is another user to become; else the server listens by itself
 * @throws ControlError that says what to mend
 */
export async function listenFirst(
  root: string,
  { server }: Pick<Config, "server">,
  paused: boolean,
): Promise<ListeningSocket | undefined> {
  const identity = serverIdentity(server);
  if (identity !== undefined) refuseStrangersFiles(root, identity);
  // Those of a new one are closed when it is made.
  if (instanceExists(root)) refuseOpenSecrets(root, ownerFor(identity));
  if (identity === undefined) return undefined;
  const { host, port } = server;
  try {
    return await ListeningSocket.open({ host, port, paused }, () => becomeForGood(identity));
  } catch (thrown) {
    throw startError(thrown, server);
  }
}
