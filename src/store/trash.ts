import type { Connection, Statement } from "./connection.ts";

/** A user's home or a shared folder, with how long what is removed in it stays. */
export interface KeepingHome {
  readonly id: number;
  /** of its directory: a folder's begins with "@" */
  readonly name: string;
  /** milliseconds, 0: not at all; null: as the settings say */
  readonly keep: number | null;
}

/** The user's own value, else the most that a group says. */
const KEEP = `COALESCE(h.trash_keep, (SELECT MAX(g.trash_keep) FROM group_members AS m
  JOIN groups AS g ON g.id = m.group_id WHERE m.user_id = h.id))`;

/** How long homes and folders keep what is removed in them. */
export class TrashStore {
  readonly #one: Statement<[number], number | null>;
  readonly #page: Statement<[number, number], KeepingHome>;

  constructor(connection: Connection) {
    this.#one = connection
      .prepare<[number], number | null>(`SELECT ${KEEP} FROM homes AS h WHERE h.id = ?`)
      .pluck();
    this.#page = connection.prepare(
      `SELECT h.id, h.name, ${KEEP} AS keep FROM homes AS h WHERE h.id > ? ORDER BY h.id LIMIT ?`,
    );
  }

  /** Milliseconds, 0: not at all; null: as the settings say. */
  async keepOf(homeId: number): Promise<number | null> {
    return this.#one.get(homeId) ?? null;
  }

  /** The homes and folders with the lowest ids above one. */
  async homesAfter(id: number, most: number): Promise<readonly KeepingHome[]> {
    return this.#page.all(id, most);
  }
}
