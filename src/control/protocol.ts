import type { FailedLogins, Penalty } from "../auth/penalties.ts";
import type { TransferView } from "../session/audited-file.ts";
import type { Ban } from "../store/bans.ts";
import type { AuditKind, AuditRecord, LoginLimits, Role } from "../store/types.ts";
import type { AuditMethods, LogFilter } from "./audit-protocol.ts";
import type { BanRequest, BanResult } from "./bans.ts";
import type { AuthorityMethods } from "./ca-protocol.ts";
import type { EventMethods } from "./event-protocol.ts";
import type { AccessMethods, FolderInfo, FolderMethods } from "./folder-protocol.ts";
import type { GroupInfo, GroupMethods } from "./group-protocol.ts";
import type { MetricsMethods } from "./metrics-protocol.ts";
import type { NodeMethods, Stopping } from "./node-protocol.ts";
import type {
  DiskInfo,
  FailingReceiver,
  HomeUse,
  LoopDelay,
  Overview,
  Sample,
} from "./overview.ts";
import type { SettingMethods } from "./setting-protocol.ts";
import type { TrafficMethods, TrafficTotal } from "./traffic-protocol.ts";
import type { TrashMethods } from "./trash-protocol.ts";

export type { LogFilter, LogPage, LogPageQuery } from "./audit-protocol.ts";
export type { AuthorityInfo, RevocationInfo, RevocationRequest } from "./ca-protocol.ts";
export type { ReceiverInfo, TestResult } from "./event-protocol.ts";
export type {
  AccessView,
  CountingRule,
  FolderInfo,
  RuleInfo,
  ShareInfo,
} from "./folder-protocol.ts";
export type { GroupInfo, GroupView } from "./group-protocol.ts";
export type { Health } from "./metrics-protocol.ts";
export type { NodeInfo, ReloadResult } from "./node-protocol.ts";
export type { SettingChange, SettingInfo } from "./setting-protocol.ts";
export type { TrashedInfo } from "./trash-protocol.ts";
export type {
  Ban,
  BanRequest,
  BanResult,
  DiskInfo,
  FailedLogins,
  FailingReceiver,
  HomeUse,
  LoopDelay,
  Overview,
  Penalty,
  Sample,
  TrafficTotal,
  TransferView,
};

/**
 * What control offers, as types: the same for the socket (newline-delimited JSON), for the command
 * line and for the admin TUI. Times are milliseconds since the epoch, sizes bytes, rates bytes a
 * second. Nothing here holds a secret except where a person asked for a new password.
 */

/** Raised when a change of the shapes below would break an older client. */
export const CONTROL_VERSION = 2;

export interface SessionInfo {
  readonly id: number;
  readonly user: string;
  readonly role: Role;
  readonly state: "active" | "waiting";
  readonly remote: string;
  readonly client: string;
  readonly since: number;
  /** milliseconds without a request or a byte moved; null: not known (another process's session) */
  readonly idle: number | null;
  readonly node: string;
  /** what people call the machine; absent where there is one alone */
  readonly machine?: string;
  readonly transfers: readonly TransferView[];
}

/** The limits are the user's own. */
export interface UserInfo extends LoginLimits {
  readonly name: string;
  readonly role: Role;
  readonly enabled: boolean;
  readonly hasPassword: boolean;
  readonly keys: number;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  readonly usedBytes: number;
  readonly files: number;
  readonly sessions: number;
  readonly createdAt: number;
  readonly lastLoginAt: number | null;
  /** false: quotaBytes is what the groups or the settings say */
  readonly quotaOwn: boolean;
  /** the groups that it is of */
  readonly quotaGroups: readonly string[];
  /** names, sorted */
  readonly groups: readonly string[];
  /** the limits in force: the user's own and the groups' */
  readonly effective: LoginLimits;
  /** of each limit that is of groups, their names */
  readonly origins: { readonly [F in keyof LoginLimits]?: readonly string[] };
  /** the next login by password has to set a new one */
  readonly passwordChange: boolean;
  /** a second factor is set up */
  readonly hasFactor: boolean;
}

export interface KeyInfo {
  readonly fingerprint: string;
  readonly algorithm: string;
  readonly comment: string;
  readonly createdAt: number;
  /** as in front of the key's line; empty: none */
  readonly options: string;
  /** from then on it lets nobody in; null: never */
  readonly expiresAt: number | null;
}

export type UserSort =
  | "name"
  | "role"
  | "state"
  | "used"
  | "percent"
  | "files"
  | "sessions"
  | "login";

