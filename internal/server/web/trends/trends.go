// Package trends is the pages about how builders change: what moved lately over
// all of them, and charts of one builder. Charts are drawn by the server and say in
// words and in a table what they show; static/charts.js adds what is said of the
// point that is pointed at.
package trends

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Reader says how builders change. *trends.Reader is one.
type Reader interface {
	Ask(ctx context.Context, q trends.Query) (trends.Answer, error)
}

// Register adds the pages.
func Register(routes *page.Routes, reader Reader) {
	routes.Show(page.Route{Pattern: "/trends", Twin: "trends", Live: true, Tagged: true, Params: []page.Param{page.NumberParam("builder", "the id of a builder"),
		page.TextParam("project"), page.TextParam("job"), page.TextParam("metric")}}, func(r *http.Request) (page.Shown, error) {
		q := query(r.URL.Query())
		answer, err := reader.Ask(r.Context(), q)
		if err != nil {
			return page.Shown{}, err
		}
		v := newView(answer, q, routes.Now())
		v.Script = routes.Static().Charts
		return page.Shown{Title: v.Title, Section: "trends", Topics: "build", Content: trendsPage(v)}, nil
	})
}

func query(q url.Values) trends.Query {
	out := trends.Query{Project: strings.TrimSpace(q.Get("project")), Job: strings.TrimSpace(q.Get("job")), Metric: q.Get("metric")}
	if id, ok := page.Number(q.Get("builder")); ok {
		out.Builder = weir.BuilderID(id)
	}
	return out
}

// URL is the page of a builder's trends.
func builderURL(id weir.BuilderID) string {
	return "/trends?builder=" + strconv.FormatInt(int64(id), 10)
}

// View is a page of trends.
type View struct {
	Title, Summary string
	Crumb          bool   // it is below the overview of trends
	Script         string // URL of charts.js
	Project, Job   string // what was asked for
	Moves          []MoveLine
	Projects       []page.Option // to look at; values are addresses
	Looked         bool          // over all builders
	Builders       []BuilderView
	More           int
}

// MoveLine is a shift of a builder's duration.
type MoveLine struct {
	Name, Platform, URL string
	Mark                page.Mark
	Change              string // "12.1 s → 15.3 s (+26 %)"
	Build               weir.BuildID
	BuildURL            string
	Revision            string
	At                  page.When
}

// BuilderView is the charts of a builder.
type BuilderView struct {
	Name, URL, Builds string
	Charts            []Chart
	Metrics           []page.Option // further ones, with addresses as values
	None              bool
}

func newView(a trends.Answer, q trends.Query, now time.Time) View {
	if q.Builder == 0 && q.Project == "" {
		return overview(a, now)
	}
	v := View{Crumb: true, More: a.More, Project: page.OneLine(q.Project, page.MaxName), Job: page.OneLine(q.Job, page.MaxName)}
	shifts, worse := 0, 0
	for _, t := range a.Builders {
		b := builderView(t, q, len(a.Builders) > 1, now)
		for _, c := range b.Charts {
			shifts += len(c.Shifts)
			for _, s := range c.Shifts {
				if s.Worse {
					worse++
				}
			}
		}
		v.Builders = append(v.Builders, b)
	}
	v.Title = "Trends"
	if len(v.Builders) == 1 {
		v.Title = "Trends of " + v.Builders[0].Name
	} else {
		v.Title = "Trends of " + v.Project
		if v.Job != "" {
			v.Title += "/" + v.Job
		}
	}
	v.Summary = "No level has changed in the builds that are shown."
	if shifts > 0 {
		v.Summary = fmt.Sprintf("%s, %d for the worse", page.Count(shifts, "level has changed", "levels have changed"), worse)
	}
	return v
}

func overview(a trends.Answer, now time.Time) View {
	v := View{Looked: true, More: a.More, Title: "No duration has changed in 30 days"}
	for _, name := range a.Projects {
		v.Projects = append(v.Projects, page.Option{Value: "/trends?" + url.Values{"project": {name}}.Encode(), Text: page.OneLine(name, page.MaxName)})
	}
	worse := 0
	for _, m := range a.Moved {
		line := MoveLine{Name: page.OneLine(m.Builder.Name(), page.MaxName), URL: builderURL(m.Builder.ID), Mark: shiftMark(m.Shift), Build: m.Build, BuildURL: page.BuildURL(m.Build),
			Change: change(m.Shift, newScale(m.Unit, m.Before, m.After)), Revision: page.OneLine(weir.ShortRevision(m.Revision), 40), At: page.At(m.At, now)}
		if m.Worse {
			worse++
		}
		v.Moves = append(v.Moves, line)
	}
	if n := len(v.Moves) + a.More; n > 0 {
		v.Title = page.Count(n, "duration has changed", "durations have changed") + " in 30 days"
		v.Summary = fmt.Sprintf("%d for the worse, of %s", worse, page.Count(a.Looked, "builder", "builders"))
	} else if a.Looked > 0 {
		v.Summary = page.Count(a.Looked, "builder", "builders") + " looked at"
	}
	return v
}

func shiftMark(s trends.Shift) page.Mark {
	switch {
	case s.Worse:
		return page.Mark{Kind: page.KindBroken, Word: "worse"}
	case s.Better():
		return page.Mark{Kind: page.KindFixed, Word: "better"}
	}
	return page.Mark{Kind: page.KindNew, Word: "different"}
}

func builderView(t trends.Trend, q trends.Query, brief bool, now time.Time) BuilderView {
	b := BuilderView{Name: page.OneLine(t.Builder.Name(), page.MaxName), URL: builderURL(t.Builder.ID), Builds: fmt.Sprintf("/builds?builder=%d", t.Builder.ID), None: len(t.Series) == 0}
	shown := map[string]bool{}
	for i, s := range t.Series {
		shown[s.Name] = true
		b.Charts = append(b.Charts, newChart(fmt.Sprintf("c%d-%d", t.Builder.ID, i), s, brief, now))
	}
	for _, name := range t.Metrics {
		if !brief && (!shown[name] || q.Metric != "") && len(b.Metrics) < maxMetricLinks {
			address := b.URL + "&" + url.Values{"metric": {name}}.Encode()
			b.Metrics = append(b.Metrics, page.Option{Value: address, Text: page.OneLine(name, page.MaxName), On: name == q.Metric})
		}
	}
	return b
}

// maxMetricLinks limits the links to further metrics.
const maxMetricLinks = 200
