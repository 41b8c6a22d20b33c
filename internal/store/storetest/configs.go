package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func configTests() []subtest {
	return []subtest{
		{"versions of the configuration", testConfigs},
		{"recipes of repositories", testRecipes},
		{"a renamed farm answers as if it had always had its names", testRename},
		{"what is renamed goes on", testRenamedGoesOn},
		{"names that cannot be had", testRenameConflicts},
		{"a server that does not know the new name", testRenameStale},
		{"names in regressions", testRenameRegressions},
		{"a long history is renamed", testRenameMany},
	}
}

func testConfigs(f *fixture) {
	at := func(n int) time.Time { return epoch.Add(time.Duration(n) * time.Minute) }
	record := func(version string, n int) {
		f.Helper()
		f.ok(f.RecordConfig(f.ctx, store.Config{Version: version, Since: at(n), By: fmt.Sprint("by ", n)}))
	}
	equal(f, "none", len(must[[]store.Config](f)(f.Configs(f.ctx, 0))), 0)
	record("v1", 1)
	before := f.lastEvent()
	record("v1", 2)
	equal(f, "told of what is in force", f.lastEvent(), before)
	record("v2", 3)
	record("v1", 4)
	want := []store.Config{{Version: "v1", Since: at(4), By: "by 4"}, {Version: "v2", Since: at(3), By: "by 3"}, {Version: "v1", Since: at(1), By: "by 1"}}
	equal(f, "all", must[[]store.Config](f)(f.Configs(f.ctx, 0)), want)
	equal(f, "the newest", must[[]store.Config](f)(f.Configs(f.ctx, 1)), want[:1])
	f.code(f.RecordConfig(f.ctx, store.Config{}), weir.Invalid)
	f.together(8, func(int) { // servers that see the same file at once
		if err := f.RecordConfig(f.ctx, store.Config{Version: "v3", Since: at(5)}); err != nil {
			f.Errorf("RecordConfig: %v", err)
		}
	})
	equal(f, "once", len(must[[]store.Config](f)(f.Configs(f.ctx, 0))), 4)
}

func testRecipes(f *fixture) {
	good := store.RepositoryRecipe{Project: "p", Revision: "r1", Origin: weir.RepositoryRecipe, Text: "jobs: {}", Read: f.now()}
	f.ok(f.RecordRecipe(f.ctx, good))
	f.ok(f.RecordRecipe(f.ctx, store.RepositoryRecipe{Project: "a", Revision: "r9", Problem: "line 3: no", Read: good.Read}))
	equal(f, "recipes", must[[]store.RepositoryRecipe](f)(f.Recipes(f.ctx)), []store.RepositoryRecipe{
		{Project: "a", Problem: "line 3: no", Read: good.Read}, good})
	before := f.lastEvent()
	bad := store.RepositoryRecipe{Project: "p", Revision: "r2", Origin: "x", Text: "jobs: [", Problem: "line 1: no", Read: f.now()}
	f.ok(f.RecordRecipe(f.ctx, bad))
	equal(f, "told", f.lastEvent() > before, true)
	want := good
	want.Problem, want.Read = bad.Problem, bad.Read
	equal(f, "the last good one", must[[]store.RepositoryRecipe](f)(f.Recipes(f.ctx))[1], want)
	good.Revision, good.Read = "r3", f.now()
	f.ok(f.RecordRecipe(f.ctx, good))
	equal(f, "good again", must[[]store.RepositoryRecipe](f)(f.Recipes(f.ctx))[1], good)
	before = f.lastEvent()
	good.Revision = "r4"
	f.ok(f.RecordRecipe(f.ctx, good))
	equal(f, "told of the same at another revision", f.lastEvent(), before)
	f.code(f.RecordRecipe(f.ctx, store.RepositoryRecipe{}), weir.Invalid)
	f.code(f.RecordRecipe(f.ctx, store.RepositoryRecipe{Project: "p", Text: strings.Repeat("x", store.MaxRecipeText+1)}), weir.Invalid)
}

