import { setTimeout as sleep } from "node:timers/promises";
import { generatePassword } from "../auth/generate.ts";
import { PublicKeyError, parsePublicKeys } from "../auth/keys.ts";
import type { StoredSession } from "../store/sessions.ts";
import type { AuditEvent, UserKey } from "../store/types.ts";
import { KICKED } from "../text/endings.ts";
import { oneLine } from "../text/safe.ts";
import { AUDIT_METHODS } from "./audit-methods.ts";
import { BanControl } from "./bans.ts";
import { AUTHORITY_METHODS } from "./ca-methods.ts";
import { ControlError } from "./errors.ts";
import { EVENT_METHODS } from "./event-methods.ts";
import { ACCESS_METHODS, FOLDER_METHODS } from "./folder-methods.ts";
import { GROUP_METHODS } from "./group-methods.ts";
import type { ControlHost } from "./host.ts";
import { METRICS_METHODS } from "./metrics-methods.ts";
import { NODE_METHODS } from "./node-methods.ts";
import type { KeyInfo, Method, Params, Result, SessionInfo, UserInfo } from "./protocol.ts";
import { type ControlService, toUserInfo } from "./service.ts";
import { SETTING_METHODS } from "./setting-methods.ts";
import { queryLog } from "./tail.ts";
import { TRASH_METHODS } from "./trash-methods.ts";
import type { UserControl } from "./users.ts";

/** How long the end of a session is waited for. */
const KICK_TIMEOUT_MS = 10_000;
const POLL_MS = 20;

/** Who asks, and what a method works with. */
export interface Caller {
  readonly service: ControlService;
  readonly host: ControlHost;
  readonly users: UserControl;
  readonly actor: string;
}

type Methods = {
  readonly [M in Method]: (caller: Caller, params: Params<M>) => Promise<Result<M>>;
};

/** The administrators' use-cases. They reject with ControlError for what a person can put right. */
export const METHODS: Methods = {
  overview: ({ service }) => service.overview(),
  "users.page": ({ service }, query) => service.users(query),
  "users.show": async (caller, { name }) => ({
    user: await info(caller, name),
    keys: (await caller.users.listKeys(name)).map(toKeyInfo),
  }),
  "users.add": addUser,
  "users.set": async (caller, { name, force = false, ...change }) => {
    await caller.users.set(name, change, { force });
    return changed(caller, name);
  },
  "users.password": async ({ users }, { name, password, ...options }) => {
    await users.setPassword(name, password, options);
    return null;
  },
  "users.generatePassword": async ({ users }, { name }) => {
    const password = generatePassword();
    await users.setPassword(name, password);
    return { password };
  },
  "users.enable": async (caller, { name }) => {
    await caller.users.enable(name);
    return changed(caller, name);
  },
  "users.disable": async (caller, { name, force = false }) => {
    await caller.users.disable(name, { force });
    return changed(caller, name);
  },
  "users.remove": async ({ users, service }, { name, ...options }) => {
    const removed = await users.remove(name, options);
    service.feeds.users.poke();
    return removed;
  },
  "users.kick": kickUser,
  "users.rescan": async (caller, { name }) => {
    await caller.users.rescan(name);
    return changed(caller, name);
  },
  ...GROUP_METHODS,
  ...FOLDER_METHODS,
  ...ACCESS_METHODS,
  ...EVENT_METHODS,
  ...METRICS_METHODS,
  ...NODE_METHODS,
  ...SETTING_METHODS,
  ...AUTHORITY_METHODS,
  ...AUDIT_METHODS,
  ...TRASH_METHODS,
  "keys.add": async ({ users }, { name, text }) => {
    const added = await users.addKeys(name, parseKeys(text));
    return { added: added.map(toKeyInfo) };
  },
  "keys.check": async (_, { text }) => parseKeys(text).map(toKeyInfo),
  "keys.remove": async ({ users }, { name, fingerprint }) => {
    await users.removeKey(name, fingerprint);
    return null;
  },
  "sessions.list": ({ service }) => service.sessions(),
  "sessions.own": ({ service }) => service.ownSessions(),
  "sessions.here": ({ service }) => service.sessionsHere(),
  "sessions.kick": kick,
  "transfers.end": endTransfer,
  security: ({ service }) => service.security(),
  "penalties.lift": liftPenalty,
  "bans.set": banAddress,
  "bans.lift": liftBan,
  "log.query": ({ host }, query) => queryLog(host.store.audit, query),
  traffic: ({ host }, { days, ...query }) =>
    host.store.audit.traffic({ ...query, since: startOfDay(Date.now(), days) }),
  hostKeys: async ({ host }) => host.hostKeys,
};

async function info({ host, users }: Caller, name: string): Promise<UserInfo> {
  await users.account(name);
  const listed = await host.store.userPages.one(name);
  if (listed !== undefined) return toUserInfo(listed);
  throw new ControlError(`user ${name} was removed meanwhile`);
}

async function changed(caller: Caller, name: string): Promise<UserInfo> {
  caller.service.feeds.users.poke();
  return info(caller, name);
}

async function addUser(caller: Caller, request: Params<"users.add">): Promise<UserInfo> {
  const { name, role = "user", keys, ...more } = request;
  await caller.users.add({
    ...more,
    name,
    role,
    keys: keys === undefined ? [] : parseKeys(keys),
  });
  return changed(caller, name);
}

