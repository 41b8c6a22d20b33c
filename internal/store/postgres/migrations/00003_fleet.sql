-- +goose Up
-- What keeps workers from work, and what makes their leases safe to repeat.

ALTER TABLE builds ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0; -- it is not leased before then

ALTER TABLE workers ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0; -- grows with each hello
ALTER TABLE workers ADD COLUMN lease_seq BIGINT NOT NULL DEFAULT 0; -- of the newest lease that gave something in this epoch
ALTER TABLE workers ADD COLUMN draining BIGINT NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN paused TEXT COLLATE "C" NOT NULL DEFAULT ''; -- why; empty if it is not
ALTER TABLE workers ADD COLUMN strikes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE workers ADD COLUMN barred BIGINT NOT NULL DEFAULT 0; -- until when
ALTER TABLE workers ADD COLUMN missed BIGINT NOT NULL DEFAULT 0; -- 1 from when its absence was claimed until its return is

ALTER TABLE tokens ADD COLUMN scope TEXT COLLATE "C" NOT NULL DEFAULT 'worker';
ALTER TABLE tokens ADD COLUMN owner TEXT COLLATE "C" NOT NULL DEFAULT ''; -- mail address
