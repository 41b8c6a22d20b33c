-- +goose Up
-- What sets runs off and in which order builds go: lanes, locks, jobs after jobs,
-- cron, branches, tags, pull requests; what builds leave for people; and what the
-- farm was told to do.

ALTER TABLE runs ADD COLUMN config TEXT NOT NULL DEFAULT ''; -- version of the configuration
ALTER TABLE runs ADD COLUMN by_whom TEXT NOT NULL DEFAULT ''; -- empty: the farm
ALTER TABLE runs ADD COLUMN params TEXT NOT NULL DEFAULT ''; -- JSON; empty: none
ALTER TABLE runs ADD COLUMN of_id INTEGER NOT NULL DEFAULT 0; -- run that it repeats; 0: none
ALTER TABLE runs ADD COLUMN proposal_id INTEGER NOT NULL DEFAULT 0; -- 0: none
CREATE INDEX runs_proposal ON runs (proposal_id, id) WHERE proposal_id > 0;

ALTER TABLE builds ADD COLUMN lane TEXT NOT NULL DEFAULT ''; -- project of its run: lanes take turns in the queue
ALTER TABLE builds ADD COLUMN locks TEXT NOT NULL DEFAULT ''; -- JSON; empty: none
ALTER TABLE builds ADD COLUMN lenient INTEGER NOT NULL DEFAULT 0; -- 1 if what comes after it goes on though it is bad
ALTER TABLE builds ADD COLUMN patch TEXT NOT NULL DEFAULT ''; -- blob with what is tried; empty: none
ALTER TABLE builds ADD COLUMN superseded TEXT NOT NULL DEFAULT ''; -- what becomes of it when a newer revision comes
UPDATE builds SET lane = (SELECT r.project FROM runs r WHERE r.id = builds.run_id);
-- Conditions that always hold keep each of these for its own question: where the
-- queue was short when statistics were made, a planner takes one for the other and sorts.
CREATE INDEX builds_lane ON builds (platform, lane, priority DESC, id) WHERE state = 'queued' AND attempts >= 0;
CREATE INDEX builds_lane_age ON builds (platform, lane, id) WHERE state = 'queued' AND queued >= 0;
CREATE INDEX builds_locks ON builds (id) WHERE locks <> '' AND state IN ('leased', 'running');
CREATE INDEX builds_locked_out ON builds (platform) WHERE locks <> '' AND state = 'queued';
-- Whether a blob is needed still. A part of a digest tells nearly all of them apart.
CREATE INDEX builds_product_blob ON builds (substr(product_digest, 8, 12)) WHERE product_digest <> '';
CREATE INDEX builds_results_blob ON builds (substr(results, 8, 12)) WHERE results <> '';
CREATE INDEX builds_patch_blob ON builds (substr(patch, 8, 12)) WHERE patch <> '';

-- Empty: the build uses its product. Otherwise it only comes first, and this says
-- how it must end: passed, failed or always.
ALTER TABLE needs ADD COLUMN ending TEXT NOT NULL DEFAULT '';

