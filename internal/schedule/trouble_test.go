package schedule_test

import (
	"math"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/schedule"
)

func TestRetryPause(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code     weir.ReasonCode
		failures int
		want     time.Duration
	}{
		{weir.ReasonWorker, 1, 10 * time.Second},
		{weir.ReasonWorker, 2, time.Minute},
		{weir.ReasonDiskFull, 3, 6 * time.Minute},
		{weir.ReasonSourceDown, 4, 10 * time.Minute},
		{weir.ReasonProductMissing, math.MaxInt, 10 * time.Minute},
		{"never heard of", 1, 10 * time.Second},
		{weir.ReasonWorker, 0, 10 * time.Second},
		{weir.ReasonWorker, -5, 10 * time.Second},
		{weir.ReasonLost, 2, 0},
		{weir.ReasonRefused, 9, 0},
		{weir.ReasonUndelivered, 3, 0},
		{weir.ReasonUndelivered, 4, 10 * time.Second},
		{weir.ReasonUndelivered, 9, 10 * time.Minute},
		{weir.ReasonTests, 1, 0},
		{weir.ReasonNone, 1, 0},
	} {
		if got := schedule.RetryPause(c.code, c.failures); got != c.want {
			t.Errorf("%q after %d failures: %s, want %s", c.code, c.failures, got, c.want)
		}
	}
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	for strikes, want := range map[int]time.Duration{
		-1: 0, 0: 0, 1: 0, 2: 0, 3: time.Minute, 4: 2 * time.Minute, 5: 4 * time.Minute, 8: 32 * time.Minute,
		9: time.Hour, 10: time.Hour, math.MaxInt: time.Hour,
	} {
		if got := schedule.Quarantine(strikes); got != want {
			t.Errorf("%d strikes: %s, want %s", strikes, got, want)
		}
	}
}

// TestBlames names every reason, so that a new one is thought about.
func TestBlames(t *testing.T) {
	t.Parallel()
	want := map[weir.ReasonCode]bool{weir.ReasonWorker: true, weir.ReasonDiskFull: true,
		weir.ReasonLost: false, weir.ReasonUndelivered: false, weir.ReasonSourceDown: false, weir.ReasonProductMissing: false,
		weir.ReasonSecret: false, weir.ReasonRefused: false}
	for _, code := range append(weir.ReasonCodes(), "never heard of") {
		blames, known := want[code]
		if !known && code.Outcome() == weir.Infra && code != "never heard of" {
			t.Errorf("is %q the worker's fault? say so here", code)
		}
		if got := schedule.Blames(code); got != blames {
			t.Errorf("Blames(%q) is %v", code, got)
		}
	}
}
