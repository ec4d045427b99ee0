import { toFilter } from "../../src/control/audit-methods.ts";
import type {
  Control,
  KeyInfo,
  LogFollowing,
  Method,
  Overview,
  Params,
  Result,
  Sample,
  Security,
  SessionInfo,
  SettingChange,
  SettingInfo,
  Subscription,
  Topic,
  TopicEvent,
  TopicParams,
  UserInfo,
  UserPage,
  UserQuery,
  UserSort,
} from "../../src/control/protocol.ts";
import { fitting } from "../../src/store/audit-filter.ts";
import { NO_LIMITS } from "../../src/store/login-limits.ts";
import type { AuditKind, AuditRecord } from "../../src/store/types.ts";
import { FakeServices, SERVICE_METHODS } from "./fake-services.ts";
import { FakeTeam, TEAM_METHODS } from "./fake-team.ts";

const SETTING: SettingInfo = {
  name: "",
  value: "",
  source: "default",
  restart: false,
  waiting: null,
  default: "",
  kind: "a whole number from 1 to 100000",
  description: "Logged-in sessions at once, over all processes.",
  options: null,
  fixed: "",
};

const FAKE_SETTINGS: readonly SettingInfo[] = [
  {
    ...SETTING,
    ...{ name: "server.port", value: "2222", default: "2222", restart: true },
    kind: "a whole number from 0 to 65535",
    description: "TCP port to listen on; 0 takes any free one.",
    fixed:
      "server.port is changed in moorage.toml on the server's machine, or there by `moorage config set`: it says where the server listens",
  },
  {
    ...SETTING,
    ...{ name: "server.workers", value: "auto", default: "auto", restart: true },
    kind: "auto or a whole number from 1 to 64",
    description: "Processes that serve: `auto` for as many as there are processors.",
  },
  {
    ...SETTING,
    ...{ name: "limits.max_sessions", value: "200", default: "256" },
    source: "moorage.toml:9 (limits.max_sessions)",
  },
  {
    ...SETTING,
    ...{ name: "limits.queue", value: "7", default: "128" },
    source: "MOORAGE_LIMITS_QUEUE",
    fixed: "limits.queue comes from MOORAGE_LIMITS_QUEUE; the file would have no effect",
  },
  {
    ...SETTING,
    ...{ name: "log.level", value: "info", default: "info" },
    kind: "one of trace, debug, info, warn, error, silent",
    description: "What to log.",
    options: ["trace", "debug", "info", "warn", "error", "silent"],
  },
];

/** 2026-01-31 12:00:00 UTC: a fixed now, so that pictures are the same every time. */
export const FAKE_NOW = Date.UTC(2026, 0, 31, 12, 0, 0);

const GB = 1e9;

interface Follower {
  readonly topic: Topic;
  readonly params: unknown;
  readonly onEvent: (event: unknown) => void;
  sent: boolean;
}

/** Control without a server: users in memory, sessions whose transfers move with `advance`. */
export class FakeControl implements Control {
  readonly closed: Promise<string>;
  readonly calls: { method: Method; params: unknown }[] = [];
  readonly users = new Map<string, UserInfo>();
  readonly keys = new Map<string, KeyInfo[]>();
  readonly team = new FakeTeam();
  sessions: SessionInfo[];
  records: AuditRecord[];
  diskIsFull = false;
  canRenew = true;
  failingReceivers: Overview["failingReceivers"] = [];
  readonly services = new FakeServices();
  settings: readonly SettingInfo[] = FAKE_SETTINGS;
  securityState: Security = { bans: [], penalties: [], failures: [] };
  now = FAKE_NOW;
  version = "0.1.0";
  readonly #followers = new Set<Follower>();
  readonly #failures = new Map<Method, string>();
  readonly #refusals = new Map<Topic, string>();
  #samples: Sample[];
  #end: (why: string) => void = () => {};
  #ended = false;

  constructor({ users = 10_000, sessions = 12 } = {}) {
    this.closed = new Promise((resolve) => {
      this.#end = resolve;
    });
    for (let at = 0; at < users; at++) this.addUser(fakeUser(at));
    this.sessions = Array.from({ length: sessions }, (_, at) => fakeSession(at));
    this.records = Array.from({ length: 40 }, (_, at) => fakeRecord(at));
    this.#samples = Array.from({ length: 300 }, (_, at) => fakeSample(at - 299));
  }

