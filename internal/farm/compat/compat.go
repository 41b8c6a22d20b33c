// Package compat answers whether a project works with an upstream on a platform:
// yes, no or unknown, and never without the builds that show it.
//
// A question is a sentence (Parse) or its parts (Ask). The answer rests on the
// newest build of each builder that fits and says something: one that was
// cancelled, hit an infrastructure error or did not get its upstream says
// nothing. If nothing fits the answer says what would be needed.
package compat

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

// Limits.
const (
	MaxEvidence  = 60  // builders in one answer
	MaxArtifacts = 40  // files in one answer
	fileBuilds   = 3   // builds whose files are listed
	deepBuilders = 60  // builders whose older builds are looked at
	deepBuilds   = 400 // of each
	maxKnown     = 20_000
	maxLookups   = 64 // revisions whose branch is looked up for one answer
	casesShown   = 10
	failedShown  = 5 // tests that are named of a build that says no
)

// Verdict is an answer.
type Verdict string

// The closed set of answers.
const (
	Yes     Verdict = "yes"
	No      Verdict = "no"
	Unknown Verdict = "unknown"
)

// Store is what is read.
type Store interface {
	Lately(ctx context.Context, builders []weir.BuilderID, per int) ([]store.BoardBuild, error)
	Tips(ctx context.Context) ([]weir.Tip, error)
	Revision(ctx context.Context, project, branch, id string) (weir.Revision, error)
	Artifacts(ctx context.Context, id weir.BuildID) ([]weir.Artifact, error)
	Regressions(ctx context.Context, f store.RegressionFilter) ([]weir.Regression, error)
}

// Results reads what the tests of a build reported.
type Results func(ctx context.Context, id weir.BuildID) (weir.ResultSet, error)

// Window keeps the newest builds of every builder. *recent.Window is one.
type Window interface {
	State(ctx context.Context) (*recent.State, error)
}

// Evidence is what one builder says.
type Evidence struct {
	Builder weir.Builder     `json:"builder"`
	Build   store.BoardBuild `json:"build"` // the one that the answer rests on; its ID is 0 if there is none
	Answer  Verdict          `json:"answer"`
	Why     string           `json:"why"`     // a few words: "3 of 1,204 tests fail, 1 of them newly"
	Version string           `json:"version"` // of the upstream, or of the project itself
	// Newer is a newer build that says nothing, or has not ended; 0: there is none.
	// Silence says in a few words why it does not.
	Newer   weir.BuildID `json:"newer,omitempty"`
	Silence string       `json:"silence,omitempty"`
	// Failed are tests that fail in it, by name, at most 5, of the first three builders
	// that say no; MoreFailed is how many more there are.
	Failed     []weir.TestID `json:"failed,omitempty"`
	MoreFailed int           `json:"more_failed,omitempty"`
}

// File is something to download.
type File struct {
	Build    weir.BuildID  `json:"build"`
	Platform weir.Platform `json:"platform"`
	weir.Artifact
}

// Case is an open regression of what was asked for.
type Case struct {
	ID    weir.RegressionID    `json:"id"`
	State weir.RegressionState `json:"state"`
	Since time.Time            `json:"since"`
	// Culprit is who did it, as far as that is known.
	Culprit weir.Culprit `json:"culprit,omitzero"`
}

// Answer is what the farm knows.
type Answer struct {
	Ask
	Sentence string   `json:"sentence"`          // the question as it was understood
	Strange  []string `json:"strange,omitempty"` // words of it that mean nothing here
	Answer   Verdict  `json:"answer"`
	Text     string   `json:"text"` // one sentence
	// Needed says of an unknown answer what would make it known.
	Needed   string     `json:"needed,omitempty"`
	Near     string     `json:"near,omitempty"` // the project that may have been meant
	Evidence []Evidence `json:"evidence"`
	More     int        `json:"more,omitempty"` // evidence that is left out
	Cases    []Case     `json:"cases,omitempty"`
	Files    []File     `json:"files,omitempty"`
	Matrix   Matrix     `json:"matrix"`
	Badge    Badge      `json:"badge"`
	Projects []string   `json:"projects,omitempty"` // that can be asked for, if none was
	// Example is a question that this farm can answer, for who does not know what to ask;
	// empty: no project is built against another one.
	Example string `json:"-"`
}

