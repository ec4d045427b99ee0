import type { FailureCode } from "./errors.ts";

/**
 * The seams of the client: what the transfer engine gives and takes, as types. Sizes in bytes, times
 * in milliseconds since the epoch, rates in bytes a second. Remote paths are the server's, with "/".
 */

/** A server as a person names it: [user@]host[:path] or sftp://[user@]host[:port]/path. */
export interface Target {
  readonly host: string;
  readonly user?: string;
  readonly port?: number;
  /** as typed; relative ones start at the login directory */
  readonly path?: string;
}

export interface LoginOptions {
  readonly target: Target;
  /** -P */
  readonly port?: number;
  /** -i, in the order given */
  readonly identities: readonly string[];
  /** unknown host keys are taken and stored without asking; changed ones are refused all the same */
  readonly acceptNew: boolean;
  /** -F; "none": no file is read. Default ~/.ssh/config */
  readonly configFile?: string;
  /** default ~/.ssh/known_hosts, or what the config says */
  readonly knownHosts?: string;
  /** the name of an SSH cipher, for measurements */
  readonly ciphers?: readonly string[];
}

/** How the engine asks the person. All resolve undefined (or false) when there is nobody to ask. */
export interface Prompts {
  /** shown without echo */
  secret(prompt: string): Promise<string | undefined>;
  confirm(question: string): Promise<boolean>;
  /** false: there is nobody to ask */
  readonly canAsk?: boolean;
  /** one line for the person: a banner, a notice, what is waited for */
  notice(text: string): void;
}

/** Why a connection could not be made; each has an exit code and a message of its own. */
export type LoginFailure =
  | "refused"
  | "unreachable"
  | "unknown-host-key"
  | "changed-host-key"
  | "protocol";

export interface RemoteAttrs {
  readonly type: "file" | "directory" | "link" | "other";
  readonly size: number;
  /** permission bits */
  readonly mode: number;
  /** seconds since the epoch */
  readonly mtime: number;
  readonly atime: number;
}

export interface RemoteEntry extends RemoteAttrs {
  readonly name: string;
  /** the server's `ls -l` line */
  readonly longname: string;
}

/** The space a user has, from statvfs@openssh.com; undefined where the server doesn't tell. */
export interface Space {
  readonly totalBytes: number;
  readonly freeBytes: number;
  /** how many files there may be, and how many more; absent: the server doesn't count them */
  readonly files?: { readonly total: number; readonly free: number };
}

/** The space of the home or of a shared folder, to the byte. */
export interface FolderSpace extends Space {
  /** where it is in the tree; "/" for the home */
  readonly path: string;
  readonly usedBytes: number;
}

/** How a connection ended that was not closed from this side. */
export interface Ending {
  /** why, in the server's own words when it gave any */
  readonly reason: string;
  /** true when the server ended the session on purpose, so that the connection is not made anew */
  readonly final: boolean;
}

export type HashName = "blake3" | "sha256" | "md5";

export interface HashOptions {
  /** the file's size, where it is known: the server gets time for so much */
  readonly size?: number;
  /** rejects at once with its reason */
  readonly signal?: AbortSignal;
}

/**
 * A server, logged in. Rejects with RemoteError (one clear line with the path). Lost connections are
 * made anew by the engine; a call that was under way rejects with `lost: true`.
 */
