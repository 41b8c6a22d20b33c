-- +goose Up
-- What is the same for many builds is kept once.

-- Specifications, without the revisions that the builds' pins tell anyway
-- (pinned = 1). Those made before stay as they are, one per build.
CREATE TABLE recipes (
  id     INTEGER PRIMARY KEY AUTOINCREMENT,
  hash   TEXT NOT NULL UNIQUE,
  pinned INTEGER NOT NULL,
  spec   TEXT NOT NULL
) STRICT;
INSERT INTO recipes (id, hash, pinned, spec) SELECT build_id, 'of build ' || build_id, 0, spec FROM specs;
ALTER TABLE builds ADD COLUMN recipe_id INTEGER NOT NULL DEFAULT 0;
ALTER TABLE builds ADD COLUMN product_key TEXT NOT NULL DEFAULT '';
UPDATE builds SET recipe_id = id, pins_key = substr(pins_key, 1, 32);
DROP TABLE specs;

-- builds_builder serves the same questions; few builds of a builder do not advance.
DROP INDEX builds_line;
-- Events are pruned from the first on.
DROP INDEX events_at;
