import type { Digests } from "../digests/types.ts";
import type { NewPasswords } from "../text/new-password.ts";
import type { Turn } from "../turn.ts";
import type { ByteString, VirtualPath } from "../vfs/path.ts";
import { ROOT } from "../vfs/path.ts";
import type { UserFileSystem } from "../vfs/types.ts";

/** A user's quota; null: no limit. */
export interface QuotaUsage {
  readonly usedBytes: number;
  readonly quotaBytes: number | null;
  readonly usedFiles: number;
  readonly quotaFiles: number | null;
}

/** One of the user's own sessions; `since` in milliseconds since the epoch. */
export interface OwnSession {
  readonly id: number;
  readonly remote: string;
  readonly client: string;
  readonly since: number;
}

/** A second factor (RFC 6238) that is still to be confirmed. */
export interface NewOwnFactor {
  /** base32, in groups of four */
  readonly secret: string;
  readonly uri: string;
  /** the URI for a terminal, lines with "\n" */
  readonly qr: string;
  /** The recovery codes; undefined when the code is wrong, a text: why it can't be done. */
  accept(code: string): Promise<readonly string[] | string | undefined>;
}

/** The user's own second factor. Where something can't be done, a text says why. */
export interface OwnFactor {
  /** the session is for enrolling alone */
  readonly mustEnrol: boolean;
  /** undefined: there is none; `enrolledAt` in milliseconds since the epoch */
  status(): Promise<{ readonly enrolledAt: number; readonly recoveryCodes: number } | undefined>;
  begin(): Promise<NewOwnFactor | string>;
  /** undefined: it is removed */
  remove(code: string): Promise<string | undefined>;
  /** new recovery codes in place of the old ones */
  renewCodes(code: string): Promise<readonly string[] | string>;
}

/** What the shell needs of the session it runs in. */
export interface ShellContext {
  readonly fs: UserFileSystem;
  readonly user: string;
  /** the server's name in the prompt */
  readonly host: string;
  /** when the server started, milliseconds since the epoch */
  readonly startedAt: number;
  /** the user's share of the event loop */
  readonly turn: Turn;
  readonly digests: Pick<Digests, "file" | "stream">;
  usage(): Promise<QuotaUsage>;
  /** the sessions of this user, on all processes */
  sessions(): Promise<readonly OwnSession[]>;
  /** what a new password of the user has to be; undefined when this is not the user's own session */
  readonly newPasswords?: NewPasswords;
  /** undefined when it was changed, else one line that says why not */
  changePassword(current: string, next: string): Promise<string | undefined>;
  /** absent: it is not the user's own session */
  readonly totp?: OwnFactor;
  /**
   * Waits for a place to run a command line; what it gives is called when that is done. Rejects with
   * FsError when there is none to be had, with Interrupted when the signal aborts.
   */
  enter?(signal: AbortSignal): Promise<() => void>;
  /** lines shown at the start of an interactive shell, such as unfinished uploads */
  welcome?(): Promise<readonly string[]>;
}

/** A shell between its command lines. */
export class Shell {
  readonly context: ShellContext;
  directory: VirtualPath = ROOT;
  /** the directory before the last `cd` */
  previous: VirtualPath | undefined;
  /** exit status of the last command: `$?` */
  status = 0;
  /** set by `exit`: nothing more is run */
  leaving = false;

  constructor(context: ShellContext) {
    this.context = context;
  }

  /** A path as the user wrote it, made absolute. ".." stays: what it means depends on links. */
  resolve(path: ByteString): ByteString {
    if (path.startsWith("/")) return path;
    return `${this.directory === "/" ? "" : this.directory}/${path}` as ByteString;
  }
}
