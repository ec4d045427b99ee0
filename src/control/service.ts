import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { errorName } from "../errors.ts";
import { Seldom } from "../seldom.ts";
import type { StoredSession } from "../store/sessions.ts";
import type { ListedUser } from "../store/user-page.ts";
import { VERSION } from "../version.ts";
import { StateFeed, StateFeeds } from "./feeds.ts";
import { folderInfo } from "./folder-methods.ts";
import type { FolderInfo } from "./folder-protocol.ts";
import { FolderControl } from "./folders.ts";
import { groupInfo } from "./group-methods.ts";
import type { GroupInfo } from "./group-protocol.ts";
import type { ControlHost } from "./host.ts";
import { otherMachines } from "./machines.ts";
import { Metrics } from "./metrics.ts";
import { failingReceivers } from "./nodes.ts";
import type { HomeUse } from "./overview.ts";
import { Peers } from "./peers.ts";
import type {
  Overview,
  Security,
  SessionInfo,
  TopicEvent,
  UserInfo,
  UserPage,
  UserQuery,
} from "./protocol.ts";
import { Samples } from "./samples.ts";
import { AuditTail } from "./tail.ts";

const SECOND_MS = 1_000;
/** At most twice a second. */
const SESSIONS_MS = 500;
const STOPPING_MS = 200;
const RESCAN_MS = 200;
const DEFAULT_PAGE = 100;
const MOST_USED = 20;
const LAST_EVENTS = 20;
const MOST_RESCANS = 100;

type Rescan = TopicEvent<"rescan">;
type None = Record<string, never>;

/** What all who control this process share: its states, their subscribers, the other processes. */
export class ControlService {
  readonly host: ControlHost;
  readonly tail: AuditTail;
  readonly metrics: Metrics;
  readonly feeds: {
    readonly overview: StateFeeds<None, Overview>;
    readonly sessions: StateFeeds<None, readonly SessionInfo[]>;
    readonly users: StateFeeds<UserQuery, UserPage>;
    readonly groups: StateFeeds<None, readonly GroupInfo[]>;
    readonly folders: StateFeeds<None, readonly FolderInfo[]>;
    readonly security: StateFeeds<None, Security>;
    readonly rescan: StateFeeds<{ readonly name: string }, Rescan>;
    readonly stopping: StateFeeds<None, TopicEvent<"stopping">>;
  };
  readonly #peers: Peers;
  readonly #samples: Samples;
  readonly #rescans = new Map<string, Rescan>();
  #closed = false;

  constructor(host: ControlHost) {
    this.host = host;
    const failing = new Seldom();
    const onError = (error: unknown): void => {
      // What was being looked at when the server stopped, nobody follows any more.
      if (this.#closed) return;
      // All that is looked at each second fails together, as when the database is away.
      if (failing.isDue()) host.log.error({ error: errorName(error) }, "control could not look");
    };
    const state = <P, E>(compute: (params: P) => Promise<E>, everyMs: number): StateFeeds<P, E> =>
      new StateFeeds((params) => new StateFeed(() => compute(params), everyMs, onError));
    this.#peers = new Peers(host.root, host.store);
    this.metrics = new Metrics(host);
    this.tail = new AuditTail(host.store.audit, onError);
    this.#samples = new Samples(
      () => host.counts(),
      async () => (await host.store.sessions.counts()).active,
      onError,
    );
    this.feeds = {
      overview: state(() => this.overview(), SECOND_MS),
      sessions: state(() => this.sessions(), SESSIONS_MS),
      users: state((query) => this.users(query), SECOND_MS),
      groups: state(() => this.groups(), SECOND_MS),
      folders: state(() => this.folders(), SECOND_MS),
      security: state(() => this.security(), SECOND_MS),
      rescan: state(async ({ name }) => this.rescanOf(name), RESCAN_MS),
      stopping: state(async () => host.stopping(), STOPPING_MS),
    };
  }

  /** A session has begun or ended here. */
  sessionsChanged(): void {
    this.feeds.sessions.poke();
    this.feeds.stopping.poke();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#peers.close();
    await this.#samples.close();
    await Promise.all(Object.values(this.feeds).map((feed) => feed.settled()));
    await this.tail.settled();
  }

  async overview(): Promise<Overview> {
    const { host } = this;
    const { store, config } = host;
    const counts = host.counts();
    const top = await this.users({ sort: "used", descending: true, limit: MOST_USED });
    const disk = await statfs(join(host.root, "homes"));
    const { failedLogins, logins, refusals, bytesIn, bytesOut } = counts;
    return {
      version: VERSION,
      pid: host.pid,
      node: store.nodeId,
      listen: host.listen,
      startedAt: host.startedAt,
      stopping: host.stopping().stopping,
      sessions: { ...(await store.sessions.counts()), max: config.limits.maxSessions },
      users: top.total,
      totals: { logins, failedLogins, refusals, bytesIn, bytesOut },
      disk: {
        totalBytes: disk.blocks * disk.bsize,
        freeBytes: disk.bavail * disk.bsize,
        full: host.isDiskFull(),
      },
      memoryBytes: host.memory(),
      loopDelay: host.loopDelay(),
      canRenew: host.serving !== undefined,
      failingReceivers: await failingReceivers(store),
      mostUsed: mostUsed(top.rows, await store.folders.fullest(MOST_USED)),
      samples: this.#samples.all,
      events: (await store.audit.query({ limit: LAST_EVENTS })).reverse(),
    };
  }

