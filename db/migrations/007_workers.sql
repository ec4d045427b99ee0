-- A worker's supervisor: the row of the process that was started, listens, and ends the worker with
-- itself. Empty: nobody is.
ALTER TABLE nodes ADD COLUMN supervisor TEXT NOT NULL DEFAULT '';
