package compat

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/recent"
	"github.com/weir-ci/weir/internal/store"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func hash(digits string) string { return digits + strings.Repeat("0", 40-len(digits)) }

// world is a store and a window with the same builds.
type world struct {
	rows   []recent.Row
	deep   map[weir.BuilderID][]store.BoardBuild // older builds
	tips   []weir.Tip
	on     map[string]string // branch, by project and revision
	files  map[weir.BuildID][]weir.Artifact
	open   map[weir.BuilderID][]weir.Regression
	looked int
}

func (w *world) State(context.Context) (*recent.State, error) {
	return &recent.State{Rows: w.rows}, nil
}

func (w *world) Lately(_ context.Context, ids []weir.BuilderID, _ int) (list []store.BoardBuild, err error) {
	for _, id := range ids {
		list = append(list, w.deep[id]...)
	}
	return list, nil
}

func (w *world) Tips(context.Context) ([]weir.Tip, error) { return w.tips, nil }

func (w *world) Revision(_ context.Context, project, branch, id string) (weir.Revision, error) {
	w.looked++
	if w.on[project+" "+id] != branch {
		return weir.Revision{}, weir.Errorf(weir.NotFound, "not there")
	}
	return weir.Revision{ID: id}, nil
}

func (w *world) Artifacts(_ context.Context, id weir.BuildID) ([]weir.Artifact, error) {
	return w.files[id], nil
}

func (w *world) Regressions(_ context.Context, f store.RegressionFilter) ([]weir.Regression, error) {
	return w.open[f.Builder], nil
}

// build is a build in a test: its id, what it was made of, and how it ended.
func build(id weir.BuildID, outcome weir.Outcome, counts weir.Counts, pins ...string) store.BoardBuild {
	b := store.BoardBuild{ID: id, Cause: weir.CauseChange, State: weir.Finished, Outcome: outcome, Counts: counts, Pins: weir.Pins{},
		Worker: "heron", Finished: noon, Ledger: weir.Ledger{Executed: counts.Executed()}}
	for i := 0; i < len(pins); i += 2 {
		b.Pins[pins[i]] = pins[i+1]
	}
	return b
}

// add adds a builder; its builds come newest first.
func (w *world) add(project, cell, platform, upstreams string, builds ...store.BoardBuild) weir.BuilderID {
	id := weir.BuilderID(len(w.rows) + 1)
	for i := range builds {
		builds[i].Builder = id
	}
	w.rows = append(w.rows, recent.Row{Builder: weir.Builder{ID: id, BuilderKey: weir.BuilderKey{Project: project, Job: "test", Cell: cell,
		Platform: weir.Platform(platform), Branch: "trunk", Upstreams: upstreams}}, Builds: builds})
	return id
}

// example is a farm with twisted on two lines of cpython, django in a matrix, and
// attrs on releases.
func example() *world {
	w := &world{on: map[string]string{"cpython " + hash("aa"): "main", "cpython " + hash("bb"): "3.14"},
		tips: []weir.Tip{{Project: "cpython", Branch: "main"}, {Project: "cpython", Branch: "3.14"}, {Project: "twisted", Branch: "trunk"}},
		deep: map[weir.BuilderID][]store.BoardBuild{}, files: map[weir.BuildID][]weir.Artifact{}, open: map[weir.BuilderID][]weir.Regression{}}
	good, bad := weir.Counts{Pass: 1200, Skip: 4}, weir.Counts{Pass: 1197, Fail: 3}
	failed := build(31, weir.Failed, bad, "twisted", hash("01"), "cpython", hash("bb"))
	failed.Changes.NewlyFailing = 1
	running := build(32, "", weir.Counts{}, "twisted", hash("01"), "cpython", hash("bb"))
	running.State = weir.Running
	w.add("twisted", "", "linux/amd64", "cpython", build(11, weir.Passed, good, "twisted", hash("01"), "cpython", hash("bb")),
		build(10, weir.Passed, good, "twisted", hash("01"), "cpython", hash("aa")))
	no := w.add("twisted", "", "windows/amd64", "cpython", running, failed)
	w.add("twisted", "", "darwin/arm64", "cpython", build(40, weir.Broken, weir.Counts{}, "twisted", hash("01"), "cpython", hash("bb")))
	w.add("django", "python=3.13", "linux/amd64", "", build(50, weir.Passed, good, "django", hash("d1")))
	w.add("attrs", "", "linux/amd64", "cpython-release", build(60, weir.Passed, weir.Counts{}, "attrs", "25.1", "cpython-release", "v3.14.2"))
	w.add("cpython", "", "linux/amd64", "", build(70, weir.Passed, good, "cpython", hash("aa")))
	w.open[no] = []weir.Regression{{ID: 7, State: weir.Located, Opened: noon}}
	w.files[11] = []weir.Artifact{{Path: "twisted.whl", Size: 1 << 20}}
	return w
}