// Reader answers. Make one with New; it is safe for concurrent use.
type Reader struct {
	store   Store
	window  Window
	results Results
	now     func() time.Time
	deep    deep

	mu    sync.Mutex
	known lines // branches do not lose revisions
}

// New makes a reader. Without results it names no tests.
func New(s Store, w Window, results Results, now func() time.Time) *Reader {
	return &Reader{store: s, window: w, results: results, now: now, known: lines{}}
}

// Say answers a sentence.
func (r *Reader) Say(ctx context.Context, sentence string) (Answer, error) {
	state, err := r.window.State(ctx)
	if err != nil {
		return Answer{}, err
	}
	v := newView(state)
	p := Parse(sentence, Names{All: v.names, Upstream: v.upstream})
	a, err := r.answer(ctx, v, p.Ask, true)
	a.Strange, a.Example = p.Strange, v.example()
	if a.Project == "" {
		a.Near = v.near(p.Strange)
	}
	return a, err
}

// Ask answers a question whose parts are known.
func (r *Reader) Ask(ctx context.Context, ask Ask) (Answer, error) {
	state, err := r.window.State(ctx)
	if err != nil {
		return Answer{}, err
	}
	v := newView(state)
	a, err := r.answer(ctx, v, tidy(ask), true)
	a.Example = v.example()
	return a, err
}

// Badge answers a question in the few words of a badge.
func (r *Reader) Badge(ctx context.Context, ask Ask) (Badge, error) {
	state, err := r.window.State(ctx)
	if err != nil {
		return Badge{}, err
	}
	a, err := r.answer(ctx, newView(state), tidy(ask), false)
	return a.Badge, err
}

func tidy(a Ask) Ask {
	a.Of, a.Version = strings.ToLower(strings.TrimSpace(a.Of)), strings.ToLower(strings.TrimSpace(a.Version))
	if p := Platform(a.Platform); p != "" {
		a.Platform = p
	}
	return a
}

// answer answers a question; whole says that everything is told that goes with it.
func (r *Reader) answer(ctx context.Context, v view, ask Ask, whole bool) (Answer, error) {
	a := Answer{Ask: ask, Sentence: ask.Sentence(), Answer: Unknown, Evidence: []Evidence{}}
	if ask.Project == "" {
		a.Text, a.Projects, a.Badge = "The question names no project of this farm.", v.downstreams(), newBadge(a, r.now())
		return a, nil
	}
	rows := v.of(ask)
	lines, err := r.branches(ctx, v, ask, rows)
	if err != nil {
		return a, err
	}
	idle := v.idle(ask)
	for _, row := range rows {
		if on(row.Builder.Platform, ask.Platform) && !idle(row) {
			a.Evidence = append(a.Evidence, evidence(row, ask, lines))
		}
	}
	if err := r.older(ctx, &a, rows, lines); err != nil {
		return a, err
	}
	doubt(&a, rows)
	conclude(&a, v, rows)
	a.Badge = newBadge(a, r.now())
	if !whole {
		return a, nil
	}
	a.Matrix = matrix(ask, rows, lines)
	if err := r.cases(ctx, &a); err != nil {
		return a, err
	}
	if err := r.failed(ctx, &a); err != nil {
		return a, err
	}
	return a, r.files(ctx, &a)
}

// branches finds out on which branches the revisions are that builds used.
func (r *Reader) branches(ctx context.Context, v view, ask Ask, rows []recent.Row) (lines, error) {
	out := lines{}
	tips, err := r.store.Tips(ctx)
	if err != nil {
		return out, err
	}
	of := map[string][]string{}
	for _, t := range tips {
		if !slices.Contains(of[t.Project], t.Branch) {
			of[t.Project] = append(of[t.Project], t.Branch)
		}
	}
	looked := 0
	for _, row := range rows {
		seen := map[string]bool{}
		for i := range row.Builds {
			for project, revision := range row.Builds[i].Pins {
				at := project + " " + revision
				if project == row.Builder.Project || seen[at] || !v.asked(project, ask) {
					continue
				}
				if len(of[project]) < 2 { // it has but one line
					out[at] = strings.Join(of[project], "")
					continue
				}
				if len(seen) == rowLookups {
					continue
				}
				seen[at] = true
				branch, ok := r.branch(at)
				for k := 0; !ok && k < len(of[project]) && looked < maxLookups; k++ {
					looked++
					_, err := r.store.Revision(ctx, project, of[project][k], revision)
					if err != nil && weir.CodeOf(err) != weir.NotFound {
						return out, err
					}
					if ok = err == nil; ok {
						branch = of[project][k]
						r.keep(at, branch)
					}
				}
				if ok {
					out[at] = branch
				}
			}
		}
	}
	return out, nil
}

