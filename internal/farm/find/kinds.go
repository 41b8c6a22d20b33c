package find

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/farm/standing"
)

// numbers finds what has the number as its id: a build first, unless it was said
// what it is.
func (r *Reader) numbers(ctx context.Context, q question) ([]Hit, error) {
	if q.number == 0 {
		return nil, nil
	}
	var hits []Hit
	for i, look := range []struct {
		kind Kind
		find func(context.Context, int64) (Hit, error)
	}{{Build, r.build}, {Regression, r.regression}, {Run, r.run}, {Builder, r.builder}} {
		if q.kind != "" && q.kind != look.kind || q.kind == "" && look.kind == Builder {
			continue
		}
		h, err := look.find(ctx, q.number)
		if weir.CodeOf(err) == weir.NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if h.score = i; q.kind != "" {
			h.score = 0
		}
		hits = append(hits, h)
	}
	return hits, nil
}

func (r *Reader) build(ctx context.Context, id int64) (Hit, error) {
	builds, err := r.store.BoardBuilds(ctx, []weir.BuildID{weir.BuildID(id)})
	if err != nil {
		return Hit{}, err
	}
	if len(builds) == 0 {
		return Hit{}, weir.Errorf(weir.NotFound, "there is no build %d", id)
	}
	b := builds[0]
	h := Hit{Kind: Build, Name: fmt.Sprint("build ", b.ID), ID: id, At: b.Created, Outcome: b.Outcome, State: string(b.State)}
	s, err := r.window.State(ctx)
	if err != nil {
		return h, err
	}
	if row, ok := s.Row(b.Builder); ok {
		h.Project, h.Note = row.Builder.Project, row.Builder.Name()
	}
	return h, nil
}

func (r *Reader) run(ctx context.Context, id int64) (Hit, error) {
	run, err := r.store.Run(ctx, weir.RunID(id))
	if err != nil {
		return Hit{}, err
	}
	return Hit{Kind: Run, Name: fmt.Sprint("run ", run.ID), Note: run.Reason, ID: id, Project: run.Project, At: run.Created}, nil
}

func (r *Reader) regression(ctx context.Context, id int64) (Hit, error) {
	c, err := r.store.Regression(ctx, weir.RegressionID(id))
	if err != nil {
		return Hit{}, err
	}
	return caseHit(c), nil
}

func (r *Reader) builder(ctx context.Context, id int64) (Hit, error) {
	s, err := r.window.State(ctx)
	if err != nil {
		return Hit{}, err
	}
	row, ok := s.Row(weir.BuilderID(id))
	if !ok {
		return Hit{}, weir.Errorf(weir.NotFound, "there is no builder %d", id)
	}
	b := standing.Of(row)
	return Hit{Kind: Builder, Name: row.Builder.Name(), ID: id, Project: row.Builder.Project, Standing: b.Class, Outcome: b.Newest.Outcome, At: b.Newest.Finished}, nil
}

// projects finds projects by parts of their names.
func (r *Reader) projects(ctx context.Context, q question) (hits []Hit, err error) {
	list, err := r.lister.Projects(ctx, standing.Query{Text: q.text})
	if err != nil {
		return nil, err
	}
	for _, g := range list.Groups {
		for _, p := range g.Projects {
			if score := q.score(p.Name); score >= 0 {
				hits = append(hits, Hit{Kind: Project, Name: p.Name, Project: p.Name, Standing: p.Class, Outcome: p.Outcome, At: p.Ended, score: score})
			}
		}
	}
	return hits, nil
}

// builders finds builders of which every word is in the name.
func (r *Reader) builders(ctx context.Context, q question) (hits []Hit, err error) {
	if q.number > 0 {
		return nil, nil
	}
	list, err := r.store.FindBuilders(ctx, q.words, q.limit+1)
	if err != nil {
		return nil, err
	}
	for _, b := range list {
		h, err := r.builder(ctx, int64(b.ID))
		if weir.CodeOf(err) == weir.NotFound { // not in the window yet
			h, err = Hit{Kind: Builder, Name: b.Name(), ID: int64(b.ID), Project: b.Project}, nil
		}
		if err != nil {
			return nil, err
		}
		h.score = fits(q, b.Name())
		hits = append(hits, h)
	}
	return hits, nil
}

// fits is the score of something that the store has found, by rules of its own.
func fits(q question, name string) int {
	if score := q.score(name); score >= 0 {
		return score
	}
	return 3
}