func TestSentences(t *testing.T) {
	t.Parallel()
	v := newView(&recent.State{Rows: example().rows})
	names := Names{All: append(v.names, "cpython-3.12"), Upstream: v.upstream}
	for sentence, want := range map[string]string{
		"twisted on cpython 3.14 on windows":               "twisted||cpython|3.14|windows|",
		"Does Twisted work with CPython 3.14 on Windows?":  "twisted||cpython|3.14|windows|",
		"on windows: cpython 3.14, twisted":                "twisted||cpython|3.14|windows|",
		"cpython 3.14 twisted":                             "twisted||cpython|3.14||",
		"twisted against python 3.14 for macos arm64":      "twisted||cpython|3.14|darwin/arm64|",
		"twisted cpython@main linux/arm64":                 "twisted||cpython|main|linux/arm64|",
		"twisted==24.3 with cpython3.14":                   "twisted|24.3|cpython|3.14||",
		"twisted trunk on cpython aaaaaaa0":                "twisted|trunk|cpython|aaaaaaa0||",
		"twisted on cpython 3.12 on x86_64":                "twisted||cpython-3.12||amd64|",
		"twisted on cpython":                               "twisted||cpython|||",
		"twisted":                                          "twisted|||||",
		"3.14 twisted":                                     "twisted|3.14||||",
		"twisted on cpython 3.14 on windows 11":            "twisted||cpython|3.14|windows|11",
		"twisted on cpythn 3.14":                           "twisted|3.14||||cpythn",
		"twisted with attrs and cpython":                   "twisted||attrs|||cpython",
		"is banana compatible with mango":                  "|||||banana mango",
		"":                                                 "|||||",
		"<script>alert(1)</script>":                        "|||||<script>alert </script> 1",
		"twisted on cpython latest on win-arm64":           "twisted||cpython|latest|windows/arm64|",
		"twisted on windows on linux":                      "twisted||||linux|",
		strings.Repeat("twisted on cpython 3.14 ", 10_000): "twisted||cpython|3.14||3.14 3.14",
	} {
		p := Parse(sentence, names)
		got := strings.Join([]string{p.Project, p.Of, p.Upstream, p.Version, p.Platform, strings.Join(p.Strange[:min(2, len(p.Strange))], " ")}, "|")
		if strings.HasPrefix(sentence, "<script>") {
			got = strings.Join([]string{p.Project, p.Of, p.Upstream, p.Version, p.Platform, strings.Join(p.Strange, " ")}, "|")
		}
		if got != want {
			t.Errorf("%.60q\n got %s\nwant %s", sentence, got, want)
		}
	}
}

