-- How far a transfer came, what it was called while it ran, and records that are shown as one line.
ALTER TABLE audit ADD COLUMN address TEXT NOT NULL DEFAULT '';        -- of `remote`, without a port
ALTER TABLE audit ADD COLUMN size INTEGER;                            -- of the file, at an upload's end
ALTER TABLE audit ADD COLUMN expected INTEGER;                        -- what the client said it would be
ALTER TABLE audit ADD COLUMN unfinished INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audit ADD COLUMN temporary_path TEXT NOT NULL DEFAULT ''; -- before the client renamed it
ALTER TABLE audit ADD COLUMN batch INTEGER;                           -- id of the first that belong together
ALTER TABLE audit ADD COLUMN lead INTEGER NOT NULL DEFAULT 1;         -- the first of them that is still there

UPDATE audit SET address = CASE
    WHEN remote LIKE '[%]%' THEN substr(remote, 2, instr(remote, ']') - 2)
    WHEN length(remote) - length(replace(remote, ':', '')) = 1 THEN substr(remote, 1, instr(remote, ':') - 1)
    ELSE remote END
  WHERE remote <> '';
UPDATE audit SET address = substr(address, 8) WHERE address LIKE '::ffff:%.%';
UPDATE audit SET unfinished = 1 WHERE kind IN ('upload', 'download') AND detail LIKE '%unfinished';

CREATE INDEX audit_lead ON audit (at) WHERE lead = 1;
CREATE INDEX audit_address ON audit (address, at) WHERE address <> '';
CREATE INDEX audit_actor ON audit (actor, at) WHERE actor <> '';
CREATE INDEX audit_batch ON audit (batch, at) WHERE batch IS NOT NULL;

-- Uploads under a temporary name that may be renamed any moment: a record comes of each, also when
-- their process dies.
CREATE TABLE audit_held (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  node_id TEXT    NOT NULL,
  at      INTEGER NOT NULL,
  event   TEXT    NOT NULL -- JSON
) STRICT;

-- How far the records were written to files and told to a collector, and by which process.
CREATE TABLE audit_outputs (
  name    TEXT    PRIMARY KEY,
  last_id INTEGER NOT NULL,
  holder  TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
