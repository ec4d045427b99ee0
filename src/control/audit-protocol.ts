import type { AuditFilter } from "../store/audit-filter.ts";
import type { AuditGroup } from "../store/audit-groups.ts";
import type { AuditLine, AuditPlace } from "../store/audit-pages.ts";

/** Which records; `kinds` and the kinds of `groups` together are those that fit. */
export interface LogFilter extends Omit<AuditFilter, "network"> {
  readonly groups?: readonly AuditGroup[];
  /** an address, or a network as "192.0.2.0/24" */
  readonly address?: string;
}

export interface LogPageQuery extends LogFilter {
  /** the newest so many lines; default 100, at most 500 */
  readonly limit?: number;
  /** `next` of the page before this one */
  readonly before?: AuditPlace;
  /** records that belong together are one line, unless a path, a text or a batch is sought */
  readonly grouped?: boolean;
}

export interface LogPage {
  /** newest first */
  readonly lines: readonly AuditLine[];
  /** Absent: there are no more. A page that is not full may have one: then it took long to look. */
  readonly next?: AuditPlace;
}

export interface AuditMethods {
  "log.page": { params: LogPageQuery; result: LogPage };
  /** how many records fit, each for itself */
  "log.count": { params: LogFilter; result: { readonly records: number } };
}
