/**
 * The closed list of ways a filesystem operation can fail, named as in POSIX errno.
 * EDQUOT is the user's quota; ENOSPC is the disk.
 */
export const FS_ERROR_CODES = [
  "ENOENT",
  "ENOTDIR",
  "ELOOP",
  "EACCES",
  "EPERM",
  "EROFS",
  "EINVAL",
  "ENAMETOOLONG",
  "EEXIST",
  "ENOTEMPTY",
  "EISDIR",
  "EBADF",
  "ENOSPC",
  "EDQUOT",
  "EXDEV",
  "EMLINK",
  "EMFILE",
  "EBUSY",
  "EFBIG",
  "EOPNOTSUPP",
  "EIO",
] as const;

export type FsErrorCode = (typeof FS_ERROR_CODES)[number];

const KNOWN: ReadonlySet<string> = new Set(FS_ERROR_CODES);

const ALIASES: Readonly<Record<string, FsErrorCode>> = {
  ENOTSUP: "EOPNOTSUPP",
  ENOSYS: "EOPNOTSUPP",
  ETXTBSY: "EBUSY",
  ERR_INVALID_ARG_VALUE: "EINVAL",
  ERR_OUT_OF_RANGE: "EINVAL",
};

/** What clients read when it is the server that lacks something; by the start of the code. */
const SERVERS_OWN: readonly [start: string, code: FsErrorCode, text: string][] = [
  ["EMFILE", "EMFILE", "The server has too many files open: try again later"],
  ["ENFILE", "EMFILE", "The server has too many files open: try again later"],
  ["SQLITE_BUSY", "EBUSY", "The server's database is busy: try again"],
  ["SQLITE_FULL", "ENOSPC", "The server's disk is full"],
  ["DATABASE_GONE", "EIO", "The server's database can't be reached now: try again later"],
];

/** A failed filesystem operation. The message never holds a host path and may go to the client. */
export class FsError extends Error {
  readonly code: FsErrorCode;

  /** @param text what the client may read; without it the fixed text of the code is used */
  constructor(code: FsErrorCode, text?: string) {
    // Expected outcomes, thousands a second: nobody reads their stack, and taking it costs most.
    const limit = Error.stackTraceLimit;
    Error.stackTraceLimit = 0;
    super(text ?? code);
    Error.stackTraceLimit = limit;
    this.name = "FsError";
    this.code = code;
  }
}

/**
 * The instance is not as it was left: its disks, its database, a home. The message is one line that
 * says what to do about it; it is for administrators and logs, and names no path of the host above
 * the instance but in a command to be run.
 */
export class InstanceError extends Error {
  override readonly name = "InstanceError";
}

/** What any thrown value means as an FsError. Node's own message is dropped: it holds host paths. */
export function toFsError(thrown: unknown): FsError {
  if (thrown instanceof FsError) return thrown;
  const code = (thrown as { code?: unknown } | null)?.code;
  if (typeof code !== "string") return new FsError("EIO");
  const own = SERVERS_OWN.find(([start]) => code.startsWith(start));
  if (own !== undefined) return new FsError(own[1], own[2]);
  if (KNOWN.has(code)) return new FsError(code as FsErrorCode);
  return new FsError(ALIASES[code] ?? "EIO");
}

/**
 * What a log says of an error: its kind and code. A message may hold host paths or a client's text,
 * but not that of an {@link InstanceError}, or of a database that is away.
 */
export function errorName(thrown: unknown): string {
  if (thrown instanceof InstanceError) return thrown.message;
  if (!(thrown instanceof Error)) return "unknown";
  const { code } = thrown as { code?: unknown };
  if (code === "DATABASE_GONE") return thrown.message;
  return typeof code === "string" ? `${thrown.name} ${code}` : thrown.name;
}
