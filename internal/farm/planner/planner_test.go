package planner

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/store"
)

const linux, darwin = weir.Platform("linux/amd64"), weir.Platform("darwin/arm64")

// toyFarm has an upstream with a product, and a project behind it with a matrix, and
// a job that comes after that.
func toyFarm() *recipe.Farm {
	return &recipe.Farm{Projects: []weir.Project{
		{Name: "brook", Source: weir.Source{Branch: "main"}, Jobs: []weir.Job{
			{Name: "build", Platforms: []weir.Platform{linux, darwin}, Product: "$WEIR_PREFIX"}}},
		{Name: "mill", Source: weir.Source{Branch: "trunk"}, Upstreams: []weir.Upstream{{Project: "brook", Job: "build"}}, Jobs: []weir.Job{
			{Name: "deploy", Platforms: []weir.Platform{linux}, Needs: []string{"lint", "test"}, Priority: 60, When: weir.WhenAlways,
				If: `branch == "trunk" and cause != "cron"`, Locks: []weir.LockUse{{Name: "site", Count: 2}}, Superseded: weir.SupersededNever,
				Params: []weir.Param{{Name: "where", Default: "stage"}, {Name: "how"}}},
			{Name: "lint", Platforms: []weir.Platform{darwin}},
			{Name: "test", Platforms: []weir.Platform{linux, darwin}, Cells: []weir.Cell{
				{Name: "3.12", Vars: []weir.EnvVar{{Name: "PYTHON", Value: "3.12"}}}, {Name: "3.13", Vars: []weir.EnvVar{{Name: "PYTHON", Value: "3.13"}}}}},
			{Name: "weekly", Platforms: []weir.Platform{linux}, Start: weir.Start{Cron: []weir.Cron{{Spec: "0 3 * * 0"}}}},
		}},
	}}
}

func toyTable(farm *recipe.Farm) *Table {
	plans := recipe.Expand(farm, linux)
	builders := make([]weir.Builder, len(plans))
	for i, p := range plans {
		builders[i] = weir.Builder{ID: weir.BuilderID(i + 1), BuilderKey: p.Key}
	}
	t := NewTable(farm, plans, builders)
	t.Version = "v1"
	return t
}

// of finds a builder by what Name renders of it.
func of(t *testing.T, table *Table, name string) weir.BuilderID {
	t.Helper()
	for _, b := range table.Builders {
		if b.Name() == name {
			return b.ID
		}
	}
	t.Fatalf("there is no builder %s among %v", name, table.Builders)
	return 0
}

// names renders a run.
func names(table *Table, run store.NewRun) (all []string) {
	for _, b := range run.Builds {
		p, _ := table.Plan(b.Builder)
		line := p.Key.Name()
		for _, list := range [][]int{b.Needs, b.After} {
			line += fmt.Sprint(" ", list)
		}
		all = append(all, line)
	}
	return all
}

