import { readFileSync } from "node:fs";
import type { Config } from "../config/types.ts";

/** What may be set so that it needs descriptors. */
type Limited = Pick<Config, "limits" | "auth">;

/** The server's own: the database, log and sockets, threads that hash, the walk along a path. */
const OWN = 80;

/** Connections that are read why they are refused. */
const MOST_REFUSED = 256;
/** What they, connections before login, and logins that wait take at most of what there is. */
const SHARES = { refused: 1 / 16, maxUnauthenticated: 1 / 4, queue: 1 / 8, hashQueue: 1 / 8 };

/** Of a session: its connection, its home, and a file. */
const OF_A_SESSION = 3;

/** What a process may have open, shared out. */
export interface DescriptorPlan {
  readonly maxSessions: number;
  /** logins that wait for a place */
  readonly queue: number;
  readonly maxUnauthenticated: number;
  /** connections that wait for a hash; those being hashed come on top */
  readonly hashQueue: number;
  /** connections that are told why they are refused */
  readonly refused: number;
  /** clients' files and directories */
  readonly files: number;
  /** true: the limits that are set need more than there is */
  readonly isShort: boolean;
}

/**
 * RLIMIT_NOFILE, which Node raises to its hard limit when it starts (getrlimit(2), proc(5)).
 * @param pid of another process of the same user
 */
export function descriptorLimit(pid: number | "self" = "self"): number {
  const limits = readFileSync(`/proc/${pid}/limits`, "latin1");
  const line = /^Max open files\s+(\d+)/m.exec(limits);
  return line === null ? Number.MAX_SAFE_INTEGER : Number(line[1]);
}

/**
 * Shares out the descriptors of a process. When there are too few for the limits that are set, none
 * of the kinds goes without.
 * @param limit descriptors that the process may have
 */
export function planDescriptors(limit: number, { limits: set, auth }: Limited): DescriptorPlan {
  const all = Math.max(0, limit - OWN - auth.hashConcurrency);
  const share = (wanted: number, most: number): number =>
    Math.min(wanted, Math.max(1, Math.floor(most)));
  const refused = share(MOST_REFUSED, all * SHARES.refused);
  const maxUnauthenticated = share(set.maxUnauthenticated, all * SHARES.maxUnauthenticated);
  const queue = share(set.queue, all * SHARES.queue);
  const hashQueue = share(auth.hashQueue, all * SHARES.hashQueue);
  const left = all - refused - maxUnauthenticated - queue - hashQueue;
  const maxSessions = share(set.maxSessions, left / OF_A_SESSION);
  const files = Math.max(1, left - 2 * maxSessions);
  const given = maxSessions + queue + maxUnauthenticated + hashQueue;
  const isShort = given < set.maxSessions + set.queue + set.maxUnauthenticated + auth.hashQueue;
  return { maxSessions, queue, maxUnauthenticated, hashQueue, refused, files, isShort };
}

/**
 * The settings as they can be kept: those of `config`, which may change, with the limits on
 * connections fitted to what the process may have open.
 */
export function withFittedLimits(config: Config, limit: number): Config {
  const planned = (key: keyof Omit<DescriptorPlan, "isShort">): PropertyDescriptor => ({
    get: () => planDescriptors(limit, config)[key],
  });
  const limits = Object.create(config.limits, {
    maxSessions: planned("maxSessions"),
    queue: planned("queue"),
    maxUnauthenticated: planned("maxUnauthenticated"),
  }) as Config["limits"];
  const auth = Object.create(config.auth, { hashQueue: planned("hashQueue") }) as Config["auth"];
  return Object.create(config, { limits: { value: limits }, auth: { value: auth } }) as Config;
}
