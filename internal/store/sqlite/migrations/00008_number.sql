-- +goose Up
-- How many settled builds lie between two changes of a test is a subtraction.

ALTER TABLE builds ADD COLUMN number INTEGER NOT NULL DEFAULT 0; -- counts the settled builds of its builder from 1; 0: not one of them
UPDATE builds SET number = n.number FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY builder_id ORDER BY id) AS number
  FROM builds WHERE advances = 1 AND judgement = 'settled') n WHERE n.id = builds.id;
CREATE INDEX builds_number ON builds (builder_id, number) WHERE number > 0;
