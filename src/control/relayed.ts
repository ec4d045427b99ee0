import type { Method } from "./protocol.ts";

/**
 * What may be asked of a process of another machine: what only that process can tell or do. All else is
 * done in the database, by any process; and no password is ever written into a row.
 */
const RELAYED: ReadonlySet<Method> = new Set<Method>([
  "overview",
  "health",
  "hostKeys",
  "metrics.own",
  "renew",
  "sessions.here",
  "sessions.own",
  "settings",
  "stop",
  "stopping",
]);

export function isRelayed(method: Method): boolean {
  return RELAYED.has(method);
}