func TestFits(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		version, revision string
		want              bool
	}{
		{"3.14", "3.14.2", true}, {"3.14", "v3.14.2", true}, {"v3.14", "3.14rc1", true}, {"3.14", "3.140", false}, {"3.1", "3.14", false}, {"3.14.2", "3.14", false},
		{"", "anything", true}, {"latest", hash("ab"), true}, {"abcdef1", hash("abcdef1"), true}, {"abcdef", hash("abcdef1"), false}, {"3", hash("3"), false},
		{"main", hash("ab"), false}, {"release-3.14", "v3.14.1", true}, {"1", "", false},
	} {
		if got := fits(c.version, c.revision); got != c.want {
			t.Errorf("fits(%q, %q) is %v", c.version, c.revision, got)
		}
	}
	for branch, want := range map[string]bool{"3.14": true, "release/3.14": true, "branches/3.14.x": true, "v3.14": true, "3.1": false, "main": false, "": false} {
		if isBranch("3.14", branch) != want {
			t.Errorf("branch %q is not taken as it should", branch)
		}
	}
	if !inCell("3.13", "python=3.13, os=linux") || inCell("3.1", "python=3.13") || inCell("3", "python=pypy") {
		t.Error("cells are not read as they should be")
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	r := New(example(), nil, nil, func() time.Time { return noon })
	for sentence, want := range map[string]string{
		"twisted on cpython 3.14 on linux":      "yes|all 1200 tests pass|11|passing",
		"twisted on cpython main on linux":      "yes|all 1200 tests pass|10|passing",
		"twisted on cpython 3.14 on windows":    "no|3 of 1200 tests fail, 1 of them newly|31|3 failing",
		"twisted on cpython 3.14":               "no|1 of 2 builders say no|31 11 0|3 failing",
		"twisted on cpython 3.14 on macos":      "unknown|Build 40 did not get to its tests|0|unknown",
		"twisted on cpython 3.9 on linux":       "unknown|No build of it was made at that version. Known are: cpython|0|unknown",
		"twisted on cpython 3.14 on freebsd":    "unknown|lend a worker of that platform||unknown",
		"twisted on attrs":                      "unknown|add attrs to the upstreams of twisted||unknown",
		"banana on cpython":                     "yes|cpython: all 1200 tests pass|70|passing", // and says that banana is strange
		"django 3.13":                           "unknown|No build of it was made at that version|0|unknown",
		"attrs on cpython-release 3.14":         "yes|all steps pass|60|passing",
		"attrs on cpython-release 3.1":          "unknown|Known are: cpython-release v3.14.2|0|unknown",
		"twisted on cpython bbbbbbb":            "unknown|Known are|0 0 0|unknown",
		"cpython main":                          "unknown|No build of it was made at that version|0|unknown",
		"twisted on cpython bb00000 on windows": "no|1 of them newly|31|3 failing",
	} {
		r.window = r.store.(*world)
		a, err := r.Say(t.Context(), sentence)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(want, "|")
		var builds []string
		for _, e := range a.Evidence {
			builds = append(builds, fmt.Sprint(e.Build.ID))
		}
		if string(a.Answer) != parts[0] || !strings.Contains(a.Text+" "+a.Needed, parts[1]) || strings.Join(builds, " ") != parts[2] || a.Badge.Message != parts[3] {
			t.Errorf("%s\n got %s: %s %s; builds %v, badge %q\nwant %s", sentence, a.Answer, a.Text, a.Needed, builds, a.Badge.Message, want)
		}
	}
}

func TestWhatGoesWithAnAnswer(t *testing.T) {
	t.Parallel()
	w := example()
	r := New(w, w, nil, func() time.Time { return noon })
	a, err := r.Say(t.Context(), "twisted on cpython 3.14 on windows")
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Cases) != 1 || a.Cases[0].ID != 7 || a.Evidence[0].Newer != 32 || !strings.HasPrefix(a.Evidence[0].Version, "cpython 3.14 at bb") {
		t.Errorf("cases %+v, evidence %+v", a.Cases, a.Evidence)
	}
	if fmt.Sprint(a.Matrix.Platforms) != "[darwin/arm64 linux/amd64 windows/amd64]" || len(a.Matrix.Rows) != 2 {
		t.Fatalf("matrix %+v", a.Matrix)
	}
	for _, row := range a.Matrix.Rows {
		want := map[string]string{"3.14": "unknown 40, yes 11, no 31", "main": " 0, yes 10,  0"}[row.Version]
		var got []string
		for _, c := range row.Cells {
			got = append(got, fmt.Sprintf("%s %d", c.Answer, c.Build))
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: %s, want %s", row.Version, strings.Join(got, ", "), want)
		}
	}
	yes, err := r.Ask(t.Context(), Ask{Project: "twisted", Upstream: "cpython", Version: " 3.14", Platform: "Linux"})
	if err != nil || yes.Answer != Yes || len(yes.Files) != 1 || yes.Files[0].Build != 11 || yes.Badge.Label != "cpython 3.14 · linux" {
		t.Errorf("%v, %+v", err, yes)
	}
	looked := w.looked
	badge, err := r.Badge(t.Context(), Ask{Project: "twisted", Upstream: "cpython", Version: "3.14", Platform: "linux"})
	if err != nil || badge != yes.Badge || w.looked != looked {
		t.Errorf("%v, %+v; %d revisions were looked up again", err, badge, w.looked-looked)
	}
	gone, err := r.Ask(t.Context(), Ask{Project: "twistd"})
	if err != nil || gone.Answer != Unknown || gone.Near != "twisted" || !strings.Contains(gone.Needed, "farm file") {
		t.Errorf("%v, %+v", err, gone)
	}
	nothing, err := r.Say(t.Context(), "cpythn")
	if err != nil || nothing.Near != "cpython" || len(nothing.Projects) != 2 {
		t.Errorf("%v, %+v", err, nothing)
	}
}

