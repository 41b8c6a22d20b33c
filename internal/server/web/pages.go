package web

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
)

// buildQuery is what a build's URL asks for.
type buildQuery struct {
	attempt int  // 0: the newest
	step    int  // whose log to open; -1: the page chooses
	all     bool // list all tests, not only the bad ones
}

func (s *Site) build(w http.ResponseWriter, r *http.Request) {
	id, ok := number(r.PathValue("id"))
	if !ok {
		s.Fail(w, r, weir.Errorf(weir.NotFound, "there is no build %.40q", r.PathValue("id")))
		return
	}
	after, err := s.farm.LastEvent(r.Context())
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	d, err := s.farm.Build(r.Context(), weir.BuildID(id))
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	query := r.URL.Query()
	q := buildQuery{step: -1, all: query.Get("tests") == "all"}
	if n, ok := number(query.Get("attempt")); ok {
		q.attempt = int(n)
	}
	if n, err := strconv.Atoi(query.Get("step")); err == nil && n >= 0 {
		q.step = n
	}
	v := buildView(d, q, s.now())
	if r.Header.Get("HX-Request") == "" { // what is live already shows its log by itself
		s.tails(r, &v)
	}
	if d.Build.Results != "" {
		set, err := s.farm.Results(r.Context(), d.Build.ID)
		if err != nil && weir.CodeOf(err) != weir.NotFound {
			s.Fail(w, r, err)
			return
		}
		if err == nil {
			v.Tests = testsView(d.Build.ID, set, q.all)
		}
	}
	topics := fmt.Sprintf("build:%d,regression", id)
	if v.Live {
		topics += fmt.Sprintf(",log:%d", id)
	}
	title := fmt.Sprintf("Build %d %s: %s", id, v.Mark.Word, v.Title)
	s.render(w, r, http.StatusOK, s.page(r, title, "builds", topics, after), buildPage(v))
}

// Limits on the part of a log that is in the page itself, for browsers
// without JavaScript.
const (
	tailLines   = 200
	tailBytes   = 256 << 10
	maxTailLine = 1000 // characters of one line
)

// tails fills in the last lines of the open steps. A log that cannot be read
// costs its lines, not the page.
func (s *Site) tails(r *http.Request, v *BuildView) {
	for i := range v.Steps {
		step := &v.Steps[i]
		if !step.Open {
			continue
		}
		id := weir.AttemptID{Build: v.ID, Number: v.Attempt}
		piece, err := s.farm.ReadLog(r.Context(), id, step.Index, -tailLines, tailBytes)
		if err != nil {
			s.log.WarnContext(r.Context(), "log cannot be read", "attempt", id, "step", step.Index, "error", err)
			step.TailNote = "the log cannot be read just now"
			continue
		}
		step.Tail = tail(piece)
		step.TailNote = count(int(piece.Lines), "line", "lines")
		if piece.FirstLine > 0 {
			step.TailNote = fmt.Sprintf("from line %s of %s on", thousands(piece.FirstLine+1), thousands(piece.Lines))
		}
	}
}

// tail renders a stretch of log as plain text; long lines are cut and say so.
func tail(piece farm.LogPiece) string {
	lines := strings.Split(strings.TrimSuffix(piece.Text, "\n"), "\n")
	for i, line := range lines {
		short := clean(plain(line), maxTailLine)
		if len(line) > 8*maxTailLine || strings.HasSuffix(short, "…") {
			short += fmt.Sprintf(" [line is %s bytes]", thousands(int64(len(line))))
		}
		lines[i] = short
	}
	return strings.Join(lines, "\n")
}

func (s *Site) regression(w http.ResponseWriter, r *http.Request) {
	id, ok := number(r.PathValue("id"))
	if !ok {
		s.Fail(w, r, weir.Errorf(weir.NotFound, "there is no regression %.40q", r.PathValue("id")))
		return
	}
	after, err := s.farm.LastEvent(r.Context())
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	d, err := s.farm.Regression(r.Context(), weir.RegressionID(id))
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	v := regressionView(d, s.now())
	topics := fmt.Sprintf("regression:%d", id)
	if v.Card.Open {
		topics += ",build"
	}
	s.render(w, r, http.StatusOK, s.page(r, v.Card.Title, "regressions", topics, after), regressionPage(v))
}

// BuildsView is a page of the list of builds.
type BuildsView struct {
	Title string
	Lines []BuildLine
	Older string // URL of the next page; empty on the last one
	First bool   // nothing is newer
	Empty string
}

// pageSize is how many builds a page lists.
const pageSize = 100

func (s *Site) builds(w http.ResponseWriter, r *http.Request) {
	after, err := s.farm.LastEvent(r.Context())
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	query := r.URL.Query()
	q := farm.BuildQuery{Limit: pageSize + 1}
	if p := query.Get("project"); weir.ValidName(p) {
		q.Project = p
	}
	run, _ := number(query.Get("run"))
	builder, _ := number(query.Get("builder"))
	before, _ := number(query.Get("before"))
	q.Run, q.Builder, q.Before = weir.RunID(run), weir.BuilderID(builder), weir.BuildID(before)
	list, err := s.farm.Builds(r.Context(), q)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	v := BuildsView{Title: "Builds", First: before == 0, Empty: "No build matches."}
	switch {
	case q.Run != 0:
		v.Title = fmt.Sprintf("Builds of run %d", q.Run)
	case q.Project != "":
		v.Title = "Builds of " + q.Project
	}
	if len(list) > pageSize {
		list = list[:pageSize]
		next := url.Values{"before": {fmt.Sprint(list[pageSize-1].ID)}}
		for _, key := range []string{"project", "run", "builder"} {
			if value := query.Get(key); value != "" {
				next.Set(key, value)
			}
		}
		v.Older = "/builds?" + next.Encode()
	}
	for _, b := range list {
		v.Lines = append(v.Lines, buildLine(b, s.now()))
	}
	topics := ""
	if v.First { // older pages do not change
		topics = "build,run"
	}
	s.render(w, r, http.StatusOK, s.page(r, v.Title, "builds", topics, after), buildsPage(v))
}

// RegressionsView is the list of regressions.
type RegressionsView struct {
	Open, Closed []RegressionCard
}

func (s *Site) regressions(w http.ResponseWriter, r *http.Request) {
	after, err := s.farm.LastEvent(r.Context())
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	list, err := s.farm.Regressions(r.Context(), true)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	var v RegressionsView
	for _, reg := range list {
		card := regressionCard(reg, s.now())
		if card.Open {
			v.Open = append(v.Open, card)
		} else {
			v.Closed = append(v.Closed, card)
		}
	}
	s.render(w, r, http.StatusOK, s.page(r, "Regressions", "regressions", "regression", after), regressionsPage(v))
}
