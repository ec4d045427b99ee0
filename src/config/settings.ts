import type { z } from "zod";
import { ON_UPLOAD } from "../digests/types.ts";
import { databaseUrl } from "./database-url.ts";
import {
  choice,
  duration,
  durationOrNever,
  durationOrOff,
  flag,
  integer,
  integerOrAuto,
  integerOrNone,
  metricsAddress,
  rateOrNone,
  size,
  sizeOrNone,
  text,
} from "./kinds.ts";
import { exactNetworks, list, networks } from "./lists.ts";
import { receivers } from "./receivers.ts";
import type { Config } from "./types.ts";

/** One setting: everything that the file, the environment, flags, help and documentation need. */
export interface Setting<T = unknown> {
  /** what a value looks like, for messages and documentation */
  readonly kind: string;
  /** all the values that there are, as one would write them; absent: there are too many */
  readonly options?: readonly string[];
  readonly default: T;
  readonly description: string;
  /** takes the value as the file or a piece of text has it, gives what the program uses */
  readonly schema: z.ZodType<T>;
  /** the value as one would write it */
  format(value: T): string;
}

/** Of users and groups, or empty. */
const ACCOUNT = /^(?:[A-Za-z_][\w.-]{0,31}\$?)?$/;
const SYSLOG =
  /^(?:local|(?:udp|tcp):(?:\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9._-]{1,253}):(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5]))?$/;

/** What the program works with like settings, but nobody has had a reason to change. */
export const FIXED = {
  /** commands of one user that may wait; more are refused */
  limits: { commandQueue: 64 },
  /** lanes of one password hash; hashes that may wait from one address (IPv6: a /64) */
  auth: { argon2Parallelism: 1, hashQueuePerAddress: 64 },
  /** addresses with failures that are remembered; those with least to wait are forgotten first */
  penalties: { maxSources: 10_000 },
  /** unanswered signs of life that end a connection */
  transport: { keepaliveCount: 3 },
  digests: { queue: 1_000, queuePerUser: 100, uploads: 32, maxRecords: 100_000 },
} as const satisfies { readonly [S in keyof Config]?: Partial<Config[S]> };

type FixedKey<S> = S extends keyof typeof FIXED ? keyof (typeof FIXED)[S] : never;

type Settings = {
  readonly [S in keyof Config]: {
    readonly [K in Exclude<keyof Config[S], FixedKey<S>>]: Setting<Config[S][K]>;
  };
};

/**
 * All settings. The tables and keys are those of moorage.toml in camelCase; the names of
 * environment variables and flags follow from them.
 */
