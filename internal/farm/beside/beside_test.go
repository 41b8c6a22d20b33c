package beside

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

// fake is as much of a store as is read.
type fake struct {
	builds    []weir.Build // newest first
	specs     map[weir.BuildID]weir.Spec
	revisions map[string][]weir.Revision // by project
	notes     map[weir.BuildID]store.Notes
	histories map[weir.TestID]store.TestHistory
	asked     int
}

func (f *fake) Build(_ context.Context, id weir.BuildID) (weir.Build, error) {
	for _, b := range f.builds {
		if b.ID == id {
			return b, nil
		}
	}
	return weir.Build{}, weir.Errorf(weir.NotFound, "no build")
}

func (f *fake) ListBuilds(_ context.Context, q store.BuildFilter) (list []weir.Build, err error) {
	for _, b := range f.builds {
		if (q.Builder == 0 || b.Builder.ID == q.Builder) && (q.Run == 0 || b.Run == q.Run) && (q.Project == "" || b.Builder.Project == q.Project) &&
			(q.Before == 0 || b.ID < q.Before) && len(list) < q.Limit {
			list = append(list, b)
		}
	}
	return list, nil
}

func (f *fake) BuildSpec(_ context.Context, id weir.BuildID) (weir.Spec, error) {
	return f.specs[id], nil
}

func (f *fake) Revision(_ context.Context, project, branch, id string) (weir.Revision, error) {
	for _, r := range f.revisions[project] {
		if r.ID == id && branch == "main" {
			return r, nil
		}
	}
	return weir.Revision{}, weir.Errorf(weir.NotFound, "no revision")
}

func (f *fake) RevisionRange(_ context.Context, project, _ string, first, last int64) ([]weir.Revision, error) {
	return slices.Clone(f.revisions[project][first-1 : last]), nil
}

func (f *fake) Notes(_ context.Context, id weir.BuildID) (store.Notes, error) {
	return f.notes[id], nil
}

func (f *fake) History(_ context.Context, _ weir.BuilderID, t weir.TestID, _ int) (store.TestHistory, error) {
	f.asked++
	return f.histories[t], nil
}

func (f *fake) build(t *testing.T, id weir.BuildID) *weir.Build {
	t.Helper()
	for i := range f.builds {
		if f.builds[i].ID == id {
			return &f.builds[i]
		}
	}
	t.Fatalf("there is no build %d", id)
	return nil
}

func farm() *fake {
	f := &fake{specs: map[weir.BuildID]weir.Spec{}, revisions: map[string][]weir.Revision{}, notes: map[weir.BuildID]store.Notes{}}
	for _, p := range []string{"mill", "brook"} {
		for i := range 50 {
			f.revisions[p] = append(f.revisions[p], weir.Revision{ID: fmt.Sprintf("%s%d", p, i+1), Position: int64(i + 1), Message: "m"})
		}
	}
	mill := weir.Builder{ID: 1, BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}}
	other := weir.Builder{ID: 2, BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/arm64"}}
	brook := weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: "brook", Job: "build"}}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	add := func(id weir.BuildID, run weir.RunID, b weir.Builder, cause weir.Cause, outcome weir.Outcome, mill, brook string, took time.Duration) {
		f.builds = append([]weir.Build{{ID: id, Run: run, Builder: b, Cause: cause, State: weir.Finished, Outcome: outcome, Started: at, Finished: at.Add(took),
			Pins: weir.Pins{"mill": mill, "brook": brook}}}, f.builds...)
	}
	add(1, 1, brook, weir.CauseChange, weir.Passed, "", "brook1", time.Second)
	add(2, 2, mill, weir.CauseChange, weir.Passed, "mill1", "brook1", 10*time.Second)
	add(3, 3, mill, weir.CauseChange, weir.Passed, "mill2", "brook1", 30*time.Second)
	add(4, 4, mill, weir.CauseChange, weir.Failed, "mill3", "brook1", 99*time.Second)
	add(5, 5, mill, weir.CauseProbe, weir.Passed, "mill9", "brook1", 20*time.Second)
	add(6, 6, mill, weir.CauseChange, weir.Infra, "mill4", "brook1", 500*time.Second)
	add(7, 7, other, weir.CauseChange, weir.Passed, "mill40", "brook2", time.Second)
	add(8, 7, mill, weir.CauseChange, weir.Failed, "mill40", "brook2", time.Second)
	f.specs[1] = weir.Spec{Project: "brook", Source: weir.Source{Kind: weir.Git, Location: "https://github.com/x/brook", Branch: "main"}}
	f.notes[8] = store.Notes{Summary: "fine", Metrics: []weir.Metric{{Name: "size", Value: 3, Unit: "MB"}, {Name: "new", Value: 1}, {Name: "unit", Value: 1, Unit: "s"}}}
	f.notes[4] = store.Notes{Metrics: []weir.Metric{{Name: "size", Value: 2, Unit: "MB"}, {Name: "unit", Value: 1, Unit: "ms"}}}
	return f
}

