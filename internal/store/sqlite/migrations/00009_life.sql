-- +goose Up
-- The life of a regression, whom it follows, and what was checked; where attempts
-- ran; and what flaky tests did.

ALTER TABLE regressions ADD COLUMN aim TEXT NOT NULL DEFAULT '';
ALTER TABLE regressions ADD COLUMN of_id INTEGER NOT NULL DEFAULT 0; -- regression it is searched for; 0: none
ALTER TABLE regressions ADD COLUMN follows INTEGER NOT NULL DEFAULT 0; -- regression it waits for; 0: none
ALTER TABLE regressions ADD COLUMN life TEXT NOT NULL DEFAULT ''; -- JSON: confirmed, asked, acknowledged, fixed by
ALTER TABLE regressions ADD COLUMN checks TEXT NOT NULL DEFAULT ''; -- JSON; empty: none
CREATE INDEX regressions_of ON regressions (of_id) WHERE of_id <> 0;

CREATE TABLE regression_log (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  regression_id INTEGER NOT NULL REFERENCES regressions (id) ON DELETE CASCADE,
  at            INTEGER NOT NULL,
  kind          TEXT NOT NULL,
  to_state      TEXT NOT NULL,
  by_whom       TEXT NOT NULL, -- empty: the farm
  builds        TEXT NOT NULL, -- JSON; empty: none
  other         INTEGER NOT NULL, -- another regression; 0: none
  note          TEXT NOT NULL
) STRICT;
CREATE INDEX regression_log_regression ON regression_log (regression_id, id);

-- Regressions that were there before have the beginning and the end that is known.
INSERT INTO regression_log (regression_id, at, kind, to_state, by_whom, builds, other, note)
  SELECT id, opened, 'opened', 'searching', '', '', 0, '' FROM regressions ORDER BY id;
INSERT INTO regression_log (regression_id, at, kind, to_state, by_whom, builds, other, note)
  SELECT id, updated, state, state, '', '', merged_into, note FROM regressions WHERE state <> 'searching' ORDER BY id;

ALTER TABLE attempts ADD COLUMN surroundings TEXT NOT NULL DEFAULT ''; -- JSON; empty: not known
ALTER TABLE builds ADD COLUMN prefer TEXT NOT NULL DEFAULT ''; -- name of the worker that should run it; empty: any
ALTER TABLE builds ADD COLUMN avoid TEXT NOT NULL DEFAULT ''; -- name of one that should not

-- What runs of flaky tests did: of each set of inputs at which a test was good and
-- bad, the runs that were seen.
CREATE TABLE flake_runs (
  builder_id INTEGER NOT NULL REFERENCES builders (id),
  suite      TEXT NOT NULL,
  name       TEXT NOT NULL,
  build_id   INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  bad        INTEGER NOT NULL, -- 0 or 1
  inputs     TEXT NOT NULL, -- equal for equal pins
  number     INTEGER NOT NULL, -- of the builder's settled build at these inputs, or the newest one before
  at         INTEGER NOT NULL,
  PRIMARY KEY (builder_id, suite, name, build_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX flake_runs_at ON flake_runs (at);

-- What the owners of projects have been told of flaky tests.
CREATE TABLE flake_told (
  builder_id INTEGER NOT NULL REFERENCES builders (id),
  suite      TEXT NOT NULL,
  name       TEXT NOT NULL,
  state      TEXT NOT NULL,
  PRIMARY KEY (builder_id, suite, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE digests (
  project TEXT PRIMARY KEY,
  at      INTEGER NOT NULL -- when the last one was made
) STRICT, WITHOUT ROWID;