export const SETTINGS: Settings = {
  server: {
    host: text("0.0.0.0", "Address or name to listen on; `::` for IPv6 and IPv4.", {
      pattern: /^[^\s/]{1,255}$/,
      kind: "an address or a host name",
    }),
    port: integer(2222, [0, 65_535], "TCP port to listen on; 0 takes any free one."),
    workers: integerOrAuto(
      [1, 64],
      "Processes that serve: `auto` for as many as there are processors; 1 for one without a supervisor.",
    ),
    proxyFrom: exactNetworks(
      "Load balancers that begin each connection with a PROXY header (version 1 or 2); the client is who that names.",
    ),
    banner: text("", "Text that clients show before login; empty for none.", {
      pattern: /^[\s\S]{0,4096}$/,
      kind: "a text of at most 4096 characters",
    }),
    user: text(
      "",
      "The user that a server started by root becomes, once it listens; empty: it stays who started it.",
      { pattern: ACCOUNT, kind: "the name of a user of this machine" },
    ),
    group: text("", "The group then; empty for that user's own.", {
      pattern: ACCOUNT,
      kind: "the name of a group of this machine",
    }),
  },
  store: {
    url: databaseUrl(
      "PostgreSQL for users and books, such as `postgres://moorage@db.example.org/moorage`, so that several machines can serve one instance; empty: a file in db/.",
    ),
    passwordFile: text(
      "",
      "File with its password in the first line, absolute or below the instance; empty: MOORAGE_STORE_URL or PGPASSWORD has it, or none is needed.",
      { pattern: /^[^\0]{0,1024}$/, kind: "a path of a file" },
    ),
    lease: duration(
      "10s",
      ["3s", "60s"],
      "A machine that was silent for so long is taken for lost: others take over its homes. It stops writing before.",
    ),
  },
  limits: {
    maxSessions: integer(256, [1, 100_000], "Logged-in sessions at once, over all processes."),
    maxSessionsPerUser: integer(16, [1, 100_000], "Logged-in sessions at once for one user."),
    queue: integer(128, [0, 100_000], "Places for correct logins that wait while all are taken."),
    queueTimeout: duration("30s", ["0", "1h"], "How long such a login waits before it is refused."),
    maxUnauthenticated: integer(
      128,
      [1, 100_000],
      "Connections at once that have not logged in, without those whose password is being checked.",
    ),
    loginGrace: duration(
      "2m",
      ["1s", "1h"],
      "Time to log in after connecting, 30s of it at most for the key exchange.",
    ),
    loginTries: integer(3, [1, 100], "Wrong passwords or signatures before the connection ends."),
    idleTimeout: duration(
      "0",
      ["0", "365d"],
      "A session without a request or transfer for so long is ended; 0 for never.",
    ),
    channelsPerSession: integer(10, [1, 100], "Channels (transfers, commands) open in a session."),
    handlesPerChannel: integer(256, [64, 65_536], "Files and directories open in a channel."),
    commandsPerUser: integer(
      8,
      [1, 10_000],
      "Commands of one user that run at once, in a worker; further ones wait.",
    ),
    memory: size(
      "0",
      ["0", "1TiB"],
      "What all sessions of a server may hold for their clients, in memory; 0 for a quarter of the machine's, 64 to 512 MiB.",
    ),
    freeSpaceFloor: size(
      "256MiB",
      ["0", "1PiB"],
      "Room on the disk that new data leaves free; at most a hundredth of the disk.",
    ),
    uploadRate: rateOrNone("What all users together may upload in a second; `none` for no limit."),
    downloadRate: rateOrNone("The same of downloads."),
  },
  quota: {
    default: sizeOrNone(
      10_240_000_000,
      "Bytes that a user may store who has no quota of their own or of a group; `none` for no limit.",
    ),
    files: integerOrNone(
      1_000_000,
      "Files and directories that a new user may have; `none` for no limit.",
    ),
  },
  auth: {
    passwordMinLength: integer(8, [1, 128], "Characters that a new password has at least."),
    passwordStrength: integer(
      2,
      [0, 4],
      "How hard a new password must be to guess, on zxcvbn's scale: 1 takes a thousand guesses, 2 a million, 3 a hundred million, 4 ten thousand million; 0 takes every password.",
    ),
    argon2Memory: size("64MiB", ["1MiB", "4GiB"], "Memory of one password hash (argon2id)."),
    argon2Time: integer(3, [1, 100], "Passes over that memory."),
    hashConcurrency: integer(2, [1, 64], "Passwords checked at once; further ones wait."),
    hashQueue: integer(256, [0, 100_000], "How many may wait; more are refused."),
  },
  login: {
    requireTotp: choice(
      "none",
      ["none", "admins", "all"],
      "Whose logins need a code of an authenticator program (RFC 6238) besides password or key; who has not enrolled can do only that.",
    ),
    totpInPassword: flag(
      false,
      "Whether a password may have `+` and the code behind it, for clients that can't be asked for one.",
    ),
  },
  access: {
    allow: exactNetworks(
      "Addresses and networks that may connect, and no others; empty for everybody.",
    ),
    deny: exactNetworks("Addresses and networks that may not connect, also when `allow` has them."),
  },
  penalties: {
    failures: integer(
      10,
      [0, 100_000],
      "Failed logins in a row after which an address is refused; 0 switches penalties off.",
    ),
    recovery: duration(
      "5m",
      ["1s", "7d"],
      "One of them is forgotten after so long; for at least so long is an address refused.",
    ),
    max: duration("1h", ["1s", "7d"], "The longest an address is refused."),
    noLogin: duration(
      "1s",
      ["0", "1d"],
      "What a connection without a login counts: so much of `recovery`.",
    ),
    noSsh: duration(
      "30s",
      ["0", "1d"],
      "What a connection that does not speak SSH counts: so much of `recovery`.",
    ),
    ipv4Prefix: integer(32, [8, 32], "Leading bits of an IPv4 address that count as one source."),
    ipv6Prefix: integer(64, [16, 128], "Leading bits of an IPv6 address that count as one source."),
    exempt: networks(
      ["127.0.0.0/8", "::1"],
      "Addresses and networks that are never refused, such as a proxy or the gateway of a container.",
    ),
  },
  admin: {
    overSsh: choice(
      "publickey",
      ["publickey", "any", "off"],
      "Which logins of admins get the admin screen in a shell with a terminal: those with a public key, any, none.",
    ),
  },
  transport: {
    keepaliveInterval: duration(
      "30s",
      ["0", "1d"],
      "A silent client is asked for a sign of life so often; 0 for never.",
    ),
    rekeyBytes: size("16GiB", ["0", "64GiB"], "New keys after so many bytes; 0 for never."),
    rekeyInterval: duration("0", ["0", "7d"], "New keys after so long; 0 for never."),
  },
  log: {
    level: choice("info", ["trace", "debug", "info", "warn", "error", "silent"], "What to log."),
    file: text(
      "",
      "Log file below the instance, such as `db/moorage.log`; empty: standard error.",
      {
        pattern: /^(?!\/)(?!(?:[\s\S]*\/)?\.\.(?:\/|$))[^\0]{0,1024}$/,
        kind: "a path below the instance, not absolute and without `..`",
      },
    ),
    format: choice("auto", ["auto", "json", "pretty"], "`auto`: pretty on a terminal, else JSON."),
  },
  digests: {
    workers: integer(
      0,
      [0, 64],
      "Threads that compute checksums, in all workers; 0 for half the processors, 1 to 4.",
    ),
    onUpload: list(
      ["md5", "sha256"],
      ON_UPLOAD,
      "Checksums computed along with an upload, so that they are known at its end; after it, where the upload is faster than the hashing. Empty for none, besides the one that a client asks for when it begins.",
    ),
  },
  metrics: {
    listen: metricsAddress(
      "Where Prometheus reads how the server is, such as `127.0.0.1:9422` or `db/metrics.sock`; empty for nowhere.",
    ),
    public: flag(false, "Whether `listen` may be an address that other machines reach."),
    users: flag(
      false,
      "Whether there are series for each user, with their names: for the 1000 with the most bytes.",
    ),
  },
  trash: {
    keep: durationOrOff(
      ["1h", "3650d"],
      "How long removed and overwritten files stay restorable; `off`: they are not kept.",
    ),
  },
  audit: {
    keep: duration("90d", ["1h", "36500d"], "How long audit records are kept."),
    maxRecords: integer(1_000_000, [1000, 1_000_000_000], "How many audit records are kept."),
    files: text(
      "",
      "Directory below the instance, such as `audit`, where the trail is also written to files; empty for none.",
      {
        pattern:
          /^(?![/~])(?!(?:db|homes|keys)(?:\/|$))(?!(?:[\s\S]*\/)?\.{1,2}(?:\/|$))[^\0]{0,1024}$/,
        kind: "a directory below the instance, not absolute, without `..`, and not in db, homes or keys",
      },
    ),
    fileSize: size("16MiB", ["64KiB", "1TiB"], "Such a file is set aside when it is so large."),
    fileAge: durationOrNever("7d", ["1m", "3650d"], "And when it is so old."),
    fileKeep: integer(10, [1, 1_000], "How many are kept that were set aside."),
    syslog: text(
      "",
      "Collector that the trail is told to: `local` for the machine's own syslog or journal, `udp:HOST:PORT`, `tcp:HOST:PORT`; empty for none.",
      {
        pattern: SYSLOG,
        kind: "local, udp:HOST:PORT, tcp:HOST:PORT, or empty",
      },
    ),
  },
  events: {
    receivers: receivers("Who is told of what happens; as JSON outside of the file."),
  },
};

