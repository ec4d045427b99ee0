import type { Life } from "../store/life.ts";
import type { Change } from "../store/types.ts";

/** What `stop` gives running transfers when it isn't told, in milliseconds. */
export const STOP_GRACE_MS = 8_000;

/** What the servers of this machine are told: those of others serve on. */
export function stopOrder(graceMs: number, { options }: Pick<Life, "options">): string {
  return `${Math.round(graceMs)} ${options?.machine ?? ""}`.trimEnd();
}

/** @returns the milliseconds that transfers may still take; undefined: nobody here is to stop */
export function graceIn(
  { kind, detail }: Pick<Change, "kind" | "detail">,
  { options }: Pick<Life, "options">,
): number | undefined {
  if (kind !== "stop") return undefined;
  const [grace, machine = ""] = detail.split(" ");
  if (machine !== (options?.machine ?? "")) return undefined;
  return grace ? Number(grace) : STOP_GRACE_MS;
}