// commits finds commits by the beginning of their ids, or by words of their messages.
func (r *Reader) commits(ctx context.Context, q question) (hits []Hit, err error) {
	if q.number > 0 && !q.hash() {
		return nil, nil
	}
	list, err := r.store.FindRevisions(ctx, q.words, q.limit+1)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		h := Hit{Kind: Commit, Name: f.Project + " " + f.Revision.Short(), Note: f.Revision.Subject(), Project: f.Project, Commit: f.Revision.ID, Branch: f.Branch, Position: f.Revision.Position, At: f.Revision.Time, score: 3}
		if q.hash() && strings.HasPrefix(f.Revision.ID, q.words[0]) {
			h.score = 0
		}
		hits = append(hits, h)
	}
	if len(hits) > 1 { // which of them is meant?
		for i := range hits {
			hits[i].score = max(hits[i].score, 1)
		}
	}
	return hits, nil
}

// tests finds tests by the beginnings of words of their names.
func (r *Reader) tests(ctx context.Context, q question) (hits []Hit, err error) {
	if q.number > 0 {
		return nil, nil
	}
	list, err := r.store.FindTests(ctx, q.words, q.limit+1)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		hits = append(hits, Hit{Kind: Test, Name: f.Test.String(), Note: f.Project + "/" + f.Job, Project: f.Project, Job: f.Job, Test: f.Test,
			score: max(1, min(fits(q, f.Test.Name), fits(q, f.Test.String())))})
	}
	return hits, nil
}

// regressions finds the open ones, and those that were closed lately, by what the
// culprit says and by the projects and tests that suffer.
func (r *Reader) regressions(ctx context.Context, q question) (hits []Hit, err error) {
	if q.number > 0 && !q.hash() {
		return nil, nil
	}
	cases, err := r.cases.Cases(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range r.cased.of(cases) {
		if score := q.score(c.text); score >= 0 {
			h := caseHit(c.Regression)
			if h.score = 2; !c.State.Open() {
				h.score = 3
			}
			hits = append(hits, h)
		}
	}
	return hits, nil
}

// casedText is a regression and all that it can be found by, in lower case.
type casedText struct {
	weir.Regression
	text string
}

// caseTexts remembers what regressions can be found by until one of them changes.
type caseTexts struct {
	mu    sync.Mutex
	cases *recent.Cases
	texts []casedText
}

func (t *caseTexts) of(cases *recent.Cases) []casedText {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cases != cases {
		t.cases, t.texts = cases, nil
		for _, list := range [][]weir.Regression{cases.Open, cases.Closed} {
			for _, c := range list {
				t.texts = append(t.texts, casedText{c, strings.ToLower(caseText(c))})
			}
		}
	}
	return t.texts
}

// caseText is all that a regression can be found by.
func caseText(c weir.Regression) string {
	var b strings.Builder
	b.WriteString(c.Culprit.Project + " " + c.Culprit.Revision.ID + " " + c.Culprit.Revision.Subject() + " " + c.Culprit.Revision.Author)
	for _, v := range c.Victims[:min(len(c.Victims), namedIn)] {
		b.WriteString(" " + v.Builder.Name() + " " + v.Test.String())
	}
	return b.String()
}

func caseHit(c weir.Regression) Hit {
	h := Hit{Kind: Regression, Name: fmt.Sprint("regression ", c.ID), ID: int64(c.ID), Project: c.Builder.Project, State: string(c.State), At: c.Opened}
	if c.Culprit.Revision.ID != "" {
		h.Note, h.Commit = c.Culprit.Project+" "+c.Culprit.Revision.Short()+" "+c.Culprit.Revision.Subject(), c.Culprit.Revision.ID
	} else if len(c.Victims) > 0 {
		h.Note = c.Victims[0].Builder.Name() + ": " + c.Victims[0].Test.String()
	}
	return h
}

// workers finds workers by name, platform and labels.
func (r *Reader) workers(ctx context.Context, q question) (hits []Hit, err error) {
	if q.number > 0 {
		return nil, nil
	}
	list, err := r.store.Workers(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range list {
		about := strings.Join(append([]string{string(w.Platform)}, w.Labels...), " ")
		score := q.score(w.Name)
		if score < 0 && q.score(w.Name+" "+about) >= 0 {
			score = 3
		}
		if score >= 0 {
			hits = append(hits, Hit{Kind: Worker, Name: w.Name, Note: about, At: w.Seen, score: score})
		}
	}
	return hits, nil
}
