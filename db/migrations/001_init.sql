-- Times are milliseconds since the epoch, sizes bytes, paths raw bytes below the user's home.
CREATE TABLE users (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  name          TEXT    NOT NULL UNIQUE,
  role          TEXT    NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'admin')),
  enabled       INTEGER NOT NULL DEFAULT 1 CHECK (enabled IN (0, 1)),
  password_hash TEXT,
  quota_bytes   INTEGER CHECK (quota_bytes >= 0),          -- NULL: none
  quota_files   INTEGER CHECK (quota_files >= 0),          -- NULL: none; counts directory entries
  used_bytes    INTEGER NOT NULL DEFAULT 0 CHECK (used_bytes >= 0),
  used_files    INTEGER NOT NULL DEFAULT 0 CHECK (used_files >= 0),
  created_at    INTEGER NOT NULL,
  last_login_at INTEGER
) STRICT;

CREATE TABLE user_keys (
  user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  fingerprint TEXT    NOT NULL,                            -- SHA256:… as ssh-keygen -l prints it
  algorithm   TEXT    NOT NULL,
  blob        BLOB    NOT NULL,                            -- RFC 4253 6.6 public key encoding
  comment     TEXT    NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL,
  PRIMARY KEY (user_id, fingerprint)
) STRICT;

-- A process that uses the store. (pid, start_time, boot_id) tells a dead one from a reused pid.
CREATE TABLE nodes (
  id         TEXT    PRIMARY KEY,
  kind       TEXT    NOT NULL CHECK (kind IN ('server', 'command')),
  pid        INTEGER NOT NULL,
  start_time TEXT    NOT NULL,
  boot_id    TEXT    NOT NULL,
  listen     TEXT    NOT NULL DEFAULT '',
  version    TEXT    NOT NULL,
  started_at INTEGER NOT NULL,
  intent     INTEGER NOT NULL DEFAULT 0                    -- the last of its intents that is booked
) STRICT;

-- The journal of open files, one row for each handle a node has. What users.used_bytes holds for
-- such a file is the largest `charged` of its rows. One B-tree: each page less makes small files
-- faster.
CREATE TABLE open_files (
  user_id  INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  inode    TEXT    NOT NULL,                               -- device:inode:birth time
  node_id  TEXT    NOT NULL REFERENCES nodes (id),
  number   INTEGER NOT NULL,                               -- the node's own
  path     BLOB    NOT NULL,
  charged  INTEGER NOT NULL,
  slack    INTEGER NOT NULL DEFAULT 0,                     -- 1: charged ahead of need, may be given back
  unlinked INTEGER NOT NULL DEFAULT 0,                     -- 1: no name left
  frozen   INTEGER NOT NULL DEFAULT 0,                     -- 1: must not grow while it is copied
  PRIMARY KEY (user_id, inode, node_id, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  node_id  TEXT    NOT NULL REFERENCES nodes (id),
  user_id  INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  state    TEXT    NOT NULL CHECK (state IN ('waiting', 'active')),
  remote   TEXT    NOT NULL,
  client   TEXT    NOT NULL,
  since    INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_state ON sessions (state, id);
CREATE INDEX sessions_user ON sessions (user_id, state);

-- What other processes must notice at once: quota set, user disabled or removed, key removed, …
CREATE TABLE changes (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  kind    TEXT    NOT NULL,
  user_id INTEGER NOT NULL,
  detail  TEXT    NOT NULL DEFAULT '',
  at      INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  at          INTEGER NOT NULL,
  kind        TEXT    NOT NULL,
  user        TEXT    NOT NULL DEFAULT '',                 -- whom it concerns
  actor       TEXT    NOT NULL DEFAULT '',                 -- who did it
  remote      TEXT    NOT NULL DEFAULT '',
  session     INTEGER,
  path        TEXT    NOT NULL DEFAULT '',
  bytes       INTEGER,
  duration_ms INTEGER,
  detail      TEXT    NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_user ON audit (user, at);
CREATE INDEX audit_kind ON audit (kind, at);
