import type { AuditRecord } from "../store/types.ts";

/** A second's counters; the server keeps the last ten minutes. */
export interface Sample {
  readonly at: number;
  /** bytes of file content received and sent in that second */
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly sessions: number;
  readonly logins: number;
  /** failed logins, and correct ones that were not let in */
  readonly refusals: number;
}

/** The disk that homes/ is on. */
export interface DiskInfo {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** new data is refused: this disk or the database's has too little room left */
  readonly full: boolean;
}

/**
 * What people waited for the event loop within the last minute, in milliseconds; of several workers
 * the longest.
 */
export interface LoopDelay {
  /** half of the time no more than that */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** A receiver of events that was not reached the last time. */
export interface FailingReceiver {
  readonly name: string;
  /** events that wait for it */
  readonly queued: number;
  readonly lastError: string;
}

/** How full a user's home or a shared folder is. The name of a folder begins with "@". */
export interface HomeUse {
  readonly name: string;
  readonly usedBytes: number;
  /** null: no limit */
  readonly quotaBytes: number | null;
}

/** Of the process that was asked, but for `sessions` and `users`: those of all processes. */
export interface Overview {
  readonly version: string;
  readonly pid: number;
  readonly node: string;
  readonly listen: string;
  readonly startedAt: number;
  readonly stopping: boolean;
  readonly sessions: { readonly active: number; readonly waiting: number; readonly max: number };
  readonly users: number;
  /** since the start */
  readonly totals: {
    readonly logins: number;
    readonly failedLogins: number;
    readonly refusals: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
  };
  readonly disk: DiskInfo;
  readonly memoryBytes: number;
  readonly loopDelay: LoopDelay;
  /** true when the process that is asked has workers that it can replace */
  readonly canRenew: boolean;
  readonly failingReceivers: readonly FailingReceiver[];
  /** the homes and folders with most stored, the fullest first */
  readonly mostUsed: readonly HomeUse[];
  /** oldest first */
  readonly samples: readonly Sample[];
  /** newest last */
  readonly events: readonly AuditRecord[];
}
