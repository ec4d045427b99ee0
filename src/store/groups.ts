import { setImmediate as turn } from "node:timers/promises";
import type { Connection, Statement } from "./connection.ts";
import type { LeaseStore } from "./leases.ts";
import { LIMIT_COLUMNS, limitValues } from "./login-limits.ts";
import {
  type GroupQuota,
  type Membership,
  type MembershipColumns,
  toMembership,
} from "./memberships.ts";
import type { LoginLimits } from "./types.ts";
import type { UserStore } from "./users.ts";
import type { Writes } from "./writes.ts";

/** A group; times in milliseconds since the epoch. The limits and the quota are its members'. */
export interface Group extends Membership, Hanging {
  readonly id: number;
  readonly createdAt: number;
}

/** What `set` changes; absent fields stay, null is no limit of the group's. */
export interface GroupChange extends Partial<LoginLimits> {
  readonly quota?: GroupQuota;
}

/** What goes with a group: how many of each. */
export interface Hanging {
  readonly members: number;
  /** folders that are shared with it */
  readonly shares: number;
  readonly rules: number;
}

interface GroupRow extends MembershipColumns, Hanging {
  readonly id: number;
  readonly created_at: number;
}

interface Place {
  readonly groupId: number;
  readonly userId: number;
}

const NO_QUOTA: GroupQuota = { hasQuota: false, quotaBytes: null };
/** Users that are looked at in one turn of the event loop. */
const USERS_A_TURN = 10;

function toGroup(row: GroupRow): Group {
  const { id, created_at: createdAt, members, shares, rules } = row;
  return { id, createdAt, members, shares, rules, ...toMembership(row) };
}

function hangingSql(id: string): string {
  return `(SELECT count(*) FROM group_members WHERE group_id = ${id}) AS members,
    (SELECT count(*) FROM shares WHERE group_id = ${id}) AS shares,
    (SELECT count(*) FROM access_rules WHERE group_id = ${id}) AS rules`;
}

function quotaValues({ hasQuota, quotaBytes }: GroupQuota): (number | null)[] {
  return [Number(hasQuota), hasQuota ? quotaBytes : null];
}

/** Groups of users. Names and quotas are checked by the caller. */
export class GroupStore {
  readonly #writes: Writes;
  readonly #leases: Pick<LeaseStore, "whileShared">;
  readonly #users: UserStore;
  readonly #insert: Statement;
  readonly #byName: Statement<[string], GroupRow>;
  readonly #byId: Statement<[number], GroupRow>;
  readonly #all: Statement<[], GroupRow>;
  readonly #set: Statement;
  readonly #remove: Statement;
  readonly #members: Statement<[number], { id: number; name: string }>;
  readonly #join: Statement;
  readonly #leave: Statement;
  readonly #touch: Statement;
  readonly #hanging: Statement<[object], Hanging>;
  readonly #ofInherited: Statement<[number, number], number>;

