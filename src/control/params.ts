import { z } from "zod";
import { ACCESS_MODES } from "../access/modes.ts";
import { MAX_FROM } from "../auth/login-limits-text.ts";
import { AUDIT_GROUPS } from "../store/audit-groups.ts";
import { AUDIT_KINDS, LOGIN_FACTORS, LOGIN_METHODS } from "../store/types.ts";
import { MAX_BAN_MS } from "./bans.ts";
import { MAX_GROUPS_OF_A_USER } from "./groups.ts";
import type { Method, Params, Topic, TopicParams } from "./protocol.ts";
import { MAX_TRASH_PAGE } from "./trash-protocol.ts";

/** Longest text of a key file, in characters. */
const MAX_KEYS = 200_000;
const MAX_TEXT = 1_000;
/** Of a setting's value: long lists of networks. */
const MAX_SETTING = 20_000;
const MAX_ROWS = 500;
const MAX_RECORDS = 1_000;

const none = z.strictObject({});
const whole = z.int().min(0);
const name = z.string().max(64);
const role = z.enum(["user", "admin"]);
const quota = whole.nullable().exactOptional();
/** How many users are named at once. */
const MAX_NAMES = 200;
const quotaOrDefault = z
  .union([whole, z.literal("default")])
  .nullable()
  .exactOptional();
const flag = z.boolean().exactOptional();
const who = z.strictObject({ name });
const kind = z.enum(AUDIT_KINDS);
/** Values are looked at where they are set: what is wrong with one is said there. */
const loginLimits = {
  expiresAt: whole.nullable().exactOptional(),
  from: z.array(z.string().max(MAX_TEXT)).max(MAX_FROM).nullable().exactOptional(),
  auth: z.array(z.enum(LOGIN_METHODS)).max(LOGIN_METHODS.length).nullable().exactOptional(),
  maxSessions: whole.nullable().exactOptional(),
  uploadRate: whole.nullable().exactOptional(),
  downloadRate: whole.nullable().exactOptional(),
  trashKeep: whole.nullable().exactOptional(),
  require: z.array(z.enum(LOGIN_FACTORS)).max(LOGIN_FACTORS.length).nullable().exactOptional(),
};
const group = z.strictObject({ name, quotaBytes: quotaOrDefault, ...loginLimits });
const members = z.strictObject({ name, users: z.array(name).max(MAX_NAMES) });
const folder = z.strictObject({
  name,
  quotaBytes: quota,
  quotaFiles: quota,
  trashKeep: loginLimits.trashKeep,
});
/** A user, or a group with an "@". */
const subject = z.string().max(65);
const path = z.string().max(MAX_TEXT);
const trashId = z.string().max(32);
const access = z.enum(ACCESS_MODES);
const kicking = { disable: flag, force: flag, reason: z.string().max(MAX_TEXT).exactOptional() };

const userQuery = z.strictObject({
  filter: z.string().max(MAX_TEXT).exactOptional(),
  sort: z
    .enum(["name", "role", "state", "used", "percent", "files", "sessions", "login"])
    .exactOptional(),
  descending: flag,
  offset: whole.exactOptional(),
  limit: z.int().min(0).max(MAX_ROWS).exactOptional(),
});

const logQuery = z.strictObject({
  user: name.exactOptional(),
  kind: kind.exactOptional(),
  since: z.number().exactOptional(),
  until: z.number().exactOptional(),
  afterId: whole.exactOptional(),
  text: z.string().max(MAX_TEXT).exactOptional(),
  limit: z.int().min(0).max(MAX_RECORDS).exactOptional(),
});

const logFilter = {
  user: name.exactOptional(),
  actor: z.string().max(MAX_TEXT).exactOptional(),
  kinds: z.array(kind).max(AUDIT_KINDS.length).exactOptional(),
  groups: z.array(z.enum(AUDIT_GROUPS)).max(AUDIT_GROUPS.length).exactOptional(),
  address: z.string().max(MAX_TEXT).exactOptional(),
  path: z.string().min(1).max(MAX_TEXT).exactOptional(),
  text: z.string().min(1).max(MAX_TEXT).exactOptional(),
  session: whole.exactOptional(),
  batch: whole.exactOptional(),
  since: z.number().exactOptional(),
  until: z.number().exactOptional(),
};

