// Package servertest is a farm that is not one: it answers what a test put
// in, so that the packages of the server can be tested without a database.
package servertest

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blob"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/protocol"
)

// Token is the one token that the farm knows; it belongs to Worker.
const (
	Token  = "let-me-in"
	Worker = "heron"
	// AdminToken belongs to Admin.
	AdminToken = "let-me-decide"
	Admin      = "otter"
	// RightToken with the name of a right behind it has that right alone.
	RightToken = "right-to-"
)

// Log is the log of one step: Lines lines, each made by Line when asked for,
// so that a log can be larger than memory.
type Log struct {
	Lines int64
	Line  func(n int64) string // without the newline
	// Bytes is how large the log claims to be.
	Bytes int64
}

// Farm answers what was put in. Its fields may be set before it is used;
// later only inside Change.
type Farm struct {
	mu      sync.Mutex
	changed chan struct{}
	events  []weir.Event

	Now         time.Time
	State       farm.Overview
	Details     map[weir.BuildID]farm.BuildDetail
	Sets        map[weir.BuildID]weir.ResultSet
	Cases       map[weir.RegressionID]farm.RegressionDetail
	Pasts       map[weir.TestID]farm.TestHistory
	Flakes      flaky.List
	Logs        map[int]Log // by step, for every attempt
	Blobs       map[weir.Digest][]byte
	Fail        error  // what every read answers, if set
	Panic       string // what Overview panics with, if set
	Synced      []protocol.Sync
	Finished    []protocol.Finish
	Done        []string              // what admins did
	Assignments []protocol.Assignment // given away at the next lease
	Ended       []weir.AttemptID      // that Watch says are over
	Refused     []protocol.Refuse
	Rests       []protocol.Rest
}

// New makes an empty farm.
func New() *Farm {
	return &Farm{changed: make(chan struct{}), Details: map[weir.BuildID]farm.BuildDetail{},
		Sets: map[weir.BuildID]weir.ResultSet{}, Cases: map[weir.RegressionID]farm.RegressionDetail{},
		Pasts: map[weir.TestID]farm.TestHistory{},
		Logs:  map[int]Log{}, Blobs: map[weir.Digest][]byte{}}
}

// Change changes the farm and tells everybody who waits.
func (f *Farm) Change(kind weir.EventKind, subject string, change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	f.events = append(f.events, weir.Event{Seq: int64(len(f.events) + 1), At: f.Now, Kind: kind, Subject: subject})
	close(f.changed)
	f.changed = make(chan struct{})
}

// Overview answers State.
func (f *Farm) Overview(context.Context) (farm.Overview, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Panic != "" {
		panic(f.Panic)
	}
	return f.State, f.Fail
}

// Front answers State, without its builders.
func (f *Farm) Front(ctx context.Context) (farm.Overview, error) {
	o, err := f.Overview(ctx)
	o.Builders = nil
	return o, err
}

// Builds lists the builds of Details.
func (f *Farm) Builds(_ context.Context, q farm.BuildQuery) ([]weir.Build, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []weir.Build
	for id := weir.BuildID(1000); id > 0; id-- {
		d, ok := f.Details[id]
		if !ok || q.Before != 0 && id >= q.Before || q.Project != "" && d.Build.Builder.Project != q.Project ||
			q.Run != 0 && d.Build.Run != q.Run || q.Limit > 0 && len(list) == q.Limit {
			continue
		}
		list = append(list, d.Build)
	}
	return list, f.Fail
}

// Build answers from Details.
func (f *Farm) Build(_ context.Context, id weir.BuildID) (farm.BuildDetail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.Details[id]
	if !ok {
		return d, weir.Errorf(weir.NotFound, "there is no build %d", id)
	}
	return d, f.Fail
}

