-- +goose Up
-- What the owners of workers allow there, as far as the workers say.

ALTER TABLE workers ADD COLUMN policy TEXT COLLATE "C" NOT NULL DEFAULT ''; -- JSON; empty: everything is allowed
ALTER TABLE workers ADD COLUMN rest TEXT COLLATE "C" NOT NULL DEFAULT '';   -- JSON, why it takes nothing; empty: it does

-- Which builders' builds a worker has refused, each once. Builders are not referred to:
-- whoever refuses does not wait for those who give them other names.
CREATE TABLE refusals (
  worker     TEXT COLLATE "C" NOT NULL,
  builder_id BIGINT NOT NULL,
  build_id   BIGINT NOT NULL, -- the newest
  rule       TEXT COLLATE "C" NOT NULL,
  text       TEXT COLLATE "C" NOT NULL,
  count      BIGINT NOT NULL,
  first      BIGINT NOT NULL,
  last       BIGINT NOT NULL,
  until      BIGINT NOT NULL, -- the worker is not asked for the builder before then
  PRIMARY KEY (worker, builder_id)
);
CREATE INDEX refusals_last ON refusals (worker, last);
CREATE INDEX refusals_builder ON refusals (builder_id, until);
