import type { Connection, Statement } from "./connection.ts";
import { effectiveLimits, LIMIT_COLUMNS, type LimitColumns, toLimits } from "./login-limits.ts";
import { membershipsSql, toMemberships } from "./memberships.ts";
import type { NodeStore } from "./nodes.ts";
import type { Role } from "./types.ts";
import type { Writes } from "./writes.ts";

/** A correct login that asks to be let in. */
export interface SessionRequest {
  readonly userId: number;
  /** the peer's address, for people */
  readonly remote: string;
  /** the client's ident string */
  readonly client: string;
}

/** How many logged-in sessions there may be, all processes of the instance together. */
export interface AdmissionLimits {
  readonly maxSessions: number;
  /** active and waiting ones, of a user who has no limit of their own or of a group */
  readonly maxSessionsPerUser: number;
  /** how many may wait */
  readonly queue: number;
}

/**
 * `position` counts from 1, `limit` is what the user may have. Refused with "user-disabled": the
 * account was disabled or removed between the login's check and now.
 */
export type Admission =
  | { readonly outcome: "active"; readonly id: number }
  | { readonly outcome: "waiting"; readonly id: number; readonly position: number }
  | { readonly outcome: "refused"; readonly reason: "user-limit"; readonly limit: number }
  | { readonly outcome: "refused"; readonly reason: "queue-full" | "user-disabled" };

export interface SessionCounts {
  readonly active: number;
  readonly waiting: number;
}

export interface StoredSession {
  readonly id: number;
  readonly nodeId: string;
  readonly userId: number;
  /** the user's name */
  readonly user: string;
  readonly role: Role;
  readonly state: "active" | "waiting";
  readonly remote: string;
  readonly client: string;
  /** milliseconds since the epoch */
  readonly since: number;
}

interface UserRow extends LimitColumns {
  readonly enabled: number;
  /** as JSON */
  readonly memberships: string;
}

const LIVE = "node_id IN (SELECT value FROM json_each(?))";

/**
 * Admission of sessions, exact over all processes: each decision is one immediate transaction.
 * Rows of dead nodes never count.
 */
export class SessionStore {
  readonly #connection: Connection;
  readonly #writes: Writes;
  readonly #nodes: NodeStore;
  readonly #nodeId: string;
  readonly #counts: Statement<[string], SessionCounts>;
  readonly #ofUser: Statement<[number, string], number>;
  readonly #user: Statement<[number], UserRow>;
  readonly #insert: Statement<unknown[], number>;
  readonly #state: Statement<[number], string>;
  readonly #olderWaiting: Statement<[number, string], number>;
  readonly #activate: Statement;
  readonly #remove: Statement;
  readonly #list: Statement<[string], StoredSession>;
  /** ended sessions whose rows are still there */
  readonly #ended = new Set<number>();