// rowLookups is of how many revisions of a builder the branch is looked up.
const rowLookups = 12

func (r *Reader) branch(at string) (string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.known[at]
	return b, ok
}

func (r *Reader) keep(at, branch string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxKnown {
		clear(r.known)
	}
	r.known[at] = branch
}

// older looks at older builds of builders of which none of the newest ones fits, or
// only such as go back to older revisions: a bisection may have pushed the others out.
func (r *Reader) older(ctx context.Context, a *Answer, rows []recent.Row, lines lines) error {
	var ids []weir.BuilderID
	for _, e := range a.Evidence {
		missing := e.Build.ID == 0 && (a.Version != "" || a.Of != "")
		if (missing || e.Build.ID != 0 && !e.Build.Cause.Advances()) && len(ids) < deepBuilders {
			ids = append(ids, e.Builder.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	builds, err := r.deep.of(ctx, r.store, ids, r.now())
	if err != nil {
		return err
	}
	for i := range a.Evidence {
		e := &a.Evidence[i]
		if list := builds[e.Builder.ID]; !e.Build.Cause.Advances() && len(list) > 0 {
			*e = evidence(recent.Row{Builder: e.Builder, Builds: list}, a.Ask, lines)
		}
	}
	return nil
}

// cases lists the open regressions of builders that say no.
func (r *Reader) cases(ctx context.Context, a *Answer) error {
	looked := 0
	for _, e := range a.Evidence {
		if e.Answer != No || looked == fileBuilds {
			continue
		}
		looked++
		list, err := r.store.Regressions(ctx, store.RegressionFilter{Builder: e.Builder.ID, Limit: casesShown,
			States: []weir.RegressionState{weir.Searching, weir.Located, weir.Narrowed}})
		if err != nil {
			return err
		}
		for _, reg := range list {
			if len(a.Cases) < casesShown && !slices.ContainsFunc(a.Cases, func(c Case) bool { return c.ID == reg.ID }) {
				a.Cases = append(a.Cases, Case{reg.ID, reg.State, reg.Opened, reg.Culprit})
			}
		}
	}
	return nil
}

// failed names tests that fail in the builds that say no. What the results of a
// build were is not kept for ever.
func (r *Reader) failed(ctx context.Context, a *Answer) error {
	if r.results == nil {
		return nil
	}
	for i := range a.Evidence[:min(len(a.Evidence), fileBuilds)] {
		e := &a.Evidence[i]
		if e.Answer != No || e.Build.Counts.Bad() == 0 {
			continue
		}
		set, err := r.results(ctx, e.Build.ID)
		if weir.CodeOf(err) == weir.NotFound {
			continue
		}
		if err != nil {
			return err
		}
		for _, t := range set.Results {
			switch {
			case !t.Status.Bad() || t.Test.Suite == weir.StepSuite:
			case len(e.Failed) < failedShown:
				e.Failed = append(e.Failed, t.Test)
			default:
				e.MoreFailed++
			}
		}
	}
	return nil
}

// files lists what the builds keep that the answer rests on: of those that passed.
func (r *Reader) files(ctx context.Context, a *Answer) error {
	looked := 0
	for _, e := range a.Evidence {
		if e.Answer != Yes || looked == fileBuilds || len(a.Files) == MaxArtifacts {
			continue
		}
		looked++
		list, err := r.store.Artifacts(ctx, e.Build.ID)
		if err != nil {
			return err
		}
		for _, f := range list[:min(len(list), MaxArtifacts-len(a.Files))] {
			a.Files = append(a.Files, File{e.Build.ID, e.Builder.Platform, f})
		}
	}
	return nil
}
