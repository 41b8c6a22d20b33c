// Package boards lays out what many builds say at once: a matrix (downstream
// projects x revisions of an upstream, or x platforms), a console (revisions x
// builders) and a waterfall (time x builders).
//
// A board is made in two steps. What it needs is gathered first: the newest builds
// come from memory (package recent), what is older from the store, bounded by
// limits that no question can exceed. Then a pure function lays it out. That
// function is where decisions are, such as what counts as new (Grade), and
// what the tests hold on to.
//
// A board is anchored at a revision's position or at a moment, never at "the
// newest twenty", so that its address says the same tomorrow.
package boards

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
	// Tips lists the newest revision of every branch of every project.
	Tips(ctx context.Context) ([]weir.Tip, error)
	// Revision finds one revision; NotFound if there is none.
	Revision(ctx context.Context, project, branch, id string) (weir.Revision, error)
	// RevisionRange lists revisions with first <= position <= last, in order.
	RevisionRange(ctx context.Context, project, branch string, first, last int64) ([]weir.Revision, error)
	// Span lists the builds that were made in a span of time, newest first.
	Span(ctx context.Context, q store.SpanQuery) ([]store.BoardBuild, error)
	// Earlier lists, for each of some builders, the newest of its builds with ids below
	// one, at most per of each.
	Earlier(ctx context.Context, of []store.Before, per int) ([]store.BoardBuild, error)
}

// Recent is the newest builds of every builder. *recent.Window is one.
type Recent interface {
	State(ctx context.Context) (*recent.State, error)
}

// Boards makes boards. Make it with New.
type Boards struct {
	recent Recent
	store  Store
	now    func() time.Time
}

// New makes boards of what is in memory and in the store.
func New(r Recent, s Store, now func() time.Time) *Boards { return &Boards{r, s, now} }

// Limits of a board.
const (
	maxRows      = 100 // of a matrix
	maxColumns   = 20  // of a matrix, revisions or platforms
	maxChoices   = 200 // upstreams or projects to choose from
	consoleRows  = 30
	maxBuilders  = 60     // columns of a console or a waterfall
	maxBlocks    = 1200   // builds of a waterfall
	maxOlder     = 20_000 // older builds that one board reads, at most
	onePast      = 64     // of them of each builder at once
	pastBuilders = 100    // builders of a matrix that reads older builds
	maxRevisions = 4000   // that are looked through for the columns of a matrix
	oneReading   = 400    // revisions that are read at once
)

// Rev is a revision as much as the head of a row or a column shows.
type Rev struct {
	ID       string    `json:"id"`
	Position int64     `json:"position"`
	Author   string    `json:"author,omitempty"`
	Subject  string    `json:"subject,omitempty"`
	Time     time.Time `json:"time,omitzero"`
	Skipped  string    `json:"skipped,omitempty"` // why it sets nothing off by itself; empty if it does
}

func newRev(r weir.Revision) Rev {
	return Rev{ID: r.ID, Position: r.Position, Author: r.Author, Subject: r.Subject(), Time: r.Time, Skipped: r.Skipped}
}

// Choice is a project whose board can be looked at.
type Choice struct {
	Project string `json:"project"`
	// Downstreams is how many projects are tested against it.
	Downstreams int `json:"downstreams"`
	Builders    int `json:"builders"` // of its own
}

// upstreamsOf lists the projects that a builder's builds are built against.
func upstreamsOf(b weir.Builder) []string {
	if b.Upstreams == "" {
		return nil
	}
	return strings.Split(b.Upstreams, ",")
}

// against reports whether builds of the builder are built against a project.
func against(b weir.Builder, project string) bool {
	for rest := b.Upstreams; rest != ""; {
		var name string
		if name, rest, _ = strings.Cut(rest, ","); name == project {
			return true
		}
	}
	return false
}

// choices lists all projects: those first that most others are tested against, then by name.
func choices(rows []recent.Row) []Choice {
	known := map[string]*Choice{}
	of := func(project string) *Choice {
		if known[project] == nil {
			known[project] = &Choice{Project: project}
		}
		return known[project]
	}
	pairs := map[[2]string]bool{}
	for _, r := range rows {
		of(r.Builder.Project).Builders++
		for _, up := range upstreamsOf(r.Builder) {
			if pair := [2]string{up, r.Builder.Project}; !pairs[pair] {
				pairs[pair] = true
				of(up).Downstreams++
			}
		}
	}
	list := make([]Choice, 0, len(known))
	for _, c := range known {
		list = append(list, *c)
	}
	slices.SortFunc(list, func(a, b Choice) int {
		return cmp.Or(cmp.Compare(b.Downstreams, a.Downstreams), cmp.Compare(a.Project, b.Project))
	})
	return list
}

// line is a branch of a project, and how far it goes.
type line struct {
	project, branch string
	branches        []string // all that the project has, by name
	first, tip      int64    // positions; 0: it has no revisions
}

// lineOf finds a branch of a project: the one asked for, or if none is, the one
// that most of its builders build.
func (b *Boards) lineOf(ctx context.Context, project, branch string, asked bool, rows []recent.Row) (line, error) {
	tips, err := b.store.Tips(ctx)
	if err != nil {
		return line{}, err
	}
	l := line{project: project, branch: branch}
	built := map[string]int{}
	for _, r := range rows {
		if r.Builder.Project == project {
			built[r.Builder.Branch]++
		}
	}
	best := -1
	for _, t := range tips {
		if t.Project != project {
			continue
		}
		l.branches = append(l.branches, t.Branch)
		if asked && t.Branch == branch || !asked && built[t.Branch] > best {
			best = built[t.Branch]
			l.branch, l.first, l.tip = t.Branch, t.First.Position, t.Revision.Position
		}
	}
	if asked && branch != "" && l.tip == 0 {
		return l, weir.Errorf(weir.NotFound, "%.80q has no branch %.80q", project, branch).WithHint("leave branch out to see its main one")
	}
	return l, nil
}