-- Rows that a transaction locks when there is nothing else to lock, and counters.
CREATE TABLE guards (
  name  TEXT PRIMARY KEY,
  count INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

ALTER TABLE revisions ADD COLUMN skipped TEXT NOT NULL DEFAULT ''; -- why it sets nothing off; empty if it does
ALTER TABLE sources ADD COLUMN due INTEGER NOT NULL DEFAULT 0; -- position of the newest revision that is to be built
ALTER TABLE sources ADD COLUMN moved INTEGER NOT NULL DEFAULT 0; -- when new revisions came last
ALTER TABLE sources ADD COLUMN restless INTEGER NOT NULL DEFAULT 0; -- when they came first that are not due yet; 0: none are
UPDATE sources SET due = tip;

CREATE TABLE branches (
  project TEXT NOT NULL,
  name    TEXT NOT NULL,
  gone    INTEGER NOT NULL, -- since when; 0: it is there
  PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;

-- Projects whose tags have been listed: what comes after that is new.
CREATE TABLE tag_lists (
  project TEXT PRIMARY KEY,
  at      INTEGER NOT NULL -- when they were last
) STRICT, WITHOUT ROWID;
CREATE TABLE tags (
  project  TEXT NOT NULL,
  name     TEXT NOT NULL,
  revision TEXT NOT NULL,
  due      INTEGER NOT NULL, -- since when it is to be built; 0: it is not; below 0: it was when it went
  built    INTEGER NOT NULL, -- 1 if there was a run for it where it stands now
  PRIMARY KEY (project, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX tags_due ON tags (due, project, name) WHERE due > 0;

CREATE TABLE ticks (
  project TEXT NOT NULL,
  job     TEXT NOT NULL,
  cron    TEXT NOT NULL,
  at      INTEGER NOT NULL, -- when it is due
  last    INTEGER NOT NULL, -- when it last made a run; 0: never
  PRIMARY KEY (project, job, cron)
) STRICT, WITHOUT ROWID;

CREATE TABLE proposals (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  project   TEXT NOT NULL,
  forge     TEXT NOT NULL,
  number    TEXT NOT NULL,
  title     TEXT NOT NULL,
  url       TEXT NOT NULL,
  author    TEXT NOT NULL,
  author_id TEXT NOT NULL,
  head      TEXT NOT NULL,
  ref       TEXT NOT NULL,
  base      TEXT NOT NULL,
  fork      INTEGER NOT NULL, -- 1 if it comes from another repository
  state     TEXT NOT NULL,
  run_id    INTEGER NOT NULL, -- of the newest head that was built; 0: none
  built     TEXT NOT NULL, -- that head
  by_whom   TEXT NOT NULL, -- who approved or refused its head
  created   INTEGER NOT NULL,
  updated   INTEGER NOT NULL,
  UNIQUE (project, forge, number)
) STRICT;
CREATE INDEX proposals_updated ON proposals (updated, id);

-- Webhook deliveries that have come lately.
CREATE TABLE deliveries (
  hash TEXT PRIMARY KEY, -- of its name, which others give it
  at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_at ON deliveries (at);

CREATE TABLE artifacts (
  build_id INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  path     TEXT NOT NULL,
  digest   TEXT NOT NULL,
  size     INTEGER NOT NULL,
  expires  INTEGER NOT NULL, -- 0: never
  PRIMARY KEY (build_id, path)
) STRICT, WITHOUT ROWID;
CREATE INDEX artifacts_expires ON artifacts (expires) WHERE expires > 0;
CREATE INDEX artifacts_digest ON artifacts (digest);

CREATE TABLE metrics (
  build_id   INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  name       TEXT NOT NULL,
  builder_id INTEGER NOT NULL REFERENCES builders (id),
  line       INTEGER NOT NULL, -- 1 if its build advances the baseline
  value      REAL NOT NULL,
  unit       TEXT NOT NULL,
  PRIMARY KEY (build_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX metrics_history ON metrics (builder_id, name, build_id) WHERE line = 1;

CREATE TABLE summaries (
  build_id INTEGER PRIMARY KEY REFERENCES builds (id) ON DELETE CASCADE,
  text     TEXT NOT NULL
) STRICT;

CREATE TABLE configs (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  version TEXT NOT NULL,
  since   INTEGER NOT NULL,
  by_whom TEXT NOT NULL
) STRICT;

CREATE TABLE repository_recipes (
  project  TEXT PRIMARY KEY,
  revision TEXT NOT NULL,
  origin   TEXT NOT NULL,
  text     TEXT NOT NULL,
  problem  TEXT NOT NULL,
  read     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- When a token stops working; 0: never.
ALTER TABLE tokens ADD COLUMN expires INTEGER NOT NULL DEFAULT 0;