// TestOneLine: an upstream that has but one line may be called main, and all of its
// revisions are of one row, however many there are.
// TestExample asks what the farm says can be asked.
func TestExample(t *testing.T) {
	t.Parallel()
	w := example()
	r := New(w, w, nil, func() time.Time { return noon })
	a, err := r.Say(t.Context(), "")
	if err != nil || a.Example != "twisted on cpython on linux/amd64" {
		t.Fatalf("an example is %q, %v", a.Example, err)
	}
	if b, err := r.Say(t.Context(), a.Example); err != nil || b.Sentence != a.Example || len(b.Strange) > 0 || b.Answer == Unknown || b.Example != a.Example {
		t.Errorf("the example is answered with %+v, %v", b, err)
	}
	if b, err := r.Ask(t.Context(), Ask{Project: "django"}); err != nil || b.Example != a.Example {
		t.Errorf("beside an answer the example is %q, %v", b.Example, err)
	}
	alone := &world{}
	alone.add("django", "", "linux/amd64", "", build(50, weir.Passed, weir.Counts{Pass: 1}, "django", hash("d1")))
	if a, err := New(alone, alone, nil, time.Now).Say(t.Context(), ""); err != nil || a.Example != "" {
		t.Errorf("of a farm without upstreams the example is %q, %v", a.Example, err)
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	for _, branch := range []string{"", "main"} {
		w := &world{tips: []weir.Tip{{Project: "brook", Branch: branch}}}
		var builds []store.BoardBuild
		for i := range 40 {
			builds = append(builds, build(weir.BuildID(90-i), weir.Passed, weir.Counts{Pass: 5}, "mill", hash("01"), "brook", hash(fmt.Sprintf("%02x", i))))
		}
		w.add("mill", "", "linux/amd64", "brook", builds...)
		r := New(w, w, nil, func() time.Time { return noon })
		a, err := r.Say(t.Context(), "mill on brook main")
		if err != nil || a.Answer != Yes || a.Evidence[0].Build.ID != 90 || len(a.Matrix.Rows) != 1 || w.looked != 0 {
			t.Errorf("branch %q: %v, %s, rows %+v", branch, err, a.Text, a.Matrix.Rows)
		}
		if a, _ := r.Say(t.Context(), "mill on brook 3.14"); a.Answer != Unknown {
			t.Errorf("branch %q: of a version that is not there: %s", branch, a.Text)
		}
	}
}

// TestOlderBuilds: what the newest builds do not have is looked for behind them.
func TestOlderBuilds(t *testing.T) {
	t.Parallel()
	w := example()
	w.deep[5] = []store.BoardBuild{build(60, weir.Passed, weir.Counts{}, "attrs", "25.1", "cpython-release", "v3.14.2"),
		build(3, weir.Failed, weir.Counts{}, "attrs", "24.1", "cpython-release", "v3.13.0")}
	for i := range w.deep[5] {
		w.deep[5][i].Builder = 5
	}
	r := New(w, w, nil, func() time.Time { return noon })
	a, err := r.Say(t.Context(), "attrs on cpython-release 3.13")
	if err != nil || a.Answer != No || a.Evidence[0].Build.ID != 3 || a.Evidence[0].Why != "a step fails" {
		t.Errorf("%v, %+v", err, a)
	}
}

func FuzzParse(f *testing.F) {
	v := newView(&recent.State{Rows: example().rows})
	for _, s := range []string{"twisted on cpython 3.14 on windows", "\x00\xff", "v v- @ = - / ==", "twisted=="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p := Parse(s, Names{All: v.names, Upstream: v.upstream})
		if p.Project != "" && p.Project == p.Upstream {
			t.Errorf("%q: %+v", s, p)
		}
	})
}

