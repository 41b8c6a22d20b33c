package page

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestProgress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		took, usual time.Duration
		kind, text  string
	}{
		{time.Minute, 0, KindRun, "1 min 0 s"},
		{time.Minute, 4 * time.Minute, KindRun, "3 min 0 s left of the usual 4 min 0 s"},
		{4 * time.Minute, 4 * time.Minute, KindRun, "usually done by now (4 min 0 s)"},
		{6 * time.Minute, 4 * time.Minute, KindBroken, "2 min 0 s over the usual 4 min 0 s"},
	} {
		if v := NewProgress(c.took, c.usual); v.Kind != c.kind || v.Text != c.text || v.Share < 0 || v.Share > 1 {
			t.Errorf("%s of %s: %+v", c.took, c.usual, v)
		}
	}
	if v := NewRoom("disk", 97, 100); v.Kind != KindFail {
		t.Errorf("a full disk: %+v", v)
	}
}

func TestBarStaysInside(t *testing.T) {
	t.Parallel()
	first := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return first.Add(time.Duration(s) * time.Second) }
	for _, c := range []struct {
		from, to time.Time
		x, width string
	}{
		{at(10), at(30), "100", "200"},
		{at(-5), at(500), "0", "1000"},
		{at(100), at(100), "996", "4"},
		{at(50), time.Time{}, "500", "4"},
		{time.Time{}, time.Time{}, "0", "4"},
	} {
		if v := NewBar(Mark{}, "", first, at(100), c.from, c.to); v.x() != c.x || v.width() != c.width {
			t.Errorf("%s to %s is drawn at %s, %s wide", c.from, c.to, v.x(), v.width())
		}
	}
}

// TestSparkShapes makes sure that every kind of mark has an outline of its own.
func TestSparkShapes(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, k := range Kinds() {
		s := newSpark("builds", []Mark{{k.Kind, k.Kind}})
		if len(s.Paths) != 1 || s.Paths[0].kind != k.Kind || seen[s.Paths[0].d] != "" {
			t.Errorf("%s is drawn as %+v, as is %s", k.Kind, s.Paths, seen[s.Paths[0].d])
		}
		seen[s.Paths[0].d] = k.Kind
	}
	if len(seen) != len(sparkShapes) {
		t.Errorf("%d shapes for %d kinds", len(sparkShapes), len(seen))
	}
}

func TestSparkSays(t *testing.T) {
	t.Parallel()
	marks := make([]Mark, 100)
	for i := range marks {
		marks[i] = Mark{KindPass, "passed"}
	}
	marks[99] = Mark{KindFail, "failed"}
	s := newSpark("builds", marks)
	if want := "60 builds, oldest first: 59 passed and 1 failed; the newest failed"; s.Label != want || len(s.Paths) != 2 || s.Width != 360 {
		t.Errorf("got %q, %d paths, %d wide; want %q", s.Label, len(s.Paths), s.Width, want)
	}
	if s := newSpark("builds", []Mark{{"nonsense", "odd"}}); s.Paths[0].kind != KindNone || s.Label != "1 build: odd" {
		t.Errorf("an unknown kind is drawn as %+v, and called %q", s.Paths, s.Label)
	}
	if got := render(t, Spark("builds", nil)); got != "" {
		t.Errorf("nothing is drawn as %q", got)
	}
}

// TestForeignAddresses makes sure that an address from outside cannot run anything.
func TestForeignAddresses(t *testing.T) {
	t.Parallel()
	for address, link := range map[string]bool{"https://example.org/compare/a...b": true, "http://example.org": true,
		"javascript:alert(1)": false, "//example.org": false, "": false, "data:text/html,x": false, "https:": false} {
		if got := render(t, DiffLink(DiffView{From: "a", To: "b", URL: address})); strings.Contains(got, "<a ") != link {
			t.Errorf("%q: %s", address, got)
		}
	}
	for next, want := range map[string]string{"/builds/3?a=b&c": "/signin?next=%2Fbuilds%2F3%3Fa%3Db%26c", "//evil.example": "/signin", "https://x": "/signin", "": "/signin"} {
		if got := SignInURL(next); got != want {
			t.Errorf("%q: %s", next, got)
		}
	}
}

// TestHostileComponents makes sure that no component takes text for HTML.
func TestHostileComponents(t *testing.T) {
	t.Parallel()
	const bad = `"><script>alert(1)</script>`
	for name, c := range map[string]templ.Component{
		"empty":  Empty(EmptyView{Text: bad, Next: bad, Command: bad, Link: bad, URL: "/x"}),
		"tabs":   Tabs(bad, []Tab{{Text: bad, URL: "/"}}),
		"filter": Filter(FilterView{Action: "/" + bad, Name: bad, Value: bad, Label: bad, Placeholder: bad, Found: bad, Keep: []Option{{Value: bad, Text: bad}}, Choices: []Choice{{bad, bad, []Option{{bad, bad, true}}}}, Checks: []Check{{bad, bad, true}}}),
		"pager":  Pager(PagerView{Older: "/x", Text: bad}),
		"facts":  Facts([]Fact{{Label: bad, Text: bad, Title: bad}, {Label: bad, Mark: Mark{KindPass, bad}}}),
		"chip":   Chip(ChipView{Text: bad, Kind: bad, Title: bad}),
		"meter":  Meter(MeterView{Label: bad, Text: bad, Kind: bad}),
		"bar":    Bar(BarView{Title: bad, Mark: Mark{bad, bad}}),
		"card":   Card(CardView{Title: bad, Tag: bad, Mark: Mark{bad, bad}}),
		"hint":   SignInHint(bad, "/"+bad),
		"diff":   DiffLink(DiffView{Project: bad, From: bad, To: bad, URL: "https://x/" + bad}),
		"copy":   CopyBox("id", bad),
		"spark":  Spark(bad, []Mark{{bad, bad}}),
	} {
		if got := render(t, c); strings.Contains(got, "<script") {
			t.Errorf("%s: %s", name, got)
		}
	}
}
