-- Addresses and networks that an administrator has banned by hand.
CREATE TABLE bans (
  network TEXT    PRIMARY KEY,                             -- 192.0.2.1, 192.0.2.0/24, 2001:db8::/64
  reason  TEXT    NOT NULL,                                -- empty: none was given
  actor   TEXT    NOT NULL,                                -- who set it
  since   INTEGER NOT NULL,
  until   INTEGER                                          -- NULL: until it is lifted
) STRICT, WITHOUT ROWID;

-- Counts up with each change of the table above: a process that knows all bans sees by this one number
-- whether it still does.
CREATE TABLE ban_changes (
  count INTEGER NOT NULL
) STRICT;
INSERT INTO ban_changes (count) VALUES (0);
