-- +goose Up
-- Logs that are sealed: segments take the place of the frames that they are made of.

ALTER TABLE logs ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0; -- bytes in log_segments; frames begin there
ALTER TABLE logs ADD COLUMN sealed_lines INTEGER NOT NULL DEFAULT 0;
ALTER TABLE logs ADD COLUMN frames INTEGER NOT NULL DEFAULT 0; -- how many there are in log_frames
ALTER TABLE logs ADD COLUMN pending INTEGER NOT NULL DEFAULT 0; -- compressed bytes in log_frames
ALTER TABLE logs ADD COLUMN sealable INTEGER NOT NULL DEFAULT 0; -- 1 if a segment would be better than the frames

UPDATE logs SET
  frames = (SELECT COUNT(*) FROM log_frames f WHERE f.build_id = logs.build_id AND f.attempt = logs.attempt AND f.step = logs.step),
  pending = (SELECT COALESCE(SUM(LENGTH(f.data)), 0) FROM log_frames f
    WHERE f.build_id = logs.build_id AND f.attempt = logs.attempt AND f.step = logs.step);
UPDATE logs SET sealable = 1 WHERE frames > 1;

CREATE INDEX logs_sealable ON logs (build_id, attempt, step) WHERE sealable = 1;

CREATE TABLE log_segments (
  build_id   INTEGER NOT NULL,
  attempt    INTEGER NOT NULL,
  step       INTEGER NOT NULL,
  seq_offset INTEGER NOT NULL, -- of its first byte
  first_line INTEGER NOT NULL,
  size       INTEGER NOT NULL,
  lines      INTEGER NOT NULL,
  digest     TEXT NOT NULL, -- of the blob that holds it; empty if data does
  data       BLOB NOT NULL,
  PRIMARY KEY (build_id, attempt, step, seq_offset),
  FOREIGN KEY (build_id, attempt) REFERENCES attempts (build_id, number) ON DELETE CASCADE
) STRICT;

-- Lines are found by offset now.
DROP INDEX log_frames_line;