  async users(query: UserQuery): Promise<UserPage> {
    const { filter = "", sort = "name", descending = false } = query;
    const { offset = 0, limit = DEFAULT_PAGE } = query;
    const request = { filter, order: sort, descending, offset, limit };
    await this.host.store.leases.exact();
    const { total, rows } = await this.host.store.userPages.page(request);
    return { total, rows: rows.map(toUserInfo) };
  }

  async groups(): Promise<readonly GroupInfo[]> {
    return (await this.host.store.groups.list()).map(groupInfo);
  }

  async folders(): Promise<readonly FolderInfo[]> {
    const { store, root } = this.host;
    return (await new FolderControl({ store, root, actor: "server" }).list()).map(folderInfo);
  }

  /** The sessions of all processes of all machines, oldest first. */
  async sessions(): Promise<readonly SessionInfo[]> {
    const { store } = this.host;
    const others = await otherMachines(store);
    const stored = await store.sessions.list();
    if (others === undefined) return this.#withTransfers(stored, await this.#known(stored));
    const here = stored.filter(({ nodeId }) => others.isHere(nodeId));
    const [known, elsewhere] = await Promise.all([
      this.#known(here),
      this.#peers.elsewhere(others.servers),
    ]);
    for (const session of elsewhere) known.set(session.id, session);
    const all = this.#withTransfers(stored, known);
    return all.map((session) => ({ ...session, machine: others.nameOf(session.node) }));
  }

  /** The same of the processes of this machine. */
  async sessionsHere(): Promise<readonly SessionInfo[]> {
    const { store } = this.host;
    const others = await otherMachines(store);
    const stored = await store.sessions.list();
    const here = stored.filter(({ nodeId }) => others?.isHere(nodeId) ?? true);
    return this.#withTransfers(here, await this.#known(here));
  }

  /** What this process and the others of this machine tell of these, by their numbers. */
  async #known(stored: readonly StoredSession[]): Promise<Map<number, SessionInfo>> {
    const known = new Map((await this.ownSessions()).map((session) => [session.id, session]));
    const others = new Set(stored.map(({ nodeId }) => nodeId));
    others.delete(this.host.store.nodeId);
    for (const session of await this.#peers.sessions([...others])) known.set(session.id, session);
    return known;
  }

  #withTransfers(
    stored: readonly StoredSession[],
    known: ReadonlyMap<number, SessionInfo>,
  ): SessionInfo[] {
    return stored.map(
      ({ id, user, role, state, remote, client, since, nodeId: node }) =>
        known.get(id) ?? {
          ...{ id, user, role, state, remote, client, since, node },
          idle: null,
          transfers: [],
        },
    );
  }

  /** Those of this process, as far as they are let in. */
  async ownSessions(): Promise<readonly SessionInfo[]> {
    const { store } = this.host;
    const live = new Map((await this.host.sessions()).map((session) => [session.id, session]));
    return (await store.sessions.list()).flatMap((row) => {
      const session = live.get(row.id);
      if (session === undefined) return [];
      const { id, user, role, state, remote, client, since } = row;
      const { idle, transfers } = session;
      return [
        { id, user, role, state, remote, client, since, idle, node: store.nodeId, transfers },
      ];
    });
  }

  async security(): Promise<Security> {
    const { penalties, store } = this.host;
    return {
      bans: await store.bans.all(Date.now()),
      penalties: await penalties.list(),
      failures: await penalties.failures(),
    };
  }

  rescanOf(name: string): Rescan {
    return this.#rescans.get(name) ?? { files: 0, bytes: 0, done: true };
  }

  /** Notes how far a rescan is, for those who follow it. */
  rescanned(name: string, progress: Rescan): void {
    this.#rescans.delete(name);
    this.#rescans.set(name, progress);
    const [oldest] = this.#rescans.keys();
    if (oldest !== undefined && this.#rescans.size > MOST_RESCANS) this.#rescans.delete(oldest);
    this.feeds.rescan.poke();
  }
}

export function toUserInfo({ id, usedFiles, ...user }: ListedUser): UserInfo {
  return { ...user, files: usedFiles };
}

function mostUsed(...kinds: readonly (readonly HomeUse[])[]): readonly HomeUse[] {
  return kinds
    .flat()
    .map(({ name, usedBytes, quotaBytes }) => ({ name, usedBytes, quotaBytes }))
    .sort((a, b) => b.usedBytes - a.usedBytes)
    .slice(0, MOST_USED);
}
