import type { Method } from "./protocol.ts";

/**
 * What may be asked of a process of another machine: what a server tells of itself, and what needs one
 * that runs. All else is done in the database by any process; and no password is ever written into a row.
 */
const RELAYED: ReadonlySet<Method> = new Set<Method>([
  "overview",
  "health",
  "hostKeys",
  "metrics.own",
  "reload",
  "renew",
  "sessions.here",
  "sessions.kick",
  "sessions.list",
  "sessions.own",
  "settings",
  "stop",
  "stopping",
  "transfers.end",
  "users.kick",
]);

export function isRelayed(method: Method): boolean {
  return RELAYED.has(method);
}
