package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/verdict"
)

// baselineFormat tells files of this version from others.
const baselineFormat = "weir-baseline-1"

// maxBaseline limits a baseline's file, in bytes.
const maxBaseline = 256 << 20

// baselines is what is settled about builders, as it is kept in a file.
type baselines struct {
	Format   string             `json:"format"`
	Builders map[string]settled `json:"builders"` // by name
	given    bool               // it was read from a file
}

// settled is what is settled about one builder.
type settled struct {
	Builds int64            `json:"builds"` // how many there were
	Pins   weir.Pins        `json:"pins"`   // of the last one
	States []weir.TestState `json:"states"` // sorted by test
}

// loadBaseline reads a baseline; an empty one without a path.
func loadBaseline(path string) (*baselines, error) {
	b := &baselines{Format: baselineFormat, Builders: map[string]settled{}}
	if path == "" {
		return b, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, weir.Errorf(weir.NotFound, "there is no baseline %s", path).WithHint("make one with: weir run --save-baseline %s", path)
	}
	if err != nil {
		return nil, weir.Errorf(weir.Invalid, "the baseline %s cannot be read", path).WithCause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBaseline+1))
	if err != nil || len(data) > maxBaseline {
		return nil, weir.Errorf(weir.Invalid, "the baseline %s cannot be read, or is larger than %d MiB", path, maxBaseline>>20).WithCause(err)
	}
	if err := json.Unmarshal(data, b); err != nil || b.Format != baselineFormat {
		return nil, weir.Errorf(weir.Invalid, "%s is no baseline", path).WithHint("make one with: weir run --save-baseline %s", path).WithCause(err)
	}
	for name, s := range b.Builders {
		slices.SortFunc(s.States, func(x, y weir.TestState) int { return x.Test.Compare(y.Test) })
		b.Builders[name] = s
	}
	b.given = true
	return b, nil
}

// save writes the baselines; the file appears whole or stays as it was.
func (b *baselines) save(path string) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetIndent("", " ")
	if err := enc.Encode(b); err != nil {
		return weir.Errorf(weir.Internal, "the baseline cannot be written").WithCause(err)
	}
	bad := func(err error) error {
		return weir.Errorf(weir.Invalid, "the baseline %s cannot be written", path).WithHint("name a file in a directory that this user may write").WithCause(err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".weir-baseline-*")
	if err != nil {
		return bad(err)
	}
	_, err = f.Write(buf.Bytes())
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return bad(errors.Join(err, os.Remove(f.Name())))
	}
	return nil
}

// ended is how a builder's run ended.
type ended struct {
	outcome weir.Outcome
	bad     bool // it counts against the exit code
	silent  bool // it says nothing about the project
}

// judged runs a builder and holds what it did against its baseline.
func (r *localRun) judged(ctx context.Context, plan recipe.Plan) (ended, error) {
	report, err := r.build(ctx, plan)
	if err != nil {
		return ended{}, err
	}
	summarise(r.out, plan.Key.Name(), report, r.paint, r.flags.quiet)
	end := ended{outcome: report.Outcome, bad: report.Outcome != weir.Passed && !plan.Job.AllowFailure}
	if !report.Outcome.SaysSomething() {
		end.silent, end.bad = r.base.given, end.bad && !r.base.given
		if r.flags.baseline != "" {
			fmt.Fprintln(r.out, "it says nothing about the project, and is held against nothing")
		}
		return end, nil
	}
	name := plan.Key.Name()
	old, known := r.base.Builders[name]
	if r.flags.baseline == "" && r.flags.saveTo == "" {
		return end, nil
	}
	base := verdict.Baseline{States: old.States, Empty: !known}
	build := weir.Build{ID: weir.BuildID(old.Builds + 1), Outcome: report.Outcome, Reason: report.Reason, Pins: r.pins, State: weir.Finished}
	c := verdict.Compare(base, build, report.Set)
	if known && r.onlyOwn(plan, old.Pins) {
		c.Changes = verdict.Excuse(c.Changes, len(base.States))
	}
	if known {
		if c, err = r.confirmed(ctx, plan, c, report.Set); err != nil {
			return end, err
		}
	}
	if r.flags.baseline != "" {
		if known {
			end.bad = weir.CountVerdicts(c.Changes).Worse() > 0 && !plan.Job.AllowFailure
			tellVerdict(r.out, r.paint, c, verdict.NewLedger(base, build, report.Set))
		} else {
			fmt.Fprintf(r.out, "the baseline knows nothing of %s: it counts as it ended\n", name)
		}
	}
	old.merge(c, build)
	old.Builds, old.Pins = int64(build.ID), r.pins
	r.base.Builders[name] = old
	return end, nil
}

// onlyOwn reports whether no upstream has moved since the baseline.
func (r *localRun) onlyOwn(plan recipe.Plan, before weir.Pins) bool {
	for name, rev := range r.pins {
		if name != plan.Key.Project && before[name] != rev {
			return false
		}
	}
	return true
}

// confirmed runs again what is newly bad: what is good then is flaky.
func (r *localRun) confirmed(ctx context.Context, plan recipe.Plan, c verdict.Comparison, first weir.ResultSet) (verdict.Comparison, error) {
	for range r.flags.repeat {
		n := weir.CountVerdicts(c.Changes).Worse()
		if n == 0 {
			break
		}
		fmt.Fprintf(r.out, "%d newly bad: the same is run again\n", n)
		again, err := r.build(ctx, plan)
		if err != nil {
			return c, err
		}
		c = verdict.Confirm(c, first, again.Set, weir.Build{Outcome: again.Outcome, Reason: again.Reason, Pins: r.pins, State: weir.Finished})
	}
	return c, nil
}

// merge brings the states up to date.
func (s *settled) merge(c verdict.Comparison, build weir.Build) {
	states := make(map[weir.TestID]weir.TestState, len(s.States))
	for _, t := range s.States {
		states[t.Test] = t
	}
	for _, t := range verdict.Forget(c.Changes) {
		delete(states, t)
	}
	for _, t := range verdict.Apply(verdict.Baseline{States: s.States, Empty: len(s.States) == 0}, c, build.ID) {
		states[t.Test] = t
	}
	s.States = slices.SortedFunc(maps.Values(states), func(x, y weir.TestState) int { return x.Test.Compare(y.Test) })
}
