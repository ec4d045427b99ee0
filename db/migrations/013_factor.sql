-- What a login needs besides a password or key, and whether the next one by password sets a new one.
ALTER TABLE homes ADD COLUMN login_requires TEXT;           -- JSON: of "totp"; NULL: what the settings say
ALTER TABLE groups ADD COLUMN login_requires TEXT;          -- the same
ALTER TABLE homes ADD COLUMN password_change INTEGER NOT NULL DEFAULT 0;

-- The second factor of a user (RFC 6238), encrypted with keys/factor.key.
CREATE TABLE totp (
  user_id       INTEGER PRIMARY KEY REFERENCES homes (id) ON DELETE CASCADE,
  secret        BLOB    NOT NULL,                          -- nonce, ciphertext and tag of AES-256-GCM
  enrolled_at   INTEGER NOT NULL,
  last_step     INTEGER NOT NULL,                          -- of the last code that counted: no earlier one does
  failures      INTEGER NOT NULL DEFAULT 0,                -- wrong codes in a row
  refused_until INTEGER NOT NULL DEFAULT 0                 -- codes are not looked at before
) STRICT;

CREATE TABLE recovery_codes (
  user_id INTEGER NOT NULL REFERENCES totp (user_id) ON DELETE CASCADE,
  hash    BLOB    NOT NULL,                                -- SHA-256
  PRIMARY KEY (user_id, hash)
) STRICT, WITHOUT ROWID;
