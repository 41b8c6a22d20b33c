package standing

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// Store is what is read beside the newest builds.
type Store interface {
	Run(ctx context.Context, id weir.RunID) (weir.Run, error)
	ListBuilds(ctx context.Context, f store.BuildFilter) ([]weir.Build, error)
	Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error)
	Sources(ctx context.Context) ([]store.Source, error)
	Tips(ctx context.Context) ([]weir.Tip, error)
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
}

// Limits of one answer.
const (
	maxBranches    = 20
	revisionsShown = 12
	maxRegressions = 50
	maxNeighbours  = 200
	maxRunBuilds   = 1000
	maxBuilders    = 500
)

// Reader answers for one project, one builder or one run. Make it with New.
type Reader struct {
	*Lister
	store Store
}

// New makes a Reader.
func New(s Store, l *Lister) *Reader { return &Reader{l, s} }

// Branch is a branch of a project's source.
type Branch struct {
	Name     string        `json:"name,omitempty"` // empty: the default one
	Tip      weir.Revision `json:"tip,omitzero"`
	Polled   time.Time     `json:"polled,omitzero"` // when it answered last
	Error    string        `json:"error,omitempty"` // why it does not answer; empty if it does
	ErrSince time.Time     `json:"error_since,omitzero"`
}

// ProjectDetail is all that is to be said of one project.
type ProjectDetail struct {
	Project
	// Rows are its builders, the worst first and idle ones last, at most 500.
	Rows []Builder `json:"rows"`
	// Above are the projects that it is built against, Below those that are built against it.
	Above []Project `json:"above"`
	Below []Project `json:"below"`
	// Branches are the branches that are followed, at most 20.
	Branches []Branch `json:"branches"`
	// Revisions are the newest of the first of them, newest first.
	Revisions []weir.Revision `json:"revisions"`
	// Regressions are open, with a test of the project, or by one of its revisions.
	Regressions []weir.Regression `json:"regressions"`
}

// Project says all of one project; NotFound if nothing of it was ever polled or built.
func (r *Reader) Project(ctx context.Context, name string) (ProjectDetail, error) {
	if !weir.ValidName(name) {
		return ProjectDetail{}, noProject(name)
	}
	b, err := r.all(ctx)
	if err != nil {
		return ProjectDetail{}, err
	}
	d := ProjectDetail{Project: Project{Name: name, Class: Unknown, History: []weir.Outcome{}, Platforms: []weir.Platform{}}, Rows: []Builder{}, Revisions: []weir.Revision{}}
	i := slices.IndexFunc(b.list, func(p Project) bool { return p.Name == name })
	if i >= 0 {
		d.Project = b.list[i]
	}
	if d.Branches, err = r.branches(ctx, name); err != nil {
		return d, err
	}
	if i < 0 && len(d.Branches) == 0 {
		return d, noProject(name)
	}
	d.Rows = builderRows(b.state.Rows, name)
	d.Above, d.Below = neighbours(b.list, d.Project)
	if d.Regressions, err = r.store.Regressions(ctx, store.RegressionFilter{Project: name,
		States: []weir.RegressionState{weir.Searching, weir.Located, weir.Narrowed}, Limit: maxRegressions}); err != nil {
		return d, err
	}
	if d.Regressions == nil {
		d.Regressions = []weir.Regression{}
	}
	if len(d.Branches) > 0 && d.Branches[0].Tip.ID != "" {
		tip := d.Branches[0]
		if d.Revisions, err = r.store.RevisionRange(ctx, name, tip.Name, tip.Tip.Position-revisionsShown+1, tip.Tip.Position); err != nil {
			return d, err
		}
		slices.Reverse(d.Revisions)
	}
	return d, nil
}

func noProject(name string) error {
	return weir.Errorf(weir.NotFound, "there is no project %.80q", name).WithHint("the overview lists the projects; weir status does, too")
}

// branches lists the branches of a project that were polled, the one first that
// was there first.
func (r *Reader) branches(ctx context.Context, name string) ([]Branch, error) {
	sources, err := r.store.Sources(ctx)
	if err != nil {
		return nil, err
	}
	tips, err := r.store.Tips(ctx)
	if err != nil {
		return nil, err
	}
	list := []Branch{}
	for _, s := range sources {
		if s.Project != name {
			continue
		}
		b := Branch{Name: s.Branch, Polled: s.Polled, Error: s.Error, ErrSince: s.ErrSince}
		if i := slices.IndexFunc(tips, func(t weir.Tip) bool { return t.Project == name && t.Branch == s.Branch }); i >= 0 {
			b.Tip = tips[i].Revision
		}
		list = append(list, b)
	}
	// The main branch has the longest past here.
	slices.SortStableFunc(list, func(a, b Branch) int { return cmp.Compare(b.Tip.Position, a.Tip.Position) })
	return list[:min(len(list), maxBranches)], nil
}

