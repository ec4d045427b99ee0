import type { Counted, Level } from "../tally.ts";

/** A metric as Prometheus knows it. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  /** names of labels, with the values that are shown from the beginning */
  readonly labels?: Readonly<Record<string, readonly string[]>>;
}

/** The first words of what is counted. */
type Word<T extends string> = T extends `${infer First} ${string}` ? First : T;

const DIRECTION = ["upload", "download"];

/** What processes count, by the first word of the tally. */
export const COUNTED: Readonly<Record<Word<Counted>, Family>> = {
  connections: {
    name: "moorage_connections_total",
    type: "counter",
    help: "Connections that were accepted from the network, also those refused then.",
  },
  refused: {
    name: "moorage_connections_refused_total",
    type: "counter",
    help: "Connections that were refused: by a list or ban, by a penalty, because too many had not logged in, because too many passwords waited.",
    labels: { reason: ["address", "penalty", "room", "passwords"] },
  },
  logins: {
    name: "moorage_logins_total",
    type: "counter",
    help: "Logins: accepted, failed, or right and refused by a limit.",
    labels: {
      method: ["password", "keyboard-interactive", "publickey"],
      result: ["accepted", "failed", "refused"],
    },
  },
  bytes: {
    name: "moorage_transfer_bytes_total",
    type: "counter",
    help: "Bytes of files that clients sent and received.",
    labels: { direction: DIRECTION },
  },
  files: {
    name: "moorage_transfer_files_total",
    type: "counter",
    help: "Files that were transferred; unfinished ones were open when their connection ended, or were ended.",
    labels: { direction: DIRECTION, result: ["done", "unfinished"] },
  },
  failedWrites: {
    name: "moorage_store_write_failures_total",
    type: "counter",
    help: "Writes to the database that failed: its lock was taken for too long, the disk is full, another error.",
    labels: { reason: ["busy", "full", "error"] },
  },
  lostRecords: {
    name: "moorage_audit_records_lost_total",
    type: "counter",
    help: "Records of the audit trail that could not be written.",
  },
};

/** What there is now, by the first word of the tally. */
export const LEVELS: Readonly<Record<Word<Level>, Family>> = {
  transfers: {
    name: "moorage_transfers",
    type: "gauge",
    help: "Files that clients have open now.",
    labels: { direction: DIRECTION },
  },
  queue: {
    name: "moorage_queue_length",
    type: "gauge",
    help: "How many wait: correct logins for a free place, passwords to be hashed, checksums, reads and writes of files that threads work on, writes for the database's lock.",
    labels: { queue: ["logins", "passwords", "checksums", "files", "store"] },
  },
};

export const WRITE_SECONDS: Family = {
  name: "moorage_store_write_duration_seconds",
  type: "histogram",
  help: "How long transactions of the database took: their statements, and the commit.",
  labels: { step: ["write", "commit"] },
};

function gauge(name: string, help: string, labels?: Family["labels"]): Family {
  return { name, type: "gauge", help, ...(labels !== undefined && { labels }) };
}

/** What is looked up when somebody asks. */
export const LOOKED_UP = {
  build: gauge("moorage_build_info", "Always 1; the version is in the labels."),
  startTime: gauge("moorage_start_time_seconds", "When the server was started, in Unix time."),
  workers: gauge("moorage_workers", "Processes that serve."),
  sessions: gauge("moorage_sessions", "Sessions that are logged in."),
  sessionsLimit: gauge("moorage_sessions_limit", "The most there may be (limits.max_sessions)."),
  loopDelay: gauge(
    "moorage_event_loop_delay_seconds",
    "What people waited for the event loop within the last minute, in the process where it was longest.",
    { quantile: ["0.5", "0.99", "1"] },
  ),
  memory: gauge("moorage_process_resident_memory_bytes", "Memory of each process."),
  users: gauge("moorage_users", "User accounts."),
  quotaUsed: gauge("moorage_quota_used_bytes", "What all users store, by the books.", {
    kind: ["user", "folder"],
  }),
  quotaLimit: gauge(
    "moorage_quota_limit_bytes",
    "The sum of all quotas, as far as there are any.",
    {
      kind: ["user", "folder"],
    },
  ),
  quotaFiles: gauge("moorage_quota_files", "Files and directories of all users, by the books.", {
    kind: ["user", "folder"],
  }),
  quotaPressed: gauge(
    "moorage_quota_homes",
    "Users and folders that have used 80 % of their quota or more (near), or all of it (over).",
    { kind: ["user", "folder"], state: ["near", "over"] },
  ),
  diskFree: gauge("moorage_disk_free_bytes", "Free room for the server's user.", {
    directory: ["homes", "db"],
  }),
  diskSize: gauge("moorage_disk_size_bytes", "The size of the disk.", {
    directory: ["homes", "db"],
  }),
  diskFull: gauge("moorage_disk_full", "Whether new data is refused for want of room: 1, or 0."),
  penalties: gauge("moorage_penalties", "Addresses that are refused now for failed logins."),
  bans: gauge("moorage_bans", "Addresses and networks that are banned now."),
  unreached: gauge(
    "moorage_processes_unreached",
    "Processes that did not tell their figures in time: those they told last are counted.",
  ),
  userUsed: gauge("moorage_user_used_bytes", "What a user stores (metrics.users)."),
  userLimit: gauge("moorage_user_quota_bytes", "A user's quota, if there is one (metrics.users)."),
  userFiles: gauge("moorage_user_files", "A user's files and directories (metrics.users)."),
  userSessions: gauge("moorage_user_sessions", "A user's sessions (metrics.users)."),
  usersLeftOut: gauge(
    "moorage_users_left_out",
    "Users without series of their own: those with the most bytes have them (metrics.users).",
  ),
} as const satisfies Readonly<Record<string, Family>>;

export const ALL_FAMILIES: readonly Family[] = [
  ...Object.values(COUNTED),
  ...Object.values(LEVELS),
  WRITE_SECONDS,
  ...Object.values(LOOKED_UP),
];