// renamed is what a reading of a store is when projects had other names: keys of
// pins and values of fields, wherever they stand, but nothing in words.
func renamed(v any, names map[string]string) any {
	name := func(v any) any {
		if s, ok := v.(string); ok && names[s] != "" {
			return names[s]
		}
		return v
	}
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = renamed(v[i], names)
		}
		return v
	case map[string]any:
		if key, ok := v["job"].(string); ok && v["project"] != nil { // a builder
			v["job"] = cmpOr(names[fmt.Sprint(v["project"], "/", key)], key)
		}
		if job, ok := v["job"].(map[string]any); ok { // a specification
			job["name"] = cmpOr(names[fmt.Sprint(v["project"], "/", job["name"])], fmt.Sprint(job["name"]))
		}
		out := map[string]any{}
		for key, value := range v {
			switch strings.ToLower(key) {
			case "project":
				out[key] = name(value)
			case "pins", "before":
				pins, _ := value.(map[string]any)
				moved := map[string]any{}
				for project, revision := range pins {
					moved[fmt.Sprint(name(project))] = revision
				}
				if out[key] = moved; pins == nil {
					out[key] = value
				}
			case "upstreams":
				list := strings.Split(fmt.Sprint(value), ",")
				for i := range list {
					list[i] = fmt.Sprint(name(list[i]))
				}
				slices.Sort(list)
				out[key] = strings.Join(list, ",")
			default:
				out[key] = renamed(value, names)
			}
		}
		return out
	}
	return v
}

func cmpOr(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (f *fixture) decoded(reading []byte) map[string]any {
	f.Helper()
	var all map[string]any
	d := json.NewDecoder(bytes.NewReader(reading))
	d.UseNumber()
	f.ok(d.Decode(&all))
	delete(all, "events")
	delete(all, "revisions") // of one project, by its name
	delete(all, "branches")  // by the names of projects
	return all
}

func testRename(f *fixture) {
	Populate(f.T, f.Store)
	f.ok(f.SetTicks(f.ctx, []store.Tick{tick("test", "x", epoch, time.Time{}), {Project: "b", Job: "test", Cron: "x", At: epoch}}))
	before := f.decoded(Reading(f.T, f.Store))
	names := map[string]string{"a": "a2", "b": "b-new", "c": "c.c", "d": "d+", "up": "uq", "p": "p_", "g": "g0"}
	var all []store.Renaming
	for old, name := range names {
		all = append(all, store.Renaming{Project: old, NewProject: name})
	}
	names["b/test"] = "check"
	all = append(all, store.Renaming{Project: "b", Job: "test", NewJob: "check"}, store.Renaming{Project: "nobody", NewProject: "knows"},
		store.Renaming{Project: "d", Job: "other", NewJob: "x"}, store.Renaming{Project: "e", NewProject: "e"})
	f.ok(f.Rename(f.ctx, all, f.now()))
	want, got := renamed(before, names).(map[string]any), f.decoded(Reading(f.T, f.Store))
	for what := range want {
		w, _ := json.MarshalIndent(want[what], "", " ")
		g, _ := json.MarshalIndent(got[what], "", " ")
		if !bytes.Equal(w, g) {
			f.Errorf("%s:\n got %.3000s\nwant %.3000s", what, g, w)
		}
	}
	equal(f, "parts", len(got), len(want))
	equal(f, "revisions", line(must[[]weir.Revision](f)(f.RevisionRange(f.ctx, "uq", "", 1, 9))), "1a 2b 3c")
	equal(f, "ticks", fmt.Sprint(must[[]store.Tick](f)(f.Ticks(f.ctx))), fmt.Sprint([]store.Tick{{Project: "b-new", Job: "check", Cron: "x", At: epoch}, {Project: "p_", Job: "test", Cron: "x", At: epoch}}))
	equal(f, "tags", must[[]store.Tag](f)(f.DueTags(f.ctx, 0)), []store.Tag{{Project: "g0", Name: "v1.0", Revision: "t1"}})
	equal(f, "branches", must[map[string][]string](f)(f.Branches(f.ctx)), map[string][]string{"g0": {"v1", "v2"}})

	events := f.lastEvent()
	f.ok(f.Rename(f.ctx, all, f.now())) // as at the next start of the server
	equal(f, "events of nothing", f.lastEvent(), events)
}

func testRenamedGoesOn(f *fixture) {
	up, down := f.builder("up"), f.builder("down")
	line := f.done(weir.CauseChange, down, 1, weir.ReasonNone)
	f.ok(f.Settle(f.ctx, f.settlement(line.ID, weir.Unjudged, weir.Settled)))
	f.poll("up", "a b")
	pins := weir.Pins{"down": "r2", "up": "b"}
	waiting := f.create(weir.CauseChange, build(up, at("up", "b")), build(down, pins, needs(0)))
	equal(f, "seen as", f.offered()[0].Builder.Project, "up")
	f.ok(f.Rename(f.ctx, []store.Renaming{{Project: "up", NewProject: "upper"}, {Project: "down", NewProject: "below"}, {Project: "down", NewProject: "below", Job: "test", NewJob: "check"}}, f.now()))
	seen := f.offered()[0]
	equal(f, "seen as something else", seen.Builder.Project, "upper")
	key := down.BuilderKey
	key.Project, key.Job = "below", "check"
	same := must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, []weir.BuilderKey{key}))[0]
	equal(f, "the same builder", same.ID, down.ID)
	equal(f, "another one of the old name", f.builder("down").ID == down.ID, false)
	product := f.finishProduct(f.leaseBuild(waiting[0]))
	l := f.leaseBuild(waiting[1])
	equal(f, "what the worker is told", fmt.Sprint(l.Spec.Project, l.Spec.Revision, l.Spec.Job.Name, l.Spec.Inputs),
		fmt.Sprint("below", "r2", "check", []weir.UpstreamSpec{{Project: "upper", Revision: "b", Product: product}}))
	f.finish(l, weir.ReasonNone)
	f.toJudge("the line goes on", waiting...)
	_, last, err := f.Baseline(f.ctx, down.ID)
	f.ok(err)
	equal(f, "settled", last.ID, line.ID)
	nb := build(same, weir.Pins{"below": "r2", "upper": "b"}, share(store.ShareAny))
	equal(f, "stands in", f.create(weir.CauseForce, nb)[0], waiting[1])
	tip, n := f.poll("upper", "b c")
	equal(f, "revisions go on", fmt.Sprint(tip.Revision.Position, n), "3 1")
}