// BenchmarkAnswer asks a farm of 1,000 builders with 40 builds each.
func BenchmarkAnswer(b *testing.B) {
	w := &world{tips: []weir.Tip{{Project: "brook", Branch: "main"}, {Project: "brook", Branch: "3.14"}}, on: map[string]string{}}
	for i := range 1000 {
		var builds []store.BoardBuild
		for n := range 40 {
			builds = append(builds, build(weir.BuildID(1e6-40*i-n), weir.Passed, weir.Counts{Pass: 5}, fmt.Sprintf("p%d", i/3), hash("01"), "brook", hash(fmt.Sprintf("%03x", n))))
		}
		w.add(fmt.Sprintf("p%d", i/3), "", []string{"linux/amd64", "darwin/arm64", "windows/amd64"}[i%3], "brook", builds...)
	}
	for n := range 40 {
		w.on["brook "+hash(fmt.Sprintf("%03x", n))] = "main"
	}
	r := New(w, w, nil, func() time.Time { return noon })
	b.Run("badge", func(b *testing.B) {
		for b.Loop() {
			if badge, err := r.Badge(b.Context(), Ask{Project: "p7", Upstream: "brook", Version: "main", Platform: "linux"}); err != nil || badge.Answer != Yes {
				b.Fatal(badge, err)
			}
		}
	})
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			if a, err := r.Say(b.Context(), "does p7 work with brook on windows?"); err != nil || a.Answer != Yes {
				b.Fatal(a, err)
			}
		}
	})
}

// Neither what goes back to older revisions nor what runs no tests says that something
// works now.
func TestNoWrongYes(t *testing.T) {
	t.Parallel()
	good, bad, skipped := weir.Counts{Pass: 10}, weir.Counts{Pass: 9, Fail: 1}, weir.Counts{Skip: 10}
	probe := build(12, weir.Passed, good, "app", hash("01"), "up", hash("aa"))
	probe.Cause = weir.CauseProbe
	tip := build(11, weir.Failed, bad, "app", hash("01"), "up", hash("bb"))
	w := &world{}
	w.add("app", "", "linux/amd64", "up", probe, tip)
	w.add("app", "", "windows/amd64", "up", build(21, weir.Passed, skipped, "app", hash("01"), "up", hash("bb")))
	w.add("app", "lint", "darwin/arm64", "up", build(31, weir.Passed, weir.Counts{}, "app", hash("01"), "up", hash("bb")))
	w.add("plain", "", "linux/amd64", "up", build(41, weir.Passed, weir.Counts{}, "plain", hash("01"), "up", hash("bb")))
	r := New(w, w, nil, func() time.Time { return noon })
	for _, c := range []struct {
		ask   Ask
		want  Verdict
		build weir.BuildID
	}{
		{Ask{Project: "app", Upstream: "up", Platform: "linux"}, No, 11},
		{Ask{Project: "app", Upstream: "up", Version: hash("aa"), Platform: "linux"}, Yes, 12},
		{Ask{Project: "app", Upstream: "up", Platform: "windows"}, Unknown, 0},
		{Ask{Project: "app", Upstream: "up", Platform: "darwin"}, Unknown, 0},
		{Ask{Project: "plain", Upstream: "up"}, Yes, 41},
	} {
		a, err := r.Ask(t.Context(), c.ask)
		if err != nil {
			t.Fatal(err)
		}
		if a.Answer != c.want || a.Evidence[0].Build.ID != c.build {
			t.Errorf("%s: %s by build %d (%s, %s), want %s by %d", c.ask.Sentence(), a.Answer, a.Evidence[0].Build.ID, a.Text, a.Needed, c.want, c.build)
		}
	}
}

// What a builder said last that is not built any more says nothing of now.
func TestIdleBuilders(t *testing.T) {
	t.Parallel()
	w := &world{}
	now := build(11, weir.Passed, weir.Counts{Pass: 10}, "app", hash("01"), "up", "2.0")
	now.Created = noon
	then := build(5, weir.Failed, weir.Counts{Fail: 10}, "app", hash("00"), "up", "1.0")
	then.Created = noon.Add(-31 * 24 * time.Hour)
	w.add("app", "", "linux/amd64", "up", now)
	w.add("app", "", "windows/amd64", "up", then)
	r := New(w, w, nil, func() time.Time { return noon })
	for _, c := range []struct {
		ask      Ask
		want     Verdict
		evidence int
		needed   string
	}{
		{Ask{Project: "app"}, Yes, 1, ""},
		{Ask{Project: "app", Platform: "windows"}, Unknown, 0, "not any more"},
		{Ask{Project: "app", Upstream: "up", Version: "1.0", Platform: "windows"}, No, 1, ""},
	} {
		a, err := r.Ask(t.Context(), c.ask)
		if err != nil || a.Answer != c.want || len(a.Evidence) != c.evidence || !strings.Contains(a.Needed, c.needed) {
			t.Errorf("%s: %s by %d builders, %s (%v)", c.ask.Sentence(), a.Answer, len(a.Evidence), a.Needed, err)
		}
	}
}