func TestNeedsAndProducts(t *testing.T) {
	t.Parallel()
	table := toyTable(toyFarm())
	a := NewAssembly(table, store.NewRun{Cause: weir.CauseForce, Params: []weir.EnvVar{{Name: "how", Value: "fast"}, {Name: "else", Value: "x"}}})
	pins := weir.Pins{"brook": "b1", "mill": "m1"}
	at, err := a.Add(of(t, table, "mill/deploy trunk linux/amd64"), pins, schedule.PriorityForce, func(b *store.NewBuild) { b.Share = store.ShareNone })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"brook/build main linux/amd64 [] []",
		"brook/build main darwin/arm64 [] []",
		"mill/lint trunk darwin/arm64 [1] []", // it does not run on linux
		"mill/test 3.12 trunk linux/amd64 [0] []",
		"mill/test 3.13 trunk linux/amd64 [0] []", // but test does, in two cells
		"mill/deploy trunk linux/amd64 [0] [2 3 4]",
	}
	if got := names(table, a.Run); !slices.Equal(got, want) || at != 5 {
		t.Fatalf("place %d of\n%s", at, strings.Join(got, "\n"))
	}
	deploy := a.Run.Builds[5]
	if deploy.When != weir.WhenAlways || len(deploy.Locks) != 1 || deploy.Locks[0].Count != 2 || deploy.Priority != schedule.Rank(schedule.PriorityForce, 60) {
		t.Errorf("deploy is %+v", deploy)
	}
	if s := deploy.Spec; s.Cause != weir.CauseForce || s.Branch != "trunk" || fmt.Sprint(s.Params) != "[{where stage} {how fast}]" {
		t.Errorf("its worker is told cause %q, branch %q, %v", s.Cause, s.Branch, s.Params)
	}
	for i, b := range a.Run.Builds[:5] {
		if b.Priority < deploy.Priority || b.Share != store.ShareAny {
			t.Errorf("build %d that others wait for is of rank %d, share %q", i, b.Priority, b.Share)
		}
	}
	if product := a.Run.Builds[0]; product.Cause != weir.CauseProduct || product.Spec.Cause != weir.CauseProduct || a.Run.Config != "v1" {
		t.Errorf("the product is made because of %q, told %q, by configuration %q", product.Cause, product.Spec.Cause, a.Run.Config)
	}
	if env := a.Run.Builds[3].Spec.Job.Env; len(env) != 1 || env[0].Value != "3.12" {
		t.Errorf("a cell has %v", env)
	}
}

// TestAnswersStandAlone: a retry of a job asks about that job, and does not run others first.
func TestAnswersStandAlone(t *testing.T) {
	t.Parallel()
	table := toyTable(toyFarm())
	for _, cause := range []weir.Cause{weir.CauseRetry, weir.CauseProbe} {
		run, err := table.Add(store.NewRun{Cause: cause}, of(t, table, "mill/deploy trunk linux/amd64"), []weir.Pins{{"brook": "b1", "mill": "m1"}}, 1, func(*store.NewBuild) {})
		if err != nil || len(run.Builds) != 2 || len(run.Builds[1].After) != 0 {
			t.Errorf("%s: %v, %v", cause, names(table, run), err)
		}
	}
	if _, err := table.Add(store.NewRun{}, 99, []weir.Pins{{}}, 1, func(*store.NewBuild) {}); weir.CodeOf(err) != weir.NotFound {
		t.Errorf("an unknown builder: %v", err)
	}
	farm := toyFarm()
	farm.Projects[0].Jobs[0].Platforms = []weir.Platform{linux}
	table = toyTable(farm)
	if _, err := table.Add(store.NewRun{}, of(t, table, "mill/lint trunk darwin/arm64"), []weir.Pins{{}}, 1, func(*store.NewBuild) {}); weir.CodeOf(err) != weir.Invalid {
		t.Errorf("a product that nobody makes: %v", err)
	}
}

// lineStore is a store of lines, as far as a planner reads them.
type lineStore struct {
	tips   []weir.Tip
	heads  map[weir.BuilderID]weir.Build
	builds []weir.Build
	runs   []store.NewRun
}

func (s *lineStore) Tips(context.Context) ([]weir.Tip, error) { return s.tips, nil }

func (s *lineStore) LineHeads(context.Context, []weir.BuilderID) (map[weir.BuilderID]weir.Build, error) {
	return s.heads, nil
}

func (s *lineStore) ListBuilds(_ context.Context, f store.BuildFilter) (all []weir.Build, err error) {
	for _, b := range s.builds {
		if b.Builder.ID == f.Builder && (len(f.States) == 0 || slices.Contains(f.States, b.State)) {
			all = append(all, b)
		}
	}
	return all, nil
}

func (s *lineStore) CreateRun(_ context.Context, run store.NewRun) (weir.Run, []weir.BuildID, error) {
	s.runs = append(s.runs, run)
	return weir.Run{ID: weir.RunID(len(s.runs))}, make([]weir.BuildID, len(run.Builds)), nil
}

