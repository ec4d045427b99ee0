-- When, from where and how a user may log in, and how often at once. NULL: no limit of the user's own.
ALTER TABLE users ADD COLUMN expires_at INTEGER;
ALTER TABLE users ADD COLUMN login_from TEXT;               -- JSON: addresses and networks
ALTER TABLE users ADD COLUMN login_methods TEXT;            -- JSON: of "key", "password"
ALTER TABLE users ADD COLUMN max_sessions INTEGER CHECK (max_sessions >= 1);