// TestFailed: a no names the tests that fail, and the culprit; a build whose results
// are gone names none.
func TestFailed(t *testing.T) {
	t.Parallel()
	w := example()
	no := weir.BuilderID(2)
	w.open[no][0].Culprit = weir.Culprit{Project: "cpython", Revision: weir.Revision{ID: hash("bb")}, Confidence: 0.97}
	set, err := weir.ResultSet{}, error(nil)
	for i := range 9 {
		set.Results = append(set.Results, weir.Result{Test: weir.TestID{Name: fmt.Sprint("t", i)}, Status: weir.Fail}, weir.Result{Test: weir.TestID{Name: fmt.Sprint("good", i)}, Status: weir.Pass})
	}
	set.Results = append(set.Results, weir.Result{Test: weir.TestID{Suite: weir.StepSuite, Name: "test"}, Status: weir.Fail})
	var asked []weir.BuildID
	r := New(w, w, func(_ context.Context, id weir.BuildID) (weir.ResultSet, error) {
		asked = append(asked, id)
		return set, err
	}, func() time.Time { return noon })
	a, got := r.Say(t.Context(), "twisted on cpython 3.14")
	if got != nil || len(a.Evidence) == 0 || len(a.Evidence[0].Failed) != 5 || a.Evidence[0].Failed[4].Name != "t4" || a.Evidence[0].MoreFailed != 4 {
		t.Fatalf("%v, %+v", got, a.Evidence)
	}
	if len(a.Cases) != 1 || a.Cases[0].Culprit.Confidence != 0.97 || len(asked) != 1 || asked[0] != 31 {
		t.Errorf("cases %+v, asked for %v", a.Cases, asked)
	}
	err = weir.Errorf(weir.NotFound, "gone")
	if a, got := r.Say(t.Context(), "twisted on cpython 3.14"); got != nil || len(a.Evidence[0].Failed) != 0 {
		t.Errorf("without results: %v, %+v", got, a.Evidence[0])
	}
	err = weir.Errorf(weir.Internal, "broken")
	if _, got := r.Say(t.Context(), "twisted on cpython 3.14"); got == nil {
		t.Error("what is broken is not told")
	}
}

// TestBadgeAges: an answer that is not fresh says so, and one that is too old is none.
func TestBadgeAges(t *testing.T) {
	t.Parallel()
	at := func(days int, v Verdict) Evidence {
		return Evidence{Answer: v, Build: store.BoardBuild{Finished: noon.Add(-time.Duration(days) * 24 * time.Hour)}}
	}
	for _, c := range []struct {
		answer   Verdict
		evidence []Evidence
		want     string
		old      bool
	}{
		{Yes, []Evidence{at(6, Yes)}, "passing", false},
		{Yes, []Evidence{at(1, Yes), at(7, Yes)}, "passing, 7 days ago", false},
		{Yes, []Evidence{at(1, Yes), at(400, Unknown)}, "passing", false},
		{Yes, []Evidence{at(22, Yes)}, "passing, 3 weeks ago", false},
		{Yes, []Evidence{at(90, Yes)}, "passing, 3 months ago", true},
		{No, []Evidence{at(800, No), at(2, No)}, "failing", false},
		{No, []Evidence{at(800, No)}, "failing, 2 years ago", true},
		{Unknown, []Evidence{at(800, Unknown)}, "unknown", false},
	} {
		if b := newBadge(Answer{Answer: c.answer, Evidence: c.evidence}, noon); b.Message != c.want || b.Old != c.old {
			t.Errorf("%+v, want %q", b, c.want)
		}
	}
}

// TestSupposed: builds of a revision with its culprit taken out say nothing about a
// revision that anybody can have.
func TestSupposed(t *testing.T) {
	t.Parallel()
	head, culprit := strings.Repeat("a1", 20), strings.Repeat("b2", 20)
	list := telling([]store.BoardBuild{{ID: 3, Cause: weir.CauseProbe, Pins: weir.Pins{"brook": weir.Without(head, culprit)}},
		{ID: 2, Cause: weir.CauseProbe, Pins: weir.Pins{"brook": head}}, {ID: 1, Cause: weir.CauseChange, Pins: weir.Pins{"brook": "1.0-rc"}}})
	if len(list) != 2 || list[0].ID != 1 || list[1].ID != 2 {
		t.Errorf("%d builds are believed", len(list))
	}
}
