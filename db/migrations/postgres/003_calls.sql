-- What a process asks one of another machine, which its socket doesn't reach. Who asked takes its row
-- away with the answer; nothing is older than a minute, and nobody misses it after a crash.
CREATE UNLOGGED TABLE calls (
  id        TEXT   NOT NULL PRIMARY KEY,
  to_node   TEXT   NOT NULL REFERENCES nodes(id) ON DELETE CASCADE,
  from_node TEXT   NOT NULL REFERENCES nodes(id) ON DELETE CASCADE,
  -- who acts, for the audit trail
  actor     TEXT   NOT NULL,
  method    TEXT   NOT NULL,
  -- JSON
  params    TEXT   NOT NULL,
  -- by the database's clock, in milliseconds since the epoch
  asked_at  BIGINT NOT NULL,
  -- JSON; NULL: not answered yet
  answer    TEXT
);
CREATE INDEX calls_to ON calls (to_node, asked_at);
CREATE INDEX calls_from ON calls (from_node);
