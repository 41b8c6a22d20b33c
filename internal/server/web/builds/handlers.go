package builds

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/farm/testlist"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// buildQuery is what a build's URL asks for.
type buildQuery struct {
	attempt int // 0: the newest
	step    int // whose log to open; -1: the page chooses
	tab     string
}

func queryOf(in url.Values) buildQuery {
	q := buildQuery{step: -1}
	if n, ok := page.Number(in.Get("attempt")); ok {
		q.attempt = int(min(n, maxFrom))
	}
	if n, err := strconv.Atoi(in.Get("step")); err == nil && n >= 0 {
		q.step = n
	}
	if tab := in.Get("tab"); tab == tabTests || tab == tabFiles || tab == tabPlace {
		q.tab = tab
	}
	return q
}

func (s *site) build(r *http.Request) (page.Shown, error) {
	id, err := page.ID(r, "id", "build")
	if err != nil {
		return page.Shown{}, err
	}
	in := r.URL.Query()
	from, _ := page.Number(in.Get("changes"))
	d, err := s.farm.BuildFrom(r.Context(), weir.BuildID(id), int(min(from, maxFrom)))
	if err != nil {
		return page.Shown{}, err
	}
	q := queryOf(in)
	v := buildView(d, q, page.Origin(r), s.Now())
	s.acts(r, &v, d.Build)
	s.around(r, d, &v)
	switch q.tab {
	case tabBuild:
		if r.Header.Get("HX-Request") == "" { // what is live already shows its log by itself
			s.tails(r, &v)
		}
	case tabTests:
		if err := s.tests(r, d, &v); err != nil {
			return page.Shown{}, err
		}
	case tabPlace:
		v.Place = placeView(d, s.farm.Setup())
	}
	s.draw(r, d.Build, &v)
	topics := fmt.Sprintf("build:%d,regression", id)
	if v.Live {
		topics += fmt.Sprintf(",log:%d", id)
	}
	title := fmt.Sprintf("Build %d %s: %s", id, v.Mark.Word, v.Title)
	return page.Shown{Title: title, Section: "builds", Topics: topics, Content: buildPage(v)}, nil
}

// around reads what stands beside a build, and what it left. What cannot be read
// costs its place, not the page.
func (s *site) around(r *http.Request, d farm.BuildDetail, v *BuildView) {
	b, ctx := d.Build, r.Context()
	lost := func(what string, err error) {
		s.Log().WarnContext(ctx, what+" cannot be read", "build", b.ID, "error", err)
	}
	var around beside.Beside
	if s.Beside != nil {
		var err error
		if around, err = s.Beside(ctx, b, d.Spec); err != nil {
			lost("what stands beside a build", err)
		}
		v.Facts.beside(b, around, s.Now())
	} else if b.State.Final() {
		notes, err := s.farm.Notes(ctx, b.ID)
		if err != nil {
			lost("metrics", err)
		}
		around.Summary, around.Metrics = notes.Summary, metricsOf(notes)
	}
	v.Summary = page.Clean(around.Summary, maxSummaryPage)
	var files []weir.Artifact
	if b.State.Final() {
		var err error
		if files, err = s.farm.Artifacts(ctx, b.ID); err != nil {
			lost("artifacts", err)
		}
	}
	v.tabs(b, len(files)+len(around.Metrics))
	if v.Tab == tabFiles {
		v.Kept = keptView(b.ID, files, around.Metrics, around.Previous, func(f weir.Artifact) page.When { return page.At(f.Expires, s.Now()) })
	}
}

// tests reads what the tests reported.
func (s *site) tests(r *http.Request, d farm.BuildDetail, v *BuildView) error {
	if d.Build.Results == "" {
		return nil
	}
	set, err := s.results(r.Context(), d.Build)
	if weir.CodeOf(err) == weir.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	v.Tests = testsView(d, set, testsQuery(r.URL.Query()))
	return nil
}

func (s *site) results(ctx context.Context, b weir.Build) (weir.ResultSet, error) {
	if s.Results != nil {
		return s.Results(ctx, b)
	}
	all, err := s.farm.Tests(ctx, b.ID, true, testlist.MaxLimit)
	return weir.ResultSet{Results: all.Results, Incidents: all.Incidents}, err
}

// draw reads the pasts of tests that are worth it.
func (s *site) draw(r *http.Request, b weir.Build, v *BuildView) {
	tests := v.pasts()
	if s.Strips == nil || len(tests) == 0 {
		return
	}
	pasts, err := s.Strips(r.Context(), b.Builder.ID, tests)
	if err != nil {
		s.Log().WarnContext(r.Context(), "the pasts of tests cannot be read", "build", b.ID, "error", err)
	}
	v.draw(pasts)
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
func (s *site) tails(r *http.Request, v *BuildView) {
	for i := range v.Steps {
		step := &v.Steps[i]
		if !step.Open {
			continue
		}
		id := weir.AttemptID{Build: v.ID, Number: v.Attempt}
		lines, first, total, err := s.tail(r.Context(), id, step.Index)
		if err != nil {
			s.Log().WarnContext(r.Context(), "log cannot be read", "attempt", id, "step", step.Index, "error", err)
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
func (s *site) tail(ctx context.Context, id weir.AttemptID, step int) (lines []string, first, total int64, err error) {
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