// testRenameStale has a server whose file is older go on with the old name.
func testRenameStale(f *fixture) {
	b := f.builder("old")
	f.change(b, 1)
	renames := []store.Renaming{{Project: "old", NewProject: "new"}}
	f.ok(f.Rename(f.ctx, renames, f.now()))
	stale := build(b, weir.Pins{"old": "r2"})
	_, _, err := f.CreateRun(f.ctx, f.run(weir.CauseChange, stale))
	f.code(err, weir.Invalid)
	f.poll("old", "r1 r2")
	f.ok(f.Rename(f.ctx, renames, f.now())) // nobody has built what it saw
	b.Project = "new"
	f.create(weir.CauseChange, build(b, weir.Pins{"new": "r2"}))
}

func testRenameConflicts(f *fixture) {
	rename := func(pairs ...string) error {
		var list []store.Renaming
		for _, p := range pairs {
			from, to, _ := strings.Cut(p, ">")
			project, job, ok := strings.Cut(from, "/")
			if ok {
				list = append(list, store.Renaming{Project: project, Job: job, NewJob: to})
			} else {
				list = append(list, store.Renaming{Project: project, NewProject: to})
			}
		}
		return f.Rename(f.ctx, list, f.now())
	}
	for _, p := range []string{"a", "b", "c"} {
		f.change(f.builder(p), 1)
	}
	must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, []weir.BuilderKey{{Project: "a", Job: "lint", Platform: linux}, {Project: "x", Job: "test", Platform: linux, Upstreams: "ghost,up"}}))
	f.poll("polled", "a")
	for _, c := range []string{"a>b", "a>polled", "a>ghost", "a/test>lint"} {
		f.code(rename(c), weir.Conflict)
		f.code(rename("c>free", c), weir.Conflict) // all or nothing
	}
	f.code(rename("a>b", "b>a"), weir.Conflict)
	f.ok(rename("polled>a")) // nobody has built it: a server with an older file has looked at it
	for _, c := range []string{"a>", "a>not a name", "a/test>", ">b", "a>" + strings.Repeat("x", 65)} {
		f.code(rename(c), weir.Invalid)
	}
	projects := func() (list string) {
		seen := map[string]bool{}
		for _, h := range must[[]store.BuilderHead](f)(f.BuilderHeads(f.ctx, 1)) {
			if !seen[h.Builder.Project] {
				list += h.Builder.Project + " "
			}
			seen[h.Builder.Project] = true
		}
		return list
	}
	equal(f, "as before", projects(), "a b c x ")
	f.ok(rename("a>b", "b>c", "c>d", "ghost>z")) // each takes the name that the next one gives up
	equal(f, "moved along", projects(), "b c d x ")
	for _, h := range must[[]store.BuilderHead](f)(f.BuilderHeads(f.ctx, 1)) {
		if h.Builder.Project == "x" {
			equal(f, "upstreams, sorted", h.Builder.Upstreams, "up,z")
		}
	}
	// Several servers start with the same new file.
	var told atomic.Int64
	f.together(4, func(int) {
		if err := rename("b>e"); err != nil {
			f.Errorf("Rename: %v", err)
		}
		told.Add(1)
	})
	equal(f, "renamed once", projects(), "c d e x ")
}