// TestLastGood passes over builds that passed and were not good.
func TestLastGood(t *testing.T) {
	t.Parallel()
	f := farm()
	if b := f.build(t, 3); b.Outcome != weir.Passed {
		t.Fatal(b)
	}
	f.build(t, 3).Counts = weir.Counts{Skip: 5}
	for _, c := range []struct {
		worse weir.VerdictCounts
		want  weir.BuildID
	}{{weir.VerdictCounts{}, 2}, {weir.VerdictCounts{NewlySkipped: 1}, 0}} {
		f.build(t, 2).Changes = c.worse
		if got, err := New(f).Read(t.Context(), f.builds[0], weir.Spec{}); err != nil || got.LastGood != c.want {
			t.Errorf("the last good build is %d, %v; want %d", got.LastGood, err, c.want)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	f := farm()
	spec := weir.Spec{Project: "mill", Branch: "main", Source: weir.Source{Kind: weir.Git, Location: "l", Branch: "main"}}
	got, err := New(f).Read(t.Context(), f.builds[0], spec)
	if err != nil {
		t.Fatal(err)
	}
	if got.Usual != 20*time.Second || got.UsualOf != 3 || got.Previous != 4 || got.LastGood != 3 {
		t.Errorf("usual %v of %d, previous %d, last good %d", got.Usual, got.UsualOf, got.Previous, got.LastGood)
	}
	if len(got.Siblings) != 1 || got.Siblings[0].ID != 7 || got.Summary != "fine" {
		t.Errorf("siblings %+v, summary %q", got.Siblings, got.Summary)
	}
	m := got.Moves
	if len(m) != 2 || m[0].Project != "mill" || !m[0].Own || m[0].Count != 37 || len(m[0].Between) != 20 || m[0].Between[0].ID != "mill40" || m[0].Back {
		t.Errorf("mill moved %+v", m)
	}
	if m[1].Project != "brook" || m[1].Count != 1 || m[1].Revision.Message != "m" || !strings.HasSuffix(m[1].Source.Location, "brook") {
		t.Errorf("brook moved %+v", m[1])
	}
	if len(got.Metrics) != 3 || *got.Metrics[0].Before != 2 || got.Metrics[1].Before != nil || got.Metrics[2].Before != nil {
		t.Errorf("metrics %+v", got.Metrics)
	}
	back, err := New(f).Moves(t.Context(), weir.Pins{"mill": "mill9", "gone": "x"}, weir.Pins{"mill": "mill7", "brook": "elsewhere"}, spec)
	if err != nil || len(back) != 3 || !back[0].Back || back[0].Count != 2 || back[0].Between[0].ID != "mill9" || back[1].Project != "gone" || back[1].To != "" ||
		back[2].Revision.ID != "elsewhere" || back[2].Count != 0 {
		t.Errorf("back: %+v, %v", back, err)
	}
	if first, err := New(f).Read(t.Context(), f.builds[len(f.builds)-1], weir.Spec{}); err != nil || first.Previous != 0 || first.Usual != 0 {
		t.Errorf("the first build: %+v, %v", first, err)
	}
}

func TestStrip(t *testing.T) {
	t.Parallel()
	event := func(n int, v weir.Verdict, from, to weir.Status) store.TestEvent {
		return store.TestEvent{SettledBuild: store.SettledBuild{Number: n}, Change: weir.TestChange{Verdict: v, From: from, To: to}}
	}
	letters := func(s Strip) string {
		text := ""
		for i, d := range s.Did {
			c := map[weir.Status]string{weir.Pass: "P", weir.Fail: "F", weir.Skip: "S", weir.Absent: "A", "": "-"}[d]
			if slices.Contains(s.Flaky, i) {
				c = "~"
			}
			text += c
		}
		return text
	}
	of := func(first, last int, now weir.Status, events ...store.TestEvent) store.TestHistory {
		slices.Reverse(events)
		return store.TestHistory{First: store.SettledBuild{Number: first}, Last: store.SettledBuild{Number: last}, State: &weir.TestState{Status: now}, Events: events}
	}
	for _, c := range []struct {
		h    store.TestHistory
		want string
	}{
		{of(1, 6, weir.Pass), "PPPPPP"},
		{of(1, 6, weir.Fail, event(1, weir.New, "", weir.Pass), event(4, weir.NewlyFailing, weir.Pass, weir.Fail)), "PPPFFF"},
		{of(1, 6, weir.Pass, event(3, weir.New, "", weir.Fail), event(5, weir.Fixed, weir.Fail, weir.Pass)), "--FFPP"},
		{of(1, 6, weir.Pass, event(4, weir.Flaky, weir.Pass, weir.Fail)), "PPP~PP"},
		{of(1, 6, weir.Pass, event(2, weir.NewlyFailing, weir.Pass, weir.Fail), event(3, weir.Fixed, weir.Fail, weir.Pass), event(6, weir.Flaky, weir.Pass, weir.Pass)), "PFPPP~"},
		{of(1, 100, weir.Fail, event(50, weir.NewlyFailing, weir.Pass, weir.Fail), event(99, weir.FailingDifferently, weir.Fail, weir.Fail)), strings.Repeat("F", 24)},
		{of(90, 92, weir.Skip), "SSS"},
		{store.TestHistory{}, ""},
		{store.TestHistory{Last: store.SettledBuild{Number: 3}}, ""},
	} {
		if got := letters(NewStrip(c.h)); got != c.want {
			t.Errorf("%+v: %s, want %s", c.h.Events, got, c.want)
		}
	}
	f := &fake{histories: map[weir.TestID]store.TestHistory{}}
	var many []weir.TestID
	for i := range 200 {
		many = append(many, weir.TestID{Name: fmt.Sprint(i / 2)})
	}
	if strips, err := New(f).Strips(t.Context(), 1, many); err != nil || len(strips) != MaxStrips || f.asked != MaxStrips {
		t.Errorf("%d strips with %d questions: %v", len(strips), f.asked, err)
	}
}