  constructor(connection: Connection, writes: Writes, nodes: NodeStore, nodeId: string) {
    this.#connection = connection;
    this.#writes = writes;
    this.#nodes = nodes;
    this.#nodeId = nodeId;
    this.#counts = connection.prepare(
      `SELECT count(*) FILTER (WHERE state = 'active') AS active,
              count(*) FILTER (WHERE state = 'waiting') AS waiting
       FROM sessions WHERE ${LIVE}`,
    );
    this.#ofUser = connection
      .prepare<[number, string], number>(
        `SELECT count(*) FROM sessions WHERE user_id = ? AND ${LIVE}`,
      )
      .pluck();
    this.#user = connection.prepare(
      `SELECT enabled, ${LIMIT_COLUMNS.join(", ")}, ${membershipsSql(connection, "homes.id")} AS memberships
       FROM homes WHERE id = ?`,
    );
    this.#insert = connection
      .prepare<unknown[], number>(
        `INSERT INTO sessions (node_id, user_id, state, remote, client, since)
         VALUES (?, ?, ?, ?, ?, ?) RETURNING id`,
      )
      .pluck();
    this.#state = connection
      .prepare<[number], string>("SELECT state FROM sessions WHERE id = ?")
      .pluck();
    this.#olderWaiting = connection
      .prepare<[number, string], number>(
        `SELECT count(*) FROM sessions WHERE state = 'waiting' AND id < ? AND ${LIVE}`,
      )
      .pluck();
    this.#activate = connection.prepare("UPDATE sessions SET state = 'active' WHERE id = ?");
    this.#remove = connection.prepare("DELETE FROM sessions WHERE id = ?");
    this.#list = connection.prepare(
      `SELECT s.id, s.node_id AS "nodeId", s.user_id AS "userId", u.name AS "user", u.role, s.state,
              s.remote, s.client, s.since
       FROM sessions s JOIN homes u ON u.id = s.user_id WHERE ${LIVE} ORDER BY s.id`,
    );
  }

  /** Lets a login in, puts it at the end of the queue, or refuses it. */
  async enter(request: SessionRequest, limits: AdmissionLimits): Promise<Admission> {
    return this.#changing(() => this.#enter(request, limits));
  }

  #enter(request: SessionRequest, limits: AdmissionLimits): Admission {
    const user = this.#user.get(request.userId);
    if (user?.enabled !== 1) return { outcome: "refused", reason: "user-disabled" };
    const live = this.#nodes.liveWithSessions();
    const { maxSessions } = effectiveLimits(toLimits(user), toMemberships(user.memberships)).limits;
    const limit = maxSessions ?? limits.maxSessionsPerUser;
    const taken = this.#ofUser.get(request.userId, live) ?? 0;
    if (taken >= limit) return { outcome: "refused", reason: "user-limit", limit };
    const { active, waiting } = this.#count(live);
    // Whoever waits already has the first claim on a free place.
    if (waiting === 0 && active < limits.maxSessions) {
      return { outcome: "active", id: this.#add(request, "active") };
    }
    if (waiting >= limits.queue) return { outcome: "refused", reason: "queue-full" };
    return { outcome: "waiting", id: this.#add(request, "waiting"), position: waiting + 1 };
  }

  #add(request: SessionRequest, state: "active" | "waiting"): number {
    const { userId, remote, client } = request;
    return this.#insert.get(this.#nodeId, userId, state, remote, client, Date.now()) ?? 0;
  }

  #count(live: string): SessionCounts {
    return this.#counts.get(live) ?? { active: 0, waiting: 0 };
  }

  /**
   * True when the session is active now: there is a free place and nobody waits longer. False while
   * it has to wait on, and for good when its row is gone (left, user removed or disabled).
   */
  async tryActivate(id: number, maxSessions: number): Promise<boolean> {
    return this.#changing(() => {
      const state = this.#state.get(id);
      if (state !== "waiting") return state === "active";
      const live = this.#nodes.liveWithSessions();
      if ((this.#olderWaiting.get(id, live) ?? 0) > 0) return false;
      if (this.#count(live).active >= maxSessions) return false;
      this.#activate.run(id);
      return true;
    });
  }

  /**
   * The session has ended or waits no longer. Calling it again does nothing. Where the database
   * refuses it, it is done before anybody else of this process enters, or by {@link leaveLate}.
   */
  async leave(id: number): Promise<void> {
    this.#ended.add(id);
    await this.leaveLate();
  }

  /** Removes what could not be removed when it ended. */
  async leaveLate(): Promise<void> {
    if (this.#ended.size > 0) await this.#changing(() => undefined);
  }

  /** Runs `act` when nothing that has ended takes a place any more. */
  #changing<T>(act: () => T): Promise<T> {
    let removed: readonly number[] = [];
    const all = (): T => {
      removed = [...this.#ended];
      for (const id of removed) this.#remove.run(id);
      return act();
    };
    const booked = (): void => {
      for (const id of removed) this.#ended.delete(id);
    };
    return this.#writes.run(all, { booked, lock: "sessions" });
  }

  /** All living processes together. */
  async counts(): Promise<SessionCounts> {
    return this.#connection.reading(() => this.#count(this.#nodes.liveWithSessions()));
  }

  /** Active and waiting sessions of all living processes, oldest first. */
  async list(): Promise<StoredSession[]> {
    return this.#connection.reading(() => this.#list.all(this.#nodes.liveWithSessions()));
  }
}
