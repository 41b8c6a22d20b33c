-- +goose Up
-- Which side made the tests of a regression bad, and the corners that tell.

ALTER TABLE regressions ADD COLUMN blame TEXT NOT NULL DEFAULT '';
ALTER TABLE regressions ADD COLUMN corners TEXT NOT NULL DEFAULT ''; -- JSON; empty: none
