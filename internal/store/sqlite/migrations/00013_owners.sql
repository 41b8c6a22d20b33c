-- +goose Up
-- What the owners of workers allow there, as far as the workers say.

ALTER TABLE workers ADD COLUMN policy TEXT NOT NULL DEFAULT ''; -- JSON; empty: everything is allowed
ALTER TABLE workers ADD COLUMN rest TEXT NOT NULL DEFAULT '';   -- JSON, why it takes nothing; empty: it does

-- Which builders' builds a worker has refused, each once. Builders are not referred to:
-- whoever refuses does not wait for those who give them other names.
CREATE TABLE refusals (
  worker     TEXT NOT NULL,
  builder_id INTEGER NOT NULL,
  build_id   INTEGER NOT NULL, -- the newest
  rule       TEXT NOT NULL,
  text       TEXT NOT NULL,
  count      INTEGER NOT NULL,
  first      INTEGER NOT NULL,
  last       INTEGER NOT NULL,
  until      INTEGER NOT NULL, -- the worker is not asked for the builder before then
  PRIMARY KEY (worker, builder_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_last ON refusals (worker, last);
CREATE INDEX refusals_builder ON refusals (builder_id, until);