  /** how many subscriptions are open */
  get subscriptions(): number {
    return this.#followers.size;
  }

  addUser(user: UserInfo): void {
    this.users.set(user.name, user);
  }

  /** The next calls of a method fail with this line; undefined: they work again. */
  fail(method: Method, message: string | undefined): void {
    if (message === undefined) this.#failures.delete(method);
    else this.#failures.set(method, message);
  }

  /** Subscriptions to a topic are refused with this line. */
  refuse(topic: Topic, why: string): void {
    this.#refusals.set(topic, why);
  }

  async call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>> {
    this.calls.push({ method, params });
    if (this.#ended) throw new FakeError("the server has gone away");
    const failure = this.#failures.get(method);
    if (failure !== undefined) throw new FakeError(failure);
    const result = METHODS[method](this, params);
    this.publish();
    return result as Result<M>;
  }

  subscribe<T extends Topic>(
    topic: T,
    params: TopicParams<T>,
    onEvent: (event: TopicEvent<T>) => void,
    onEnd: (why: string) => void = () => {},
  ): Subscription {
    const refusal = this.#refusals.get(topic);
    if (refusal !== undefined) queueMicrotask(() => onEnd(refusal));
    if (refusal !== undefined) return { close: () => {} };
    const follower: Follower = {
      topic,
      params,
      onEvent: onEvent as (event: unknown) => void,
      sent: false,
    };
    this.#followers.add(follower);
    queueMicrotask(() => this.#send(follower));
    return { close: () => void this.#followers.delete(follower) };
  }

  close(): void {
    this.stop("closed");
  }

  /** The server goes away. */
  stop(why = "the server has gone away"): void {
    this.#ended = true;
    this.#followers.clear();
    this.#end(why);
  }

  /** Time passes: transfers move, samples are added, and who follows is told. */
  advance(seconds = 1): void {
    for (let at = 0; at < seconds; at++) {
      this.now += 1000;
      this.#samples = [...this.#samples.slice(1), fakeSample((this.now - FAKE_NOW) / 1000)];
      this.sessions = this.sessions.map((session) => ({
        ...session,
        transfers: session.transfers.map((transfer) => ({
          ...transfer,
          bytes: Math.min(transfer.size ?? Infinity, transfer.bytes + transfer.bytesPerSecond),
        })),
      }));
    }
    this.publish();
  }

  setSetting(name: string, value: string | null, was?: string): SettingChange {
    const found = this.settings.find((one) => one.name === name);
    if (found === undefined) throw new FakeError(`${name}: unknown setting`);
    const before = found.waiting ?? found.value;
    if (was !== undefined && was !== before) throw new FakeError(`${name} is ${before} by now`);
    const now = value ?? found.default;
    if (!/^\w*$/.test(now)) throw new FakeError(`${name}: must be ${found.kind}, not "${now}"`);
    const source = value === null ? "default" : `moorage.toml:9 (${name})`;
    const by = found.restart ? { waiting: now } : { value: now, source };
    this.settings = this.settings.map((one) => (one === found ? { ...found, ...by } : one));
    const inForce = !found.restart;
    return { name, value: now, before: found.value, changed: now !== found.value, inForce };
  }

  record(kind: AuditKind, more: Partial<AuditRecord> = {}): AuditRecord {
    const record = { id: this.records.length + 1, at: this.now, kind, ...more };
    this.records = [...this.records, record];
    for (const follower of this.#followers) {
      if (follower.topic === "log" && fits(record, follower.params as LogFollowing)) {
        follower.onEvent([record]);
      }
    }
    return record;
  }

  publish(): void {
    for (const follower of this.#followers) {
      if (follower.topic !== "log") this.#send(follower);
    }
  }

  #send(follower: Follower): void {
    if (!this.#followers.has(follower)) return;
    const event = this.#event(follower);
    if (event === undefined) return;
    follower.sent = true;
    follower.onEvent(event);
  }

  #event({ topic, params }: Follower): unknown {
    switch (topic) {
      case "overview":
        return this.overview();
      case "users":
        return this.page(params as UserQuery);
      case "groups":
        return this.team.groupList();
      case "folders":
        return this.team.folderList();
      case "sessions":
        return this.sessions;
      case "log":
        return this.log(params as LogFollowing);
      case "security":
        return this.securityState;
      default:
        return undefined;
    }
  }

  overview(): Overview {
    const folders = this.team.folderList().map((one) => ({ ...one, name: `@${one.name}` }));
    const all = [...this.users.values(), ...folders].sort((a, b) => b.usedBytes - a.usedBytes);
    return {
      version: this.version,
      pid: 4711,
      node: "n1",
      listen: "0.0.0.0:2222",
      startedAt: FAKE_NOW - 93_784_000,
      stopping: false,
      sessions: {
        active: this.sessions.filter(({ state }) => state === "active").length,
        waiting: this.sessions.filter(({ state }) => state === "waiting").length,
        max: 200,
      },
      users: this.users.size,
      totals: {
        logins: 1234,
        failedLogins: 56,
        refusals: 7,
        bytesIn: 81 * GB,
        bytesOut: 24 * GB,
      },
      disk: {
        totalBytes: 500 * GB,
        freeBytes: this.diskIsFull ? 0 : 123 * GB,
        full: this.diskIsFull,
      },
      memoryBytes: 95_000_000,
      canRenew: this.canRenew,
      failingReceivers: this.failingReceivers,
      loopDelay: { p50Ms: 0.4, p99Ms: 2.6, maxMs: 31 },
      mostUsed: all.slice(0, 20),
      samples: this.#samples,
      events: this.records.slice(-20),
    };
  }

  page({ filter = "", sort = "name", descending = false, offset = 0, limit = 100 }: UserQuery) {
    const sign = descending ? -1 : 1;
    const found = [...this.users.values()]
      .filter(({ name }) => name.includes(filter))
      .sort((a, b) => sign * compare(SORT_KEYS[sort](a), SORT_KEYS[sort](b)));
    const page: UserPage = { total: found.length, rows: found.slice(offset, offset + limit) };
    return page;
  }

  log(query: LogFollowing): AuditRecord[] {
    return this.records
      .filter((record) => fits(record, query))
      .slice(-(query.limit ?? 100))
      .slice(0, query.limit ?? 100);
  }

  user(name: string): UserInfo {
    const user = this.users.get(name);
    if (user === undefined) throw new FakeError(`there is no user ${name}`);
    return user;
  }

  change(name: string, by: Partial<UserInfo>): UserInfo {
    const next = { ...this.user(name), ...by };
    this.users.set(name, next);
    return next;
  }
}

export class FakeError extends Error {
  override readonly name = "ControlError";
}

function fits(record: AuditRecord, { kind, limit: _limit, ...filter }: LogFollowing): boolean {
  return (kind === undefined || record.kind === kind) && fitting(toFilter(filter))(record);
}

const SORT_KEYS: Record<UserSort, (user: UserInfo) => string | number> = {
  name: ({ name }) => name,
  role: ({ role, name }) => `${role} ${name}`,
  state: ({ enabled, name }) => `${enabled ? 0 : 1} ${name}`,
  used: ({ usedBytes }) => usedBytes,
  percent: ({ usedBytes, quotaBytes }) => (quotaBytes === null ? 0 : usedBytes / quotaBytes),
  files: ({ files }) => files,
  sessions: ({ sessions }) => sessions,
  login: ({ lastLoginAt }) => lastLoginAt ?? 0,
};

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

type Methods = { [M in Method]: (control: FakeControl, params: Params<M>) => Result<M> };

const IMPLEMENTED: Partial<Methods> = {
  ...TEAM_METHODS,
  ...SERVICE_METHODS,
  overview: (control) => control.overview(),
  "users.page": (control, query) => control.page(query),
  "users.show": (control, { name }) => ({
    user: control.user(name),
    keys: control.keys.get(name) ?? [],
  }),
  "users.add": (control, { name, role = "user", quotaBytes = 10.24 * GB }) => {
    if (control.users.has(name)) throw new FakeError(`there is a user ${name} already`);
    const user = { ...fakeUser(0), name, role, quotaBytes, usedBytes: 0, files: 0, sessions: 0 };
    control.addUser({ ...user, keys: 0, lastLoginAt: null, createdAt: control.now });
    return control.user(name);
  },
  "users.set": (control, { name, ...by }) => {
    const { force, quotaBytes, ...change } = by;
    if (quotaBytes === undefined) return control.change(name, change);
    const quotaOwn = quotaBytes !== "default";
    const quota = quotaBytes === "default" ? 10.24 * GB : quotaBytes;
    return control.change(name, { ...change, quotaOwn, quotaBytes: quota });
  },
  "users.password": () => null,
  "users.generatePassword": () => ({ password: "correct-horse-battery-staple" }),
  "users.enable": (control, { name }) => control.change(name, { enabled: true }),
  "users.disable": (control, { name }) => control.change(name, { enabled: false }),
  "users.remove": (control, { name, deleteHome = false }) => {
    control.user(name);
    control.users.delete(name);
    return { homeDeleted: deleteHome };
  },
  "users.kick": (control, { name, disable = false }) => {
    const { sessions } = control.user(name);
    const ended = control.sessions.filter(({ user }) => user === name).map(({ id }) => id);
    if (ended.length === 0 && sessions === 0 && !disable) {
      throw new FakeError(`${name} has no session: \`moorage sessions\` shows all`);
    }
    control.sessions = control.sessions.filter(({ user }) => user !== name);
    if (disable) control.change(name, { enabled: false });
    return { ended };
  },
  "users.rescan": (control, { name }) => control.user(name),
  "keys.check": (_, { text }) => {
    if (!text.startsWith("ssh-")) throw new FakeError("that is not a public key");
    return [fakeKey(text)];
  },
  "keys.add": (control, { name, text }) => {
    const added = [fakeKey(text)];
    control.keys.set(name, [...(control.keys.get(name) ?? []), ...added]);
    return { added };
  },
  "keys.remove": (control, { name, fingerprint }) => {
    const left = (control.keys.get(name) ?? []).filter((key) => key.fingerprint !== fingerprint);
    control.keys.set(name, left);
    return null;
  },
  "sessions.list": (control) => control.sessions,
  "sessions.kick": (control, { id, disable = false }) => {
    const found = control.sessions.find((session) => session.id === id);
    if (found === undefined) throw new FakeError(`there is no session ${id}`);
    control.sessions = control.sessions.filter((session) => session !== found);
    if (disable) control.change(found.user, { enabled: false });
    return null;
  },
  "transfers.end": (control, { session, transfer }) => {
    control.sessions = control.sessions.map((one) =>
      one.id === session
        ? { ...one, transfers: one.transfers.filter(({ id }) => id !== transfer) }
        : one,
    );
    return null;
  },
  security: (control) => control.securityState,
  "penalties.lift": (control, { address }) => {
    const { penalties } = control.securityState;
    const left = penalties.filter((penalty) => penalty.address !== address);
    control.securityState = { ...control.securityState, penalties: left };
    return null;
  },
  "bans.set": (control, { address, reason = "", forMs }) => {
    const until = forMs === undefined ? null : FAKE_NOW + forMs;
    const ban = { network: address, reason, actor: "fake", since: FAKE_NOW, until };
    const { bans } = control.securityState;
    control.securityState = { ...control.securityState, bans: [...bans, ban] };
    return { address, until, ended: [] };
  },
  "bans.lift": (control, { address }) => {
    const { bans } = control.securityState;
    const left = bans.filter(({ network }) => network !== address);
    control.securityState = { ...control.securityState, bans: left };
    return null;
  },
  "log.query": (control, query) => control.log(query),
  traffic: (_control, { by, user }) => {
    const moved = { uploads: 1234, uploadBytes: 81 * GB, downloads: 56, downloadBytes: 24 * GB };
    if (by === "day") return ["2026-01-31", "2026-01-30"].map((key) => ({ key, ...moved }));
    return (user === undefined ? ["user00001", "user00002"] : [user]).map((key) => ({
      key,
      ...moved,
    }));
  },
  hostKeys: () => [
    { algorithm: "ssh-ed25519", sha256: "SHA256:dDh3Wr6iCnrSJ5xo7Zzjsn2Y5WwRd1VQjyXaDDZ6JzA" },
    {
      algorithm: "ecdsa-sha2-nistp256",
      sha256: "SHA256:0jvV7mAeyIcEJ5yRtDBa1MZqYo2b4GAr4VhZrC4HMbI",
    },
    { algorithm: "ssh-rsa", sha256: "SHA256:8C1nKyWbG6n1x4Gv5FJmSPh9O2cQfTmRrJrLs6nX1Cw" },
  ],
  settings: (control) => control.settings,
  "settings.set": (control, { name, value, was }) => control.setSetting(name, value, was),
  reload: () => ({ applied: ["limits.max_sessions"], needRestart: ["server.port"] }),
  stop: () => null,
};

const METHODS = new Proxy(IMPLEMENTED, {
  get(target, name) {
    const found = Reflect.get(target, name);
    if (found === undefined) throw new FakeError(`${String(name)} is not there`);
    return found;
  },
}) as unknown as Record<Method, (control: FakeControl, params: unknown) => unknown>;

function fakeKey(text: string): KeyInfo {
  const [algorithm = "", body = "", comment = ""] = text.trim().split(" ");
  const fingerprint = `SHA256:${body.slice(0, 43)}`;
  return { fingerprint, algorithm, comment, createdAt: FAKE_NOW, options: "", expiresAt: null };
}

/** Names in order: user00000 …; every 50th an admin, every 33rd disabled, quotas filled anyhow. */
export function fakeUser(at: number): UserInfo {
  const quotaBytes = at % 17 === 3 ? null : (1 + (at % 20)) * GB;
  const part = ((at * 37) % 101) / 100;
  return {
    name: `user${String(at).padStart(5, "0")}`,
    role: at % 50 === 7 ? "admin" : "user",
    enabled: at % 33 !== 5,
    hasPassword: at % 4 !== 1,
    keys: at % 3,
    quotaBytes,
    quotaFiles: at % 5 === 4 ? 10_000 : null,
    usedBytes: Math.round((quotaBytes ?? 3 * GB) * part),
    files: (at * 71) % 5000,
    sessions: at < 12 ? 1 : 0,
    createdAt: FAKE_NOW - 86_400_000 * (1 + (at % 300)),
    lastLoginAt: at % 7 === 6 ? null : FAKE_NOW - 3_600_000 * (at % 500),
    ...NO_LIMITS,
    effective: NO_LIMITS,
    passwordChange: false,
    hasFactor: false,
    quotaOwn: true,
    quotaGroups: [],
    groups: [],
    origins: {},
  };
}

const CLIENTS = ["SSH-2.0-OpenSSH_9.2p1", "SSH-2.0-WinSCP_release_6.3", "SSH-2.0-rclone/1.60"];

export function fakeSession(at: number): SessionInfo {
  const moving = at % 3;
  return {
    id: 100 + at,
    user: fakeUser(at).name,
    role: fakeUser(at).role,
    state: at % 11 === 10 ? "waiting" : "active",
    remote: `192.0.2.${10 + at}:${50_000 + at}`,
    client: CLIENTS[at % CLIENTS.length] ?? "",
    since: FAKE_NOW - 61_000 * (at + 1),
    idle: at % 5 === 4 ? null : at * 9_000,
    node: "n1",
    transfers: Array.from({ length: moving }, (_, one) => ({
      id: one + 1,
      path: `/backup/2026/january/archive-${at}-${one}.tar.gz`,
      direction: one % 2 === 0 ? "upload" : "download",
      bytes: 120_000_000 * (at + 1),
      size: one % 2 === 0 ? null : 4 * GB,
      bytesPerSecond: 1_500_000 * (one + 1) * (at + 1),
    })),
  };
}

function fakeSample(second: number): Sample {
  const wave = (period: number) => 1 + Math.sin((second / period) * 2 * Math.PI);
  return {
    at: FAKE_NOW + second * 1000,
    bytesIn: Math.round(20e6 * wave(90) + 3e6 * wave(13)),
    bytesOut: Math.round(6e6 * wave(41)),
    sessions: 12,
    logins: 0,
    refusals: 0,
  };
}

const KINDS: readonly AuditKind[] = [
  "login",
  "upload",
  "download",
  "login-failed",
  "refused-quota",
];

function fakeRecord(at: number): AuditRecord {
  const kind = KINDS[at % KINDS.length] ?? "login";
  const moved = kind === "upload" || kind === "download";
  return {
    id: at + 1,
    at: FAKE_NOW - (40 - at) * 7_000,
    kind,
    user: fakeUser(at % 9).name,
    remote: `192.0.2.${10 + (at % 9)}:50000`,
    ...(moved
      ? { path: `/photos/img-${at}.jpg`, bytes: 2_345_678 * (at + 1), durationMs: 1_200 }
      : {}),
    ...(kind === "refused-quota" ? { detail: "over quota" } : {}),
  };
}
