// Package compat is the page that answers whether a project works with an
// upstream on a platform, and the badges that say it in the README files of
// others.
package compat

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/compat"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Reader answers. *compat.Reader is one.
type Reader interface {
	Say(ctx context.Context, sentence string) (compat.Answer, error)
	Ask(ctx context.Context, ask compat.Ask) (compat.Answer, error)
	Badge(ctx context.Context, ask compat.Ask) (compat.Badge, error)
}

// Register adds the page and the badges.
func Register(routes *page.Routes, reader Reader) {
	routes.Show(page.Route{Pattern: "/compat", Twin: "compat", Live: true, Tagged: true, Params: []page.Param{page.TextParam("q"), page.TextParam("project"),
		page.TextParam("of"), page.TextParam("upstream"), page.TextParam("version"), page.TextParam("platform")}}, func(r *http.Request) (page.Shown, error) {
		q := r.URL.Query()
		sentence := strings.TrimSpace(q.Get("q"))
		var a compat.Answer
		var err error
		if sentence != "" || q.Get("project") == "" {
			a, err = reader.Say(r.Context(), sentence)
		} else {
			a, err = reader.Ask(r.Context(), askOf(q.Get("project"), q))
		}
		if err != nil {
			return page.Shown{}, err
		}
		v := newView(a, sentence, page.Origin(r), routes.Now())
		return page.Shown{Title: v.Title, Section: "compat", Topics: "build,regression", Content: compatPage(v)}, nil
	})
	routes.Handle("GET /badge/{file}", badges{routes, reader})
}

// maxPart limits one part of a question, in bytes.
const maxPart = 200

func askOf(project string, q url.Values) compat.Ask {
	part := func(s string) string { return s[:min(len(s), maxPart)] }
	return compat.Ask{Project: part(project), Of: part(q.Get("of")), Upstream: part(q.Get("upstream")), Version: part(q.Get("version")), Platform: part(q.Get("platform"))}
}

// View is the page.
type View struct {
	Title    string
	Sentence string // in the form
	Example  string // what may stand in the form: a question that this farm can answer
	Asked    bool
	Mark     page.Mark
	Word     string // the answer
	Text     string
	Needed   string
	Strange  string // words that mean nothing here
	Near     string // the name that may have been meant
	NearURL  string
	Evidence []EvidenceLine
	More     int
	Cases    []CaseLine
	Matrix   MatrixView
	Files    []FileLine
	Badge    BadgeView
	Projects []page.Option // to begin with; values are addresses
	MoreOf   int           // projects that are left out
}

// EvidenceLine is what one builder says.
type EvidenceLine struct {
	Builder, Platform, Why, Version string
	Mark                            page.Mark
	Build                           weir.BuildID
	URL                             string
	Tests                           string // how many ran of how many; empty if all did
	Worker                          string
	At                              page.When
	Newer                           string // what is newer and says nothing; may be empty
	NewerURL                        string
	Failed                          []page.Option // tests that fail, the first few; values are addresses
	MoreFailed                      string        // how many more; empty: none
}

// CaseLine is an open regression.
type CaseLine struct {
	Text, URL string
	Mark      page.Mark
	Since     page.When
	Culprit   string // who did it, and how sure that is; empty: not known
}

// FileLine is something to download.
type FileLine struct{ Path, URL, Size, Platform string }

// MatrixView is the project on everything that it is built with.
type MatrixView struct {
	Platforms []string
	Rows      []RowView
	More      int
}

// RowView is one version.
type RowView struct {
	Name, URL string
	Cells     []CellView
}

// CellView is a cell of the matrix.
type CellView struct {
	Mark  page.Mark
	Tests string
	URL   string // empty: nothing is built there
	Title string
}

// BadgeView is the badge, and how to use it.
type BadgeView struct {
	URL, Alt, Markdown, Endpoint string
}

var words = map[compat.Verdict]string{compat.Yes: "Yes", compat.No: "No", compat.Unknown: "Unknown"}

func mark(v compat.Verdict) page.Mark {
	switch v {
	case compat.Yes:
		return page.Mark{Kind: page.KindPass, Word: "yes"}
	case compat.No:
		return page.Mark{Kind: page.KindFail, Word: "no"}
	case compat.Unknown:
		return page.Mark{Kind: page.KindNone, Word: "unknown"}
	}
	return page.Mark{Kind: page.KindNone, Word: "not built"}
}

const (
	maxText     = 400
	maxProjects = 120
)

func newView(a compat.Answer, sentence, origin string, now time.Time) View {
	v := View{Title: "Does it work?", Sentence: page.OneLine(sentence, compat.MaxSentence), Asked: a.Project != "" || sentence != "", Mark: mark(a.Answer), Word: words[a.Answer],
		Text: page.OneLine(a.Text, maxText), Needed: page.OneLine(a.Needed, maxText), More: a.More}
	if a.Project != "" {
		v.Title = page.OneLine(a.Sentence, maxText)
		v.Badge = badgeView(a, origin)
	}
	if v.Example = page.OneLine(a.Example, compat.MaxSentence); v.Example == "" {
		v.Example = "a project, what it is to work with, a platform"
	}
	if v.Sentence == "" {
		v.Sentence = page.OneLine(a.Sentence, compat.MaxSentence)
	}
	strange := make([]string, 0, len(a.Strange))
	for _, w := range a.Strange {
		strange = append(strange, page.OneLine(w, 40))
	}
	v.Strange = page.List(strange, 6)
	if a.Near != "" {
		v.Near, v.NearURL = page.OneLine(a.Near, page.MaxName), askURL(a.Near)
	}
	for _, e := range a.Evidence {
		v.Evidence = append(v.Evidence, evidenceLine(e, now))
	}
	for _, c := range a.Cases {
		m := page.RegressionMark(c.State)
		v.Cases = append(v.Cases, CaseLine{Text: fmt.Sprintf("regression %d", c.ID), URL: page.RegressionURL(c.ID), Mark: m, Since: page.At(c.Since, now), Culprit: culprit(c.Culprit)})
	}
	for _, f := range a.Files {
		address := fmt.Sprintf("/api/v1/builds/%d/artifact?%s", f.Build, url.Values{"path": {f.Path}}.Encode())
		v.Files = append(v.Files, FileLine{Path: page.OneLine(f.Path, page.MaxName), URL: address, Size: page.Size(f.Size), Platform: page.OneLine(string(f.Platform), 60)})
	}
	v.Matrix = matrixView(a, now)
	for _, p := range a.Projects[:min(len(a.Projects), maxProjects)] {
		v.Projects = append(v.Projects, page.Option{Value: askURL(p), Text: page.OneLine(p, page.MaxName)})
	}
	v.MoreOf = len(a.Projects) - len(v.Projects)
	return v
}

