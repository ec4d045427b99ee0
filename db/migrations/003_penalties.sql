-- Addresses (or networks) that failed to log in: what each still has to wait off.
CREATE TABLE penalties (
  source        TEXT    PRIMARY KEY,                       -- 192.0.2.1, 2001:db8::/64
  failures      INTEGER NOT NULL,                          -- failed logins since this row was made
  users         TEXT    NOT NULL,                          -- JSON: the last names tried, newest first
  reason        TEXT    NOT NULL,                          -- of the last offence
  since         INTEGER NOT NULL,                          -- when it began to be refused; 0: never was
  last_at       INTEGER NOT NULL,
  debt_until    INTEGER NOT NULL,                          -- all is forgotten by then
  refused_until INTEGER NOT NULL                           -- 0: never was
) STRICT, WITHOUT ROWID;
CREATE INDEX penalties_debt ON penalties (debt_until, last_at);

-- How many records there are of each kind, so that a flood of one kind pushes out itself only.
CREATE TABLE audit_counts (
  kind    TEXT    PRIMARY KEY,
  records INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO audit_counts SELECT kind, count(*) FROM audit GROUP BY kind;