// planOnce lets a planner look at a store once.
func planOnce(t *testing.T, table *Table, s *lineStore, now time.Time) (*Planner, []string) {
	t.Helper()
	p := New(Options{Store: s, Table: func() *Table { return table }, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler), Moved: func() {}})
	s.runs = nil
	if _, err := p.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, run := range s.runs {
		for _, line := range names(table, run) {
			all = append(all, run.Project+": "+line)
		}
	}
	return p, all
}

func revision(id string, position int64) weir.Revision {
	return weir.Revision{ID: id, Position: position}
}

// TestPlanFirst: what a change does not set off, or whose condition does not hold, is
// not built; and what is due is built, not the tip.
func TestPlanFirst(t *testing.T) {
	t.Parallel()
	farm := toyFarm()
	farm.Projects[1].Jobs[1].If = `branch != "trunk"` // lint
	farm.Projects[1].Jobs[0].Needs = []string{"test"}
	table := toyTable(farm)
	s := &lineStore{tips: []weir.Tip{
		{Project: "brook", Branch: "main", First: revision("b1", 1), Revision: revision("b1", 1), Due: revision("b1", 1)},
		{Project: "mill", Branch: "trunk", First: revision("m1", 1), Revision: revision("m3", 3), Due: revision("m2", 2)}}}
	_, got := planOnce(t, table, s, time.Now())
	for _, line := range got {
		if strings.Contains(line, "weekly") || strings.Contains(line, "lint") {
			t.Errorf("%s is built", line)
		}
	}
	built := map[string]bool{}
	for _, run := range s.runs {
		for _, b := range run.Builds {
			built[b.Pins["mill"]] = true
		}
	}
	if !built["m1"] || !built["m2"] || built["m3"] {
		t.Errorf("built are %v of %v", built, got)
	}
}

// TestPlanBehind: a line behind an upstream whose product is not there stays where it is,
// and goes on when it is; a project that changes itself has a lane of its own.
func TestPlanBehind(t *testing.T) {
	t.Parallel()
	farm := toyFarm()
	farm.Projects[1].Jobs = []weir.Job{{Name: "test", Platforms: []weir.Platform{linux}}}
	farm.Projects[0].Jobs[0].Platforms = []weir.Platform{linux}
	table := toyTable(farm)
	brook, mill := table.Builders[0], table.Builders[1]
	now := time.Unix(10_000_000, 0)
	product := weir.Build{ID: 1, Builder: brook, Cause: weir.CauseChange, State: weir.Running, Pins: weir.Pins{"brook": "b3"}, Created: now}
	waiting := weir.Build{ID: 3, Builder: mill, Cause: weir.CauseChange, State: weir.Queued, Pins: weir.Pins{"brook": "b2", "mill": "m1"}, Created: now.Add(-time.Minute)}
	tip := func(mill string) []weir.Tip {
		return []weir.Tip{{Project: "brook", Branch: "main", First: revision("b1", 1), Revision: revision("b3", 3), Due: revision("b3", 3)},
			{Project: "mill", Branch: "trunk", First: revision("m1", 1), Revision: revision(mill, 2), Due: revision(mill, 2)}}
	}
	s := &lineStore{tips: tip("m1"), heads: map[weir.BuilderID]weir.Build{brook.ID: product, mill.ID: waiting}, builds: []weir.Build{waiting}}
	p, got := planOnce(t, table, s, now)
	if d, ok := p.Delay(mill.ID); len(got) != 0 || !ok || d.Reason != schedule.DelayProduct || d.Build != 3 {
		t.Errorf("before the product is there %v are made, put off by %+v", got, d)
	}
	product.State, product.Outcome = weir.Finished, weir.Failed
	s.heads[brook.ID] = product
	if _, got := planOnce(t, table, s, now); len(got) != 0 {
		t.Errorf("without a product %v are made", got)
	}
	product.Outcome, product.Product = weir.Passed, weir.Product{Digest: "d"}
	s.heads[brook.ID] = product
	_, got = planOnce(t, table, s, now)
	if len(got) != 2 || !strings.HasPrefix(got[1], "brook: mill/test") || !s.runs[0].Builds[1].Supersede {
		t.Errorf("with the product %v are made", got)
	}
	s.tips = tip("m2")
	if _, got = planOnce(t, table, s, now); len(got) != 2 || !strings.HasPrefix(got[1], "mill: mill/test") {
		t.Errorf("if mill changed too, %v are made", got)
	}
	since, _ := chain([]weir.Build{waiting, superseded(waiting, time.Hour), superseded(waiting, 2*time.Hour), {Cause: weir.CauseChange, State: weir.Finished, Created: now.Add(-9 * time.Hour)},
		superseded(waiting, 10*time.Hour)}, "")
	if !since.Equal(waiting.Created.Add(-2 * time.Hour)) {
		t.Errorf("the line waits since %s", since)
	}
	if _, start := chain([]weir.Build{waiting}, waiting.Pins.Key()); !start {
		t.Error("the first build of the line waits, and that is not seen")
	}
}

