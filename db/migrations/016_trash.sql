-- How long files that were removed or written over stay restorable, in milliseconds; 0: they are not
-- kept. NULL: as the groups or the settings say; of a folder as the settings say.
ALTER TABLE homes ADD COLUMN trash_keep INTEGER CHECK (trash_keep >= 0);
ALTER TABLE groups ADD COLUMN trash_keep INTEGER CHECK (trash_keep >= 0);