func askURL(sentence string) string { return "/compat?" + url.Values{"q": {sentence}}.Encode() }

// culprit names a revision in a few words; empty if there is none.
func culprit(c weir.Culprit) string {
	if c.Project == "" {
		return ""
	}
	text := page.OneLine(c.Project+" "+weir.ShortRevision(c.Revision.ID), page.MaxName)
	if subject, _, _ := strings.Cut(c.Revision.Message, "\n"); subject != "" {
		text += " “" + page.OneLine(subject, page.MaxSubject) + "”"
	}
	return text + ", " + page.Percent(c.Confidence) + " sure"
}

func evidenceLine(e compat.Evidence, now time.Time) EvidenceLine {
	l := EvidenceLine{Builder: page.OneLine(strings.TrimSpace(e.Builder.Project+"/"+e.Builder.Job+" "+e.Builder.Cell), page.MaxName), Platform: page.OneLine(string(e.Builder.Platform), 60),
		Why: page.OneLine(e.Why, page.MaxSubject), Version: page.OneLine(e.Version, page.MaxSubject), Mark: mark(e.Answer)}
	if e.Build.ID != 0 {
		l.Build, l.URL, l.Worker, l.At = e.Build.ID, page.BuildURL(e.Build.ID), page.OneLine(e.Build.Worker, page.MaxName), page.At(e.Build.Finished, now)
		if executed, due := e.Build.Ledger.Tests(e.Build.Counts); due > executed { // otherwise Why says it
			l.Tests = tests(executed, due)
		}
	}
	for _, t := range e.Failed {
		l.Failed = append(l.Failed, page.Option{Text: page.TestName(t), Value: page.TestURL(e.Builder, t)})
	}
	if e.MoreFailed > 0 {
		l.MoreFailed = page.Thousands(int64(e.MoreFailed)) + " more"
	}
	if e.Newer != 0 {
		l.Newer, l.NewerURL = fmt.Sprintf("build %d", e.Newer), page.BuildURL(e.Newer)
		if e.Build.ID != 0 {
			l.Newer = fmt.Sprintf("newer: build %d %s", e.Newer, page.OneLine(e.Silence, page.MaxSubject))
		}
	}
	return l
}

// tests says how many tests ran, of how many that should have.
func tests(executed, expected int) string {
	switch {
	case executed == 0 && expected == 0:
		return ""
	case expected > executed:
		return page.Thousands(int64(executed)) + "/" + page.Thousands(int64(expected))
	}
	return page.Thousands(int64(executed))
}

func matrixView(a compat.Answer, now time.Time) MatrixView {
	m := MatrixView{More: a.Matrix.More}
	for _, p := range a.Matrix.Platforms {
		m.Platforms = append(m.Platforms, page.OneLine(string(p), 60))
	}
	for _, r := range a.Matrix.Rows {
		name := strings.TrimSpace(r.Upstream + " " + r.Version)
		row := RowView{Name: page.OneLine(name, page.MaxName), URL: askURL(strings.TrimSpace(a.Project + " on " + name))}
		if r.Upstream == "" {
			row.URL = askURL(a.Project + " " + r.Version)
		}
		if r.Cell != "" {
			row.Name += ", " + page.OneLine(r.Cell, page.MaxName)
		}
		for _, c := range r.Cells {
			cell := CellView{Mark: mark(c.Answer)}
			if c.Build != 0 {
				cell.URL, cell.Tests = page.BuildURL(c.Build), tests(c.Executed, c.Expected)
				cell.Title = fmt.Sprintf("build %d", c.Build)
				if at := page.At(c.At, now); at.Rel != "" {
					cell.Title += ", " + at.Rel
				}
			}
			row.Cells = append(row.Cells, cell)
		}
		m.Rows = append(m.Rows, row)
	}
	return m
}

func badgeView(a compat.Answer, origin string) BadgeView {
	q := url.Values{}
	for name, value := range map[string]string{"upstream": a.Upstream, "version": a.Version, "platform": a.Platform, "of": a.Of} {
		if value != "" {
			q.Set(name, value)
		}
	}
	query := ""
	if len(q) > 0 {
		query = "?" + q.Encode()
	}
	path := "/badge/" + url.PathEscape(a.Project)
	alt := page.OneLine(a.Badge.Label+": "+a.Badge.Message, page.MaxName)
	return BadgeView{URL: path + ".svg" + query, Alt: alt, Endpoint: origin + path + ".json" + query,
		Markdown: fmt.Sprintf("[![%s](%s%s.svg%s)](%s%s)", strings.NewReplacer("[", "(", "]", ")").Replace(page.OneLine(a.Sentence, page.MaxName)), origin, path, query, origin, askURL(a.Sentence))}
}
