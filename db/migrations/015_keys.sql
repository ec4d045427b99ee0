-- What stands in front of a user's key, as in authorized_keys.
ALTER TABLE user_keys ADD COLUMN options TEXT;              -- JSON; NULL: none

-- Whose certificates let users in.
CREATE TABLE authorities (
  fingerprint TEXT    PRIMARY KEY,                         -- SHA256:… as ssh-keygen -l prints it
  algorithm   TEXT    NOT NULL,
  blob        BLOB    NOT NULL,                            -- RFC 4253 6.6 public key encoding
  comment     TEXT    NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE revocations (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  kind       TEXT    NOT NULL CHECK (kind IN ('serial', 'id', 'key')),
  authority  TEXT    NOT NULL,                             -- fingerprint; empty: of any
  subject    TEXT    NOT NULL CHECK (subject <> ''),       -- serial number, key ID, or the key's fingerprint
  reason     TEXT    NOT NULL DEFAULT '',
  actor      TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (kind, authority, subject)
) STRICT;
