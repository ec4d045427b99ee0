import { type FsErrorCode, toFsError } from "../errors.ts";
import { StatusCode } from "./wire/constants.ts";
import { MalformedError } from "./wire/reader.ts";

export interface Status {
  readonly code: StatusCode;
  /** for the client: OpenSSH's own, or what went wrong (FAILURE); never a host path */
  readonly text: string;
}

/**
 * The texts of OpenSSH's server, for there are clients that go by the text: node-ssh makes missing
 * directories only after "No such file". Only FAILURE, which says nothing, has others in its place.
 */
export const TEXTS: Readonly<Record<StatusCode, string>> = {
  [StatusCode.OK]: "Success",
  [StatusCode.EOF]: "End of file",
  [StatusCode.NO_SUCH_FILE]: "No such file",
  [StatusCode.PERMISSION_DENIED]: "Permission denied",
  [StatusCode.FAILURE]: "Failure",
  [StatusCode.BAD_MESSAGE]: "Bad message",
  [StatusCode.NO_CONNECTION]: "No connection",
  [StatusCode.CONNECTION_LOST]: "Connection lost",
  [StatusCode.OP_UNSUPPORTED]: "Operation unsupported",
};

/** The codes for failed file operations that SFTP version 3 has one of its own for. */
const CODES: Readonly<Partial<Record<FsErrorCode, StatusCode>>> = {
  ENOENT: StatusCode.NO_SUCH_FILE,
  ENOTDIR: StatusCode.NO_SUCH_FILE,
  ELOOP: StatusCode.NO_SUCH_FILE,
  EACCES: StatusCode.PERMISSION_DENIED,
  EPERM: StatusCode.PERMISSION_DENIED,
  EROFS: StatusCode.PERMISSION_DENIED,
  EINVAL: StatusCode.BAD_MESSAGE,
  ENAMETOOLONG: StatusCode.BAD_MESSAGE,
  EOPNOTSUPP: StatusCode.OP_UNSUPPORTED,
};

/** What FAILURE says for the others. */
const FAILURES: Readonly<Partial<Record<FsErrorCode, string>>> = {
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
  if (thrown instanceof MalformedError) return status(StatusCode.BAD_MESSAGE);
  const { code, message } = toFsError(thrown);
  const own = CODES[code];
  if (own !== undefined) return status(own);
  const text = message === code ? FAILURES[code] : message;
  return { code: StatusCode.FAILURE, text: text ?? TEXTS[StatusCode.FAILURE] };
}

function status(code: StatusCode): Status {
  return { code, text: TEXTS[code] };
}