// BuildFrom answers from Details, a page of 200 changes.
func (f *Farm) BuildFrom(ctx context.Context, id weir.BuildID, from int) (farm.BuildDetail, error) {
	const page = 200
	d, err := f.Build(ctx, id)
	d.From, d.Changes = from, d.Changes[min(from, len(d.Changes)):]
	if d.More = len(d.Changes) > page; d.More {
		d.Changes = d.Changes[:page]
	}
	return d, err
}

// Tests answers from Sets.
func (f *Farm) Tests(_ context.Context, id weir.BuildID, all bool, limit int) (farm.Tests, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	set, ok := f.Sets[id]
	if !ok {
		return farm.Tests{}, weir.Errorf(weir.NotFound, "build %d has no test results", id)
	}
	out := farm.Tests{Counts: set.Count(), Incidents: set.Incidents}
	class := func(r weir.Result) int {
		return slices.Index([]bool{r.Status.Bad(), r.Mixed, r.Status == weir.Skip, true}, true)
	}
	for _, r := range set.Results {
		if all || class(r) < 2 {
			out.Results = append(out.Results, r)
		}
	}
	slices.SortStableFunc(out.Results, func(a, b weir.Result) int { return cmp.Or(class(a)-class(b), a.Test.Compare(b.Test)) })
	out.Omitted = max(0, len(out.Results)-limit)
	out.Results = out.Results[:len(out.Results)-out.Omitted]
	return out, f.Fail
}

// Regressions lists the open regressions of State, and the closed ones.
func (f *Farm) Regressions(_ context.Context, all bool) ([]weir.Regression, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !all {
		return f.State.Regressions, f.Fail
	}
	return append(append([]weir.Regression{}, f.State.Regressions...), f.State.Recent...), f.Fail
}

// Regression answers from Cases.
func (f *Farm) Regression(_ context.Context, id weir.RegressionID) (farm.RegressionDetail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.Cases[id]
	if !ok {
		return d, weir.Errorf(weir.NotFound, "there is no regression %d", id)
	}
	return d, f.Fail
}

// TestHistory answers from Pasts, whatever the project.
func (f *Farm) TestHistory(_ context.Context, q farm.TestQuery) (farm.TestHistory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, ok := f.Pasts[q.Test]
	if !ok {
		return h, weir.Errorf(weir.NotFound, "no builder of %s knows a test %s", q.Project, q.Test)
	}
	return h, f.Fail
}

// Product opens the product of a build of Details, from Blobs.
func (f *Farm) Product(ctx context.Context, id weir.BuildID) (weir.Product, io.ReadSeekCloser, error) {
	d, err := f.Build(ctx, id)
	if err != nil {
		return weir.Product{}, nil, err
	}
	content, err := f.OpenBlob(ctx, d.Build.Product.Digest)
	if err != nil {
		return weir.Product{}, nil, err
	}
	return d.Build.Product, content, nil
}

// Events lists what Change has told.
func (f *Farm) Events(_ context.Context, after int64) ([]weir.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if after >= int64(len(f.events)) {
		return nil, f.Fail
	}
	return append([]weir.Event{}, f.events[after:]...), f.Fail
}

// LastEvent is the number of Change's newest event.
func (f *Farm) LastEvent(context.Context) (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return int64(len(f.events)), f.Fail
}

// Changed is closed by the next Change.
func (f *Farm) Changed() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changed
}

// Authenticate knows one token.
func (f *Farm) Authenticate(_ context.Context, secret string) (string, error) {
	if secret != Token {
		return "", weir.Errorf(weir.Unauthenticated, "the worker's token is not known to this farm")
	}
	return Worker, nil
}

