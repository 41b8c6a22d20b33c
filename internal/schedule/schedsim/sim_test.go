package schedsim

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
)

// TestPlay plays a few days of a farm that has three times as much to do as it can,
// and holds what people would feel against what scheduling promises.
func TestPlay(t *testing.T) {
	t.Parallel()
	for seed := range uint64(2) {
		x := Play(Short(), seed)
		if x.Violations > 0 {
			t.Errorf("seed %d: more of a lock was held than there is, %d times", seed, x.Violations)
		}
		if x.Never > 0 || max(x.LongestWait, x.LongestUnbuilt) > 48*time.Hour {
			t.Errorf("seed %d: %d lines were never built, one waited %s", seed, x.Never, max(x.LongestWait, x.LongestUnbuilt))
		}
		if u := x.Utilisation(); u < 0.8 || u > 1 {
			t.Errorf("seed %d: slots are busy for %.2f of the time", seed, u)
		}
		// The lanes of ordinary projects get their part, however much is queued behind the
		// upstream: a build waits for a worker, and not for the queue.
		for kind, most := range map[int]time.Duration{ofOrdinary: time.Hour, ofSmall: 5 * time.Hour, ofProduct: 2 * time.Hour} {
			if wait := Quantile(x.Waits[kind], 1); wait > most {
				t.Errorf("seed %d: a build of kind %d waited %s", seed, kind, wait)
			}
		}
		if all, last := Quantile(x.Waits[ofBig], 0.9), Quantile(x.Waits[ofOrdinary], 0.9); last*5 > all {
			t.Errorf("seed %d: what is behind the upstream waits %s, ordinary projects %s", seed, all, last)
		}
		if ran := x.Builds[weir.CauseChange]; ran*2 > x.Wanted {
			t.Errorf("seed %d: %d builds for %d revisions of lines: nothing was passed over", seed, ran, x.Wanted)
		}
		if x.Products.Rate() < 0.8 || x.Mirrors.Rate() < 0.8 {
			t.Errorf("seed %d: products are found %.2f of the time, mirrors %.2f", seed, x.Products.Rate(), x.Mirrors.Rate())
		}
	}
}

// TestSame: the same seed is the same farm.
func TestSame(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	scale := Short()
	scale.Days = 3
	for _, out := range []*bytes.Buffer{&a, &b} {
		if err := Report(out, Play(scale, 4)); err != nil {
			t.Fatal(err)
		}
	}
	if a.String() != b.String() {
		t.Errorf("not the same:\n%s\n%s", a.String(), b.String())
	}
	if !strings.Contains(a.String(), "| an ordinary project |") {
		t.Errorf("the report is %s", a.String())
	}
}
