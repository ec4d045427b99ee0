import type { Client, Feature } from "./client.ts";

/** The columns, in their order. */
export const CLIENTS: readonly string[] = [
  "sftp",
  "scp",
  "scp -O",
  "ssh",
  "sshfs",
  "rclone",
  "lftp",
  "curl",
  "psftp",
  "pscp",
  "paramiko",
  "asyncssh",
  "ssh2-sftp-client",
  "ssh2",
  "libssh",
  "libssh scp",
  "Net::SFTP::Foreign",
  "Net::SSH2",
  "phpseclib",
  "php-ssh2",
  "net-sftp",
  "net-scp",
  "pkg/sftp",
  "JSch",
  "aria2",
];

interface Step {
  readonly group: string;
  readonly title: string;
  /** what the client must be able to; "/" between those of which one is enough */
  readonly needs: readonly (Feature | readonly Feature[])[];
}

/** Either direction will do. */
const CARRY = ["put", "get"] as const;
const ODD = [["list", "put", "get"]] as const;

function group<const T extends Readonly<Record<string, Step["needs"]>>>(
  name: string,
  steps: T,
): (Step & { readonly title: keyof T & string })[] {
  return Object.entries(steps).map(([title, needs]) => ({ group: name, title, needs }));
}

/** The one list of scenarios: a row of the table each, with what it takes to be run. */
export const ROWS = [
  ...group("Login", {
    "by password": ["password", CARRY],
    "by key": ["key", CARRY],
    "a wrong password is refused": ["password", CARRY],
  }),
  ...group("Listing", {
    "an empty directory and one of a few entries": ["list"],
    "3,000 entries": ["list"],
  }),
  ...group("Names: listed, put, got", {
    "with spaces": ODD,
    "with quotes": ["quotes", ...ODD],
    "with letters beyond ASCII": ODD,
    "with a leading dash": ODD,
    "with a newline": ["newline", ...ODD],
    "of 255 bytes": ODD,
  }),
  ...group("Uploads", {
    "put 0 bytes": ["put"],
    "put 1 byte": ["put"],
    "put 32 KiB and a byte less and more": ["put"],
    "put 255 KiB and a byte less and more": ["put"],
    "put 5 MiB": ["put"],
    "put 1 GiB, mostly holes": ["put"],
    "put a directory with all in it": ["putTree"],
    "put a shorter file over a longer one": ["put"],
    "put, cut, resumed": ["resumePut"],
    "put keeps the time": ["putKept"],
    "put keeps the mode": ["putKept", "putMode"],
  }),
  ...group("Downloads", {
    "get 0 bytes": ["get"],
    "get 1 byte": ["get"],
    "get 32 KiB and a byte less and more": ["get"],
    "get 255 KiB and a byte less and more": ["get"],
    "get 5 MiB": ["get"],
    "get 1 GiB, mostly holes": ["get"],
    "get a directory with all in it": ["getTree"],
    "get a shorter file over a longer one": ["get"],
    "get, cut, resumed": ["resumeGet"],
    "get keeps the time": ["getKept"],
    "get keeps the mode": ["getKept", "getMode"],
  }),
  ...group("Files and directories", {
    rename: ["rename"],
    "rename over a file": ["replace"],
    remove: ["remove"],
    "make a directory": ["mkdir"],
    "remove a directory": ["rmdir"],
    "symbolic link": ["symlink"],
    "hard link": ["hardlink"],
    "change the mode": ["chmod"],
    "free space is the quota's": ["df"],
    "checksum by the server": ["checksum"],
  }),
  ...group("Refusals", {
    "a missing file is said": ["get"],
    "a file that may not be read": ["get"],
    "a directory that may not be written": ["put"],
    "quota in mid-upload: message and exit code": ["put"],
    "quota in mid-upload: what fitted is kept": ["put", "partial"],
    "quota in mid-upload: the connection goes on": ["put", "session"],
  }),
  ...group("Trouble", {
    "the server restarts in mid-transfer": [CARRY],
    "two at once on one file": [CARRY],
    "new keys every MiB": [CARRY],
  }),
] as const;

export type Title = (typeof ROWS)[number]["title"];
export type Row = (typeof ROWS)[number];

/** Why OpenSSH's server can't be asked about a step, and the step that it is asked about instead. */
export interface Alone {
  readonly why: string;
  readonly instead: Title;
}

const NO_QUOTA: Alone = { why: "OpenSSH's server has no quota", instead: "put 5 MiB" };

/**
 * Steps that are judged by themselves: OpenSSH's server has nothing of the kind, so that its word means
 * nothing. When one fails the suite fails, unless the client fails at something as plain as the other
 * step, too: such a client can't be driven here at all.
 */
export const ALONE: Readonly<Partial<Record<Title, Alone>>> = {
  "free space is the quota's": { why: "OpenSSH's server has no quota", instead: "by key" },
  "checksum by the server": { why: "OpenSSH's server has no checksums", instead: "by key" },
  "quota in mid-upload: message and exit code": NO_QUOTA,
  "quota in mid-upload: what fitted is kept": NO_QUOTA,
  "quota in mid-upload: the connection goes on": NO_QUOTA,
};

/** Steps for which OpenSSH's server needs users of its own: with passwords, and refused like anybody. */
export const NEEDS_OWN_USERS: ReadonlySet<Title> = new Set([
  "by password",
  "a wrong password is refused",
  "a file that may not be read",
  "a directory that may not be written",
] as const);

/** Why the client doesn't do the step; undefined: it does. */
export function reasonNot({ lacks }: Client, { needs }: Row): string | undefined {
  const either = (features: readonly Feature[]): string | undefined =>
    features.some((feature) => lacks[feature] === undefined)
      ? undefined
      : lacks[features[0] as Feature];
  const reasons = needs.map((need) => (typeof need === "string" ? lacks[need] : either(need)));
  return reasons.find((reason) => reason !== undefined);
}
