package trends

import (
	"context"
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/trends"
	"github.com/weir-ci/weir/internal/server/servertest"
	"github.com/weir-ci/weir/internal/server/web/page"
	"github.com/weir-ci/weir/internal/server/web/static"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// oracle says the same to everybody.
type oracle struct {
	trends.Answer
	err   error
	asked trends.Query
}

func (o *oracle) Ask(_ context.Context, q trends.Query) (trends.Answer, error) {
	o.asked = q
	return o.Answer, o.err
}

func (o *oracle) LastEvent(context.Context) (int64, error) { return 7, nil }

func show(t *testing.T, o *oracle, path string) (int, string) {
	t.Helper()
	files, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	routes := page.NewRoutes(page.NewRenderer(page.Options{Assets: files, Events: o, Now: func() time.Time { return noon }}), nil, nil)
	Register(routes, o)
	w := httptest.NewRecorder()
	routes.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	return w.Code, w.Body.String()
}

// series is measurements, with a shift in the middle.
func series(n int, unit string, before, after float64) trends.Series {
	s := trends.Series{Name: trends.Duration, Unit: unit, Better: trends.Lower}
	for i := range n {
		v := before
		if i >= n/2 {
			v = after
		}
		s.Points = append(s.Points, trends.Point{Build: weir.BuildID(i + 1), At: noon.Add(time.Duration(i-n) * time.Hour), Value: v})
	}
	s.Shifts = []trends.Shift{{Index: n / 2, Build: weir.BuildID(n/2 + 1), At: noon, Before: before, After: after, Change: after/before - 1, Worse: after > before, Known: true, Revision: "4f2a91c3d0"}}
	return s
}

func TestChart(t *testing.T) {
	t.Parallel()
	c := newChart("c1", series(80, "s", 12.1, 15.3), false, noon)
	if c.Last != "15.3 s" || len(c.Shifts) != 1 || c.Shifts[0].Change != "12.1 s → 15.3 s (+26 %)" || c.Shifts[0].Build != 41 || !c.Shifts[0].Worse {
		t.Errorf("last %q, shifts %+v", c.Last, c.Shifts)
	}
	if len(c.Levels) != 2 || len(c.Marks) != 1 || len(c.Dots) != maxLinks || len(c.Rows) != maxRows || c.More != 80-maxRows || strings.Count(c.Line, "L") != 79 {
		t.Errorf("%d levels, %d marks, %d links, %d rows and %d more", len(c.Levels), len(c.Marks), len(c.Dots), len(c.Rows), c.More)
	}
	if !strings.Contains(c.Label, "12.1 s → 15.3 s (+26 %) since build 41") || !strings.HasPrefix(c.Label, "Duration of 80 builds, from 11 Mar 2026 to 14 Mar 2026") {
		t.Error(c.Label)
	}
	late := series(30, "s", 12.1, 15.3)
	if c := newChart("c3", late, false, noon); !c.Rows[14].Shift || c.Rows[13].Shift {
		t.Error("the first build of the new level is not marked")
	}
	long := newChart("c2", series(300, "s", 12.1, 15.3), true, noon)
	if strings.Count(long.Line, "L") != maxDrawn-1 || len(long.Marks) != 1 || len(long.Rows) != 0 {
		t.Errorf("of a long series: %d marks, %d rows", len(long.Marks), len(long.Rows))
	}
	for _, empty := range []trends.Series{{}, {Name: "x", Points: []trends.Point{{Value: 3}}}, {Name: "y", Points: []trends.Point{{}, {}}}} {
		if got := newChart("c", empty, false, noon); strings.Contains(got.Line+got.LastY, "NaN") || strings.Contains(got.Line, "Inf") {
			t.Errorf("%+v is drawn as %s", empty, got.Line)
		}
	}
}

func TestScales(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		unit   string
		values []float64
		want   string
	}{
		{"s", []float64{.25, .5}, "500 ms"}, {"s", []float64{12.13}, "12.1 s"}, {"s", []float64{200}, "3.3 min"}, {"s", []float64{9000}, "2.5 h"},
		{"", []float64{3, 1204}, "1,204"}, {"", []float64{1.5}, "1.5"}, {"%", []float64{81.25}, "81.2 %"}, {"MB", []float64{12}, "12 MB"}, {"", []float64{1e-7}, "1e-07"}, {"", []float64{math.MaxFloat64}, "1.798e+308"},
	} {
		if got := newScale(c.unit, c.values...).text(c.values[len(c.values)-1]); got != c.want {
			t.Errorf("%v %s is %q, want %q", c.values, c.unit, got, c.want)
		}
	}
	for _, c := range []struct {
		low, high float64
		whole     bool
		want      string
	}{{0, 10, true, "0 5 10"}, {12, 12, true, "11 12 13"}, {11.9, 15.4, false, "10 12 14 16"}, {1190, 1204, true, "1190 1195 1200 1205"}, {71.5, 75.3, false, "70 72 74 76"}, {-3, 5, false, "-5 0 5"}} {
		a, ticks := newAxis(c.low, c.high, c.whole)
		if got := strings.Trim(fmt.Sprint(ticks), "[]"); got != c.want || a.low > c.low || a.high < c.high {
			t.Errorf("from %v to %v: %s, want %s", c.low, c.high, got, c.want)
		}
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	b := weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: "mill", Job: "test", Platform: "linux/amd64"}}
	o := &oracle{Answer: trends.Answer{Looked: 1000, Projects: []string{"mill"}, Moved: []trends.Move{{Builder: b, Series: trends.Duration, Unit: "s", Shift: series(80, "s", 12.1, 15.3).Shifts[0]}}}}
	code, body := show(t, o, "/trends")
	for _, want := range []string{"1 duration has changed in 30 days", "1 for the worse, of 1,000 builders", "12.1 s → 15.3 s (+26 %)", "build 41", "/trends?builder=3", "/trends?project=mill"} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d, the overview lacks %q", code, want)
		}
	}
	o.Answer = trends.Answer{Builders: []trends.Trend{{Builder: b, Series: []trends.Series{series(80, "s", 12.1, 15.3)}, Metrics: []string{"size"}}}}
	_, body = show(t, o, "/trends?builder=3&metric=size")
	for _, want := range []string{"Trends of mill/test linux/amd64", "1 level has changed, 1 for the worse", "since <a href=\"/builds/41\">", "/static/charts-", "As a table", "metric=size"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of a builder lacks %q", want)
		}
	}
	if o.asked != (trends.Query{Builder: 3, Metric: "size"}) {
		t.Errorf("asked was %+v", o.asked)
	}
	o.Answer = trends.Answer{}
	if _, body := show(t, o, "/trends"); !strings.Contains(body, "No builder takes longer") {
		t.Error("when nothing has moved the page does not say so")
	}
	o.err = weir.Errorf(weir.NotFound, "there is no builder 9")
	if code, _ := show(t, o, "/trends?builder=9"); code != 404 {
		t.Errorf("of a builder that is not there: %d", code)
	}
}

