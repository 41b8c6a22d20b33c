// Package patience bounds what tests wait for, so that a wait that would not end by
// itself ends the test with a word on what it was for.
//
//	event := patience.Receive(t, "the first event", events)
//	ctx, cancel := context.WithTimeout(t.Context(), patience.Limit)
package patience

import "time"

// Limit is longer than anything takes, on a machine with far more to do, that is
// not wrong. Nothing is measured with it.
const Limit = 4 * time.Minute

// Ender is what *testing.T and *rapid.T have in common.
type Ender interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Receive waits for what comes, and ends the test if nothing has within Limit.
func Receive[T any](t Ender, what string, c <-chan T) (v T) {
	t.Helper()
	late := time.NewTimer(Limit)
	defer late.Stop()
	select {
	case v = <-c:
	case <-late.C:
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}
