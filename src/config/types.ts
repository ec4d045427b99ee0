import type { AccessSettings } from "../auth/access.ts";
import type { FactorSettings } from "../auth/factors.ts";
import type { PenaltySettings } from "../auth/penalties.ts";
import type { DigestSettings } from "../digests/types.ts";
import type { Receiver } from "../events/types.ts";

/** All settings, as the program uses them. Durations in milliseconds, sizes in bytes. */
export interface Config {
  readonly server: {
    /** address to listen on */
    readonly host: string;
    readonly port: number;
    /** processes that serve; 0: as many as there are processors */
    readonly workers: number;
    /** text shown before login; empty: none */
    /** whose connections begin with a PROXY header */
    readonly proxyFrom: readonly string[];
    readonly banner: string;
    /** whom the server becomes once it listens; empty: it stays who started it */
    readonly user: string;
    /** empty: the user's own */
    readonly group: string;
  };
  readonly store: {
    /** where PostgreSQL is; empty: the database is a file. May hold a password */
    readonly url: string;
    /** absolute or below the instance; empty: none */
    readonly passwordFile: string;
    /** how long a machine may be silent before others take over what it has */
    readonly lease: number;
  };
  readonly limits: {
    /** logged-in sessions at once, all processes of the instance together */
    readonly maxSessions: number;
    readonly maxSessionsPerUser: number;
    /** places for correct logins that wait while the server is full */
    readonly queue: number;
    readonly queueTimeout: number;
    /** connections that have not logged in yet, at once; those that wait for a hash not counted */
    readonly maxUnauthenticated: number;
    readonly loginGrace: number;
    /** wrong passwords or signatures a connection */
    readonly loginTries: number;
    /** a session without a transfer or request for so long is ended; 0: never */
    readonly idleTimeout: number;
    readonly channelsPerSession: number;
    readonly handlesPerChannel: number;
    /** command lines of one user at once, in this process */
    readonly commandsPerUser: number;
    /** how many of a user may wait */
    readonly commandQueue: number;
    /** bytes that all sessions of this process may hold for their clients; 0: by the machine */
    readonly memory: number;
    /** bytes of a disk that new data leaves free; of a small disk at most a hundredth */
    readonly freeSpaceFloor: number;
    /** bytes of files a second that all users together may send, or receive; null: no limit */
    readonly uploadRate: number | null;
    readonly downloadRate: number | null;
  };
  readonly quota: {
    /** bytes a new user gets; null: no limit */
    readonly default: number | null;
    /** directory entries a new user may have; null: no limit */
    readonly files: number | null;
  };
  readonly auth: {
    /** characters of a new password */
    readonly passwordMinLength: number;
    /** 0 to 4: how hard a new password must be to guess; 0 takes every password */
    readonly passwordStrength: number;
    readonly argon2Memory: number;
    readonly argon2Time: number;
    readonly argon2Parallelism: number;
    /** password hashes computed at once; further ones wait */
    readonly hashConcurrency: number;
    /** how many may wait; more are refused */
    readonly hashQueue: number;
    /** the same for one address */
    readonly hashQueuePerAddress: number;
  };
  readonly login: FactorSettings;
  readonly access: AccessSettings;
  readonly penalties: PenaltySettings;
  readonly admin: {
    /** which logins of admins get the admin screen in a shell */
    readonly overSsh: "publickey" | "any" | "off";
  };
  readonly transport: {
    /** 0: off */
    readonly keepaliveInterval: number;
    readonly keepaliveCount: number;
    /** a new key exchange after so many bytes or so long; 0: only when the client asks */
    readonly rekeyBytes: number;
    readonly rekeyInterval: number;
  };
  readonly log: {
    readonly level: "trace" | "debug" | "info" | "warn" | "error" | "silent";
    /** file below the instance; empty: standard error */
    readonly file: string;
    /** auto: pretty on a terminal, JSON otherwise */
    readonly format: "auto" | "json" | "pretty";
  };
  readonly digests: DigestSettings;
  readonly metrics: {
    /** an address, or a socket below the instance; empty: nothing is served */
    readonly listen: string;
    /** also where other machines may reach it */
    readonly public: boolean;
    /** series for each user */
    readonly users: boolean;
  };
  readonly trash: {
    /** how long removed files stay restorable, in milliseconds; 0: not at all */
    readonly keep: number;
  };
  readonly audit: {
    /** how long audit records are kept */
    readonly keep: number;
    readonly maxRecords: number;
    /** directory below the instance for log files; empty: none */
    readonly files: string;
    /** bytes, and milliseconds (0: never), after which a file is set aside; how many of those stay */
    readonly fileSize: number;
    readonly fileAge: number;
    readonly fileKeep: number;
    /** "local", "udp:HOST:PORT", "tcp:HOST:PORT"; empty: none */
    readonly syslog: string;
  };
  readonly events: {
    /** who is told of what happens */
    readonly receivers: readonly Receiver[];
  };
}
