-- +goose Up
-- Times are microseconds since 1970 in UTC; 0 is "not yet" or "unknown".
-- Enumerations are the texts of package weir. Absent text is ''.

CREATE TABLE revisions (
  project  TEXT NOT NULL,
  branch   TEXT NOT NULL,
  position INTEGER NOT NULL,
  id       TEXT NOT NULL,
  author   TEXT NOT NULL,
  time     INTEGER NOT NULL,
  message  TEXT NOT NULL,
  PRIMARY KEY (project, branch, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX revisions_id ON revisions (project, branch, id);

CREATE TABLE sources (
  project       TEXT NOT NULL,
  branch        TEXT NOT NULL,
  polled        INTEGER NOT NULL DEFAULT 0,
  error         TEXT NOT NULL DEFAULT '',
  err_since     INTEGER NOT NULL DEFAULT 0,
  claimed_until INTEGER NOT NULL DEFAULT 0,
  next_poll     INTEGER NOT NULL DEFAULT 0,
  tip           INTEGER NOT NULL DEFAULT 0, -- position of the newest revision
  PRIMARY KEY (project, branch)
) STRICT, WITHOUT ROWID;

CREATE TABLE builders (
  id        INTEGER PRIMARY KEY AUTOINCREMENT,
  key_hash  TEXT NOT NULL UNIQUE, -- of all that follows: keys may be too long for an index
  project   TEXT NOT NULL,
  job       TEXT NOT NULL,
  cell      TEXT NOT NULL,
  platform  TEXT NOT NULL,
  branch    TEXT NOT NULL,
  upstreams TEXT NOT NULL
) STRICT;
CREATE INDEX builders_project ON builders (project);

CREATE TABLE runs (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  cause         TEXT NOT NULL,
  project       TEXT NOT NULL,
  reason        TEXT NOT NULL,
  created       INTEGER NOT NULL,
  regression_id INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_regression ON runs (regression_id) WHERE regression_id > 0;

CREATE TABLE builds (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id         INTEGER NOT NULL REFERENCES runs (id),
  builder_id     INTEGER NOT NULL REFERENCES builders (id),
  platform       TEXT NOT NULL, -- the builder's, so that leasing reads one index
  cause          TEXT NOT NULL,
  advances       INTEGER NOT NULL, -- 1 if the cause moves the baseline
  unsettled      INTEGER NOT NULL, -- 1 while it holds up the judging of later builds
  state          TEXT NOT NULL,
  outcome        TEXT NOT NULL DEFAULT '',
  reason_code    TEXT NOT NULL DEFAULT '',
  reason_text    TEXT NOT NULL DEFAULT '',
  priority       INTEGER NOT NULL,
  labels         TEXT NOT NULL, -- JSON
  pins           TEXT NOT NULL, -- JSON
  pins_key       TEXT NOT NULL, -- hash of the pins
  created        INTEGER NOT NULL,
  queued         INTEGER NOT NULL DEFAULT 0,
  started        INTEGER NOT NULL DEFAULT 0,
  finished       INTEGER NOT NULL DEFAULT 0, -- 0 exactly while the state is not final
  attempts       INTEGER NOT NULL DEFAULT 0,
  worker         TEXT NOT NULL DEFAULT '',
  retry_of       INTEGER NOT NULL DEFAULT 0,
  product_digest TEXT NOT NULL DEFAULT '',
  product_prefix TEXT NOT NULL DEFAULT '',
  product_size   INTEGER NOT NULL DEFAULT 0,
  results        TEXT NOT NULL DEFAULT '',
  counts         TEXT NOT NULL DEFAULT '', -- JSON; empty if all are 0
  judgement      TEXT NOT NULL DEFAULT '',
  changes        TEXT NOT NULL DEFAULT ''  -- JSON; empty if all are 0
) STRICT;
CREATE INDEX builds_queue ON builds (platform, priority DESC, id) WHERE state = 'queued';
CREATE INDEX builds_builder ON builds (builder_id, id);
CREATE INDEX builds_pins ON builds (builder_id, pins_key, id);
CREATE INDEX builds_line ON builds (builder_id, id) WHERE advances = 1;
CREATE INDEX builds_open ON builds (builder_id, id) WHERE finished = 0;
CREATE INDEX builds_unsettled ON builds (builder_id, id) WHERE unsettled = 1;
CREATE INDEX builds_to_judge ON builds (id) WHERE judgement = '' AND finished > 0;
CREATE INDEX builds_doubted ON builds (id) WHERE judgement = 'doubted';
CREATE INDEX builds_retry ON builds (retry_of, id) WHERE retry_of > 0;
CREATE INDEX builds_run ON builds (run_id, id);

CREATE TABLE specs (
  build_id INTEGER PRIMARY KEY REFERENCES builds (id) ON DELETE CASCADE,
  spec     TEXT NOT NULL
) STRICT;

CREATE TABLE needs (
  build_id INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  ordinal  INTEGER NOT NULL,
  need_id  INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  PRIMARY KEY (build_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX needs_need ON needs (need_id, build_id);

CREATE TABLE attempts (
  build_id    INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  number      INTEGER NOT NULL,
  worker      TEXT NOT NULL,
  token       TEXT NOT NULL,
  leased      INTEGER NOT NULL,
  deadline    INTEGER NOT NULL,
  seq         INTEGER NOT NULL DEFAULT -1, -- of the newest sync
  ended       INTEGER NOT NULL DEFAULT 0,
  ended_by    TEXT NOT NULL DEFAULT '', -- finish, cancel or expire
  outcome     TEXT NOT NULL DEFAULT '',
  reason_code TEXT NOT NULL DEFAULT '',
  reason_text TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (build_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_deadline ON attempts (deadline) WHERE ended = 0;
CREATE INDEX attempts_worker ON attempts (worker) WHERE ended = 0;

CREATE TABLE steps (
  build_id  INTEGER NOT NULL,
  attempt   INTEGER NOT NULL,
  step      INTEGER NOT NULL,
  name      TEXT NOT NULL,
  state     TEXT NOT NULL,
  started   INTEGER NOT NULL,
  ended     INTEGER NOT NULL,
  exit_code INTEGER NOT NULL,
  signal    TEXT NOT NULL,
  note      TEXT NOT NULL,
  PRIMARY KEY (build_id, attempt, step),
  FOREIGN KEY (build_id, attempt) REFERENCES attempts (build_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

-- How much of each step's log is in log_frames.
CREATE TABLE logs (
  build_id INTEGER NOT NULL,
  attempt  INTEGER NOT NULL,
  step     INTEGER NOT NULL,
  bytes    INTEGER NOT NULL,
  lines    INTEGER NOT NULL,
  PRIMARY KEY (build_id, attempt, step),
  FOREIGN KEY (build_id, attempt) REFERENCES attempts (build_id, number) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE TABLE log_frames (
  build_id   INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  step       INTEGER NOT NULL,
  seq_offset INTEGER NOT NULL, -- of its first byte
  first_line INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  lines      INTEGER NOT NULL,
  at         INTEGER NOT NULL,
  data       BLOB NOT NULL,
  PRIMARY KEY (build_id, attempt, step, seq_offset),
  FOREIGN KEY (build_id, attempt) REFERENCES attempts (build_id, number) ON DELETE CASCADE
) STRICT;
CREATE INDEX log_frames_line ON log_frames (build_id, attempt, step, first_line, seq_offset);

CREATE TABLE test_states (
  builder_id INTEGER NOT NULL REFERENCES builders (id) ON DELETE CASCADE,
  suite      TEXT NOT NULL,
  name       TEXT NOT NULL,
  status     TEXT NOT NULL,
  since      INTEGER NOT NULL,
  flakes     INTEGER NOT NULL,
  last_flake INTEGER NOT NULL,
  PRIMARY KEY (builder_id, suite, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE test_changes (
  build_id    INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  suite       TEXT NOT NULL,
  name        TEXT NOT NULL,
  builder_id  INTEGER NOT NULL,
  badness     INTEGER NOT NULL, -- of the verdict, 0 is the worst
  verdict     TEXT NOT NULL,
  from_status TEXT NOT NULL,
  to_status   TEXT NOT NULL,
  cause       TEXT NOT NULL,
  message     TEXT NOT NULL,
  PRIMARY KEY (build_id, suite, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX test_changes_history ON test_changes (builder_id, suite, name, build_id);

CREATE TABLE regressions (
  id              INTEGER PRIMARY KEY AUTOINCREMENT,
  state           TEXT NOT NULL,
  builder_id      INTEGER NOT NULL REFERENCES builders (id),
  good_build      INTEGER NOT NULL,
  good_pins       TEXT NOT NULL, -- JSON
  bad_build       INTEGER NOT NULL,
  bad_pins        TEXT NOT NULL, -- JSON
  path            TEXT NOT NULL, -- JSON
  opened          INTEGER NOT NULL,
  updated         INTEGER NOT NULL,
  closed          INTEGER NOT NULL,
  culprit_project TEXT NOT NULL,
  culprit         TEXT NOT NULL, -- JSON; empty if there is none
  first_suspect   INTEGER NOT NULL,
  last_suspect    INTEGER NOT NULL,
  note            TEXT NOT NULL,
  merged_into     INTEGER NOT NULL
) STRICT;
CREATE INDEX regressions_state ON regressions (state, id);
CREATE INDEX regressions_culprit ON regressions (culprit_project, id) WHERE culprit_project <> '';

CREATE TABLE victims (
  regression_id INTEGER NOT NULL REFERENCES regressions (id) ON DELETE CASCADE,
  ordinal       INTEGER NOT NULL, -- observations of probes follow this order
  builder_id    INTEGER NOT NULL REFERENCES builders (id),
  suite         TEXT NOT NULL,
  name          TEXT NOT NULL,
  verdict       TEXT NOT NULL,
  cause         TEXT NOT NULL,
  message       TEXT NOT NULL,
  build_id      INTEGER NOT NULL,
  fixed_in      INTEGER NOT NULL,
  PRIMARY KEY (regression_id, ordinal)
) STRICT, WITHOUT ROWID;
CREATE INDEX victims_test ON victims (builder_id, suite, name);

CREATE TABLE probes (
  regression_id INTEGER NOT NULL REFERENCES regressions (id) ON DELETE CASCADE,
  build_id      INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
  position      INTEGER NOT NULL,
  good          INTEGER NOT NULL,
  bad           INTEGER NOT NULL,
  none          INTEGER NOT NULL,
  victims       TEXT NOT NULL, -- JSON, in the order of victims.ordinal
  PRIMARY KEY (regression_id, build_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
  seq     INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  kind    TEXT NOT NULL,
  subject TEXT NOT NULL
) STRICT;
CREATE INDEX events_at ON events (at);

CREATE TABLE workers (
  name     TEXT PRIMARY KEY,
  platform TEXT NOT NULL,
  labels   TEXT NOT NULL, -- JSON
  slots    INTEGER NOT NULL,
  version  TEXT NOT NULL,
  host     TEXT NOT NULL,
  seen     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tokens (
  name    TEXT PRIMARY KEY,
  hash    TEXT NOT NULL UNIQUE, -- hex SHA-256 of the secret
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
