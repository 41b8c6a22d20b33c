package servertest

import (
	"bytes"
	"context"
	"io"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/timing"
	"github.com/weir-ci/weir/internal/farm/views"
	"github.com/weir-ci/weir/internal/results"
	"github.com/weir-ci/weir/internal/store"
)

// timed adds how long the demo test took: about a second, and longer where it fails.
func (f *Farm) timed(v *views.Views) *views.Views {
	c := clocked{f}
	v.Times = timing.New(c, c.open)
	return v
}

type clocked struct{ farm *Farm }

// took is how long the demo test took in the n-th newest build.
func (clocked) took(n int) weir.Result {
	r := weir.Result{Test: DemoTest(), Status: weir.Pass, Duration: time.Duration(6+n*7%5) * 100 * time.Millisecond}
	if n == 0 {
		r.Status, r.Duration = weir.Fail, 3*time.Second
	}
	return r
}

// encoded is a set with one result, and its digest.
func encoded(r weir.Result) ([]byte, weir.Digest) {
	var b bytes.Buffer
	if err := results.Encode(&b, weir.ResultSet{Results: []weir.Result{r}}); err != nil {
		return nil, "" // cannot happen: the result is one of took
	}
	return b.Bytes(), weir.DigestOf(b.Bytes())
}

// timedBuilds is how many builds of a builder have results.
const timedBuilds = 12

// ListBuilds lists the newest builds of any builder.
func (c clocked) ListBuilds(_ context.Context, q store.BuildFilter) (list []weir.Build, err error) {
	for n := range min(timedBuilds, q.Limit) {
		_, d := encoded(c.took(n))
		list = append(list, weir.Build{ID: FailedBuild - weir.BuildID(n), State: weir.Finished, Results: d, Finished: noon().Add(-time.Duration(n+1) * time.Hour)})
	}
	return list, c.farm.Fail
}

func (c clocked) open(_ context.Context, d weir.Digest) (io.ReadCloser, error) {
	for n := range timedBuilds {
		if data, is := encoded(c.took(n)); is == d {
			return io.NopCloser(bytes.NewReader(data)), nil
		}
	}
	return nil, weir.Errorf(weir.NotFound, "there is no blob %s", d.Short())
}
