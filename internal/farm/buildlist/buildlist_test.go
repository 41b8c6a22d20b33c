package buildlist

import (
	"context"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// builds lists so many builds, one each minute; every 2,000th failed, on a Mac.
func builds(n weir.BuildID, asked *int) Lister {
	return func(_ context.Context, q farm.BuildQuery) ([]weir.Build, error) {
		*asked++
		top := n
		if q.Before != 0 {
			top = min(n, q.Before-1)
		}
		var list []weir.Build
		for id := top; id > 0 && len(list) < q.Limit; id-- {
			b := weir.Build{ID: id, State: weir.Finished, Outcome: weir.Passed, Cause: weir.CauseChange, Worker: "heron", Created: noon.Add(time.Duration(id-n) * time.Minute)}
			b.Builder.Platform = "linux/amd64"
			if id%2000 == 0 {
				b.Outcome, b.Builder.Platform, b.Worker, b.Cause = weir.Failed, "darwin/arm64", "otter", weir.CauseForce
			}
			list = append(list, b)
		}
		return list, nil
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		q     Query
		found int
		next  weir.BuildID
		short bool
		asked int
	}{
		{"the newest", Query{Limit: 10}, 10, 29_991, false, 1},
		{"further on", Query{Limit: 10, Before: 5}, 4, 0, false, 1},
		{"as many as there are", Query{Limit: 4, Before: 5}, 4, 0, false, 1},
		{"rare", Query{Outcome: weir.Failed}, 2, 27_001, true, 3},
		{"rare, further on", Query{Outcome: weir.Failed, Before: 27_001}, 1, 24_001, true, 3},
		{"an operating system", Query{Platform: "darwin", Limit: 1}, 1, 30_000, false, 3},
		{"an architecture", Query{Platform: "arm64", Worker: "otter", Cause: weir.CauseForce, Limit: 2, State: weir.Finished}, 2, 27_001, true, 3},
		{"since", Query{Since: noon.Add(-9 * time.Minute)}, 10, 0, false, 1},
		{"nobody", Query{Worker: "nobody", Before: 3000}, 0, 0, false, 3},
	} {
		asked := 0
		list, err := Find(t.Context(), builds(30_000, &asked), c.q)
		if err != nil || len(list.Builds) != c.found || list.Next != c.next || list.Short != c.short || asked != c.asked {
			t.Errorf("%s: %d builds, next %d, short %t, asked %d times, %v", c.name, len(list.Builds), list.Next, list.Short, asked, err)
		}
	}
}

func TestParseSince(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{"": {}, "24h": noon.Add(-24 * time.Hour), "7d": noon.Add(-7 * 24 * time.Hour), "90m": noon.Add(-90 * time.Minute),
		"2026-03-01": time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), "2026-03-01T10:00:00Z": time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)} {
		if got, err := ParseSince(text, noon); err != nil || !got.Equal(want) {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{"yesterday", "-5h", "99999999999d", "d"} {
		if _, err := ParseSince(bad, noon); weir.CodeOf(err) != weir.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if (Query{State: "x"}).Check() == nil || (Query{Outcome: "x"}).Check() == nil || (Query{Cause: "x"}).Check() == nil || (Query{Cause: weir.CauseTry}).Check() != nil {
		t.Error("words are not checked")
	}
}
