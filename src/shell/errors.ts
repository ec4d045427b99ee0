import { type FsErrorCode, toFsError } from "../errors.ts";

/** What the system's own tools print for the codes. */
const TEXTS: Readonly<Record<FsErrorCode, string>> = {
  ENOENT: "No such file or directory",
  ENOTDIR: "Not a directory",
  ELOOP: "Too many levels of symbolic links",
  EACCES: "Permission denied",
  EPERM: "Operation not permitted",
  EROFS: "Read-only file system",
  EINVAL: "Invalid argument",
  ENAMETOOLONG: "File name too long",
  EEXIST: "File exists",
  ENOTEMPTY: "Directory not empty",
  EISDIR: "Is a directory",
  EBADF: "Bad file descriptor",
  ENOSPC: "No space left on device",
  EDQUOT: "Disk quota exceeded",
  EXDEV: "Invalid cross-device link",
  EMLINK: "Too many links",
  EMFILE: "Too many open files",
  EBUSY: "Device or resource busy",
  EFBIG: "File too large",
  EOPNOTSUPP: "Operation not supported",
  EIO: "Input/output error",
};

/** Why an operation on a file failed, for the user; never a host path. */
export function reason(thrown: unknown): string {
  const error = toFsError(thrown);
  return error.message === error.code ? TEXTS[error.code] : error.message;
}

/** A command line that is not understood. The message is one line, for the user. */
export class ShellSyntaxError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ShellSyntaxError";
  }
}

/** The command was ended from outside; `status` is its exit code (128 + signal). */
export class Interrupted extends Error {
  readonly status: number;

  constructor(status = 130) {
    super("interrupted");
    this.name = "Interrupted";
    this.status = status;
  }
}

/** Wrong options or operands. The message is one line, without the command's name. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "UsageError";
  }
}

/** Ends a command with a message and an exit code. */
export class CommandError extends Error {
  readonly status: number;

  constructor(message: string, status = 1) {
    super(message);
    this.name = "CommandError";
    this.status = status;
  }
}

/** Whatever made the signal abort, as an {@link Interrupted}. */
export function interruption(signal: AbortSignal): Interrupted {
  return signal.reason instanceof Interrupted ? signal.reason : new Interrupted();
}
