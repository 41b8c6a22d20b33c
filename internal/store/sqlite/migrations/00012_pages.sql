-- +goose Up
-- What pages ask for: who did what, what workers ran and when, and things by the
-- words of their names; and what tokens may do.

-- What people and programs did to the farm, or were refused.
CREATE TABLE acts (
  id      INTEGER PRIMARY KEY AUTOINCREMENT,
  at      INTEGER NOT NULL,
  who     TEXT NOT NULL, -- empty: not known
  via     TEXT NOT NULL,
  address TEXT NOT NULL, -- of the client; empty: this machine's command line
  verb    TEXT NOT NULL,
  subject TEXT NOT NULL,
  note    TEXT NOT NULL,
  code    TEXT NOT NULL  -- of the error; empty: it was done
) STRICT;
CREATE INDEX acts_at ON acts (at);
CREATE INDEX acts_who ON acts (who, id);
CREATE INDEX acts_subject ON acts (subject, id);
CREATE INDEX acts_verb ON acts (verb, id);

ALTER TABLE tokens ADD COLUMN rights TEXT NOT NULL DEFAULT ''; -- with spaces between

CREATE INDEX builds_unfinished ON builds (id) WHERE finished = 0;
CREATE INDEX attempts_ran ON attempts (worker, leased);
CREATE INDEX attempts_ended ON attempts (ended) WHERE ended > 0;
CREATE INDEX revisions_time ON revisions (time);

-- The suites that are known of a project's job, and their tests. The builder is the
-- first one of that project and job, whatever their names are or become.
CREATE TABLE suites (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  builder_id INTEGER NOT NULL REFERENCES builders (id) ON DELETE CASCADE,
  suite      TEXT NOT NULL,
  UNIQUE (builder_id, suite)
) STRICT;
CREATE TABLE tests (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  suite_id INTEGER NOT NULL REFERENCES suites (id) ON DELETE CASCADE,
  name     TEXT NOT NULL,
  UNIQUE (suite_id, name)
) STRICT;

-- The words of the names of suites and of tests, in lower case.
CREATE TABLE suite_words (
  word     TEXT NOT NULL,
  suite_id INTEGER NOT NULL,
  PRIMARY KEY (word, suite_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE test_words (
  word    TEXT NOT NULL,
  test_id INTEGER NOT NULL,
  PRIMARY KEY (word, test_id)
) STRICT, WITHOUT ROWID;

INSERT INTO suites (builder_id, suite) SELECT DISTINCT h.home, t.suite
  FROM (SELECT id, MIN(id) OVER (PARTITION BY project, job) AS home FROM builders) h
  CROSS JOIN (SELECT DISTINCT builder_id, suite FROM test_states) t WHERE t.builder_id = h.id;
INSERT INTO tests (suite_id, name) SELECT DISTINCT s.id, t.name
  FROM (SELECT id, MIN(id) OVER (PARTITION BY project, job) AS home FROM builders) h
  CROSS JOIN test_states t JOIN suites s ON s.builder_id = h.home AND s.suite = t.suite WHERE t.builder_id = h.id;
-- Their words are made after the migration, from this test on.
INSERT INTO guards (name, count) SELECT 'words of tests', 0 WHERE EXISTS (SELECT 1 FROM tests);
