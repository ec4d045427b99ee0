import { type FsError, type FsErrorCode, toFsError } from "../errors.ts";
import { StatusCode } from "./constants.ts";
import { MalformedError } from "./reader.ts";

export interface Status {
  readonly code: StatusCode;
  /** for the client: fixed texts, or the quota's; never a host path */
  readonly text: string;
}

/** The one map from failed file operations to SFTP version 3. */
const STATUSES: Readonly<Record<FsErrorCode, Status>> = {
  ENOENT: { code: StatusCode.NO_SUCH_FILE, text: "No such file or directory" },
  ENOTDIR: { code: StatusCode.NO_SUCH_FILE, text: "A part of the path is not a directory" },
  ELOOP: { code: StatusCode.NO_SUCH_FILE, text: "Too many links in the path" },
  EACCES: { code: StatusCode.PERMISSION_DENIED, text: "Permission denied" },
  EPERM: { code: StatusCode.PERMISSION_DENIED, text: "Operation not permitted" },
  EROFS: { code: StatusCode.PERMISSION_DENIED, text: "Read-only" },
  EINVAL: { code: StatusCode.BAD_MESSAGE, text: "Invalid argument" },
  ENAMETOOLONG: { code: StatusCode.BAD_MESSAGE, text: "Name too long" },
  EOPNOTSUPP: { code: StatusCode.OP_UNSUPPORTED, text: "Operation not supported" },
  EEXIST: { code: StatusCode.FAILURE, text: "File already exists" },
  ENOTEMPTY: { code: StatusCode.FAILURE, text: "Directory not empty" },
  EISDIR: { code: StatusCode.FAILURE, text: "Is a directory" },
  EBADF: { code: StatusCode.FAILURE, text: "Bad handle" },
  ENOSPC: { code: StatusCode.FAILURE, text: "No space left on the server's disk" },
  EDQUOT: { code: StatusCode.FAILURE, text: "Quota exceeded" },
  EXDEV: { code: StatusCode.FAILURE, text: "Not on the same filesystem" },
  EMLINK: { code: StatusCode.FAILURE, text: "Too many links to the file" },
  EMFILE: { code: StatusCode.FAILURE, text: "Too many open handles" },
  EBUSY: { code: StatusCode.FAILURE, text: "File is busy" },
  EFBIG: { code: StatusCode.FAILURE, text: "File too large" },
  EIO: { code: StatusCode.FAILURE, text: "Input/output error" },
};

/** The status that answers whatever an operation threw. */
export function toStatus(thrown: unknown): Status {
  if (thrown instanceof MalformedError) {
    return { code: StatusCode.BAD_MESSAGE, text: "Malformed request" };
  }
  const error: FsError = toFsError(thrown);
  const status = STATUSES[error.code];
  return error.message === error.code ? status : { code: status.code, text: error.message };
}