const logFollowing = z.strictObject({
  ...logQuery.shape,
  actor: logFilter.actor,
  kinds: logFilter.kinds,
  groups: logFilter.groups,
  address: logFilter.address,
  path: logFilter.path,
});

const METHODS: { readonly [M in Method]: z.ZodType<Params<M>> } = {
  overview: none,
  metrics: none,
  "metrics.own": none,
  health: none,
  "users.page": userQuery,
  "users.show": who,
  "users.add": z.strictObject({
    name,
    role: role.exactOptional(),
    password: z.string().max(4096).exactOptional(),
    keys: z.string().max(MAX_KEYS).exactOptional(),
    quotaBytes: quota,
    quotaFiles: quota,
    groups: z.array(name).max(MAX_GROUPS_OF_A_USER).exactOptional(),
    passwordChange: flag,
    ...loginLimits,
  }),
  "users.set": z.strictObject({
    name,
    role: role.exactOptional(),
    quotaBytes: quotaOrDefault,
    quotaFiles: quota,
    passwordChange: flag,
    ...loginLimits,
    force: flag,
  }),
  "users.password": z.strictObject({ name, password: z.string().max(4096), change: flag }),
  "users.generatePassword": who,
  "users.enable": who,
  "users.kick": z.strictObject({ name, ...kicking }),
  "users.disable": z.strictObject({ name, force: flag }),
  "users.remove": z.strictObject({ name, deleteHome: flag, force: flag }),
  "users.rescan": who,
  "groups.list": none,
  "groups.show": who,
  "groups.add": group,
  "groups.set": group,
  "groups.remove": who,
  "groups.join": members,
  "groups.leave": members,
  "folders.list": none,
  "folders.show": who,
  "folders.add": folder,
  "folders.set": folder,
  "folders.remove": z.strictObject({ name, deleteFiles: flag }),
  "folders.rescan": who,
  "folders.share": z.strictObject({ name, to: subject, at: path.exactOptional(), access }),
  "trash.list": z.strictObject({
    name: subject,
    after: trashId.exactOptional(),
    limit: z.int().min(1).max(MAX_TRASH_PAGE).exactOptional(),
  }),
  "trash.restore": z.strictObject({
    name: subject,
    what: path,
    to: path.exactOptional(),
    force: flag,
  }),
  "trash.empty": z.strictObject({
    name: subject,
    ids: z.array(trashId).max(MAX_TRASH_PAGE).exactOptional(),
  }),
  "folders.unshare": z.strictObject({ name, to: subject }),
  "access.list": z.strictObject({ name: subject }),
  "access.set": z.strictObject({ name: subject, path, access }),
  "access.remove": z.strictObject({ name: subject, path }),
  "access.explain": z.strictObject({ name: subject, path }),
  "keys.add": z.strictObject({ name, text: z.string().max(MAX_KEYS) }),
  "keys.check": z.strictObject({ text: z.string().max(MAX_KEYS) }),
  "keys.remove": z.strictObject({ name, fingerprint: z.string().max(MAX_TEXT) }),
  "ca.list": none,
  "ca.add": z.strictObject({ text: z.string().max(MAX_KEYS) }),
  "ca.remove": z.strictObject({ fingerprint: z.string().max(MAX_TEXT) }),
  "ca.revoked": none,
  "ca.revoke": z.strictObject({
    serial: z.string().max(MAX_TEXT).exactOptional(),
    id: z.string().max(MAX_TEXT).exactOptional(),
    key: z.string().max(MAX_KEYS).exactOptional(),
    authority: z.string().max(MAX_TEXT).exactOptional(),
    reason: z.string().max(MAX_TEXT).exactOptional(),
  }),
  "ca.unrevoke": z.strictObject({ number: whole }),
  "sessions.list": none,
  "sessions.own": none,
  "sessions.here": none,
  "sessions.kick": z.strictObject({ id: whole, ...kicking }),
  "transfers.end": z.strictObject({ session: whole, transfer: whole }),
  security: none,
  "penalties.lift": z.strictObject({ address: z.string().max(MAX_TEXT) }),
  "bans.set": z.strictObject({
    address: z.string().max(MAX_TEXT),
    forMs: z.int().min(1).max(MAX_BAN_MS).exactOptional(),
    reason: z.string().max(MAX_TEXT).exactOptional(),
    force: flag,
    from: z.string().max(MAX_TEXT).exactOptional(),
  }),
  "bans.lift": z.strictObject({ address: z.string().max(MAX_TEXT) }),
  "events.list": none,
  "events.test": who,
  "events.retry": z.strictObject({ name: name.exactOptional() }),
  "events.drop": who,
  "log.query": logQuery,
  "log.page": z.strictObject({
    ...logFilter,
    limit: z.int().min(0).max(MAX_ROWS).exactOptional(),
    before: z.strictObject({ at: z.number(), id: whole }).exactOptional(),
    grouped: flag,
  }),
  "log.count": z.strictObject(logFilter),
  traffic: z.strictObject({
    by: z.enum(["user", "day"]),
    days: z.int().min(1).max(366),
    user: name.exactOptional(),
  }),
  hostKeys: none,
  settings: none,
  "settings.set": z.strictObject({
    name: z.string().max(MAX_TEXT),
    value: z.string().max(MAX_SETTING).nullable(),
    was: z
      .string()
      .max(2 * MAX_SETTING)
      .exactOptional(),
  }),
  reload: none,
  renew: z.strictObject({ drainMs: z.number().min(0).max(86_400_000) }),
  stop: z.strictObject({
    graceMs: z.number().min(0).max(86_400_000).exactOptional(),
    alone: flag,
  }),
  stopping: none,
  "nodes.list": none,
};

