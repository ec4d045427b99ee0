-- The processes of one machine see each other in /proc, and have the same value here.
ALTER TABLE nodes ADD COLUMN machine TEXT COLLATE "C" NOT NULL DEFAULT '';
-- What people call that machine.
ALTER TABLE nodes ADD COLUMN host TEXT COLLATE "C" NOT NULL DEFAULT '';
-- When the process last said that it lives, by the database's clock, in milliseconds since the epoch.
ALTER TABLE nodes ADD COLUMN renewed_at BIGINT NOT NULL DEFAULT 0;
-- For so long after that it may write, in milliseconds.
ALTER TABLE nodes ADD COLUMN lease_ms BIGINT NOT NULL DEFAULT 0;
-- When others began to take over what it had: from then on it can't renew. 0: they did not.
ALTER TABLE nodes ADD COLUMN given_up_at BIGINT NOT NULL DEFAULT 0;

-- Shared homes that a process changes names in: when it is lost, what it did last may be booked
-- nowhere, and these homes are counted.
CREATE TABLE node_homes (
  home_id BIGINT NOT NULL REFERENCES homes(id) ON DELETE CASCADE,
  node_id TEXT   COLLATE "C" NOT NULL REFERENCES nodes(id) ON DELETE CASCADE,
  PRIMARY KEY (home_id, node_id)
);
CREATE INDEX node_homes_node ON node_homes (node_id);

-- The database's clock, in milliseconds since the epoch: also within a transaction it goes on.
CREATE FUNCTION clock_ms() RETURNS BIGINT LANGUAGE SQL VOLATILE
  AS $$ SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;
