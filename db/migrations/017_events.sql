-- Who is told of events, and how that goes. A row stays when its receiver is taken out of the settings,
-- until nothing waits for it any more.
CREATE TABLE event_receivers (
  name            TEXT    PRIMARY KEY,
  active          INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),  -- 0: not in the settings
  sequence        INTEGER NOT NULL DEFAULT 0,              -- the number of its last event, dropped or not
  queued          INTEGER NOT NULL DEFAULT 0,              -- rows of event_queue
  queued_bytes    INTEGER NOT NULL DEFAULT 0,
  delivered       INTEGER NOT NULL DEFAULT 0,
  dropped         INTEGER NOT NULL DEFAULT 0,
  failures        INTEGER NOT NULL DEFAULT 0,              -- since the last success
  next_at         INTEGER NOT NULL DEFAULT 0,              -- nothing is sent before
  last_success_at INTEGER,
  last_error_at   INTEGER,
  last_error      TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

CREATE TABLE event_queue (
  id       INTEGER PRIMARY KEY,
  receiver TEXT    NOT NULL REFERENCES event_receivers (name) ON DELETE CASCADE,
  sequence INTEGER NOT NULL,
  at       INTEGER NOT NULL,                               -- when it happened
  tries    INTEGER NOT NULL DEFAULT 0,
  next_at  INTEGER NOT NULL DEFAULT 0,                     -- a refused one lets others go before it
  event    TEXT    NOT NULL                                -- JSON
) STRICT;
CREATE INDEX event_queue_order ON event_queue (receiver, sequence);
CREATE INDEX event_queue_at ON event_queue (at);

-- Which process delivers, and up to which record of the audit trail events were made. NULL: nobody was to
-- be told, and the next one begins with what is new.
CREATE TABLE event_feed (
  holder   TEXT    NOT NULL DEFAULT '',
  audit_id INTEGER
) STRICT;
INSERT INTO event_feed DEFAULT VALUES;
