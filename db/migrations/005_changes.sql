-- Counts up with whatever is booked for a user, and with each rename: a rescan that walked while it did
-- has not seen one state of the home.
ALTER TABLE users ADD COLUMN changes INTEGER NOT NULL DEFAULT 0;
