import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { openRemote } from "../../src/client/login/login.ts";
import type { ClientConnection } from "../../src/client/remote/remote.ts";
import { type Journal, openJournal } from "../../src/client/transfer/journal.ts";
import { runJob } from "../../src/client/transfer/transfer.ts";
import type {
  LoginOptions,
  Prompts,
  TransferEvent,
  TransferJob,
  TransferSummary,
} from "../../src/client/types.ts";
import type { LineProxy } from "./proxy.ts";
import { type KeyPair, makeKey } from "./ssh-client.ts";

/** Where a client of a test lives: its key, its known hosts, its journal, its files. */
export interface ClientHome {
  readonly directory: string;
  readonly key: KeyPair;
  readonly state: string;
  readonly journal: Journal;
  /** a path in the directory */
  path(name: string): string;
  login(port: number, user?: string): LoginOptions;
  remove(): Promise<void>;
}

export async function makeClientHome(): Promise<ClientHome> {
  const directory = await mkdtemp(join(tmpdir(), "moorage-client-"));
  const key = makeKey();
  const path = (name: string): string => join(directory, name);
  await writeFile(path("key"), key.private, { mode: 0o600 });
  return {
    directory,
    key,
    state: path("state"),
    journal: openJournal(path("state")),
    path,
    login: (port, user = "ann") => ({
      target: { host: "127.0.0.1", user },
      port,
      identities: [path("key")],
      acceptNew: true,
      configFile: "none",
      knownHosts: path("known_hosts"),
    }),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

/** Nobody answers. */
export const NOBODY: Prompts = {
  secret: () => Promise.resolve(undefined),
  confirm: () => Promise.resolve(false),
  notice: () => {},
};

/** Logs in by the home's key; lost connections are made anew soon. */
export async function connectClient(
  home: ClientHome,
  port: number,
  user?: string,
): Promise<ClientConnection> {
  const connection = await openRemote(home.login(port, user), NOBODY);
  connection.retry = { tries: 60, firstMs: 20, longestMs: 500 };
  return connection;
}

export type JobChange = Partial<TransferJob> &
  Pick<TransferJob, "direction" | "sources" | "target">;

export function jobOf(change: JobChange): TransferJob {
  const plain = { recursive: false, preserve: false, resume: true, verify: true, parallel: 2 };
  return { ...plain, ...change };
}

export interface Ran {
  readonly summary: TransferSummary;
  readonly events: TransferEvent[];
}

/** Events of one kind. */
export function only<T extends TransferEvent["type"]>(
  events: readonly TransferEvent[],
  type: T,
): Extract<TransferEvent, { readonly type: T }>[] {
  return events.filter((event) => event.type === type) as Extract<
    TransferEvent,
    { readonly type: T }
  >[];
}

/** Runs a job in this process. */
export async function transfer(
  home: ClientHome,
  connection: ClientConnection,
  change: JobChange,
  options: { signal?: AbortSignal; onEvent?: (event: TransferEvent) => void } = {},
): Promise<Ran> {
  const events: TransferEvent[] = [];
  const summary = await runJob(connection, jobOf(change), {
    journal: home.journal,
    signal: options.signal ?? new AbortController().signal,
    onEvent: (event) => {
      events.push(event);
      options.onEvent?.(event);
    },
  });
  return { summary, events };
}

const MIB = 1024 * 1024;

/**
 * Cuts the line under a transfer until the journal knows of more than 3 MiB: on a busy machine less
 * is acknowledged than was carried. The file has more than 9 MiB.
 */
export async function breakOff(
  home: ClientHome,
  connection: ClientConnection,
  line: LineProxy,
  run: () => Promise<Ran>,
): Promise<void> {
  const { retry } = connection;
  for (const carried of [6, 2, 1, 1, 1]) {
    await connection.live();
    connection.retry = { tries: 0, firstMs: 1, longestMs: 1 };
    line.cutAfter(carried * MIB);
    await run().catch(() => {});
    connection.retry = retry;
    const last = (await home.journal.list()).at(-1);
    if ((last?.offset ?? 0) > 3 * MIB) return;
  }
  throw new Error("too little arrived");
}

const CHILD = fileURLToPath(new URL("./transfer-child.mjs", import.meta.url));

export interface TransferProcess {
  readonly child: ChildProcess;
  readonly events: TransferEvent[];
  /** the exit code; null when a signal ended it */
  readonly exited: Promise<number | null>;
}

/** Runs a job in a process of its own, on the built program. */
export function spawnTransfer(home: ClientHome, port: number, change: JobChange): TransferProcess {
  const task = { login: home.login(port), job: jobOf(change), state: home.state };
  const child = spawn(process.execPath, [CHILD, JSON.stringify(task)], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, SSH_AUTH_SOCK: "" },
  });
  const events: TransferEvent[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => events.push(JSON.parse(line)));
  const exited = new Promise<number | null>((resolve) => child.once("close", resolve));
  return { child, events, exited };
}