// superseded is a build that was made so much earlier, and gave its place to a newer one.
func superseded(b weir.Build, earlier time.Duration) weir.Build {
	b.State, b.Outcome, b.Reason = weir.Cancelled, weir.OutcomeCancelled, weir.Reason{Code: weir.ReasonSuperseded}
	b.Created = b.Created.Add(-earlier)
	return b
}

// TestPlanDead: a project that has not worked for long is not built for its upstream at
// once, but for its own change.
func TestPlanDead(t *testing.T) {
	t.Parallel()
	farm := toyFarm()
	farm.Projects[1].Jobs = []weir.Job{{Name: "test", Platforms: []weir.Platform{linux}}}
	farm.Projects[1].Upstreams[0].Job = "" // told only
	table := toyTable(farm)
	mill := table.Builders[len(table.Builders)-1]
	now := time.Unix(10_000_000, 0)
	s := &lineStore{tips: []weir.Tip{{Project: "brook", Branch: "main", First: revision("b0", 1), Revision: revision("new", 3), Due: revision("new", 3)},
		{Project: "mill", Branch: "trunk", First: revision("m1", 1), Revision: revision("m1", 1), Due: revision("m1", 1)}}}
	for n := range 11 {
		s.builds = append(s.builds, weir.Build{ID: weir.BuildID(100 - n), Builder: mill, Cause: weir.CauseChange, State: weir.Finished, Outcome: weir.Broken,
			Pins: weir.Pins{"brook": fmt.Sprint("b", 50-n), "mill": "m1"}, Created: now.Add(-time.Duration(n) * 24 * time.Hour), Finished: now.Add(-time.Duration(n) * 24 * time.Hour)})
	}
	s.heads = map[weir.BuilderID]weir.Build{mill.ID: s.builds[0]}
	for _, b := range table.Builders[:2] {
		s.heads[b.ID] = weir.Build{ID: 1, Builder: b, State: weir.Finished, Outcome: weir.Passed, Pins: weir.Pins{"brook": "new"}}
	}
	p, got := planOnce(t, table, s, now)
	if d, ok := p.Delay(mill.ID); len(got) != 0 || !ok || d.Reason != schedule.DelayDead || !d.Until.Equal(now.Add(2*time.Hour)) {
		t.Errorf("%v are made, put off by %+v", got, d)
	}
	if _, got = planOnce(t, table, s, now.Add(2*time.Hour)); len(got) != 1 {
		t.Errorf("after the pause %v are made", got)
	}
	s.tips[1].Due = revision("m2", 2)
	if _, got = planOnce(t, table, s, now); len(got) != 1 {
		t.Errorf("for its own change %v are made", got)
	}
}
