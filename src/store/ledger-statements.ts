import type { Statement } from "better-sqlite3";
import type { Connection } from "./database.ts";

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
  return {
    begin: sql("BEGIN IMMEDIATE"),
    commit: sql("COMMIT"),
    rollback: sql("ROLLBACK"),
    usage: sql(`SELECT used_bytes AS usedBytes, used_files AS usedFiles,
        quota_bytes AS quotaBytes, quota_files AS quotaFiles FROM users WHERE id = @userId`),
    setUsage: sql(`UPDATE users SET used_bytes = @bytes, used_files = @files WHERE id = @userId`),
    // MAX: files put there behind our back and never rescanned must not break the books.
    addBytes: sql(
      `UPDATE users SET used_bytes = MAX(0, used_bytes + @bytes) WHERE id = @userId AND @bytes <> 0`,
    ),
    addFile: sql(`UPDATE users SET used_files = used_files + 1
        WHERE id = @userId AND (quota_files IS NULL OR used_files < quota_files)`),
    removeFile: sql(`UPDATE users SET used_files = MAX(0, used_files - 1) WHERE id = @userId`),
    addRow: sql(`INSERT INTO open_files (node_id, user_id, inode, path, charged)
        VALUES (@node, @userId, @inode, @path, @charged)`),
    dropRow: sql(`DELETE FROM open_files WHERE id = @id`),
    row: sql(`SELECT user_id, inode FROM open_files WHERE id = @id`),
    charge: sql(`UPDATE open_files SET charged = @charged, slack = @slack WHERE id = @id`),
    freeze: sql(`UPDATE open_files SET frozen = @frozen WHERE id = @id`),
    holders:
      sql(`SELECT MAX(charged) AS most, COUNT(*) AS count, MAX(frozen) AS frozen FROM open_files
        WHERE user_id = @userId AND inode = @inode AND id <> @except`),
    raiseOthers: sql(`UPDATE open_files SET charged = MAX(charged, @charged)
        WHERE user_id = @userId AND inode = @inode AND id <> @except`),
    markSlack: sql(`UPDATE open_files SET slack = 1
        WHERE user_id = @userId AND inode = @inode AND charged > @charged`),
    askForSlack: sql(`INSERT INTO changes (kind, user_id, at) VALUES ('squeeze', @userId, @at)`),
    heldByUser: sql(`SELECT inode, MAX(charged) AS most FROM open_files
        WHERE user_id = @userId GROUP BY inode`),
    chargedHere: sql(`SELECT id, charged FROM open_files
        WHERE user_id = @userId AND node_id = @node`),
    slackElsewhere: sql(`SELECT COUNT(*) AS count FROM open_files
        WHERE user_id = @userId AND slack = 1 AND node_id <> @node`),
    markUnlinked: sql(
      `UPDATE open_files SET unlinked = 1 WHERE user_id = @userId AND inode = @inode`,
    ),
    rowsBelow: sql(`SELECT id, path FROM open_files WHERE user_id = @userId
        AND (path = @path OR (path >= @low AND path < @high))`),
    movingTo: sql(`UPDATE open_files SET new_path = @path WHERE id = @id`),
    moved: sql(`UPDATE open_files SET path = new_path, new_path = NULL
        WHERE id = @id AND new_path IS NOT NULL`),
    addIntent: sql(`INSERT INTO intents (node_id, user_id, kind, path, from_path, inode, size)
        VALUES (@node, @userId, @kind, @path, @from, @inode, @size)`),
    dropIntent: sql(`DELETE FROM intents WHERE id = @id`),
    intent: sql(`SELECT user_id, kind, inode, size FROM intents WHERE id = @id`),
    intents: sql(`SELECT i.id, u.name AS userName, i.kind, i.path, i.inode FROM intents AS i
        JOIN users AS u ON u.id = i.user_id WHERE i.node_id = @node ORDER BY i.id`),
    journal: sql(`SELECT o.id, u.name AS userName, o.inode, o.path, o.new_path, o.unlinked
        FROM open_files AS o JOIN users AS u ON u.id = o.user_id
        WHERE o.node_id = @node ORDER BY o.id`),
    mark: sql(`SELECT used_bytes, used_files,
        (SELECT COALESCE(MAX(id), 0) || '/' || COUNT(*) || '/' || COALESCE(SUM(charged), 0)
          FROM open_files WHERE user_id = @userId) AS held,
        (SELECT COUNT(*) FROM intents WHERE user_id = @userId) AS pending
        FROM users WHERE id = @userId`),
  };
}
