package standing

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
)

// Show says which projects are listed.
type Show string

// The closed set of them.
const (
	ShowAll     Show = "all"
	ShowBad     Show = "bad"     // those with a builder that is bad
	ShowRunning Show = "running" // those of which something runs or waits
	ShowChanged Show = "changed" // those that stand otherwise than a build ago
)

// Shows lists all of them.
func Shows() []Show { return []Show{ShowAll, ShowBad, ShowRunning, ShowChanged} }

// By says how projects are grouped.
type By string

// The closed set of them.
const (
	ByNothing  By = "none"
	ByUpstream By = "upstream" // what they are built against
	ByPlatform By = "platform" // each project in the group of every platform, as it stands there
	ByState    By = "state"    // bad, fine, ...
)

// Groupings lists all of them.
func Groupings() []By { return []By{ByNothing, ByUpstream, ByPlatform, ByState} }

// Query asks for projects.
type Query struct {
	Text  string // words, each part of the name of the project, a platform or an upstream; empty: all
	Show  Show   // empty: ShowAll
	Group By     // empty: ByNothing
	Limit int    // projects, counted once for each group; at most and 0: MaxProjects
}

// MaxProjects is how many projects one answer lists.
const MaxProjects = 1000

// maxText limits, in bytes, what is looked for.
const maxText = 200

// Group is projects that have something in common.
type Group struct {
	Name     string    `json:"name,omitempty"` // what that is; empty: nothing
	Projects []Project `json:"projects"`       // worst first; of equals, those with the newest trouble, then by name
	// Of is how many projects are in the group, with those that are over the limit.
	Of int `json:"of"`
}

// Projects are the projects that were asked for.
type Projects struct {
	Groups []Group `json:"groups"`
	Total  int     `json:"total"`          // projects of the farm
	Found  int     `json:"found"`          // of those, how many match
	More   int     `json:"more,omitempty"` // places in groups that are not listed
	// Classes counts all projects by how they stand.
	Classes map[Class]int `json:"classes"`
	Hollow  int           `json:"hollow,omitempty"` // of those that are fine, how many ran none of their tests
	Seq     int64         `json:"-"`                // of the newest event that is known
}

// Window keeps the newest builds.
type Window interface {
	State(ctx context.Context) (*recent.State, error)
}

// board is what was made of a state, once for all who ask for it.
type board struct {
	state *recent.State
	list  []Project // worst first
}

// Lister lists projects. Make it with NewLister. It is safe for concurrent use.
type Lister struct {
	window Window
	last   atomic.Pointer[board]
}

// NewLister makes a Lister of what is known of builds.
func NewLister(w Window) *Lister { return &Lister{window: w} }

// all lists all projects, worst first.
func (l *Lister) all(ctx context.Context) (*board, error) {
	s, err := l.window.State(ctx)
	if err != nil {
		return nil, err
	}
	if b := l.last.Load(); b != nil && sameRows(b.state, s) {
		return &board{s, b.list}, nil
	}
	b := &board{s, worstFirst(List(s.Rows, nil))}
	l.last.Store(b)
	return b, nil
}

// sameRows reports whether two states have the same rows: a state that is new only
// because of events that concern no build shares them with the one before.
func sameRows(a, b *recent.State) bool {
	return a == b || len(a.Rows) == len(b.Rows) && len(a.Rows) > 0 && &a.Rows[0] == &b.Rows[0]
}

func worstFirst(list []Project) []Project {
	classes := Classes()
	rank := func(p Project) int {
		n := 2 * slices.Index(classes, p.Class)
		if p.Hollow() { // behind what is bad, before what is fine
			n--
		}
		return n
	}
	slices.SortStableFunc(list, func(a, b Project) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(b.Since, a.Since)) })
	return list
}

// Projects lists the projects that are asked for.
func (l *Lister) Projects(ctx context.Context, q Query) (Projects, error) {
	b, err := l.all(ctx)
	if err != nil {
		return Projects{}, err
	}
	out := Projects{Total: len(b.list), Classes: map[Class]int{}, Seq: b.state.Seq, Groups: []Group{}}
	for _, p := range b.list {
		if out.Classes[p.Class]++; p.Hollow() {
			out.Hollow++
		}
	}
	words := strings.Fields(strings.ToLower(q.Text[:min(len(q.Text), maxText)]))
	matches := func(p Project) bool { return showable(p, q.Show) && hasWords(p, words) }
	list := b.list
	if len(words) > 0 || q.Show != "" && q.Show != ShowAll {
		list = slices.DeleteFunc(slices.Clone(list), func(p Project) bool { return !matches(p) })
	}
	out.Found = len(list)
	room := q.Limit
	if room <= 0 || room > MaxProjects {
		room = MaxProjects
	}
	for _, g := range group(list, b.state.Rows, q, matches) {
		g.Of = len(g.Projects)
		n := min(room, g.Of)
		g.Projects, room, out.More = g.Projects[:n:n], room-n, out.More+g.Of-n
		if n > 0 {
			out.Groups = append(out.Groups, g)
		}
	}
	return out, nil
}

func showable(p Project, show Show) bool {
	switch show {
	case ShowBad:
		return p.Class == Bad || p.Hollow()
	case ShowRunning:
		return p.Running+p.Waiting > 0
	case ShowChanged:
		return p.Changed
	}
	return true
}

func hasWords(p Project, words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := p.Name + " " + strings.Join(p.Upstreams, " ")
	for _, platform := range p.Platforms {
		text += " " + string(platform)
	}
	text = strings.ToLower(text)
	return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) })
}

// group puts a list into groups, by name but for states, of which the worst comes first.
func group(list []Project, rows []recent.Row, q Query, matches func(Project) bool) []Group {
	switch q.Group {
	case ByUpstream:
		return grouped(list, func(p Project) string { return strings.Join(p.Upstreams, ", ") })
	case ByState:
		groups := grouped(list, func(p Project) string { return string(p.Class) })
		slices.SortFunc(groups, func(a, b Group) int {
			return slices.Index(Classes(), Class(a.Name)) - slices.Index(Classes(), Class(b.Name))
		})
		return groups
	case ByPlatform:
		var groups []Group
		for _, p := range platforms(list) {
			there := worstFirst(List(rows, func(b weir.Builder) bool { return b.Platform == p }))
			there = slices.DeleteFunc(there, func(p Project) bool { return !matches(p) })
			if len(there) > 0 {
				groups = append(groups, Group{Name: string(p), Projects: there})
			}
		}
		return groups
	}
	return []Group{{Projects: list}}
}

// maxPlatforms limits the groups by platform.
const maxPlatforms = 50

func platforms(list []Project) (all []weir.Platform) {
	seen := map[weir.Platform]bool{}
	for _, p := range list {
		for _, name := range p.Platforms {
			if !seen[name] {
				seen[name], all = true, append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all[:min(len(all), maxPlatforms)]
}

func grouped(list []Project, of func(Project) string) (groups []Group) {
	at := map[string]int{}
	for _, p := range list {
		name := of(p)
		i, ok := at[name]
		if !ok {
			i, at[name] = len(groups), len(groups)
			groups = append(groups, Group{Name: name})
		}
		groups[i].Projects = append(groups[i].Projects, p)
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
	return groups
}
