import type { ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { batch, CIPHER, sftpArgs } from "../client.ts";
import type { Peer } from "../peers.ts";
import { start, stop } from "../processes.ts";
import type { Workspace } from "../workspace.ts";

/** The file that bulk downloads fetch. */
export const SOURCE = "source";
/** How often a stream moves its file: more than any measurement takes. */
const REPEATS = 10_000;
const FIRST_BYTES_MS = 30_000;

/** What goes on while something is measured. */
export interface Bulk {
  readonly direction: "get" | "put";
  readonly streams: number;
}

interface Stream {
  readonly child: ChildProcess;
  readonly log: string;
  /** the file that grows, wherever it is on this disk */
  readonly arriving: string;
}

/** Does the work while stock sftp clients of this user move the large file, over and over. */
export async function beside<T>(
  user: Peer,
  workspace: Workspace,
  { direction, streams }: Bulk,
  work: () => Promise<T>,
): Promise<T> {
  const names = Array.from({ length: streams }, (_, i) => `bulk-${i + 1}`);
  const running: Stream[] = [];
  try {
    for (const name of names) running.push(startStream(user, workspace, direction, name));
    await Promise.all(running.map(flowing));
    const result = await work();
    running.forEach(mustRun);
    return result;
  } finally {
    await Promise.all(running.map(({ child }) => stop(child)));
    for (const name of names) rmSync(join(workspace.down, name), { force: true });
    // The minus sign: sftp goes on when a file isn't there.
    if (direction === "put") await remove(user, workspace, names);
  }
}

function remove(user: Peer, workspace: Workspace, names: readonly string[]): Promise<void> {
  return batch(
    user,
    workspace,
    CIPHER,
    names.map((name) => `-rm ${name}`),
  );
}

function startStream(
  user: Peer,
  workspace: Workspace,
  direction: Bulk["direction"],
  name: string,
): Stream {
  const { root, down, payload } = workspace;
  const target = join(down, name);
  const line = direction === "get" ? `get ${SOURCE} ${target}` : `put ${payload} ${name}`;
  const file = join(root, `${name}.batch`);
  const log = join(root, `${name}.log`);
  writeFileSync(file, `${line}\n`.repeat(REPEATS));
  const descriptor = openSync(log, "w");
  const child = start("sftp", sftpArgs(user, workspace, CIPHER, file), descriptor);
  closeSync(descriptor);
  return { child, log, arriving: direction === "get" ? target : join(user.home, name) };
}

async function flowing(stream: Stream): Promise<void> {
  const end = Date.now() + FIRST_BYTES_MS;
  while (!hasBytes(stream.arriving)) {
    mustRun(stream);
    if (Date.now() > end) throw new Error(`${stream.arriving}: no byte arrives`);
    await sleep(10);
  }
}

function hasBytes(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0;
}

function mustRun({ child, log }: Stream): void {
  if (child.exitCode === null && child.signalCode === null) return;
  throw new Error(`a bulk transfer ended too soon: ${readFileSync(log, "utf8").slice(-500)}`);
}
