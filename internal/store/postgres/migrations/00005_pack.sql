-- +goose Up
-- Segments of ended logs are packed more densely when nobody waits for it.

ALTER TABLE logs ADD COLUMN loose BIGINT NOT NULL DEFAULT 0; -- 0, or 1 + the byte from which on segments are to be packed

UPDATE logs SET loose = 1 WHERE sealed >= 1048576 AND EXISTS (SELECT 1 FROM log_segments s
  WHERE s.build_id = logs.build_id AND s.attempt = logs.attempt AND s.step = logs.step AND s.digest <> '');

CREATE INDEX logs_loose ON logs (build_id, attempt, step) WHERE loose > 0;

-- Whether a blob is needed still.
CREATE INDEX log_segments_digest ON log_segments (digest) WHERE digest <> '';