export interface Remote {
  /** "user@host" for prompts */
  readonly name: string;
  /** the login directory */
  readonly home: string;
  realpath(path: string): Promise<string>;
  stat(path: string): Promise<RemoteAttrs>;
  lstat(path: string): Promise<RemoteAttrs>;
  readlink(path: string): Promise<string>;
  /** a whole file; undefined when it has more than so many bytes */
  read(path: string, most: number): Promise<Buffer | undefined>;
  /** in batches, as the server sends them */
  list(path: string): AsyncIterable<readonly RemoteEntry[]>;
  mkdir(path: string): Promise<void>;
  rmdir(path: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** replaces an existing target where the server can (posix-rename@openssh.com) */
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  utimes(path: string, atime: number, mtime: number): Promise<void>;
  space(path: string): Promise<Space | undefined>;
  /** The space of the home and of each shared folder; undefined when the server can't tell it. */
  spaces?(): Promise<readonly FolderSpace[] | undefined>;
  /**
   * The file's hash in hex, or of its first `length` bytes; undefined where the server can't
   * (check-file, else the md5sum and sha256sum commands). Rejects with LateError when it takes
   * longer than the slowest disk would.
   */
  hash(
    path: string,
    name: HashName,
    length?: number,
    options?: HashOptions,
  ): Promise<string | undefined>;
  /**
   * Runs a command of the server's shell with nothing to read; bytes one a char, of a long output the
   * beginning. Absent: there is no shell. Rejects with RemoteError when it can't be run in time.
   */
  run?(command: string): Promise<{
    readonly code: number | undefined;
    readonly stdout: string;
    readonly stderr: string;
  }>;
  /** called at once when the connection ends */
  onEnd?: (ending: Ending) => void;
  /** which hashes the server can give, best first; empty: none */
  hashes(): Promise<readonly HashName[]>;
  close(): Promise<void>;
}

export type Direction = "up" | "down";

/** One job: a file, or with `recursive` whole directories. */
export interface TransferJob {
  readonly direction: Direction;
  /**
   * local paths (up) or remote ones (down), globs already expanded. With a "/" at its end a directory's
   * contents are meant.
   */
  readonly sources: readonly string[];
  /** a directory, made where it is missing; or the new name of the only source, if that is a file */
  readonly target: string;
  readonly recursive: boolean;
  /** -p: times and modes */
  readonly preserve: boolean;
  /**
   * continue what a journal entry or a partial file left, after verifying it, and leave out what is
   * there already; without it everything starts over
   */
  readonly resume: boolean;
  /** compare hashes after each file */
  readonly verify: boolean;
  /** -j, large files at once */
  readonly parallel: number;
  /** patterns of what is left out */
  readonly exclude?: readonly string[];
  /** nothing is changed on either side: what would be done is told as `planned` */
  readonly dryRun?: boolean;
  /** bytes a second, of all files together */
  readonly limitRate?: number;
  /** the target becomes as the source is: files of the same size and time are left as they are */
  readonly sync?: SyncRules;
}

export interface SyncRules {
  /** what the target has and the source has not is removed, if nothing failed */
  readonly remove: boolean;
  /** checksums are compared where the sizes are the same, whatever the times */
  readonly checksum: boolean;
}

/**
 * What happens, in order. `file` numbers the files of a job from 1. `totals` grows while directories
 * are still being walked (`final: false`).
 */
export type TransferEvent =
  | {
      readonly type: "totals";
      readonly files: number;
      readonly bytes: number;
      readonly final: boolean;
    }
  | {
      readonly type: "start";
      readonly file: number;
      readonly source: string;
      readonly target: string;
      readonly direction: Direction;
      readonly size: number;
      /** bytes that were there already and verified */
      readonly offset: number;
      /** why it starts over although something was there */
      readonly restarted?: string;
    }
  | {
      readonly type: "progress";
      readonly file: number;
      readonly bytes: number;
      readonly size: number;
    }
  | { readonly type: "verifying"; readonly file: number }
  /** what would be done; `compare`: as long as both are the same nothing would be sent */
  | {
      readonly type: "planned";
      readonly file: number;
      readonly action: "send" | "compare" | "delete" | "make";
      readonly source?: string;
      readonly target: string;
      readonly size?: number;
      /** as in `made` */
      readonly like?: string;
    }
  /** the target's directory was missing, and was made */
  | {
      readonly type: "made";
      readonly target: string;
      /** a directory with a similar name, beside the target or beside the topmost directory that was made for it */
      readonly like?: string;
    }
  | { readonly type: "deleted"; readonly target: string }
  | {
      readonly type: "done";
      readonly file: number;
      readonly bytes: number;
      readonly durationMs: number;
      /** undefined: not verified */
      readonly hash?: { readonly name: HashName; readonly hex: string };
      /** why not, where it should have been */
      readonly unverified?: string;
    }
  | {
      readonly type: "skipped";
      readonly file: number;
      readonly source: string;
      readonly reason: string;
      /** what `totals` counts for it; undefined: nothing */
      readonly size?: number;
    }
  | {
      readonly type: "failed";
      readonly file: number;
      readonly source: string;
      readonly code: FailureCode;
      /** one line with the file's name */
      readonly message: string;
      /** a journal entry was kept: the same command or `resume` goes on */
      readonly resumable: boolean;
      /** what `totals` counts for it; undefined: nothing */
      readonly size?: number;
    }
  | {
      readonly type: "reconnecting";
      readonly attempt: number;
      readonly waitMs: number;
      readonly reason: string;
    }
  | { readonly type: "reconnected" };

export interface TransferSummary {
  readonly files: number;
  readonly failed: number;
  readonly skipped: number;
  /** names in the target that the source does not have; absent: none was removed */
  readonly deleted?: number;
  /** of the files, those whose checksums were compared; absent: nobody wanted it */
  readonly verified?: number;
  /** by what */
  readonly hash?: HashName;
  readonly bytes: number;
  readonly durationMs: number;
}

/** An unfinished transfer as the journal keeps it. */
export interface JournalEntry {
  readonly id: string;
  readonly direction: Direction;
  /** user@host:port */
  readonly server: string;
  /** absolute on its side */
  readonly source: string;
  readonly target: string;
  readonly size: number;
  /** the source's, seconds since the epoch */
  readonly mtime: number;
  /** known good so far */
  readonly offset: number;
  /** the name beside the target that the file has until it is whole; undefined: it has its own name */
  readonly part?: string;
  readonly preserve: boolean;
  readonly updatedAt: number;
}