const TOPICS: { readonly [T in Topic]: z.ZodType<TopicParams<T>> } = {
  overview: none,
  sessions: none,
  users: userQuery,
  groups: none,
  folders: none,
  log: logFollowing,
  security: none,
  rescan: who,
  stopping: none,
};

/** Who acts, for the audit trail. */
const actor = z.string().regex(/^[\p{L}\p{N}:@._[\] -]{1,100}$/u);

/** A line of a client. Its params are looked at with the method or topic. */
const LINE = z.union([
  z.strictObject({ actor }),
  z.strictObject({ id: whole, call: z.string(), params: z.unknown() }),
  z.strictObject({ id: whole, subscribe: z.string(), params: z.unknown() }),
  z.strictObject({ id: whole, unsubscribe: z.literal(true) }),
]);

export type ParsedLine = z.infer<typeof LINE>;

/** What a client's line says; undefined when it is none of what a client may say. */
export function parseLine(text: string): ParsedLine | undefined {
  try {
    return LINE.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

export function isActor(text: string): boolean {
  return actor.safeParse(text).success;
}

export function isMethod(text: string): text is Method {
  return Object.hasOwn(METHODS, text);
}

export function isTopic(text: string): text is Topic {
  return Object.hasOwn(TOPICS, text);
}

/** @returns the params when they are such, else which of them is wrong */
export function checkMethod<M extends Method>(
  method: M,
  params: unknown,
): { readonly params: Params<M> } | { readonly problem: string } {
  return check(METHODS[method], params);
}

/** As {@link checkMethod}, of a subscription. */
export function checkTopic<T extends Topic>(
  topic: T,
  params: unknown,
): { readonly params: TopicParams<T> } | { readonly problem: string } {
  return check(TOPICS[topic], params);
}

/** Never quotes a value: it may be a password. */
function check<P>(schema: z.ZodType<P>, params: unknown): { params: P } | { problem: string } {
  const parsed = schema.safeParse(params);
  if (parsed.success) return { params: parsed.data };
  const [issue] = parsed.error.issues;
  return { problem: issue?.path.join(".") || "params" };
}
