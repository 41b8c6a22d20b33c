// Package find looks for whatever people type into one field: projects, builders,
// tests, commits, regressions, workers, builds and runs.
//
// A number is the id of something, and so is a word with a number behind it, such
// as "build 41". Seven or more hex digits are the beginning of a commit. All else
// is words, each of which must be in what is found.
package find

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/standing"
	"github.com/weir-ci/weir/internal/store"
)

// Kind says what was found.
type Kind string

// The closed set of kinds.
const (
	Build      Kind = "build"
	Run        Kind = "run"
	Regression Kind = "regression"
	Project    Kind = "project"
	Builder    Kind = "builder"
	Worker     Kind = "worker"
	Test       Kind = "test"
	Commit     Kind = "commit"
)

// Kinds lists every kind, in the order in which they are shown if nothing fits
// better than the rest.
func Kinds() []Kind { return []Kind{Build, Regression, Run, Project, Builder, Commit, Test, Worker} }

// Limits.
const (
	MaxText  = 200 // bytes of a question
	MaxHits  = 50  // of one kind
	Hits     = 8   // of one kind, unless asked for otherwise
	maxWords = 8
	namedIn  = 100 // victims of one regression that are looked at
)

// Hit is something that was found. Beside Kind and Name it has what leads to it.
type Hit struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name"` // of a commit the project and the id, of a test its name in full
	// Note says more in a line: the message of a commit, the labels of a worker.
	Note string `json:"note,omitempty"`
	// ID of builds, runs, regressions and builders.
	ID      int64       `json:"id,omitempty"`
	Project string      `json:"project,omitempty"`
	Job     string      `json:"job,omitempty"`      // of a test
	Test    weir.TestID `json:"test,omitzero"`      // of a test
	Commit  string      `json:"revision,omitempty"` // of a commit, in full
	// Branch and Position say where a commit stands.
	Branch   string    `json:"branch,omitempty"`
	Position int64     `json:"position,omitempty"`
	At       time.Time `json:"at,omitzero"` // when it was made, opened, committed or seen
	// Standing is how a project or a builder stands, Outcome how a build ended,
	// State how a build or a regression is.
	Standing standing.Class `json:"class,omitempty"`
	Outcome  weir.Outcome   `json:"outcome,omitempty"`
	State    string         `json:"state,omitempty"`

	score int // how badly it fits; 0 fits best
}

// Group is what was found of one kind.
type Group struct {
	Kind Kind  `json:"kind"`
	Hits []Hit `json:"hits"`           // the best first
	More bool  `json:"more,omitempty"` // there are some that are not listed
}

// Found is what was found.
type Found struct {
	Query string `json:"query"` // as it was understood
	// Exact is what was asked for by its id or its whole name; nil if nothing was.
	Exact  *Hit    `json:"exact,omitempty"`
	Groups []Group `json:"groups"` // those that fit best first
}

// Store is what is read.
type Store interface {
	store.Finder
	BoardBuilds(ctx context.Context, ids []weir.BuildID) ([]store.BoardBuild, error)
	Run(ctx context.Context, id weir.RunID) (weir.Run, error)
	Regression(ctx context.Context, id weir.RegressionID) (weir.Regression, error)
	Workers(ctx context.Context) ([]weir.Worker, error)
}

// Reader looks for things. Make it with New.
type Reader struct {
	store  Store
	window *recent.Window
	lister *standing.Lister
	cases  *recent.Episodes
	cased  caseTexts
}

// New makes a Reader.
func New(s Store, w *recent.Window, l *standing.Lister, c *recent.Episodes) *Reader {
	return &Reader{store: s, window: w, lister: l, cases: c}
}

// question is what somebody typed, understood.
type question struct {
	text  string
	words []string // in lower case
	limit int
	// Of a number: what it may be the id of.
	number int64
	kind   Kind // empty: anything
}

var prefixes = map[string]Kind{"build": Build, "run": Run, "regression": Regression, "builder": Builder}

func ask(text string, limit int) question {
	text = strings.ToValidUTF8(text[:min(len(text), MaxText)], "")
	q := question{text: strings.Join(strings.Fields(text), " "), limit: limit}
	if limit <= 0 {
		q.limit = Hits
	}
	q.limit = min(q.limit, MaxHits)
	q.words = strings.Fields(strings.ToLower(q.text))
	q.words = q.words[:min(len(q.words), maxWords)]
	digits := q.words
	if len(digits) == 2 && prefixes[digits[0]] != "" {
		q.kind, digits = prefixes[digits[0]], digits[1:]
	}
	if len(digits) == 1 {
		if n, err := strconv.ParseInt(strings.TrimPrefix(digits[0], "#"), 10, 64); err == nil && n > 0 && digits[0][0] != '+' {
			q.number = n
			return q
		}
	}
	q.kind = ""
	return q
}

// minHash is how many digits of a commit must be there to be taken for one.
const minHash = 7

// hash reports whether the question is the beginning of a commit's id.
func (q question) hash() bool {
	return len(q.words) == 1 && len(q.words[0]) >= minHash && strings.Trim(q.words[0], "0123456789abcdef") == ""
}

// score says how badly a name fits: 0 is the whole of it, 1 its beginning, 2 the
// beginning of a part of it, 3 somewhere; -1 does not fit.
func (q question) score(name string) int {
	name = strings.ToLower(name)
	whole := strings.Join(q.words, " ")
	switch {
	case len(q.words) == 0:
		return -1
	case name == whole:
		return 0
	case strings.HasPrefix(name, whole):
		return 1
	}
	score := 2
	for _, w := range q.words {
		i := strings.Index(name, w)
		if i < 0 {
			return -1
		}
		if i > 0 && strings.IndexByte(" /-_.+:", name[i-1]) < 0 {
			score = 3
		}
	}
	return score
}

// Find looks for text, at most limit of each kind (0: Hits). Empty text finds nothing.
func (r *Reader) Find(ctx context.Context, text string, limit int) (Found, error) {
	q := ask(text, limit)
	out := Found{Query: q.text, Groups: []Group{}}
	if len(q.words) == 0 {
		return out, nil
	}
	var hits []Hit
	for _, look := range []func(context.Context, question) ([]Hit, error){r.numbers, r.projects, r.builders, r.regressions, r.commits, r.tests, r.workers} {
		more, err := look(ctx, q)
		if err != nil {
			return out, err
		}
		hits = append(hits, more...)
	}
	out.Groups = gather(hits, q.limit)
	if len(out.Groups) > 0 && out.Groups[0].Hits[0].score == 0 {
		exact := out.Groups[0].Hits[0]
		out.Exact = &exact
	}
	return out, nil
}

// gather puts hits into groups, the best first.
func gather(hits []Hit, limit int) []Group {
	groups := []Group{}
	for _, kind := range Kinds() {
		g := Group{Kind: kind}
		for _, h := range hits {
			if h.Kind == kind {
				g.Hits = append(g.Hits, h)
			}
		}
		slices.SortStableFunc(g.Hits, func(a, b Hit) int { return cmp.Compare(a.score, b.score) })
		if len(g.Hits) > limit {
			g.Hits, g.More = g.Hits[:limit:limit], true
		}
		if len(g.Hits) > 0 {
			groups = append(groups, g)
		}
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return cmp.Compare(a.Hits[0].score, b.Hits[0].score) })
	return groups
}
