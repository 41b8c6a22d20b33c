package schedule

import (
	"time"

	"github.com/weir-ci/weir"
)

// Pauses after an infrastructure error of a build: long enough for a source to
// come back or a disk to be swept, and never so long that people wait for nothing.
const (
	firstRetry  = 10 * time.Second
	retryGrowth = 6
	// freeDeliveries is how many attempts of a build may get lost on the way
	// before the next one waits.
	freeDeliveries = 3
	LastRetry      = 10 * time.Minute // the longest of them
)

// RetryPause is how long a build waits in the queue after one of its attempts
// ended in an infrastructure error. failures counts those attempts, this one
// included, or for one that never arrived those that did not either. A build whose worker is gone goes on at once, on another one: nothing
// speaks against it. So does one that the owner of its worker did not want, which is
// no trouble at all; and one that never arrived: but from the fourth time on that
// happens it waits too, because it may be the build that kills its worker before that
// has written it down.
func RetryPause(code weir.ReasonCode, failures int) time.Duration {
	if code.Outcome() != weir.Infra || code == weir.ReasonLost || code == weir.ReasonRefused {
		return 0
	}
	if code == weir.ReasonUndelivered {
		if failures -= freeDeliveries; failures <= 0 {
			return 0
		}
	}
	pause := firstRetry
	for range failures - 1 {
		if pause >= LastRetry {
			break
		}
		pause *= retryGrowth
	}
	return min(pause, LastRetry)
}

// When a worker is kept from work: after so many strikes in a row, for how long
// at first and at most.
const (
	quarantineStrikes = 3
	firstQuarantine   = time.Minute
	LastQuarantine    = time.Hour
)

// Quarantine is how long a worker gets nothing after that many strikes: not at
// all below three, because one build alone can fail that often on a machine
// that is fine; then a minute, twice as long with each further one, and at most
// an hour, so that a machine that was mended comes back by itself.
func Quarantine(strikes int) time.Duration {
	if strikes < quarantineStrikes {
		return 0
	}
	pause := firstQuarantine
	for range strikes - quarantineStrikes {
		if pause >= LastQuarantine {
			break
		}
		pause *= 2
	}
	return min(pause, LastQuarantine)
}

// Blames reports whether a reason is a strike against the worker that gave it.
//
// A worker that could not do its part, or whose disk is full, will most likely
// fail the next build too. A source that is down and a product that cannot be
// had are the same on every machine, and would bar one good worker after the
// other. One whose owner refuses a build does as it should. Lost and undelivered speak of the way between worker and server; a
// worker that is gone gets nothing anyway.
func Blames(code weir.ReasonCode) bool {
	return code == weir.ReasonWorker || code == weir.ReasonDiskFull
}
