// Package compare holds any two builds against each other: what they were made of,
// where they ran, how long their steps took, what their tests did, what they
// measured and which packages they had. Reader reads; what it finds is put
// together by pure functions.
package compare

import (
	"cmp"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what is read.
type Store interface {
	beside.Store
	Attempts(ctx context.Context, id weir.BuildID) ([]weir.Attempt, error)
	Steps(ctx context.Context, id weir.AttemptID) ([]weir.StepRecord, error)
	Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error)
}

// Options is what a Reader is made of.
type Options struct {
	Store Store
	// Results reads what the tests of a build reported; nothing is no error.
	Results func(ctx context.Context, b weir.Build) (weir.ResultSet, error)
	// Open reads a blob.
	Open func(ctx context.Context, d weir.Digest) (io.ReadCloser, error)
}

// Reader compares builds. Make one with New.
type Reader struct {
	o      Options
	beside *beside.Reader
}

// New makes a reader.
func New(o Options) *Reader { return &Reader{o, beside.New(o.Store)} }

// Comparison is build B as seen from build A.
type Comparison struct {
	A Side `json:"a"`
	B Side `json:"b"`
	// Moves are the revisions of both, from those of A to those of B.
	Moves       []beside.Move `json:"moves"`
	Environment []Pair        `json:"environment"`
	Steps       []StepPair    `json:"steps"`
	Tests       Tests         `json:"tests"`
	Metrics     []MetricPair  `json:"metrics"`
	Packages    Packages      `json:"packages"`
}

// Side is one of two builds.
type Side struct {
	Build   weir.Build    `json:"build"`
	Attempt weir.Attempt  `json:"attempt,omitzero"` // the newest
	Took    time.Duration `json:"took,omitempty"`   // from its first step to its end
	Waited  time.Duration `json:"waited,omitempty"` // before its newest attempt
	spec    weir.Spec
	steps   []weir.StepRecord
	notes   store.Notes
}

// Pair is something that both builds have, as text; empty: one does not.
type Pair struct {
	Name string `json:"name"`
	A    string `json:"a,omitempty"`
	B    string `json:"b,omitempty"`
}

// Differs reports whether it is not the same in both.
func (p Pair) Differs() bool { return p.A != p.B }

// StepPair is a step of both builds, by its name.
type StepPair struct {
	Name   string         `json:"name"`
	A      time.Duration  `json:"a,omitempty"` // how long it ran
	B      time.Duration  `json:"b,omitempty"`
	StateA weir.StepState `json:"state_a,omitempty"` // empty: there is no such step
	StateB weir.StepState `json:"state_b,omitempty"`
	Index  [2]int         `json:"index"` // of the step in each build; -1: there is none
}

// MetricPair is a number that at least one build measured.
type MetricPair struct {
	Name string   `json:"name"`
	Unit string   `json:"unit,omitempty"`
	A    *float64 `json:"a,omitempty"` // nil: it did not
	B    *float64 `json:"b,omitempty"`
}

// Compare compares two builds; NotFound if there is no such one.
func (r *Reader) Compare(ctx context.Context, a, b weir.BuildID) (Comparison, error) {
	var c Comparison
	var err error
	if c.A, err = r.side(ctx, a); err != nil {
		return c, err
	}
	if c.B, err = r.side(ctx, b); err != nil {
		return c, err
	}
	if c.Moves, err = r.beside.Moves(ctx, c.A.Build.Pins, c.B.Build.Pins, c.B.spec); err != nil {
		return c, err
	}
	c.Environment = environment(c.A, c.B)
	c.Steps = PairSteps(c.A.steps, c.B.steps)
	c.Metrics = PairMetrics(c.A.notes.Metrics, c.B.notes.Metrics)
	as, err := r.o.Results(ctx, c.A.Build)
	if err != nil {
		return c, err
	}
	bs, err := r.o.Results(ctx, c.B.Build)
	if err != nil {
		return c, err
	}
	c.Tests = CompareTests(c.A.Build, c.B.Build, as, bs)
	pa, err := r.packages(ctx, a)
	if err != nil {
		return c, err
	}
	pb, err := r.packages(ctx, b)
	if err != nil {
		return c, err
	}
	c.Packages = ComparePackages(pa, pb)
	return c, nil
}

func (r *Reader) side(ctx context.Context, id weir.BuildID) (s Side, err error) {
	if s.Build, err = r.o.Store.Build(ctx, id); err != nil {
		return s, err
	}
	if s.spec, err = r.o.Store.BuildSpec(ctx, id); err != nil {
		return s, err
	}
	attempts, err := r.o.Store.Attempts(ctx, id)
	if err != nil {
		return s, err
	}
	since := s.Build.Created
	for _, a := range attempts {
		s.Attempt, s.Waited = a, max(0, a.Leased.Sub(since))
		since = a.Ended
	}
	if len(attempts) > 0 {
		if s.steps, err = r.o.Store.Steps(ctx, s.Attempt.ID); err != nil {
			return s, err
		}
	}
	if s.Build.State.Final() {
		if !s.Build.Started.IsZero() {
			s.Took = s.Build.Finished.Sub(s.Build.Started)
		}
		s.notes, err = r.o.Store.Notes(ctx, id)
	}
	return s, err
}

