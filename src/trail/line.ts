import type { AuditRecord } from "../store/types.ts";
import { safeJson } from "../text/safe.ts";

/** A record as one line of JSON, as `logs --json --follow` prints it. */
export function jsonLine({ at, ...record }: AuditRecord): string {
  return safeJson({ at: new Date(at).toISOString(), ...record });
}