/** A page of the users whose name contains `filter`; the order is total, so pages don't overlap. */
export interface UserQuery {
  readonly filter?: string;
  readonly sort?: UserSort;
  readonly descending?: boolean;
  readonly offset?: number;
  /** at most 500 */
  readonly limit?: number;
}

export interface UserPage {
  readonly total: number;
  readonly rows: readonly UserInfo[];
}

export interface Security {
  readonly bans: readonly Ban[];
  readonly penalties: readonly Penalty[];
  readonly failures: readonly FailedLogins[];
}

export interface HostKeyInfo {
  readonly algorithm: string;
  readonly sha256: string;
}

export interface LogQuery {
  readonly user?: string;
  readonly kind?: AuditKind;
  readonly since?: number;
  readonly until?: number;
  readonly afterId?: number;
  /** anywhere in a record; looked for in the newest that fit the rest, see AuditQuery */
  readonly text?: string;
  /** the newest so many; at most 1000 */
  readonly limit?: number;
}

/** What is followed of the log: also by what {@link LogFilter} has beside it. */
export interface LogFollowing
  extends LogQuery,
    Pick<LogFilter, "actor" | "address" | "groups" | "kinds" | "path"> {}

export interface NewUser extends Partial<LoginLimits> {
  readonly name: string;
  readonly role?: Role;
  readonly password?: string;
  /** public keys, one a line, as in authorized_keys */
  readonly keys?: string;
  /** absent: what groups and settings say */
  readonly quotaBytes?: number | null;
  readonly quotaFiles?: number | null;
  /** names of groups */
  readonly groups?: readonly string[];
  readonly passwordChange?: boolean;
}

/** Absent fields stay; null is no limit. */
export interface UserChange extends Partial<LoginLimits> {
  readonly name: string;
  readonly role?: Role;
  /** "default": what groups and settings say */
  readonly quotaBytes?: number | null | "default";
  readonly quotaFiles?: number | null;
  readonly passwordChange?: boolean;
  /** takes the role of the last admin away all the same */
  readonly force?: boolean;
}

/** Method → what it takes and gives. */
export interface ControlMethods
  extends GroupMethods,
    FolderMethods,
    AccessMethods,
    AuditMethods,
    AuthorityMethods,
    EventMethods,
    MetricsMethods,
    NodeMethods,
    SettingMethods,
    TrafficMethods,
    TrashMethods {
  overview: { params: Record<string, never>; result: Overview };
  "users.page": { params: UserQuery; result: UserPage };
  "users.show": {
    params: { readonly name: string };
    result: { readonly user: UserInfo; readonly keys: readonly KeyInfo[] };
  };
  "users.add": { params: NewUser; result: UserInfo };
  "users.set": { params: UserChange; result: UserInfo };
  "users.password": {
    params: { readonly name: string; readonly password: string; readonly change?: boolean };
    result: null;
  };
  /** Sets a strong random password and gives it, once. */
  "users.generatePassword": {
    params: { readonly name: string };
    result: { readonly password: string };
  };
  "users.enable": { params: { readonly name: string }; result: UserInfo };
  "users.disable": {
    params: { readonly name: string; readonly force?: boolean };
    result: UserInfo;
  };
  "users.remove": {
    params: { readonly name: string; readonly deleteHome?: boolean; readonly force?: boolean };
    result: { readonly homeDeleted: boolean };
  };
  /**
   * Ends all sessions of a user, and logins that wait. Resolves to their numbers when they are gone,
   * whichever process has them. Rejects when there are none, unless the account is disabled, too.
   * @param disable also disable the account (`force`: that of the last admin, too)
   * @param reason what the user is told
   */
  "users.kick": {
    params: {
      readonly name: string;
      readonly disable?: boolean;
      readonly force?: boolean;
      readonly reason?: string;
    };
    result: { readonly ended: readonly number[] };
  };
  "users.rescan": { params: { readonly name: string }; result: UserInfo };
  /**
   * `added` are also those that were there with other options.
   * @param text what `ssh-keygen` wrote into a .pub file, perhaps with options in front
   */
  "keys.add": {
    params: { readonly name: string; readonly text: string };
    result: { readonly added: readonly KeyInfo[] };
  };
  /** Checks a key without adding it. */
  "keys.check": { params: { readonly text: string }; result: readonly KeyInfo[] };
  "keys.remove": { params: { readonly name: string; readonly fingerprint: string }; result: null };
  /** of all processes of the instance */
  "sessions.list": { params: Record<string, never>; result: readonly SessionInfo[] };
  /** of the process that is asked; processes ask each other */
  "sessions.own": { params: Record<string, never>; result: readonly SessionInfo[] };
  /** of all processes of the machine that is asked; machines ask each other */
  "sessions.here": { params: Record<string, never>; result: readonly SessionInfo[] };
  /**
   * Resolves when the session is gone, whichever process has it.
   * @param disable also disable the account (`force`: that of the last admin, too)
   * @param reason what its user is told
   */
  "sessions.kick": {
    params: {
      readonly id: number;
      readonly disable?: boolean;
      readonly force?: boolean;
      readonly reason?: string;
    };
    result: null;
  };
  /** Ends one transfer: its handle answers FAILURE from then on, the session goes on. */
  "transfers.end": {
    params: { readonly session: number; readonly transfer: number };
    result: null;
  };
  security: { params: Record<string, never>; result: Security };
  "penalties.lift": { params: { readonly address: string }; result: null };
  /**
   * Bans an address or network, and resolves when the sessions from there are gone, whichever process
   * has them. One of the same network is replaced.
   */
  "bans.set": { params: BanRequest; result: BanResult };
  /** Lifts the ban of exactly that address or network. Rejects when there is none. */
  "bans.lift": { params: { readonly address: string }; result: null };
  /** oldest first */
  "log.query": { params: LogQuery; result: readonly AuditRecord[] };
  hostKeys: { params: Record<string, never>; result: readonly HostKeyInfo[] };
}