/** A setting with its place and its names. */
export interface NamedSetting {
  readonly section: keyof Config;
  readonly key: string;
  /** as in moorage.toml: `limits.max_sessions` */
  readonly name: string;
  /** `MOORAGE_LIMITS_MAX_SESSIONS` */
  readonly variable: string;
  /** `--limits-max-sessions` */
  readonly flag: string;
  /** a second, short flag, where there is one */
  readonly shortFlag: string | undefined;
  readonly setting: Setting;
}

const SHORT_FLAGS: ReadonlyMap<string, string> = new Map([
  ["server.host", "--host"],
  ["server.port", "--port"],
]);

/** In the file the receivers are the tables `[[events]]` themselves. */
const WHOLE_SECTIONS: ReadonlySet<string> = new Set(["events.receivers"]);

/** All settings in the order of the documentation. */
export const ALL_SETTINGS: readonly NamedSetting[] = Object.entries(SETTINGS).flatMap(
  ([section, keys]) =>
    Object.entries(keys).map(([key, setting]) => {
      const names = namesOf(section, key);
      return {
        ...names,
        section: section as keyof Config,
        key,
        shortFlag: SHORT_FLAGS.get(names.name),
        setting: setting as Setting,
      };
    }),
);

/** The values of what is no setting any more, by its names in the file and the environment. */
export const FORMER_SETTINGS: ReadonlyMap<string, number> = new Map(
  Object.entries(FIXED).flatMap(([section, keys]) =>
    Object.entries(keys).flatMap(([key, value]) => {
      const { name, variable } = namesOf(section, key);
      return [name, variable].map((known) => [known, value] as const);
    }),
  ),
);

function namesOf(section: string, key: string) {
  const path = `${section}.${key}`;
  const name = WHOLE_SECTIONS.has(path) ? section : `${section}.${snakeCase(key)}`;
  const variable = `MOORAGE_${name.replace(".", "_").toUpperCase()}`;
  return { name, variable, flag: `--${name.replace(/[._]/g, "-")}` };
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
