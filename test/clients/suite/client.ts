import type { ChildProcess } from "node:child_process";

/** One thing a person does with a client. Paths there are absolute, paths here are the host's. */
export type Op =
  | { readonly do: "list"; readonly path: string }
  | {
      readonly do: "put" | "putTree" | "putKept" | "resumePut";
      readonly here: string;
      readonly there: string;
      /** it is to be gone on with where it is cut: no piece may be stored before those in front of it */
      readonly inOrder?: boolean;
    }
  | {
      readonly do: "get" | "getTree" | "getKept" | "resumeGet";
      readonly there: string;
      readonly here: string;
      readonly inOrder?: boolean;
    }
  | {
      readonly do: "rename" | "replace" | "symlink" | "hardlink";
      readonly from: string;
      readonly to: string;
    }
  | { readonly do: "remove" | "mkdir" | "rmdir" | "df"; readonly path: string }
  | { readonly do: "chmod"; readonly path: string; readonly mode: number }
  | { readonly do: "checksum"; readonly there: string; readonly here: string };

export type OpName = Op["do"];

/** Besides its operations, what a client may lack. */
export type Feature =
  | OpName
  | "password"
  | "key"
  /** names by what is odd about them */
  | "newline"
  | "quotes"
  /** goes on after an operation that failed, on the same connection */
  | "session"
  /** leaves on the server what it uploaded before it failed */
  | "partial"
  /** carries a file's mode along with its time */
  | "putMode"
  | "getMode";

export interface Login {
  readonly port: number;
  readonly user: string;
  /** instead of the key */
  readonly password?: string;
  readonly key: { readonly openssh: string; readonly putty: string };
  /** SHA256:… of the server's host keys */
  readonly fingerprints: readonly string[];
  /** a directory of the test's own: for files of settings, and as HOME */
  readonly desk: string;
  /** the path of the home at the server; nothing where that is "/" */
  readonly prefix: string;
}

export interface RunOptions {
  /** later operations are done though one failed */
  readonly goOn?: boolean;
}

export interface Outcome {
  /** null: ended by a signal */
  readonly code: number | null;
  readonly stdout: Buffer;
  /** all it said, both outputs, for messages */
  readonly text: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly result: Promise<Outcome>;
}

export interface Space {
  /** bytes */
  readonly total: number;
  readonly used: number;
}

/** What a client says, in words of its own. */
export interface Messages {
  readonly wrongPassword: RegExp;
  readonly missing: RegExp;
  readonly denied: RegExp;
  readonly quota: RegExp;
  /** the connection ended in mid-transfer */
  readonly cut: RegExp;
}

export type KeyKind = "ed25519" | "ecdsa" | "rsa";

/** A program people use, as the scenarios see it. */
export interface Client {
  /** the column's title */
  readonly name: string;
  /** what it can't do, each with the reason that docs/clients.md gives */
  readonly lacks: Readonly<Partial<Record<Feature, string>>>;
  readonly says: Messages;
  /** of which kind its key has to be; Ed25519 unless it says otherwise */
  readonly key?: KeyKind;
  /** bytes of the large sparse file in an ordinary run; it is 1 GiB when the table is written */
  readonly large?: number;
  /** comes back by itself after the connection broke, and goes on where it was */
  readonly reconnects?: boolean;
  /** compares size and checksum after each upload: another's upload at the same time is an error */
  readonly verifies?: boolean;
  /** works in a mount of the home: paths begin there, whatever the login's prefix */
  readonly mounts?: boolean;
  version(): Promise<string>;
  /** makes what it needs on a new desk, whose key is in the file `id` */
  prepare?(login: Pick<Login, "desk">): Promise<void>;
  start(login: Login, ops: readonly Op[], options?: RunOptions): Running;
  /** the names that `list` printed */
  names?(outcome: Outcome): Buffer[];
  /** what `df` printed */
  space?(outcome: Outcome): Space;
}
