package timing_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/timing"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/store"
)

var test = weir.TestID{Suite: "s", Name: "TestTurn"}

// farm has builders whose n-th newest build took n seconds.
type farm struct {
	blobs map[weir.Digest][]byte
	lists map[weir.BuilderID][]weir.Build
	reads int
	fail  error
}

func newFarm(t *testing.T, builders, builds, tests int) *farm {
	t.Helper()
	f := &farm{blobs: map[weir.Digest][]byte{}, lists: map[weir.BuilderID][]weir.Build{}}
	for i := range builders {
		id := weir.BuilderID(i + 1)
		for n := range builds {
			set := weir.ResultSet{Results: []weir.Result{{Test: test, Status: weir.Pass, Duration: time.Duration(n+1) * time.Second},
				{Test: weir.TestID{Name: fmt.Sprint("of ", i, n)}, Status: weir.Skip}}}
			var b bytes.Buffer
			if err := results.Encode(&b, set); err != nil {
				t.Fatal(err)
			}
			d := weir.DigestOf(b.Bytes())
			f.blobs[d] = b.Bytes()
			f.lists[id] = append(f.lists[id], weir.Build{ID: weir.BuildID(1000*(i+1) - n), State: weir.Finished, Results: d, Counts: weir.Counts{Pass: tests}})
		}
	}
	return f
}

func (f *farm) ListBuilds(_ context.Context, q store.BuildFilter) ([]weir.Build, error) {
	list := f.lists[q.Builder]
	return list[:min(len(list), q.Limit)], f.fail
}

func (f *farm) open(_ context.Context, d weir.Digest) (io.ReadCloser, error) {
	f.reads++
	b, ok := f.blobs[d]
	if !ok {
		return nil, weir.Errorf(weir.NotFound, "there is no blob")
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

// on are builders, of which those with numbers below 0 have the test bad.
func on(ids ...int) (list []timing.Known) {
	for _, id := range ids {
		list = append(list, timing.Known{Builder: weir.BuilderID(max(id, -id)), Bad: id < 0})
	}
	return list
}

// TestOf reads no more than it may, the newest first, and nothing twice.
func TestOf(t *testing.T) {
	t.Parallel()
	f := newFarm(t, 6, 20, 10)
	r := timing.New(f, f.open)
	ids := on(1, 2, 3, 4, 5, 6)
	got, err := r.Of(t.Context(), ids, test)
	if err != nil || len(got) != timing.MaxBuilders || f.reads != timing.MaxBlobs {
		t.Fatalf("%d series, %d reads, %v", len(got), f.reads, err)
	}
	for i, s := range got {
		if len(s.Points) != 3 || s.Points[2].Took != time.Second || s.Points[0].Took != 3*time.Second || s.Points[2].Build != weir.BuildID(1000*(i+1)) {
			t.Errorf("series %d: %+v", i, s)
		}
	}
	if got, err = r.Of(t.Context(), ids, test); err != nil || f.reads != 2*timing.MaxBlobs || len(got[0].Points) != 6 {
		t.Errorf("asked again: %d reads, %d points, %v", f.reads, len(got[0].Points), err)
	}
}

func TestOfLittle(t *testing.T) {
	t.Parallel()
	large := newFarm(t, 1, 5, timing.MaxTests/2)
	if got, err := timing.New(large, large.open).Of(t.Context(), on(1), test); err != nil || len(got[0].Points) != 2 || large.reads != 2 {
		t.Errorf("large sets: %+v, %d reads, %v", got, large.reads, err)
	}
	bad := newFarm(t, 6, 1, 1)
	if got, err := timing.New(bad, bad.open).Of(t.Context(), on(1, 2, -6, 3, 4), test); err != nil || len(got) != 4 || got[0].Builder != 6 || got[3].Builder != 3 {
		t.Errorf("the bad one first: %+v, %v", got, err)
	}
	gone := newFarm(t, 2, 2, 1)
	gone.lists[1][0].Results, gone.lists[1][1].Results = "", weir.DigestOf([]byte("gone"))
	got, err := timing.New(gone, gone.open).Of(t.Context(), on(1, 2, 3), test)
	if err != nil || len(got) != 1 || got[0].Builder != 2 {
		t.Errorf("without results: %+v, %v", got, err)
	}
	if got, err = timing.New(gone, gone.open).Of(t.Context(), on(2), weir.TestID{Name: "other"}); err != nil || len(got) != 0 {
		t.Errorf("a test that is not there: %+v, %v", got, err)
	}
	if _, err = timing.New(gone, func(context.Context, weir.Digest) (io.ReadCloser, error) { return nil, errors.New("ill") }).Of(t.Context(), on(2), test); err == nil {
		t.Error("a disk that is ill is passed over")
	}
	gone.fail = errors.New("ill")
	if _, err = timing.New(gone, gone.open).Of(t.Context(), on(2), test); err == nil {
		t.Error("a database that is ill is passed over")
	}
}
