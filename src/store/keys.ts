import type { Connection, Statement } from "./connection.ts";
import type { KeyOptions, UserKey } from "./types.ts";
import type { Writes } from "./writes.ts";

interface KeyRow {
  readonly fingerprint: string;
  readonly algorithm: string;
  readonly blob: Buffer;
  readonly comment: string;
  readonly created_at: number;
  /** JSON */
  readonly options: string | null;
}

function toKey(row: KeyRow): UserKey {
  const { fingerprint, algorithm, blob, comment, created_at: createdAt, options } = row;
  const key = { fingerprint, algorithm, blob, comment, createdAt };
  return options === null ? key : { ...key, options: JSON.parse(options) as KeyOptions };
}

function optionsValue({ options }: UserKey): string | null {
  return options === undefined ? null : JSON.stringify(options);
}

/** What became of keys that were given to a user. */
export interface PutKeys {
  readonly added: readonly UserKey[];
  readonly changed: readonly UserKey[];
}

/** The public keys users log in with. */
export class KeyStore {
  readonly #writes: Writes;
  readonly #insert: Statement;
  readonly #ofUser: Statement<[number], KeyRow>;
  readonly #one: Statement<[number, string], KeyRow>;
  readonly #setOptions: Statement;
  readonly #remove: Statement;
  readonly #counts: Statement<[], { user_id: number; keys: number }>;

  constructor(connection: Connection, writes: Writes) {
    this.#writes = writes;
    this.#insert = prepareKeyInsert(connection);
    this.#ofUser = connection.prepare(
      "SELECT * FROM user_keys WHERE user_id = ? ORDER BY created_at, fingerprint",
    );
    this.#one = connection.prepare("SELECT * FROM user_keys WHERE user_id = ? AND fingerprint = ?");
    this.#setOptions = connection.prepare(
      `UPDATE user_keys SET options = @options
       WHERE user_id = @userId AND fingerprint = @fingerprint AND options IS DISTINCT FROM @options`,
    );
    this.#remove = connection.prepare(
      "DELETE FROM user_keys WHERE user_id = ? AND fingerprint = ?",
    );
    this.#counts = connection.prepare(
      "SELECT user_id, count(*) AS keys FROM user_keys GROUP BY user_id",
    );
  }

  /** False when the user has that key already. Rejects when there is no such user. */
  async add(userId: number, key: UserKey): Promise<boolean> {
    return this.#writes.run(() => addKey(this.#insert, userId, key), { lock: userId });
  }

  /**
   * All of them, or none: a key that the user has gets the options that it comes with now. Rejects
   * as {@link add}.
   */
  async put(userId: number, keys: readonly UserKey[]): Promise<PutKeys> {
    const put = (): PutKeys => {
      const added = keys.filter((key) => addKey(this.#insert, userId, key));
      return { added, changed: keys.filter((key) => this.#changeOptions(userId, key)) };
    };
    return this.#writes.run(put, { lock: userId });
  }

  /** False when it has these, or is not there. */
  #changeOptions(userId: number, key: UserKey): boolean {
    const { fingerprint } = key;
    return this.#setOptions.run({ userId, fingerprint, options: optionsValue(key) }).changes > 0;
  }

  async list(userId: number): Promise<UserKey[]> {
    return this.#ofUser.all(userId).map(toKey);
  }

  /** @param fingerprint "SHA256:…" */
  async find(userId: number, fingerprint: string): Promise<UserKey | undefined> {
    const row = this.#one.get(userId, fingerprint);
    return row && toKey(row);
  }

  /** False when the user has no such key. */
  async remove(userId: number, fingerprint: string): Promise<boolean> {
    const remove = (): boolean => this.#remove.run(userId, fingerprint).changes > 0;
    return this.#writes.run(remove, { lock: userId });
  }

  /** Number of keys by user id; users without one are absent. */
  async counts(): Promise<Map<number, number>> {
    return new Map(this.#counts.all().map((row) => [row.user_id, row.keys]));
  }
}

/** For {@link addKey}. */
export function prepareKeyInsert(connection: Connection): Statement {
  return connection.prepare(
    `INSERT INTO user_keys (user_id, fingerprint, algorithm, blob, comment, created_at, options)
     VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (user_id, fingerprint) DO NOTHING`,
  );
}

/** In a transaction. False when the user has that key already. */
export function addKey(insert: Statement, userId: number, key: UserKey): boolean {
  const { fingerprint, algorithm, blob, comment, createdAt } = key;
  const options = optionsValue(key);
  return insert.run(userId, fingerprint, algorithm, blob, comment, createdAt, options).changes > 0;
}