func builderRows(rows []recent.Row, project string) []Builder {
	list, own := []Builder{}, []recent.Row{}
	for _, row := range rows {
		if row.Builder.Project == project {
			own = append(own, row)
		}
	}
	isIdle := idle(own)
	for _, row := range own {
		b := Of(row)
		b.Idle = isIdle(row)
		list = append(list, b)
	}
	last := func(b Builder) int {
		if b.Idle {
			return 1
		}
		return 0
	}
	classes := Classes()
	slices.SortStableFunc(list, func(a, b Builder) int {
		return cmp.Or(last(a)-last(b), slices.Index(classes, a.Class)-slices.Index(classes, b.Class), cmp.Compare(b.Since, a.Since),
			strings.Compare(a.Builder.Name(), b.Builder.Name()))
	})
	return list[:min(len(list), maxBuilders)]
}

func neighbours(list []Project, of Project) (above, below []Project) {
	above, below = []Project{}, []Project{}
	for _, p := range list {
		if slices.Contains(of.Upstreams, p.Name) {
			above = append(above, p)
		}
		if slices.Contains(p.Upstreams, of.Name) && len(below) < maxNeighbours {
			below = append(below, p)
		}
	}
	return above, below
}

// BuilderDetail is a builder and its newest builds.
type BuilderDetail struct {
	Builder
	Builds []store.BoardBuild `json:"builds"` // newest first
	// Regressions are open, with a test on the builder.
	Regressions []weir.Regression `json:"regressions"`
}

// Builder says all of one builder; NotFound if there is none.
func (r *Reader) Builder(ctx context.Context, id weir.BuilderID) (BuilderDetail, error) {
	s, err := r.window.State(ctx)
	if err != nil {
		return BuilderDetail{}, err
	}
	row, ok := s.Row(id)
	if !ok {
		return BuilderDetail{}, weir.Errorf(weir.NotFound, "there is no builder %d", id)
	}
	d := BuilderDetail{Builder: Of(row), Builds: row.Builds}
	if d.Builds == nil {
		d.Builds = []store.BoardBuild{}
	}
	d.Regressions, err = r.store.Regressions(ctx, store.RegressionFilter{Builder: id,
		States: []weir.RegressionState{weir.Searching, weir.Located, weir.Narrowed}, Limit: maxRegressions})
	if d.Regressions == nil {
		d.Regressions = []weir.Regression{}
	}
	return d, err
}

// RunDetail is a run and its builds.
type RunDetail struct {
	Run    weir.Run     `json:"run"`
	Builds []weir.Build `json:"builds"` // the worst first, at most 1,000
	More   bool         `json:"more,omitempty"`
	// Usual is how long the builds that have not ended usually run, by builder.
	Usual map[weir.BuilderID]time.Duration `json:"usual,omitempty"`
}

// Run says all of one run; NotFound if there is none.
func (r *Reader) Run(ctx context.Context, id weir.RunID) (RunDetail, error) {
	run, err := r.store.Run(ctx, id)
	if err != nil {
		return RunDetail{}, err
	}
	d := RunDetail{Run: run, Usual: map[weir.BuilderID]time.Duration{}}
	if d.Builds, err = r.store.ListBuilds(ctx, store.BuildFilter{Run: id, Limit: maxRunBuilds}); err != nil {
		return d, err
	}
	if d.Builds == nil {
		d.Builds = []weir.Build{}
	}
	d.More = len(d.Builds) == maxRunBuilds
	slices.SortStableFunc(d.Builds, func(a, b weir.Build) int {
		return cmp.Or(urgency(b)-urgency(a), cmp.Compare(a.ID, b.ID))
	})
	s, err := r.window.State(ctx)
	if err != nil {
		return d, err
	}
	for _, b := range d.Builds {
		if row, ok := s.Row(b.Builder.ID); ok && !b.State.Final() {
			d.Usual[b.Builder.ID] = row.Usual()
		}
	}
	return d, nil
}

// urgency orders builds, the worst highest. Those that passed without a test are
// behind those that ended badly, and before all others.
func urgency(b weir.Build) int {
	if b.Hollow() {
		return 2*severity(weir.Infra) - 1
	}
	return 2 * severity(ended(b))
}

// ended is the outcome of a build, empty while it has none.
func ended(b weir.Build) weir.Outcome {
	if b.State.Final() {
		return b.Outcome
	}
	return ""
}

// Usual is how long the builds of builders usually run; 0 for those of which
// nothing is known.
func (l *Lister) Usual(ctx context.Context, builders []weir.BuilderID) (map[weir.BuilderID]time.Duration, error) {
	s, err := l.window.State(ctx)
	if err != nil {
		return nil, err
	}
	usual := make(map[weir.BuilderID]time.Duration, len(builders))
	for _, id := range builders {
		if row, ok := s.Row(id); ok {
			usual[id] = row.Usual()
		}
	}
	return usual, nil
}
