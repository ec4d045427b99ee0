import type { Desk } from "./bench.ts";

/** A server that steps are done with: ours, or OpenSSH's, which is asked about what failed with ours. */
export interface Host {
  readonly port: number;
  /** SHA256:… of its host keys: Ed25519, ECDSA, RSA */
  readonly fingerprints: readonly string[];
  /** Adds a login by the desk's key and by TEST_PASSWORD, with an empty home. */
  addUser(name: string): Promise<void>;
  /** the name to log in with */
  loginName(user: string): string;
  /** the host's path of a home */
  home(user: string): string;
  /** what stands before a home's paths as clients name them: nothing where the home is "/" */
  prefix(user: string): string;
  /** Tells it that files came into a home by other means. */
  noticed(user: string): Promise<void>;
  setQuota(user: string, bytes: number): Promise<void>;
  /** by which method each login of a user was made, the last first */
  logins(user: string): Promise<string[]>;
  failedLogins(user: string): Promise<number>;
  /** Rejects while something of the user is open, or the books differ from the disk. */
  settled(user: string): Promise<void>;
  close(): Promise<void>;
}

export interface RestartableHost extends Host {
  /** Kills it and all that works for it, starts it again, and returns its new port. */
  restart(): Promise<number>;
}

export interface HostOptions {
  /** new keys after so many bytes */
  readonly rekeyBytes?: number;
  /** logged-in sessions at once; one more is refused at once */
  readonly maxSessions?: number;
}

/** The hosts of one kind. */
export interface Venue {
  open(desk: Desk, options?: HostOptions): Promise<Host>;
  openRestartable(desk: Desk): Promise<RestartableHost>;
}
