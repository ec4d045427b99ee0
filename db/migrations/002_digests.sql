-- Checksums of files. A row is there only while no server process has had the file open for writing
-- since the row was made; an upload that is followed has one from the start, without digests.
CREATE TABLE digests (
  inode   TEXT    PRIMARY KEY,                             -- device:inode:birth time
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  state   TEXT,                                            -- size:mtime:ctime; NULL: still growing
  digests TEXT    NOT NULL DEFAULT '{}',                   -- JSON: algorithm to hexadecimal
  token   TEXT,                                            -- of the upload whose digests will follow
  used_at INTEGER NOT NULL
) STRICT;
CREATE INDEX digests_user ON digests (user_id);
CREATE INDEX digests_used ON digests (used_at);
