//go:build weir_chaos

package app

import (
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// The variables that a program built with the tag weir_chaos listens to. The
// tag is for tests of the whole program and never part of a release.
const (
	// chaosClock names a file with a number of seconds by which the farm's
	// clock is wrong. It may change at any time; no file means 0.
	chaosClock = "WEIR_CHAOS_CLOCK"
	// chaosLease is how long an attempt lives without a sync, for example 3s.
	chaosLease = "WEIR_CHAOS_LEASE"
)

// clock is a clock that somebody else can set while the program runs.
func clock() func() time.Time {
	file := os.Getenv(chaosClock)
	if file == "" {
		return nil
	}
	return func() time.Time {
		data, err := os.ReadFile(file)
		if err != nil {
			return time.Now()
		}
		seconds, _ := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
		return setWall(time.Now(), seconds)
	}
}

// setWall moves the wall clock of a time and leaves its monotonic reading as
// it is, as somebody who sets a machine's clock does. Package time offers no
// way to say that, because nobody else needs it.
func setWall(t time.Time, seconds int64) time.Time {
	const monotonic = 1 << 63 // set if wall holds 33 bits of seconds and 30 of nanoseconds
	layout := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	if layout.wall&monotonic == 0 {
		return t.Add(time.Duration(seconds) * time.Second)
	}
	layout.wall += uint64(seconds << 30)
	return t
}

// leaseTime is how long an attempt lives without a sync, if the options say d.
func leaseTime(d time.Duration) time.Duration {
	if own, err := time.ParseDuration(os.Getenv(chaosLease)); err == nil && own > 0 && d == 0 {
		return own
	}
	return d
}
