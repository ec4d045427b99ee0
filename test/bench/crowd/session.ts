import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Client } from "ssh2";
import { OpenFlag } from "../../../src/sftp/wire/constants.ts";
import { duplexWire, SftpClient } from "../../support/sftp-client.ts";
import { login, openSubsystem } from "../../support/ssh-client.ts";
import { CIPHER } from "../client.ts";
import type { Peer } from "../peers.ts";
import type { Workspace } from "../workspace.ts";

/** After so long a session that is measured is given up: the server no longer answers. */
const LIMIT_MS = 120_000;
/** After so long fewer requests than asked for must do. */
const BUDGET_MS = 30_000;
/** Requests that aren't timed: both ends compile their code first. */
const WARM_UP = 200;

/** An established SFTP session. */
export interface Session {
  readonly client: Client;
  readonly sftp: SftpClient;
}

// These sessions are those of ssh2's client in this process, which does nothing else meanwhile. Stock
// ssh (`ssh -s … sftp`) has more noise of its own: it is one more process between two pipes, which must
// get a processor for each request and for each answer. Once both were warm, the median STAT of an
// idle server took 70 µs through stock ssh and 48 µs through ssh2.
export async function openSession(peer: Peer, workspace: Workspace): Promise<Session> {
  const client = await login(peer, {
    username: peer.user,
    localAddress: peer.from,
    privateKey: readFileSync(workspace.key),
    algorithms: { cipher: [CIPHER] },
    // The default keeps a line for each packet.
    debug: () => {},
  });
  try {
    const sftp = new SftpClient(duplexWire(await openSubsystem(client)));
    await sftp.init();
    return { client, sftp };
  } catch (error) {
    client.destroy();
    throw error;
  }
}

export async function closeSession({ client }: Session): Promise<void> {
  const closed = once(client, "close");
  client.end();
  await closed;
}

/** Times an exchange over a session of its own. Resolves to milliseconds, one for each time. */
export async function timeExchanges(
  peer: Peer,
  workspace: Workspace,
  count: number,
  exchange: (sftp: SftpClient) => Promise<void>,
): Promise<number[]> {
  const session = await openSession(peer, workspace);
  const timer = setTimeout(() => session.client.destroy(), LIMIT_MS);
  try {
    for (let i = 0; i < WARM_UP; i += 1) await exchange(session.sftp);
    const times = await timed(count, () => exchange(session.sftp));
    await closeSession(session);
    return times;
  } finally {
    clearTimeout(timer);
    session.client.destroy();
  }
}

async function timed(count: number, exchange: () => Promise<void>): Promise<number[]> {
  const times: number[] = [];
  const end = performance.now() + BUDGET_MS;
  for (let now = performance.now(); times.length < count && now < end; ) {
    await exchange();
    const then = performance.now();
    times.push(then - now);
    now = then;
  }
  return times;
}

/** What a client does for a small file, each request after the answer to the one before. */
export async function getFile(sftp: SftpClient, name: string, bytes: number): Promise<void> {
  const { requests } = sftp;
  const handle = await sftp.open(name, OpenFlag.READ);
  const { size } = (await sftp.call(requests.fstat(handle))).attrs;
  const { data } = await sftp.call(requests.read(handle, 0, size));
  await sftp.ok(requests.close(handle));
  if (data.length !== bytes) throw new Error(`${name}: ${data.length} bytes instead of ${bytes}`);
}

export async function statFile(sftp: SftpClient, name: string, bytes: number): Promise<void> {
  const { size } = (await sftp.call(sftp.requests.stat(name))).attrs;
  if (size !== bytes) throw new Error(`${name}: ${size} bytes instead of ${bytes}`);
}
