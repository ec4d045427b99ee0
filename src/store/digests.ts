import type { Connection, Statement } from "./connection.ts";
import type { Writes } from "./writes.ts";

/** Digests in hexadecimal by the name of their algorithm. */
export type DigestMap = Readonly<Record<string, string>>;

export interface KnownDigests {
  readonly digests: DigestMap;
  /** the upload that will add more, if its process lives */
  readonly token: string | null;
}

interface Row {
  readonly digests: string;
  readonly token: string | null;
  readonly used_at: number;
}

/** What a JSON array names. */
const LISTED = "(SELECT value FROM json_each(?))";

/** How old the time of a row's last use may be before it is written anew, in milliseconds. */
const USE_PRECISION_MS = 60 * 60 * 1_000;

/**
 * Digests of files by inode, good for one state of the file (size and times). Who opens a file for
 * writing calls {@link forget} before the first write, in every process: so what is here was true
 * of the contents, and times only have to tell of changes by others than this program.
 */
export class DigestStore {
  readonly #writes: Writes;
  readonly #nodeId: string;
  readonly #find: Statement<unknown[], Row>;
  readonly #use: Statement;
  readonly #add: Statement;
  readonly #replace: Statement;
  readonly #openElsewhere: Statement<unknown[], number>;
  readonly #closed: Statement;
  readonly #finish: Statement;
  readonly #release: Statement;
  readonly #forget: Statement;
  readonly #any: Statement<unknown[], number>;
  readonly #forgetAll: Statement;
  readonly #anyOf: Statement<unknown[], number>;
  readonly #carry: Statement;
  readonly #prune: Statement;

