import { StatusCode } from "../sftp/wire/constants.ts";
import type { LoginFailure } from "./types.ts";

/** A connection that could not be made. The message is one line for the person. */
export class LoginError extends Error {
  readonly failure: LoginFailure;
  /** true when the same login may succeed a moment later */
  readonly willPass: boolean;

  constructor(failure: LoginFailure, message: string, willPass = false) {
    super(message);
    this.name = "LoginError";
    this.failure = failure;
    this.willPass = willPass;
  }
}

interface Details {
  /** SSH_FX_*; undefined: not from the server */
  readonly status?: number;
  /** the connection is gone, and the same may work on a new one */
  readonly lost?: boolean;
}

/** A request that failed. The message is one line with the path. */
export class RemoteError extends Error {
  readonly status: number | undefined;
  readonly lost: boolean;
  /** the message without the path */
  readonly reason: string;

  constructor(path: string | undefined, reason: string, { status, lost = false }: Details = {}) {
    super(path === undefined ? reason : `${path}: ${reason}`);
    this.name = "RemoteError";
    this.reason = reason;
    this.status = status;
    this.lost = lost;
  }
}

/** The server ended the session on purpose. The connection is not made anew. */
export class EndedError extends RemoteError {
  constructor(reason: string) {
    super(undefined, reason, { lost: true });
    this.name = "EndedError";
  }
}

/** What kind of failure it was, for scripts. */
export type FailureCode =
  | "no-such-file"
  | "permission-denied"
  | "no-space"
  | "quota-exceeded"
  | "is-a-directory"
  | "not-a-directory"
  | "not-a-file"
  | "name-too-long"
  | "in-use"
  | "changed"
  | "differs"
  | "connection-lost"
  | "session-ended"
  | "unsupported"
  | "cancelled"
  | "failed";

/** A checksum that did not come in time. The server may be well, and answer later. */
export class LateError extends RemoteError {
  constructor(path: string) {
    super(path, "the server did not answer in time");
  }
}

/** One file of a job that failed for a reason of its own: changed, corrupt, not a file. */
export class FileError extends Error {
  /** what was transferred so far is kept and can be continued */
  readonly resumable: boolean;
  readonly code: FailureCode;

  constructor(message: string, code: FailureCode = "failed", resumable = false) {
    super(message);
    this.name = "FileError";
    this.code = code;
    this.resumable = resumable;
  }
}

const LOCAL: Readonly<Record<string, string>> = {
  ENOENT: "no such file or directory",
  EACCES: "permission denied",
  EPERM: "operation not permitted",
  ENOSPC: "no space left on this machine's disk",
  EDQUOT: "the disk quota on this machine is used up",
  EROFS: "this machine's file system is read-only",
  ENAMETOOLONG: "the name is too long",
  EISDIR: "is a directory",
  ENOTDIR: "a part of the path is not a directory",
  ELOOP: "is a symbolic link, which is not followed here",
  EEXIST: "exists already",
  EMFILE: "too many open files",
  EFBIG: "the file is too large for this machine's file system",
  EIO: "this machine's disk has an error",
};

/** The code of a failed call of the operating system, or undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof FileError) return undefined;
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}

const LOCAL_CODES: Readonly<Record<string, FailureCode>> = {
  ENOENT: "no-such-file",
  EACCES: "permission-denied",
  EPERM: "permission-denied",
  EROFS: "permission-denied",
  ENOSPC: "no-space",
  EDQUOT: "quota-exceeded",
  ENAMETOOLONG: "name-too-long",
  EISDIR: "is-a-directory",
  ENOTDIR: "not-a-directory",
};

/** A failed operation on a local file in one line, with its name. */
export function localError(path: string, thrown: unknown): FileError {
  const errno = errnoOf(thrown) ?? "";
  const full = errno === "ENOSPC" || errno === "EDQUOT";
  const text = LOCAL[errno] ?? `failed (${errno || "unknown"})`;
  return new FileError(`${path}: ${text}`, LOCAL_CODES[errno], full);
}

const REMOTE_CODES: Readonly<Record<number, FailureCode>> = {
  [StatusCode.NO_SUCH_FILE]: "no-such-file",
  [StatusCode.PERMISSION_DENIED]: "permission-denied",
  [StatusCode.OP_UNSUPPORTED]: "unsupported",
};

/** The kind of a failure. Of servers that only say "Failure" their text tells what they have. */
export function failureCode(thrown: unknown): FailureCode {
  if (thrown instanceof FileError) return thrown.code;
  if (!(thrown instanceof RemoteError)) return "failed";
  if (thrown instanceof EndedError) return "session-ended";
  if (thrown.lost) return "connection-lost";
  if (/quota/i.test(thrown.reason)) return "quota-exceeded";
  if (/no space|is full/i.test(thrown.reason)) return "no-space";
  return REMOTE_CODES[thrown.status ?? -1] ?? "failed";
}
