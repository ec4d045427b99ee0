-- What a group's members are limited to, and how much they may store, where they have nothing of
-- their own. NULL: nothing of the group's.
ALTER TABLE groups ADD COLUMN has_quota INTEGER NOT NULL DEFAULT 0 CHECK (has_quota IN (0, 1));
ALTER TABLE groups ADD COLUMN quota_bytes INTEGER CHECK (quota_bytes >= 0);  -- with has_quota, NULL: no limit
ALTER TABLE groups ADD COLUMN expires_at INTEGER;
ALTER TABLE groups ADD COLUMN login_from TEXT;
ALTER TABLE groups ADD COLUMN login_methods TEXT;
ALTER TABLE groups ADD COLUMN max_sessions INTEGER CHECK (max_sessions >= 1);

-- 1: quota_bytes was set by hand; 0: it is what the groups or the settings say.
ALTER TABLE homes ADD COLUMN quota_own INTEGER NOT NULL DEFAULT 1 CHECK (quota_own IN (0, 1));
