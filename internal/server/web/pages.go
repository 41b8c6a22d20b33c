package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/server/web/findings"
	"github.com/weir-ci/weir/internal/server/web/page"
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
	query := r.URL.Query()
	from, _ := number(query.Get("changes"))
	d, err := s.farm.BuildFrom(r.Context(), weir.BuildID(id), int(min(from, maxFrom)))
	if err != nil {
		s.Fail(w, r, err)
		return
	}
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
		set, err := s.farm.Tests(r.Context(), d.Build.ID, q.all, maxRows)
		if err != nil && weir.CodeOf(err) != weir.NotFound {
			s.Fail(w, r, err)
			return
		}
		if err == nil {
			v.Tests = testsView(d.Build, set, q.all)
		}
	}
	s.kept(r, &v, d.Build)
	topics := fmt.Sprintf("build:%d,regression", id)
	if v.Live {
		topics += fmt.Sprintf(",log:%d", id)
	}
	title := fmt.Sprintf("Build %d %s: %s", id, v.Mark.Word, v.Title)
	s.render(w, r, http.StatusOK, s.page(r, title, "builds", topics, after), buildPage(v))
}

// maxFrom is how many changes a page may leave out.
const maxFrom = 100_000_000

// Limits on the part of a log that is in the page itself, for browsers
// without JavaScript.
const (
	tailLines   = 200
	tailBytes   = 256 << 10 // of one read
	tailReads   = 12
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
		lines, first, total, err := s.tail(r.Context(), id, step.Index)
		if err != nil {
			s.log.WarnContext(r.Context(), "log cannot be read", "attempt", id, "step", step.Index, "error", err)
			step.TailNote = "the log cannot be read just now"
			continue
		}
		step.Tail = strings.Join(lines, "\n")
		step.TailNote = page.Count(int(total), "line", "lines")
		if first > 0 {
			step.TailNote = fmt.Sprintf("from line %s of %s on", page.Thousands(first+1), page.Thousands(total))
		}
	}
}

// tail reads the last lines of a log as plain text. Long lines are cut and say
// so; one that does not fit into a piece is passed over behind its beginning.
func (s *Site) tail(ctx context.Context, id weir.AttemptID, step int) (lines []string, first, total int64, err error) {
	next := int64(-tailLines)
	for range tailReads {
		piece, err := s.farm.ReadLog(ctx, id, step, farm.LogAsk{Line: next, Bytes: tailBytes})
		if err != nil {
			return nil, 0, 0, err
		}
		if lines == nil {
			first = piece.FirstLine
		}
		total = piece.Lines
		if piece.Text == "" {
			break
		}
		whole, rest := cutLast(piece.Text)
		for _, line := range whole {
			lines = append(lines, tailLine(line, ""))
		}
		next = piece.NextLine
		switch {
		case rest == "":
		case next >= total: // the last line, not finished yet
			lines = append(lines, tailLine(rest, ""))
		case len(whole) == 0: // longer than a piece
			lines = append(lines, tailLine(rest, "more than "))
			next++
		}
		if next >= total {
			break
		}
	}
	if over := len(lines) - tailLines; over > 0 {
		first, lines = first+int64(over), lines[over:]
	}
	return lines, first, total, nil
}

// cutLast splits text into its finished lines and what follows the last of them.
func cutLast(text string) (whole []string, rest string) {
	i := strings.LastIndexByte(text, '\n')
	if i < 0 {
		return nil, text
	}
	return strings.Split(text[:i], "\n"), text[i+1:]
}

func tailLine(line, more string) string {
	head := line[:min(len(line), 8*maxTailLine)]
	short := page.Clean(page.Plain(head), maxTailLine)
	if len(head) < len(line) || more != "" || strings.HasSuffix(short, "…") {
		short += fmt.Sprintf(" [line is %s%s bytes]", more, page.Thousands(int64(len(line))))
	}
	return short
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
	v := findings.NewRegressionView(d, s.now())
	topics := fmt.Sprintf("regression:%d", id)
	if v.Card.Open {
		topics += ",build"
	}
	s.render(w, r, http.StatusOK, s.page(r, v.Card.Title, "regressions", topics, after), findings.RegressionPage(v))
}

// BuildsView is a page of the list of builds.
type BuildsView struct {
	Title string
	Lines []BuildLine
	Older string // URL of the next page; empty on the last one
	First bool   // nothing is newer
	Empty string
	// Recipes is where the jobs of the project come from, if its repository decides.
	Recipes []RecipeLine
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
		v.Recipes = recipeLines(s.farm.Setup(), q.Project, s.now())
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
	s.render(w, r, http.StatusOK, s.page(r, "Regressions", "regressions", "regression", after), findings.RegressionsPage(findings.NewRegressionsView(list, s.now())))
}

func (s *Site) test(w http.ResponseWriter, r *http.Request) {
	in := r.URL.Query()
	q := farm.TestQuery{Project: in.Get("project"), Job: in.Get("job"), Test: weir.TestID{Suite: in.Get("suite"), Name: in.Get("name")}}
	if q.Project == "" || q.Test.Name == "" {
		s.Fail(w, r, weir.Errorf(weir.Invalid, "the address of a test has its project and its name").
			WithHint("follow the link on the page of a build that ran it"))
		return
	}
	after, err := s.farm.LastEvent(r.Context())
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	h, err := s.farm.TestHistory(r.Context(), q)
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	v := findings.NewHistoryView(h, s.now())
	s.render(w, r, http.StatusOK, s.page(r, v.Test, "", "build", after), findings.HistoryPage(v))
}

func (s *Site) flaky(w http.ResponseWriter, r *http.Request) {
	after, err := s.farm.LastEvent(r.Context())
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	list, err := s.farm.Flaky(r.Context(), flaky.Query{Project: r.URL.Query().Get("project")})
	if err != nil {
		s.Fail(w, r, err)
		return
	}
	v := findings.NewFlakyView(list, s.now())
	s.render(w, r, http.StatusOK, s.page(r, v.Title, "flaky", "regression", after), findings.FlakyPage(v))
}