// packages reads what a build ran with; nil if it keeps no list, or not any more.
func (r *Reader) packages(ctx context.Context, id weir.BuildID) (map[string]string, error) {
	files, err := r.o.Store.Artifacts(ctx, id)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(files, func(f weir.Artifact) bool { return IsPackages(f.Path) })
	if i < 0 {
		return nil, nil
	}
	content, err := r.o.Open(ctx, files[i].Digest)
	if weir.CodeOf(err) == weir.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer content.Close()
	return ReadPackages(content)
}

// environment lists where two builds ran, and with what.
func environment(a, b Side) []Pair {
	of := func(s Side) []Pair {
		job := s.spec.Job
		around := s.Attempt.Surroundings
		list := []Pair{{Name: "job", A: s.Build.Builder.Job}, {Name: "cell", A: s.Build.Builder.Cell}, {Name: "branch", A: s.Build.Builder.Branch},
			{Name: "platform", A: string(s.Build.Builder.Platform)}, {Name: "worker", A: cmp.Or(s.Attempt.Worker, s.Build.Worker)},
			{Name: "labels", A: strings.Join(job.Labels, " ")}, {Name: "directory", A: around.Directory}}
		for _, f := range []struct {
			name string
			flag *bool
		}{{"superuser", around.Root}, {"network", around.Network}} {
			text := ""
			if f.flag != nil {
				text = map[bool]string{true: "yes", false: "no"}[*f.flag]
			}
			list = append(list, Pair{Name: f.name, A: text})
		}
		if around.Load != nil {
			list = append(list, Pair{Name: "load", A: strconv.FormatFloat(*around.Load, 'f', 2, 64)})
		}
		for _, in := range s.spec.Inputs {
			list = append(list, Pair{Name: "product of " + in.Project, A: string(in.Product.Digest)})
		}
		for _, v := range job.Env {
			list = append(list, Pair{Name: "$" + v.Name, A: v.Value})
		}
		for _, v := range s.spec.Params {
			list = append(list, Pair{Name: "parameter " + v.Name, A: v.Value})
		}
		return list
	}
	out := []Pair{}
	for _, p := range of(a) {
		out = append(out, p)
	}
	for _, p := range of(b) {
		if i := slices.IndexFunc(out, func(o Pair) bool { return o.Name == p.Name }); i >= 0 {
			out[i].B = p.A
			continue
		}
		out = append(out, Pair{Name: p.Name, B: p.A})
	}
	out = slices.DeleteFunc(out, func(p Pair) bool { return p.A == "" && p.B == "" })
	slices.SortStableFunc(out, func(x, y Pair) int { return rank(x) - rank(y) })
	return out[:min(len(out), maxPairs)]
}

// maxPairs limits what is told of environments.
const maxPairs = 200

// rank puts what differs first.
func rank(p Pair) int {
	if p.Differs() {
		return 0
	}
	return 1
}

// PairSteps puts the steps of two builds side by side: by name, the n-th of a name
// with the n-th, in the order of the first build and then of the second.
func PairSteps(a, b []weir.StepRecord) []StepPair {
	out := []StepPair{}
	for _, s := range a {
		out = append(out, StepPair{Name: s.Name, A: ran(s), StateA: s.State, Index: [2]int{s.Index, -1}})
	}
	for _, s := range b {
		i := slices.IndexFunc(out, func(p StepPair) bool { return p.Name == s.Name && p.StateB == "" })
		if i < 0 {
			out = append(out, StepPair{Name: s.Name, Index: [2]int{-1, 0}})
			i = len(out) - 1
		}
		out[i].B, out[i].StateB, out[i].Index[1] = ran(s), s.State, s.Index
	}
	return out
}

func ran(s weir.StepRecord) time.Duration {
	if s.Started.IsZero() || s.Ended.IsZero() {
		return 0
	}
	return max(0, s.Ended.Sub(s.Started))
}

// PairMetrics puts measurements side by side, by name and unit.
func PairMetrics(a, b []weir.Metric) []MetricPair {
	out := []MetricPair{}
	for i := range a {
		out = append(out, MetricPair{Name: a[i].Name, Unit: a[i].Unit, A: &a[i].Value})
	}
	for i := range b {
		m := &b[i]
		at := slices.IndexFunc(out, func(p MetricPair) bool { return p.Name == m.Name && p.Unit == m.Unit })
		if at < 0 {
			out = append(out, MetricPair{Name: m.Name, Unit: m.Unit})
			at = len(out) - 1
		}
		out[at].B = &m.Value
	}
	slices.SortStableFunc(out, func(x, y MetricPair) int { return cmp.Compare(x.Name, y.Name) })
	return out
}
