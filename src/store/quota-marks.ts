import type { Connection, Statement } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** The marks that a user's usage stands above, in percent of the quotas; 0: below all. */
export interface Marks {
  readonly bytes: number;
  readonly files: number;
}

export interface MarkedUser {
  readonly id: number;
  readonly name: string;
  readonly usedBytes: number;
  readonly usedFiles: number;
  readonly quotaBytes: number | null;
  readonly quotaFiles: number | null;
  readonly marks: Marks;
}

interface Row extends Omit<MarkedUser, "marks"> {
  readonly bytesMark: number;
  readonly filesMark: number;
}

/** How full the homes were found, so that several processes say once that one got fuller. */
export class QuotaMarkStore {
  readonly #writes: Writes;
  readonly #one: Statement<[number], Row>;
  readonly #move: Statement;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#one = connection.prepare(
      `SELECT id, name, used_bytes AS "usedBytes", used_files AS "usedFiles",
              quota_bytes AS "quotaBytes", quota_files AS "quotaFiles",
              bytes_mark AS "bytesMark", files_mark AS "filesMark"
       FROM homes WHERE id = ? AND kind = 'user'`,
    );
    this.#move = connection.prepare(
      `UPDATE homes SET bytes_mark = ?, files_mark = ?
       WHERE id = ? AND bytes_mark = ? AND files_mark = ?`,
    );
  }

  /** undefined: there is no such user (any more). */
  async of(userId: number): Promise<MarkedUser | undefined> {
    const row = this.#one.get(userId);
    if (row === undefined) return undefined;
    const { bytesMark, filesMark, ...user } = row;
    return { ...user, marks: { bytes: bytesMark, files: filesMark } };
  }

  /** @returns false when another process was first: they are not what they were */
  async move(userId: number, from: Marks, to: Marks): Promise<boolean> {
    const values = [to.bytes, to.files, userId, from.bytes, from.files];
    return this.#writes.run(() => this.#move.run(...values).changes > 0, { lock: userId });
  }
}
