-- A home is held by one process while that alone uses it: its book is in that process's memory.
ALTER TABLE users ADD COLUMN holder TEXT REFERENCES nodes (id);
-- The last record of the holder's journal that is in this row and in open_files.
ALTER TABLE users ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;
-- When a second process last needed the home, in milliseconds since the epoch.
ALTER TABLE users ADD COLUMN wanted_at INTEGER NOT NULL DEFAULT 0;
-- The last change of kind "fold" that the process has answered.
ALTER TABLE nodes ADD COLUMN answered INTEGER NOT NULL DEFAULT 0;
CREATE INDEX users_by_holder ON users (holder) WHERE holder IS NOT NULL;
