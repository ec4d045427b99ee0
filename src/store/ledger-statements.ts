import type { Connection, Statement } from "./connection.ts";

export type LedgerStatements = ReturnType<typeof prepareLedger>;

/** Everything at or below a path: "/" sorts just before "0". */
export function range(userId: number, path: Buffer) {
  const low = Buffer.concat([path, Buffer.from("/")]);
  const high = Buffer.concat([path, Buffer.from("0")]);
  return { userId, path, low, high };
}

/** The ledger's statements, prepared once for each connection. */
export function prepareLedger(connection: Connection) {
  const sql = (text: string): Statement<unknown[]> => connection.prepare(text);
  const row = "user_id = @userId AND inode = @inode AND node_id = @node AND number = @row";
  return {
    usage: sql(`SELECT used_bytes AS "usedBytes", used_files AS "usedFiles",
        quota_bytes AS "quotaBytes", quota_files AS "quotaFiles" FROM homes WHERE id = @userId`),
    setUsage: sql(`UPDATE homes SET used_bytes = @bytes, used_files = @files WHERE id = @userId`),
    // MAX: files put there behind our back and never rescanned must not break the books.
    add: sql(`UPDATE homes SET used_bytes = MAX(0, used_bytes + @bytes),
        used_files = MAX(0, used_files + @files), changes = changes + 1 WHERE id = @userId`),
    touch: sql(`UPDATE homes SET changes = changes + 1 WHERE id = @userId`),
    addRow: sql(`INSERT INTO open_files (user_id, inode, node_id, number, path, charged, slack)
        VALUES (@userId, @inode, @node, @row, @path, @charged, @slack)`),
    dropRow: sql(`DELETE FROM open_files WHERE ${row}`),
    charge: sql(`UPDATE open_files SET charged = @charged, slack = @slack WHERE ${row}`),
    freeze: sql(`UPDATE open_files SET frozen = @frozen WHERE ${row}`),
    holders: sql(`SELECT COUNT(*) AS count, MAX(charged) AS most, MAX(frozen) AS frozen,
        MAX(CASE WHEN node_id <> @node OR number <> @row THEN charged END) AS others
        FROM open_files WHERE user_id = @userId AND inode = @inode`),
    raiseOthers: sql(`UPDATE open_files SET charged = @charged
        WHERE user_id = @userId AND inode = @inode AND charged < @charged`),
    markSlack: sql(`UPDATE open_files SET slack = 1
        WHERE user_id = @userId AND inode = @inode AND charged > @charged`),
    markUnlinked: sql(
      `UPDATE open_files SET unlinked = 1 WHERE user_id = @userId AND inode = @inode`,
    ),
    charged: sql(`SELECT MAX(charged) AS most FROM open_files
        WHERE user_id = @userId AND inode = @inode`),
    heldByUser: sql(`SELECT inode, MAX(charged) AS most FROM open_files
        WHERE user_id = @userId GROUP BY inode`),
    slackHere: sql(`SELECT number FROM open_files
        WHERE user_id = @userId AND slack = 1 AND node_id = @node`),
    slackElsewhere: sql(`SELECT COUNT(*) AS count FROM open_files
        WHERE user_id = @userId AND slack = 1 AND node_id <> @node`),
    rowsBelow: sql(`SELECT inode, node_id AS node, number AS row, path FROM open_files
        WHERE user_id = @userId AND (path = @path OR (path >= @low AND path < @high))`),
    move: sql(`UPDATE open_files SET path = @path WHERE ${row}`),
    booked: sql(`UPDATE nodes SET intent = @number WHERE id = @node`),
    nodes: sql(`SELECT id, intent, machine FROM nodes`),
    lastBooked: sql(`SELECT intent FROM nodes WHERE id = @node`),
    userName: sql(`SELECT name FROM homes WHERE id = @userId`),
    journal: sql(`SELECT o.user_id AS "userId", o.inode, o.number AS row, u.name AS "userName",
        o.path, o.unlinked FROM open_files AS o JOIN homes AS u ON u.id = o.user_id
        WHERE o.node_id = @node`),
    mark: sql(`SELECT changes,
        (SELECT COUNT(*) || '/' || COALESCE(SUM(charged), 0) || '/' || COALESCE(SUM(number), 0)
          FROM open_files WHERE user_id = @userId) AS held
        FROM homes WHERE id = @userId`),
  };
}
