import type { Usage } from "../vfs/books.ts";
import type { Connection, Statement } from "./connection.ts";

/** A file that a process has open, as the store keeps it. */
export interface BookRow {
  /** which of the node's rows */
  readonly row: number;
  readonly inode: string;
  readonly path: Buffer;
  readonly charged: number;
  readonly slack: boolean;
  readonly unlinked: boolean;
  readonly frozen: boolean;
}

/** A home's book, and the files that its process has open. */
export interface OpenBook extends Usage {
  readonly rows: readonly BookRow[];
}

export type LeaseStatements = ReturnType<typeof prepareLeases>;

/** The statements of the leases, prepared once for each connection. */
export function prepareLeases(connection: Connection) {
  const sql = (text: string): Statement<unknown[]> => connection.prepare(text);
  return {
    take: sql(`UPDATE homes SET holder = @node, folded = @folded
        WHERE id = @userId AND holder IS NULL AND NOT wanted_at BETWEEN @since AND @now
        AND NOT EXISTS (
          SELECT 1 FROM open_files WHERE user_id = @userId AND node_id <> @node)`),
    release: sql(`UPDATE homes SET holder = NULL, wanted_at = COALESCE(@wanted, wanted_at)
        WHERE id = @userId`),
    fold: sql(`UPDATE homes SET used_bytes = @usedBytes, used_files = @usedFiles,
        changes = changes + @changes, folded = @folded WHERE id = @userId AND holder = @node`),
    holder: sql("SELECT holder FROM homes WHERE id = @userId"),
    usage: sql(`SELECT used_bytes AS "usedBytes", used_files AS "usedFiles",
        quota_bytes AS "quotaBytes", quota_files AS "quotaFiles" FROM homes WHERE id = @userId`),
    rows: sql(`SELECT number AS row, inode, path, charged, slack, unlinked, frozen
        FROM open_files WHERE user_id = @userId AND node_id = @node`),
    dropRows: sql("DELETE FROM open_files WHERE user_id = @userId AND node_id = @node"),
    addRow: sql(`INSERT INTO open_files
        (user_id, inode, node_id, number, path, charged, slack, unlinked, frozen)
        VALUES (@userId, @inode, @node, @row, @path, @charged, @slack, @unlinked, @frozen)`),
    answer: sql("UPDATE nodes SET answered = MAX(answered, @change) WHERE id = @node"),
    others: sql(`SELECT id FROM nodes WHERE id <> @node AND (@change = 0 OR answered < @change)
        AND id IN (SELECT holder FROM homes)`),
    heldBy: sql('SELECT id AS "userId" FROM homes WHERE holder = @node'),
    // Of a lost one: what it held, and where it may have left something.
    homesOf: sql(`SELECT id AS "userId" FROM homes WHERE holder = @node
        UNION SELECT home_id FROM node_homes WHERE node_id = @node
        UNION SELECT user_id FROM open_files WHERE node_id = @node`),
    claim: sql("UPDATE homes SET holder = @node WHERE id = @userId AND holder IS NULL"),
    use: sql(`INSERT INTO node_homes (home_id, node_id) VALUES (@userId, @node)
        ON CONFLICT DO NOTHING`),
    unuse: sql("DELETE FROM node_homes WHERE home_id = @userId AND node_id = @node"),
    otherCharges: sql(`SELECT inode, MAX(charged) AS most FROM open_files
        WHERE user_id = @userId AND node_id <> @node GROUP BY inode`),
    raise: sql(`UPDATE open_files SET charged = @charged
        WHERE user_id = @userId AND inode = @inode AND charged < @charged`),
    heldHome: sql("SELECT name, folded FROM homes WHERE id = @userId AND holder = @node"),
  };
}

export function toRow(found: unknown): BookRow {
  const row = found as Omit<BookRow, "slack" | "unlinked" | "frozen"> & {
    slack: number;
    unlinked: number;
    frozen: number;
  };
  return {
    ...row,
    slack: row.slack === 1,
    unlinked: row.unlinked === 1,
    frozen: row.frozen === 1,
  };
}
