-- A home is what has files, a quota and a book. A user owns one; a folder is one that nobody owns,
-- and is shared into the trees of users. A folder's name begins with "@", a user's never does.
ALTER TABLE users RENAME TO homes;
ALTER TABLE homes ADD COLUMN kind TEXT NOT NULL DEFAULT 'user' CHECK (kind IN ('user', 'folder'));

CREATE TABLE groups (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT    NOT NULL UNIQUE,                      -- without the "@"
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE group_members (
  group_id INTEGER NOT NULL REFERENCES groups (id) ON DELETE CASCADE,
  user_id  INTEGER NOT NULL REFERENCES homes (id) ON DELETE CASCADE,
  PRIMARY KEY (group_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_user ON group_members (user_id);

-- Where a folder is in the trees of a user or of a group's members, and what they may do in it.
CREATE TABLE shares (
  folder_id INTEGER NOT NULL REFERENCES homes (id) ON DELETE CASCADE,
  user_id   INTEGER REFERENCES homes (id) ON DELETE CASCADE,
  group_id  INTEGER REFERENCES groups (id) ON DELETE CASCADE,
  at        BLOB    NOT NULL,                              -- path in the member's tree, raw bytes
  access    TEXT    NOT NULL,                              -- one of ACCESS_MODES
  CHECK ((user_id IS NULL) <> (group_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX shares_user ON shares (folder_id, user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX shares_group ON shares (folder_id, group_id) WHERE group_id IS NOT NULL;
CREATE INDEX shares_of_user ON shares (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX shares_of_group ON shares (group_id) WHERE group_id IS NOT NULL;

-- What a user or a group's members may do at a path of their tree and below; the longest path counts.
CREATE TABLE access_rules (
  user_id  INTEGER REFERENCES homes (id) ON DELETE CASCADE,
  group_id INTEGER REFERENCES groups (id) ON DELETE CASCADE,
  path     BLOB    NOT NULL,                               -- raw bytes
  access   TEXT    NOT NULL,                               -- one of ACCESS_MODES
  CHECK ((user_id IS NULL) <> (group_id IS NULL))
) STRICT;
CREATE UNIQUE INDEX access_rules_user ON access_rules (user_id, path) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX access_rules_group ON access_rules (group_id, path) WHERE group_id IS NOT NULL;
