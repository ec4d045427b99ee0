-- How fast a user's sessions together may upload and download, in bytes a second. NULL: no limit.
ALTER TABLE homes ADD COLUMN upload_rate INTEGER CHECK (upload_rate >= 1);
ALTER TABLE homes ADD COLUMN download_rate INTEGER CHECK (download_rate >= 1);
ALTER TABLE groups ADD COLUMN upload_rate INTEGER CHECK (upload_rate >= 1);
ALTER TABLE groups ADD COLUMN download_rate INTEGER CHECK (download_rate >= 1);

-- The marks of their quotas, in percent, that bytes and files stand above; 0: below all.
ALTER TABLE homes ADD COLUMN bytes_mark INTEGER NOT NULL DEFAULT 0;
ALTER TABLE homes ADD COLUMN files_mark INTEGER NOT NULL DEFAULT 0;