function parseKeys(text: string): UserKey[] {
  try {
    return parsePublicKeys(text);
  } catch (thrown) {
    throw thrown instanceof PublicKeyError ? new ControlError(thrown.message) : thrown;
  }
}

function toKeyInfo({ fingerprint, algorithm, comment, createdAt, options }: UserKey): KeyInfo {
  const { text = "", expiresAt = null } = options ?? {};
  return { fingerprint, algorithm, comment, createdAt, options: text, expiresAt };
}

/** Ends a session, or a login that waits, wherever it is. */
async function kick(caller: Caller, params: Params<"sessions.kick">): Promise<null> {
  const { id, disable = false, force = false, reason } = params;
  const session = (await caller.host.store.sessions.list()).find((one) => one.id === id);
  if (session === undefined) throw noSession(id);
  await tellToEnd(caller, session, reason);
  if (disable) await caller.users.disable(session.user, { force });
  await gone(caller, [id]);
  return null;
}

/** Ends what a user has: sessions and logins that wait, wherever they are. */
async function kickUser(
  caller: Caller,
  params: Params<"users.kick">,
): Promise<Result<"users.kick">> {
  const { name, disable = false, force = false, reason } = params;
  const account = await caller.users.account(name);
  const all = await caller.host.store.sessions.list();
  const sessions = all.filter(({ userId }) => userId === account.id);
  if (sessions.length === 0 && !disable) {
    throw new ControlError(`${name} has no session: \`moorage sessions\` shows all`);
  }
  for (const session of sessions) await tellToEnd(caller, session, reason);
  if (disable) await caller.users.disable(name, { force });
  const ended = sessions.map(({ id }) => id);
  await gone(caller, ended);
  return { ended };
}

async function tellToEnd(
  caller: Caller,
  session: StoredSession,
  reason: string | undefined,
): Promise<void> {
  const { host } = caller;
  const { id, userId, user, remote } = session;
  const text = reason === undefined ? KICKED : `${KICKED}: ${oneLine(reason)}`;
  const told = host.kick(id, text);
  if (!told) await host.store.changes.add("kick", userId, `${id} ${text}`);
  const detail = reason === undefined ? {} : { detail: oneLine(reason) };
  record(caller, { kind: "session-kick", user, remote, session: id, ...detail });
}

/** Waits until the sessions' files are closed and their places are free. */
async function gone({ host }: Caller, ids: readonly number[]): Promise<void> {
  const deadline = Date.now() + KICK_TIMEOUT_MS;
  for (;;) {
    const left = (await host.store.sessions.list()).find(({ id }) => ids.includes(id));
    if (left === undefined) return;
    if (Date.now() > deadline) {
      throw new ControlError(`session ${left.id} was told to end, and is still closing its files`);
    }
    await sleep(POLL_MS);
  }
}

async function endTransfer(
  caller: Caller,
  { session: id, transfer }: Params<"transfers.end">,
): Promise<null> {
  const { host, service } = caller;
  const session = (await service.sessions()).find((one) => one.id === id);
  if (session === undefined) throw noSession(id);
  const found = session.transfers.find((one) => one.id === transfer);
  const here = session.node === host.store.nodeId;
  if (here ? !host.endTransfer(id, transfer) : found === undefined) {
    throw new ControlError(`session ${id} has no transfer ${transfer} any more`);
  }
  const account = await host.store.users.byName(session.user);
  if (!here) await host.store.changes.add("transfer-end", account?.id ?? 0, `${id} ${transfer}`);
  record(caller, { kind: "transfer-end", ...whose(session), ...(found && { path: found.path }) });
  return null;
}

function whose({ id, user, remote }: SessionInfo): Pick<AuditEvent, "session" | "user" | "remote"> {
  return { session: id, user, remote };
}

function noSession(id: number): ControlError {
  return new ControlError(`no session ${id}: \`moorage sessions\` shows all`);
}

async function liftPenalty(caller: Caller, { address }: Params<"penalties.lift">): Promise<null> {
  if (!(await bansOf(caller).liftPenalty(address, caller.host.penalties))) {
    throw new ControlError(`nothing counts against ${JSON.stringify(address)}`);
  }
  caller.service.feeds.security.poke();
  return null;
}

async function banAddress(
  caller: Caller,
  request: Params<"bans.set">,
): Promise<Result<"bans.set">> {
  const result = await bansOf(caller).ban(request);
  caller.service.feeds.security.poke();
  return result;
}

async function liftBan(caller: Caller, { address }: Params<"bans.lift">): Promise<null> {
  if (!(await bansOf(caller).lift(address))) {
    throw new ControlError(`${oneLine(address)} is not banned`);
  }
  caller.service.feeds.security.poke();
  return null;
}

function bansOf({ host, actor }: Caller): BanControl {
  return new BanControl({ store: host.store, actor, announced: () => host.applyChanges() });
}

/** When the first of so many days began in local time, the last of which goes on now. */
function startOfDay(now: number, days: number): number {
  const day = new Date(now);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - days + 1).getTime();
}

function record({ host, actor }: Caller, event: AuditEvent): void {
  host.store.audit.record({ ...event, actor });
}
