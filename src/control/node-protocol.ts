/** A process of the instance, of whichever machine. */
export interface NodeInfo {
  readonly id: string;
  /** what people call its machine */
  readonly machine: string;
  /** it is of the machine that was asked */
  readonly isHere: boolean;
  readonly pid: number;
  /** "server": it listens and serves by itself, without workers */
  readonly role: "supervisor" | "worker" | "server" | "command";
  readonly version: string;
  /** "host:port"; empty of commands, and before it listens */
  readonly listen: string;
  /** logged-in sessions of the process itself */
  readonly sessions: number;
  /** when it began, in milliseconds since the epoch */
  readonly since: number;
  /** when it last said that it lives; null: one machine is alone, whose processes are looked for */
  readonly renewedAt: number | null;
  /** "lost": it ended without a word or is silent for too long; others take over what it had */
  readonly state: "alive" | "lost";
  /** the id of its supervisor, of a worker; else empty */
  readonly supervisor: string;
}

export interface ReloadResult {
  /** names of the settings whose new value is in force */
  readonly applied: readonly string[];
  /** changed, but only a restart takes them */
  readonly needRestart: readonly string[];
}

/** How far a server that is asked to stop has come. */
export interface Stopping {
  readonly stopping: boolean;
  readonly sessions: number;
  /** files that are still open */
  readonly transfers: number;
}

/** Method → what it takes and gives. */
export interface NodeMethods {
  /** of all machines, those of the one that is asked first */
  "nodes.list": { params: Record<string, never>; result: readonly NodeInfo[] };
  reload: { params: Record<string, never>; result: ReloadResult };
  /**
   * Starts new workers of the server that is asked, with the program and the settings as they are now.
   * The old ones get no more connections, and end when theirs are gone or after `drainMs`.
   */
  renew: { params: { readonly drainMs: number }; result: null };
  /**
   * Begins to stop, all servers of the machine; follow `stopping` for how far the one asked is.
   * Again: the shorter time holds.
   * @param graceMs for running transfers
   * @param alone only the server that is asked
   */
  stop: { params: { readonly graceMs?: number; readonly alone?: boolean }; result: null };
  /** of the server that is asked */
  stopping: { params: Record<string, never>; result: Stopping };
}
