import type { Crossing } from "../quota/marks.ts";
import type { AuditStore } from "../store/audit.ts";
import { roundSize } from "../text/units.ts";

/** The one place that hears of it when a user's usage goes over a mark. */
export function quotaCrossed(audit: Pick<AuditStore, "record">, crossing: Crossing): void {
  const { user, of, mark, used, quota } = crossing;
  const shown = of === "bytes" ? roundSize : (files: number): string => `${files}`;
  const what = of === "bytes" ? "" : " files";
  const detail = `over ${mark} %: ${shown(used)} of ${shown(quota)}${what} used`;
  audit.record({ kind: "quota-warning", user, detail, ...(of === "bytes" && { bytes: used }) });
}
