//go:build !weir_chaos

package app

import "time"

// clock is the farm's clock; nil means the machine's. Only the build that
// package chaos makes for itself can have another one.
func clock() func() time.Time { return nil }

// leaseTime is how long an attempt lives without a sync, if the options say d.
func leaseTime(d time.Duration) time.Duration { return d }