// Worker knows one worker.
func (f *Farm) Worker(_ context.Context, name string) (weir.Worker, error) {
	if name == "nobody" {
		return weir.Worker{}, weir.Errorf(weir.NotFound, "worker %s has not said hello", name)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, w := range f.State.Workers {
		if w.Name == name {
			w.Owner = "ada@kern.example"
			return w, nil
		}
	}
	return weir.Worker{Name: name, Platform: "linux/amd64", Slots: 2, Owner: "ada@kern.example"}, nil
}

// Hello keeps every attempt.
func (f *Farm) Hello(_ context.Context, worker string, h protocol.Hello) (protocol.HelloAnswer, error) {
	return protocol.HelloAnswer{Version: h.Version, Name: worker, Keep: h.Holds, SyncInterval: weir.SyncInterval}, f.Fail
}

// Lease gives Assignments away, or waits for the time asked for.
func (f *Farm) Lease(ctx context.Context, _ weir.Worker, ask protocol.Lease) (protocol.LeaseAnswer, error) {
	f.mu.Lock()
	given, changed := f.Assignments, f.changed
	f.Assignments = nil
	f.mu.Unlock()
	if len(given) == 0 && ask.Wait > 0 {
		select {
		case <-changed:
		case <-time.After(ask.Wait):
		case <-ctx.Done():
		}
	}
	return protocol.LeaseAnswer{Attempts: given}, f.Fail
}

// Refuse notes what came.
func (f *Farm) Refuse(_ context.Context, _ string, r protocol.Refuse) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Refused = append(f.Refused, r)
	return f.Fail
}

// Rest notes what came.
func (f *Farm) Rest(_ context.Context, _ string, r protocol.Rest) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Rests = append(f.Rests, r)
	return f.Fail
}

// Watch says that the attempts of Ended are over, or waits for the time asked for.
func (f *Farm) Watch(ctx context.Context, _ string, w protocol.Watch) (protocol.WatchAnswer, error) {
	f.mu.Lock()
	var answer protocol.WatchAnswer
	for _, id := range w.Holds {
		if slices.Contains(f.Ended, id) {
			answer.Ended = append(answer.Ended, id)
		}
	}
	changed := f.changed
	f.mu.Unlock()
	if len(answer.Ended) == 0 && w.Wait > 0 {
		select {
		case <-changed:
		case <-time.After(w.Wait):
		case <-ctx.Done():
		}
	}
	return answer, f.Fail
}

// Sync notes what came; it is Fenced unless the attempt's token is Token.
func (f *Farm) Sync(_ context.Context, id weir.AttemptID, s protocol.Sync) (protocol.SyncAnswer, error) {
	if s.Token != Token {
		return protocol.SyncAnswer{}, weir.Errorf(weir.Fenced, "attempt %s was given away", id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Synced = append(f.Synced, s)
	answer := protocol.SyncAnswer{Offsets: map[int]int64{}}
	for _, frame := range s.Frames {
		answer.Offsets[frame.Step] = frame.Offset + int64(frame.Size)
	}
	return answer, f.Fail
}

// Finish is Fenced unless the attempt's token is Token.
func (f *Farm) Finish(_ context.Context, id weir.AttemptID, fin protocol.Finish) error {
	if fin.Token != Token {
		return weir.Errorf(weir.Fenced, "attempt %s was given away", id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Finished = append(f.Finished, fin)
	return f.Fail
}

// PutBlob keeps a blob in Blobs.
func (f *Farm) PutBlob(_ context.Context, d weir.Digest, content io.Reader) error {
	data, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	if weir.DigestOf(data) != d {
		return weir.Errorf(weir.Invalid, "the content is not %s", d.Short())
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.Blobs[d] = data
	return nil
}

type content struct{ *bytes.Reader }

// Close does nothing.
func (content) Close() error { return nil }

// OpenBlob reads from Blobs.
func (f *Farm) OpenBlob(_ context.Context, d weir.Digest) (blob.Content, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data, ok := f.Blobs[d]
	if !ok {
		return nil, weir.Errorf(weir.NotFound, "there is no blob %s", d.Short())
	}
	return content{bytes.NewReader(data)}, nil
}

// StatBlob tells the size of a blob of Blobs.
func (f *Farm) StatBlob(_ context.Context, d weir.Digest) (int64, error) {
	c, err := f.OpenBlob(context.Background(), d)
	if err != nil {
		return 0, err
	}
	return c.Size(), nil
}