/**
 * Topic → what a subscription takes and what it gives: once at once, then on every change. Who
 * reads too slowly misses states between the newest and the one before, but no record of `log`.
 */
export interface ControlTopics {
  /** every second */
  overview: { params: Record<string, never>; event: Overview };
  /** at most twice a second, and when a session begins or ends */
  sessions: { params: Record<string, never>; event: readonly SessionInfo[] };
  /** the page, at most once a second, only when something in it changed */
  users: { params: UserQuery; event: UserPage };
  /** all of them by name, at most once a second, only when something changed */
  groups: { params: Record<string, never>; event: readonly GroupInfo[] };
  /** as `groups` */
  folders: { params: Record<string, never>; event: readonly FolderInfo[] };
  /** new records, oldest first; the first event holds the newest `limit` that fit */
  log: { params: LogFollowing; event: readonly AuditRecord[] };
  security: { params: Record<string, never>; event: Security };
  /** progress of a rescan that somebody asked for */
  rescan: {
    params: { readonly name: string };
    event: { readonly files: number; readonly bytes: number; readonly done: boolean };
  };
  stopping: { params: Record<string, never>; event: Stopping };
}

export type Method = keyof ControlMethods;
export type Topic = keyof ControlTopics;
export type Params<M extends Method> = ControlMethods[M]["params"];
export type Result<M extends Method> = ControlMethods[M]["result"];
export type TopicParams<T extends Topic> = ControlTopics[T]["params"];
export type TopicEvent<T extends Topic> = ControlTopics[T]["event"];

export interface Subscription {
  close(): void;
}

/**
 * Control as its users see it, over the socket or inside the server. `call` rejects with
 * ControlError (one clear line and an exit code).
 */
export interface Control {
  call<M extends Method>(method: M, params: Params<M>): Promise<Result<M>>;
  /** @param onEnd called with why, when the server refuses or ends the subscription */
  subscribe<T extends Topic>(
    topic: T,
    params: TopicParams<T>,
    onEvent: (event: TopicEvent<T>) => void,
    onEnd?: (why: string) => void,
  ): Subscription;
  /** resolves with why, once the server is gone or `close` was called */
  readonly closed: Promise<string>;
  close(): void;
}

/** The server's first line on the socket. */
export interface Hello {
  readonly moorage: typeof CONTROL_VERSION;
  readonly version: string;
  readonly pid: number;
  readonly node: string;
}

/**
 * A client's line: who it is (for the audit trail: whoever reaches the socket is the instance's
 * owner anyway), a call, a subscription, or its end. `id` is the client's choice.
 */
export type ClientLine =
  | { readonly actor: string }
  | { readonly id: number; readonly call: Method; readonly params: unknown }
  | { readonly id: number; readonly subscribe: Topic; readonly params: unknown }
  | { readonly id: number; readonly unsubscribe: true };

/** The server's answer to a call, or an event of a subscription, or that one has ended. */
export type ServerLine =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly event: unknown }
  | {
      readonly id: number;
      readonly error: { readonly message: string; readonly exitCode: number };
    };