// TestHostileText: what comes from outside stays text, however much of it there is.
func TestHostileText(t *testing.T) {
	t.Parallel()
	b := weir.Builder{ID: 3, BuilderKey: weir.BuilderKey{Project: servertest.Nasty, Job: servertest.Nasty, Platform: servertest.Nasty}}
	one := series(300, servertest.Nasty, 1, 2)
	one.Name, one.Metric, one.Shifts[0].Revision = servertest.Nasty, true, servertest.Nasty
	answer := trends.Answer{Builders: []trends.Trend{{Builder: b, Metrics: []string{servertest.Nasty}}}}
	for range trends.MaxMetrics + 4 {
		answer.Builders[0].Series = append(answer.Builders[0].Series, one)
	}
	moved := trends.Answer{Projects: []string{servertest.Nasty}}
	for range trends.MaxMoves {
		moved.Moved = append(moved.Moved, trends.Move{Builder: b, Unit: "s", Shift: one.Shifts[0]})
	}
	for path, a := range map[string]trends.Answer{"/trends?builder=3": answer, "/trends": moved} {
		_, body := show(t, &oracle{Answer: a}, path)
		for _, bad := range []string{"<script>window", "<img src=x", "\x1b", "\x00", "\u202e", "\xff", "NaN"} {
			if strings.Contains(body, bad) {
				t.Errorf("%s holds %q", path, bad)
			}
		}
		if len(body) > 300_000 {
			t.Errorf("%s has %d bytes", path, len(body))
		}
	}
}
