import type { NamedSetting } from "../config/settings.ts";

/**
 * What an admin may change of the settings through the server, also over SSH: nothing that is not in this
 * list. Whoever changes moorage.toml itself, or runs `moorage config set` there, may change all. Decision 44
 * says how it was decided.
 */
export const CHANGEABLE: ReadonlySet<string> = new Set([
  "server.workers",
  "server.banner",
  "limits.max_sessions",
  "limits.max_sessions_per_user",
  "limits.queue",
  "limits.queue_timeout",
  "limits.max_unauthenticated",
  "limits.login_grace",
  "limits.login_tries",
  "limits.idle_timeout",
  "limits.channels_per_session",
  "limits.handles_per_channel",
  "limits.commands_per_user",
  "limits.memory",
  "limits.free_space_floor",
  "limits.upload_rate",
  "limits.download_rate",
  "quota.default",
  "quota.files",
  "auth.password_min_length",
  "auth.password_strength",
  "auth.hash_concurrency",
  "auth.hash_queue",
  "penalties.failures",
  "penalties.recovery",
  "penalties.max",
  "penalties.no_login",
  "penalties.no_ssh",
  "penalties.ipv4_prefix",
  "penalties.ipv6_prefix",
  "penalties.exempt",
  "transport.keepalive_interval",
  "transport.rekey_bytes",
  "transport.rekey_interval",
  "log.level",
  "log.format",
  "digests.workers",
  "digests.on_upload",
  "metrics.users",
  "trash.keep",
]);

const LISTENS = "it says where the server listens";
const ACCOUNT = "it says whose rights the server has";
const STORE = "it says where the database is";
const FILES = "it says which files the server writes";
const TRAIL = "it says what is recorded, and an admin's doings are";
const LOGINS = "it says how admins get in";
const HASHES = "it says how well passwords are kept";

/** Why the others are not among them. */
export const FILE_ONLY: Readonly<Record<string, string>> = {
  "server.host": LISTENS,
  "server.port": LISTENS,
  "server.proxy_from": "it says whom the server believes where clients come from",
  "server.user": ACCOUNT,
  "server.group": ACCOUNT,
  "store.url": STORE,
  "store.password_file": STORE,
  "store.lease": STORE,
  "auth.argon2_memory": HASHES,
  "auth.argon2_time": HASHES,
  "login.require_totp": LOGINS,
  "login.totp_in_password": LOGINS,
  "access.allow": LOGINS,
  "access.deny": LOGINS,
  "admin.over_ssh": LOGINS,
  "log.file": FILES,
  "metrics.listen": LISTENS,
  "metrics.public": LISTENS,
  "audit.keep": TRAIL,
  "audit.max_records": TRAIL,
  "audit.files": TRAIL,
  "audit.file_size": TRAIL,
  "audit.file_age": TRAIL,
  "audit.file_keep": TRAIL,
  "audit.syslog": TRAIL,
  events: "it says which programs the server runs, and whom it tells what",
};

/**
 * With less, also by mistake, one stranger, one slow line or a moment of quiet would shut out the admins
 * who could mend it. 0 is less of nothing: it switches off.
 */
const LEAST: ReadonlyMap<string, string> = new Map([
  ["limits.max_sessions", "4"],
  ["limits.max_sessions_per_user", "2"],
  ["limits.max_unauthenticated", "16"],
  ["limits.login_grace", "20s"],
  ["limits.idle_timeout", "1m"],
  ["penalties.failures", "3"],
  ["penalties.ipv4_prefix", "16"],
  ["penalties.ipv6_prefix", "32"],
  ["transport.keepalive_interval", "5s"],
]);

/** What a value looks like that an admin may give the setting. */
export function kindHere({ name, setting: { kind } }: NamedSetting): string {
  const least = LEAST.get(name);
  return least === undefined ? kind : `${kind}; here at least ${least}`;
}

/** Why an admin can't give it that value; undefined: that is possible, or it is none at all. */
export function tooLittle({ name, setting }: NamedSetting, value: string): string | undefined {
  const least = LEAST.get(name);
  const given = setting.schema.safeParse(value).data;
  if (least === undefined || typeof given !== "number" || given === 0) return undefined;
  if (given >= Number(setting.schema.parse(least))) return undefined;
  return `${name}: less than ${least} could shut out admins, too: \`moorage config set\` on the server's machine takes it`;
}

/** Settings whose value is in no record, though nothing in it should be a secret. */
export const UNTOLD: ReadonlySet<string> = new Set(["store.url", "store.password_file", "events"]);

/** Where a setting gets its value from is stronger than the file. */
const STRONGER = /^(?:--|MOORAGE_)/;

/** Why the file would change nothing; undefined: it would. @param origin where the value comes from */
export function givenElsewhere(name: string, origin: string): string | undefined {
  if (!STRONGER.test(origin)) return undefined;
  return `${name} comes from ${origin}; the file would have no effect`;
}

/** Why an admin can't change it here; undefined: that is possible. */
export function fixedBy(name: string, origin: string): string | undefined {
  const elsewhere = givenElsewhere(name, origin);
  if (elsewhere !== undefined) return elsewhere;
  if (CHANGEABLE.has(name)) return undefined;
  const reason = Object.hasOwn(FILE_ONLY, name) ? FILE_ONLY[name] : "nobody has looked at it yet";
  const command = name === "events" ? "" : ", or there by `moorage config set`";
  return `${name} is changed in moorage.toml on the server's machine${command}: ${reason}`;
}
