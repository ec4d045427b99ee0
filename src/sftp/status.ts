import { type FsError, type FsErrorCode, toFsError } from "../errors.ts";
import { StatusCode } from "./constants.ts";
import { MalformedError } from "./reader.ts";

export interface Status {
  readonly code: StatusCode;
  /** for the client: OpenSSH's own, or what went wrong (FAILURE); never a host path */
  readonly text: string;
}

/**
 * The texts of OpenSSH's server, for the codes that say enough. Some clients compare them: node-ssh
 * makes missing directories only where it reads exactly "No such file".
 */
export const OPENSSH_TEXTS = {
  [StatusCode.OK]: "Success",
  [StatusCode.EOF]: "End of file",
  [StatusCode.NO_SUCH_FILE]: "No such file",
  [StatusCode.PERMISSION_DENIED]: "Permission denied",
  [StatusCode.BAD_MESSAGE]: "Bad message",
  [StatusCode.OP_UNSUPPORTED]: "Operation unsupported",
} as const;

type ToldCode = keyof typeof OPENSSH_TEXTS;

/**
 * The one map from failed file operations to SFTP version 3: a code that says enough, or the text
 * that says what FAILURE doesn't.
 */
const STATUSES: Readonly<Record<FsErrorCode, ToldCode | string>> = {
  ENOENT: StatusCode.NO_SUCH_FILE,
  ENOTDIR: StatusCode.NO_SUCH_FILE,
  ELOOP: StatusCode.NO_SUCH_FILE,
  EACCES: StatusCode.PERMISSION_DENIED,
  EPERM: StatusCode.PERMISSION_DENIED,
  EROFS: StatusCode.PERMISSION_DENIED,
  EINVAL: StatusCode.BAD_MESSAGE,
  ENAMETOOLONG: StatusCode.BAD_MESSAGE,
  EOPNOTSUPP: StatusCode.OP_UNSUPPORTED,
  EEXIST: "File already exists",
  ENOTEMPTY: "Directory not empty",
  EISDIR: "Is a directory",
  EBADF: "Bad handle",
  ENOSPC: "No space left on the server's disk",
  EDQUOT: "Quota exceeded",
  EXDEV: "Not on the same filesystem",
  EMLINK: "Too many links to the file",
  EMFILE: "Too many open handles",
  EBUSY: "File is busy",
  EFBIG: "File too large",
  EIO: "Input/output error",
};

/** The status that answers whatever an operation threw. */
export function toStatus(thrown: unknown): Status {
  if (thrown instanceof MalformedError) return told(StatusCode.BAD_MESSAGE);
  const error: FsError = toFsError(thrown);
  const status = STATUSES[error.code];
  if (typeof status === "number") return told(status);
  return {
    code: StatusCode.FAILURE,
    text: error.message === error.code ? status : error.message,
  };
}

function told(code: ToldCode): Status {
  return { code, text: OPENSSH_TEXTS[code] };
}