  constructor(
    connection: Connection,
    writes: Writes,
    leases: Pick<LeaseStore, "whileShared">,
    users: UserStore,
  ) {
    this.#writes = writes;
    this.#leases = leases;
    this.#users = users;
    const columns = ["has_quota", "quota_bytes", ...LIMIT_COLUMNS];
    const group = `SELECT g.*, ${hangingSql("g.id")} FROM groups g`;
    this.#insert = connection.prepare(
      `INSERT INTO groups (name, created_at, ${columns.join(", ")})
       VALUES (?, ?, ${columns.map(() => "?").join(", ")}) ON CONFLICT (name) DO NOTHING`,
    );
    this.#byName = connection.prepare(`${group} WHERE g.name = ?`);
    this.#byId = connection.prepare(`${group} WHERE g.id = ?`);
    this.#all = connection.prepare(`${group} ORDER BY g.name`);
    this.#set = connection.prepare(
      `UPDATE groups SET ${columns.map((column) => `${column} = ?`).join(", ")} WHERE id = ?`,
    );
    this.#remove = connection.prepare(
      `DELETE FROM groups WHERE id = @groupId
       AND NOT EXISTS (SELECT 1 FROM group_members WHERE group_id = @groupId)`,
    );
    this.#members = connection.prepare(
      `SELECT h.id, h.name FROM group_members m JOIN homes h ON h.id = m.user_id
       WHERE m.group_id = ? ORDER BY h.name`,
    );
    this.#join = connection.prepare(
      `INSERT INTO group_members
       SELECT g.id, h.id FROM groups g, homes h
       WHERE g.id = @groupId AND h.id = @userId AND h.kind = 'user' ON CONFLICT DO NOTHING`,
    );
    this.#leave = connection.prepare(
      "DELETE FROM group_members WHERE group_id = @groupId AND user_id = @userId",
    );
    this.#touch = connection.prepare(
      "UPDATE groups SET created_at = created_at WHERE id = @groupId",
    );
    this.#hanging = connection.prepare(`SELECT ${hangingSql("@id")}`);
    this.#ofInherited = connection
      .prepare<[number, number], number>(
        `SELECT id FROM homes WHERE id > ? AND kind = 'user' AND quota_own = 0
         ORDER BY id LIMIT ?`,
      )
      .pluck();
  }

  /** undefined when the name is taken. */
  async add(
    name: string,
    { quota = NO_QUOTA, ...limits }: GroupChange,
  ): Promise<Group | undefined> {
    return this.#writes.run(() => {
      const values = [name, Date.now(), ...quotaValues(quota), ...limitValues(limits)];
      return this.#insert.run(...values).changes > 0 ? this.#read(name) : undefined;
    });
  }

  async byName(name: string): Promise<Group | undefined> {
    return this.#read(name);
  }

  #read(name: string): Group | undefined {
    const row = this.#byName.get(name);
    return row && toGroup(row);
  }

  /** All, by name. */
  async list(): Promise<Group[]> {
    return this.#all.all().map(toGroup);
  }

  /** By name. */
  async members(id: number): Promise<{ readonly id: number; readonly name: string }[]> {
    return this.#members.all(id);
  }

  async hanging(id: number): Promise<Hanging> {
    return this.#hanging.get({ id }) ?? { members: 0, shares: 0, rules: 0 };
  }

  /** False when there is no such group. What its members may store follows by {@link inherit}. */
  async set(id: number, { quota, ...limits }: GroupChange): Promise<boolean> {
    return this.#writes.run(() => {
      const row = this.#byId.get(id);
      if (row === undefined) return false;
      const values = [...quotaValues(quota ?? toMembership(row)), ...limitValues(limits, row)];
      return this.#set.run(...values, id).changes > 0;
    });
  }

  /**
   * Gives the members what they may store by their groups. Rejects when that can't be done for one,
   * after it was done for the others.
   * @param otherwise where those say nothing, in bytes; null: no limit
   */
  async inherit(id: number, otherwise: number | null): Promise<void> {
    const members = this.#members.all(id).map((member) => member.id);
    const failures: unknown[] = [];
    for (let at = 0; at < members.length; at += USERS_A_TURN) {
      await this.#inheritEach(members.slice(at, at + USERS_A_TURN), otherwise, failures);
    }
    if (failures.length > 0) throw failures[0];
  }

  /** The same of all users whose quota is not their own. @returns how many have another one now */
  async inheritAll(otherwise: number | null): Promise<number> {
    const failures: unknown[] = [];
    let changed = 0;
    for (let last = 0; ; ) {
      const ids = this.#ofInherited.all(last, USERS_A_TURN);
      changed += await this.#inheritEach(ids, otherwise, failures);
      last = ids.at(-1) ?? last;
      if (ids.length < USERS_A_TURN) break;
    }
    if (failures.length > 0) throw failures[0];
    return changed;
  }

  /** In a turn of the event loop of their own. @returns how many have another quota now */
  async #inheritEach(
    ids: readonly number[],
    otherwise: number | null,
    failures: unknown[],
  ): Promise<number> {
    await turn();
    let changed = 0;
    for (const id of ids) {
      try {
        if (await this.#inherit(id, otherwise)) changed += 1;
      } catch (thrown) {
        // The process that holds the home does not give it up: that is nobody else's matter.
        failures.push(thrown);
      }
    }
    return changed;
  }

  /** A home is not taken from the process that holds it where nothing changes. */
  async #inherit(userId: number, otherwise: number | null): Promise<boolean> {
    if (!this.#users.inheritsOther(userId, otherwise)) return false;
    return this.#leases.whileShared(userId, () => this.#users.inheritQuota(userId, otherwise));
  }

  /** False when the user is a member already, or user or group is gone. @param otherwise as of {@link inherit} */
  async join(place: Place, otherwise: number | null): Promise<boolean> {
    return this.#change(this.#join, place, otherwise);
  }

  /** False when the user is no member. @param otherwise as of {@link inherit} */
  async leave(place: Place, otherwise: number | null): Promise<boolean> {
    return this.#change(this.#leave, place, otherwise);
  }

  /** Membership and quota are one transaction. */
  #change(membership: Statement, place: Place, otherwise: number | null): Promise<boolean> {
    return this.#leases.whileShared(place.userId, () => {
      // The group has another lock: neither its quota changes nor is it removed until this is through.
      this.#touch.run({ groupId: place.groupId });
      if (membership.run(place).changes === 0) return false;
      this.#users.inheritQuota(place.userId, otherwise);
      return true;
    });
  }

  /** Lets all members leave, then removes the group with its shares and rules; false: there is none. */
  async remove(groupId: number, otherwise: number | null): Promise<boolean> {
    for (;;) {
      for (const { id: userId } of this.#members.all(groupId)) {
        await this.leave({ groupId, userId }, otherwise);
        await turn();
      }
      if (this.#byId.get(groupId) === undefined) return false;
      // Somebody may have joined meanwhile.
      const remove = (): boolean => {
        this.#touch.run({ groupId });
        return this.#remove.run({ groupId }).changes > 0;
      };
      if (await this.#writes.run(remove)) return true;
    }
  }
}
