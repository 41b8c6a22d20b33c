-- +goose Up
-- What failures say, which tests do not run, and how many of each build.

ALTER TABLE test_states ADD COLUMN signature TEXT NOT NULL DEFAULT ''; -- newest first, with spaces between
ALTER TABLE test_states ADD COLUMN masked INTEGER NOT NULL DEFAULT 0; -- build since which it does not run; 0: it runs
ALTER TABLE test_states ADD COLUMN cause TEXT NOT NULL DEFAULT ''; -- why it does not run
ALTER TABLE test_changes ADD COLUMN signature TEXT NOT NULL DEFAULT '';
ALTER TABLE victims ADD COLUMN signature TEXT NOT NULL DEFAULT '';
ALTER TABLE victims ADD COLUMN was_suite TEXT NOT NULL DEFAULT ''; -- name on the path, if it has another one now
ALTER TABLE victims ADD COLUMN was_name TEXT NOT NULL DEFAULT '';
ALTER TABLE builds ADD COLUMN ledger TEXT NOT NULL DEFAULT ''; -- JSON; empty if every test ran

-- Tests become absent only by not reporting any more.
UPDATE test_states SET masked = since, cause = COALESCE((SELECT c.cause FROM test_changes c
  WHERE c.build_id = test_states.since AND c.suite = test_states.suite AND c.name = test_states.name), '')
  WHERE status = 'absent';
CREATE INDEX test_states_masked ON test_states (builder_id, suite, name) WHERE masked <> 0;

-- There are more verdicts than there were, and their order has changed.
UPDATE test_changes SET badness = CASE verdict WHEN 'newly_failing' THEN 0 WHEN 'failing_differently' THEN 1
  WHEN 'vanished' THEN 2 WHEN 'newly_skipped' THEN 3 WHEN 'masked' THEN 4 WHEN 'flaky' THEN 5 WHEN 'removed' THEN 6
  WHEN 'fixed' THEN 7 WHEN 'new' THEN 8 ELSE 9 END;