func testRenameRegressions(f *fixture) {
	r := f.open(f.builder("a"), 1, "t1")
	r.Path = []weir.Leg{{Project: "up", From: 1, To: 2}, {Project: "a", From: 1, To: 3}}
	r.State, r.Culprit = weir.Located, weir.Culprit{Project: "up", Revision: weir.Revision{ID: "b", Position: 2}, Confidence: 0.9}
	r.Corners = []weir.Corner{{NewUpstream: true, Pins: weir.Pins{"a": "r1", "up": "b"}, Said: bad}}
	r.Checks = weir.Checks{Moved: []string{"up", "a"}, Tried: []weir.Combination{{Moved: []string{"up"}, Build: r.Bad.Build, Said: bad}}, Workers: []string{"up"}}
	r.Note = "up did it"
	f.advance(store.RegressionUpdate{Regression: r})
	r = must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	r.FixedBy = weir.Fix{Project: "up", Revision: weir.Revision{ID: "c"}}
	f.ok(f.Relabel(f.ctx, r, nil, f.now()))
	before := must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	f.ok(f.Rename(f.ctx, []store.Renaming{{Project: "a", NewProject: "own"}}, f.now()))
	f.poll("up", "a b c")
	f.ok(f.Rename(f.ctx, []store.Renaming{{Project: "up", NewProject: "upper"}}, f.now()))
	got := must[weir.Regression](f)(f.Regression(f.ctx, r.ID))
	equal(f, "path", fmt.Sprint(before.Path[0].Project, got.Path[0].Project), "upupper")
	equal(f, "culprit", got.Culprit.Project, "upper")
	equal(f, "corners", got.Corners[0].Pins, weir.Pins{"own": "r1", "upper": "b"})
	equal(f, "checks", got.Checks, weir.Checks{Moved: []string{"upper", "own"}, Tried: []weir.Combination{{Moved: []string{"upper"}, Build: r.Bad.Build, Said: bad}}, Workers: []string{"up"}})
	equal(f, "fixed by", got.FixedBy, weir.Fix{Project: "upper", Revision: weir.Revision{ID: "c"}})
	equal(f, "note", got.Note, "up did it")
	equal(f, "by its culprit", len(must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{Project: "upper"}))), 1)
	equal(f, "by its victims", len(must[[]weir.Regression](f)(f.Regressions(f.ctx, store.RegressionFilter{Project: "own"}))), 1)
}

func testRenameMany(f *fixture) {
	const builds = 2300 // more than are read at once
	a := f.builder("a")
	var all []store.NewBuild
	for i := range builds {
		nb := build(a, weir.Pins{"a": fmt.Sprint("r", i), "up": "u"})
		nb.Spec.Job.Steps[0].Run = fmt.Sprint("make a", i) // specifications are many, too
		all = append(all, nb)
	}
	ids := f.create(weir.CauseChange, all...)
	f.poll("up", "u")
	f.ok(f.Rename(f.ctx, []store.Renaming{{Project: "a", NewProject: "b"}, {Project: "up", NewProject: "a"}}, f.now()))
	for _, b := range f.allBuilds() {
		if len(b.Pins) != 2 || b.Pins["b"] == "" || b.Pins["a"] != "u" || b.Builder.Project != "b" {
			f.Fatalf("build %d of %s has the pins %v", b.ID, b.Builder.Project, b.Pins)
		}
	}
	spec := must[weir.Spec](f)(f.BuildSpec(f.ctx, ids[builds-1]))
	equal(f, "a specification", fmt.Sprint(spec.Project, spec.Revision, spec.Inputs[0].Project), fmt.Sprint("b", "r", builds-1, "a"))
}
