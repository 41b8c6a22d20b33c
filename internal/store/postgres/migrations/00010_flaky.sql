-- +goose Up
-- Tests that have flaked are found without reading all others, and the flakes of
-- builds that were run again come from the changes that are kept of them.

CREATE INDEX test_states_flaky ON test_states (builder_id, suite, name) WHERE flakes > 0;

INSERT INTO flake_runs (builder_id, suite, name, build_id, bad, inputs, number, at)
  SELECT c.builder_id, c.suite, c.name, b.id, 1, b.pins_key, b.number, b.finished
  FROM test_changes c JOIN builds b ON b.id = c.build_id
  WHERE c.verdict = 'flaky' AND b.number > 0
  ON CONFLICT (builder_id, suite, name, build_id) DO NOTHING;
INSERT INTO flake_runs (builder_id, suite, name, build_id, bad, inputs, number, at)
  SELECT c.builder_id, c.suite, c.name, a.id, 0, a.pins_key, b.number, a.finished
  FROM test_changes c JOIN builds b ON b.id = c.build_id JOIN builds a ON a.id =
    (SELECT MAX(r.id) FROM builds r WHERE r.retry_of = b.id AND r.outcome IN ('passed', 'failed', 'broken', 'timed_out'))
  WHERE c.verdict = 'flaky' AND b.number > 0
  ON CONFLICT (builder_id, suite, name, build_id) DO NOTHING;
DELETE FROM flake_runs WHERE (builder_id, suite, name, build_id) IN (SELECT f.builder_id, f.suite, f.name, f.build_id FROM
  (SELECT x.*, ROW_NUMBER() OVER (PARTITION BY builder_id, suite, name ORDER BY build_id DESC) AS place FROM flake_runs x) f WHERE f.place > 500);