  constructor(connection: Connection, writes: Writes, nodeId: string) {
    this.#writes = writes;
    this.#nodeId = nodeId;
    this.#find = connection.prepare(
      "SELECT digests, token, used_at FROM digests WHERE inode = ? AND state = ?",
    );
    this.#use = connection.prepare("UPDATE digests SET used_at = ? WHERE inode = ?");
    this.#add = connection.prepare(
      `UPDATE digests SET digests = json_patch(digests, @digests), used_at = @now
       WHERE inode = @inode AND state = @state`,
    );
    this.#replace = connection.prepare(
      `INSERT INTO digests (inode, user_id, state, digests, token, used_at)
       SELECT @inode, id, @state, @digests, @token, @now FROM homes WHERE id = @userId
       ON CONFLICT (inode) DO UPDATE SET user_id = excluded.user_id, state = excluded.state,
         digests = excluded.digests, token = excluded.token, used_at = excluded.used_at`,
    );
    this.#openElsewhere = connection
      .prepare<unknown[], number>(
        `SELECT EXISTS (SELECT 1 FROM open_files
           WHERE user_id = @userId AND inode = @inode AND node_id <> @node)
         OR EXISTS (SELECT 1 FROM homes WHERE id = @userId AND holder <> @node)`,
      )
      .pluck();
    this.#closed = connection.prepare(
      "UPDATE digests SET state = @state WHERE inode = @inode AND token = @token",
    );
    this.#finish = connection.prepare(
      `UPDATE digests SET digests = json_patch(digests, @digests), token = NULL, used_at = @now
       WHERE inode = @inode AND token = @token`,
    );
    this.#release = connection.prepare("DELETE FROM digests WHERE inode = ? AND token = ?");
    this.#forget = connection.prepare("DELETE FROM digests WHERE inode = ?");
    this.#any = connection
      .prepare<unknown[], number>("SELECT 1 FROM digests WHERE inode = ?")
      .pluck();
    this.#forgetAll = connection.prepare(`DELETE FROM digests WHERE inode IN ${LISTED}`);
    this.#anyOf = connection
      .prepare<unknown[], number>(`SELECT 1 FROM digests WHERE inode IN ${LISTED} LIMIT 1`)
      .pluck();
    this.#carry = connection.prepare(
      "UPDATE digests SET state = @to WHERE inode = @inode AND state = @from",
    );
    this.#prune = connection.prepare(
      `DELETE FROM digests WHERE inode IN (
         SELECT inode FROM digests ORDER BY used_at
         LIMIT max(0, (SELECT count(*) FROM digests) - ?))`,
    );
  }

  /** What is known of the file in this state. */
  async find(inode: string, state: string): Promise<KnownDigests | undefined> {
    const row = this.#find.get(inode, state);
    if (row === undefined) return undefined;
    const now = Date.now();
    if (Math.abs(now - row.used_at) > USE_PRECISION_MS) await this.#used(inode, now);
    return { digests: JSON.parse(row.digests), token: row.token };
  }

  /** Said in passing: it must not keep anybody waiting. */
  async #used(inode: string, now: number): Promise<void> {
    const act = (): unknown => this.#use.run(now, inode);
    await this.#writes.run(act, { patienceMs: 0, lock: "digests" }).catch(() => undefined);
  }

  /** Keeps digests, beside others of the same state. Not while another process has the file open. */
  async put(userId: number, inode: string, state: string, digests: DigestMap): Promise<void> {
    const row = { userId, inode, state, digests: JSON.stringify(digests), now: Date.now() };
    const put = (): void => {
      if (this.#isOpenElsewhere(userId, inode)) return;
      if (this.#add.run(row).changes === 0) this.#replace.run({ ...row, token: null });
    };
    // Whoever opens the file needs this lock, too, and looks for digests behind that.
    await this.#writes.run(put, { lock: userId });
  }

  /**
   * Begins to follow an upload: the token stays until somebody opens the file for writing.
   * @returns false when another process has the file open, so that it could be written to unseen
   */
  async claim(userId: number, inode: string, token: string): Promise<boolean> {
    const row = { userId, inode, token, state: null, digests: "{}", now: Date.now() };
    const claim = (): boolean =>
      !this.#isOpenElsewhere(userId, inode) && this.#replace.run(row).changes > 0;
    return this.#writes.run(claim, { lock: userId });
  }

  /** The upload is complete, and this is the file's state. False when the claim is gone. */
  async closed(inode: string, token: string, state: string): Promise<boolean> {
    return this.#alone(() => this.#closed.run({ inode, token, state }).changes > 0);
  }

  /** The digests of a completed upload. False when the claim is gone: they may be wrong by now. */
  async finish(inode: string, token: string, digests: DigestMap): Promise<boolean> {
    const row = { inode, token, digests: JSON.stringify(digests), now: Date.now() };
    return this.#alone(() => this.#finish.run(row).changes > 0);
  }

  /** Gives up a claim. */
  async release(inode: string, token: string): Promise<void> {
    await this.#alone(() => this.#release.run(inode, token));
  }

  /** The file may change from now on, or is gone. */
  async forget(inode: string): Promise<void> {
    if (this.#any.get(inode) === undefined) return;
    await this.#alone(() => this.#forget.run(inode));
  }

  /** The files are gone. */
  async forgetAll(inodes: readonly string[]): Promise<void> {
    const list = JSON.stringify(inodes);
    if (inodes.length === 0 || this.#anyOf.get(list) === undefined) return;
    await this.#writes.run(() => this.#forgetAll.run(list), { deferrable: true, lock: "digests" });
  }

  /** The file's times changed from one state to the other, and its contents did not. */
  async carry(inode: string, from: string, to: string): Promise<void> {
    if (this.#any.get(inode) === undefined) return;
    await this.#alone(() => this.#carry.run({ inode, from, to }));
  }

  /** Removes those not used for longest. @returns rows removed */
  async prune(maxRecords: number): Promise<number> {
    return this.#alone(() => this.#prune.run(maxRecords).changes);
  }

  #alone<T>(act: () => T): Promise<T> {
    return this.#writes.run(act, { lock: "digests" });
  }

  #isOpenElsewhere(userId: number, inode: string): boolean {
    return (this.#openElsewhere.get({ userId, inode, node: this.#nodeId }) ?? 0) > 0;
  }
}
