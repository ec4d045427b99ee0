-- Which instance this is. The id stands in homes/.moorage, too, from when `marked` is 1: homes/ that
-- is not mounted, or another's, is told by that.
CREATE TABLE instance (
  id     TEXT    NOT NULL,
  marked INTEGER NOT NULL DEFAULT 0 CHECK (marked IN (0, 1)),
  keyed  INTEGER NOT NULL DEFAULT 0 CHECK (keyed IN (0, 1))  -- 1: a server has had its host keys
) STRICT;
INSERT INTO instance (id) VALUES (lower(hex(randomblob(16))));
