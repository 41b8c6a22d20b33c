package storetest

import (
	"fmt"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
)

func finderTests() []subtest {
	return []subtest{
		{"nothing yet", testNothingFound},
		{"tests by words", testFindTests},
		{"a test of several builders", testFindShared},
		{"tests go and come", testFindForgotten},
		{"tests of renamed projects", testFindRenamed},
		{"many tests of one word", testFindMany},
		{"judged at once", testFindRace},
		{"builders", testFindBuilders},
		{"revisions", testFindRevisions},
	}
}

// learns settles a build of a builder after which it has these tests, and not those.
func (f *fixture) learns(b weir.Builder, n int, has []weir.TestID, not ...weir.TestID) {
	f.Helper()
	done := f.done(weir.CauseChange, b, n, weir.ReasonTests)
	st := f.settlement(done.ID, weir.Unjudged, weir.Settled)
	for _, id := range has {
		st.States = append(st.States, weir.TestState{Test: id, Status: weir.Pass, Since: done.ID})
	}
	st.Forget = not
	f.ok(f.Settle(f.ctx, st))
}

func named(suite string, names ...string) (ids []weir.TestID) {
	for _, n := range names {
		ids = append(ids, weir.TestID{Suite: suite, Name: n})
	}
	return ids
}

// finds lists what is found, as projects and names.
func (f *fixture) finds(limit int, words ...string) string {
	f.Helper()
	var all []string
	for _, t := range must[[]store.FoundTest](f)(f.FindTests(f.ctx, words, limit)) {
		all = append(all, t.Project+"/"+t.Job+":"+t.Test.Suite+"."+t.Test.Name)
	}
	return strings.Join(all, " ")
}

func testNothingFound(f *fixture) {
	for _, words := range [][]string{nil, {""}, {" ", "-"}, {"a"}, {"a", "b"}, {"%", "_", "'", "\x00"}} {
		equal(f, "tests", f.finds(0, words...), "")
		equal(f, "builders", len(must[[]weir.Builder](f)(f.FindBuilders(f.ctx, words, 0))), 0)
		equal(f, "revisions", len(must[[]store.FoundRevision](f)(f.FindRevisions(f.ctx, words, 0))), 0)
	}
}

func testFindTests(f *fixture) {
	f.learns(f.builder("py"), 1, append(named("test.test_unicode.CaseFoldingTests", "test_fold_ss", "test_fold_turkish", "testHTTPServer2"),
		named("", "ÄrgerTest::straße", "50%_off", "日本語 テスト")...))
	f.learns(f.builder("go"), 1, named("example.org/text/fold", "TestFold/ss", "TestUnfold"))
	const (
		ss, turkish = "py/test:test.test_unicode.CaseFoldingTests.test_fold_ss", "py/test:test.test_unicode.CaseFoldingTests.test_fold_turkish"
		server      = "py/test:test.test_unicode.CaseFoldingTests.testHTTPServer2"
		gofold, un  = "go/test:example.org/text/fold.TestFold/ss", "go/test:example.org/text/fold.TestUnfold"
	)
	for _, c := range []struct{ words, want string }{
		{"turk", turkish},
		{"TURKISH", turkish},
		{"fold ss", gofold + " " + ss},
		{"ss fold", gofold + " " + ss},
		{"test_fold_ss", gofold + " " + ss},
		{"unicode fold tur", turkish},
		{"casefold turk", turkish},
		{"CaseFoldingTests turkish", turkish},
		{"foldingtests t", server + " " + ss + " " + turkish},
		{"http", server},
		{"server2", server},
		{"httpserver", server},
		{"unfold", un},
		{"nfold", ""},
		{"fold nothing", ""},
		{"text", gofold + " " + un},
		{"example.org/text/fold TestFold/ss", gofold},
		{"ärger", "py/test:.ÄrgerTest::straße"},
		{"STRASSE", ""},
		{"STRAß", "py/test:.ÄrgerTest::straße"},
		{"50%", "py/test:.50%_off"},
		{"%", ""},
		{"o%f", gofold + " " + un}, // two words, o and f
		{"日本", "py/test:.日本語 テスト"},
		{strings.Repeat("x", 10_000), ""},
	} {
		equal(f, c.words, f.finds(10, strings.Fields(c.words)...), c.want)
	}
	equal(f, "at most", len(strings.Fields(f.finds(2, "test"))), 2)
	equal(f, "far too many words", f.finds(10, strings.Fields(strings.Repeat("fold ", 1000)+"ss")...) != "", true)
}

func testFindShared(f *fixture) {
	linuxes, macs := f.builder("p"), f.builderOn("p", darwin)
	f.learns(macs, 1, named("s", "alpha", "beta"))
	f.learns(linuxes, 1, named("s", "beta", "gamma"))
	f.learns(linuxes, 2, named("s", "beta"))
	f.learns(f.builder("q"), 1, named("s", "beta"))
	equal(f, "once for each project", f.finds(10, "beta"), "p/test:s.beta q/test:s.beta")
	equal(f, "of one builder only", f.finds(10, "alpha")+" "+f.finds(10, "gamma"), "p/test:s.alpha p/test:s.gamma")
}

func testFindForgotten(f *fixture) {
	linuxes, macs := f.builder("p"), f.builderOn("p", darwin)
	f.learns(linuxes, 1, append(named("CamelCase", "alpha_one", "beta"), named("t", "solo")...))
	f.learns(macs, 1, named("CamelCase", "alpha_one"))
	f.learns(linuxes, 2, nil, append(named("CamelCase", "alpha_one", "beta", "never"), named("t", "solo")...)...)
	equal(f, "another builder has it", f.finds(10, "one"), "p/test:CamelCase.alpha_one")
	equal(f, "nobody has them", f.finds(10, "beta")+f.finds(10, "solo")+f.finds(10, "t"), "")
	f.learns(macs, 2, nil, named("CamelCase", "alpha_one")...)
	equal(f, "nobody has it", f.finds(10, "one")+f.finds(10, "case"), "")
	f.learns(macs, 3, named("CamelCase", "alpha_one"))
	equal(f, "again", f.finds(10, "case", "one"), "p/test:CamelCase.alpha_one")
}

func testFindRenamed(f *fixture) {
	f.learns(f.builder("old"), 1, named("s", "alpha"))
	f.ok(f.Rename(f.ctx, []store.Renaming{{Project: "old", NewProject: "new"}, {Project: "old", Job: "test", NewProject: "new", NewJob: "check"}}, f.now()))
	equal(f, "renamed", f.finds(10, "alpha"), "new/check:s.alpha")
	b := must[[]weir.Builder](f)(f.EnsureBuilders(f.ctx, []weir.BuilderKey{{Project: "new", Job: "check", Platform: darwin}}))[0]
	f.learns(b, 1, named("s", "alpha", "beta"))
	equal(f, "the same test", f.finds(10, "alpha")+" "+f.finds(10, "beta"), "new/check:s.alpha new/check:s.beta")
}

func testFindMany(f *fixture) {
	var ids []weir.TestID
	for i := range 5000 {
		ids = append(ids, weir.TestID{Suite: fmt.Sprintf("pkg%d.common", i/1000), Name: fmt.Sprintf("test_case_%04d", i)})
	}
	f.learns(f.builder("p"), 1, ids)
	equal(f, "the last one", f.finds(10, "test", "case", "common", "4999"), "p/test:pkg4.common.test_case_4999")
	equal(f, "behind the first page", f.finds(10, "pkg4", "case", "4321"), "p/test:pkg4.common.test_case_4321")
	equal(f, "a few of many", len(strings.Fields(f.finds(7, "common", "case"))), 7)
	equal(f, "no more than the most", len(strings.Fields(f.finds(100_000, "test"))), 100)
	equal(f, "of suites only", len(strings.Fields(f.finds(30, "common"))), 30)
}

func testFindRace(f *fixture) {
	var builders []weir.Builder
	for i := range 4 {
		builders = append(builders, f.builderOn("p", weir.Platform(fmt.Sprint("os/", i))))
	}
	var settlements []store.Settlement
	for i, b := range builders {
		st := f.settlement(f.done(weir.CauseChange, b, 1, weir.ReasonTests).ID, weir.Unjudged, weir.Settled)
		for k := range 20 {
			st.States = append(st.States, weir.TestState{Test: weir.TestID{Suite: fmt.Sprint("s", (k+i*7)%5), Name: fmt.Sprint("common", (k*(2*i+1))%20)}, Status: weir.Pass, Since: st.Build})
		}
		settlements = append(settlements, st)
	}
	f.together(len(builders), func(i int) {
		if err := f.Settle(f.ctx, settlements[i]); err != nil {
			f.Error(err)
		}
	})
	want := map[weir.TestID]bool{}
	for _, st := range settlements {
		for _, s := range st.States {
			want[s.Test] = true
		}
	}
	equal(f, "tests", len(must[[]store.FoundTest](f)(f.FindTests(f.ctx, []string{"common"}, 100))), len(want))
}

func testFindBuilders(f *fixture) {
	a, b := f.builder("alpha"), f.builderOn("alpha", darwin)
	f.builder("beta_2")
	for _, c := range []struct {
		words string
		want  []weir.Builder
	}{
		{"ALPH", []weir.Builder{b, a}},
		{"pha/te", []weir.Builder{b, a}},
		{"linux alpha", []weir.Builder{a}},
		{"alpha windows", nil},
		{"a_2", must[[]weir.Builder](f)(f.FindBuilders(f.ctx, []string{"beta"}, 5))},
		{"a%", nil},
	} {
		equal(f, c.words, must[[]weir.Builder](f)(f.FindBuilders(f.ctx, strings.Fields(c.words), 5)), c.want)
	}
	equal(f, "at most", len(must[[]weir.Builder](f)(f.FindBuilders(f.ctx, []string{"a"}, 2))), 2)
}

func testFindRevisions(f *fixture) {
	now := f.now()
	_, _, err := f.RecordRevisions(f.ctx, store.Poll{Project: "p", Branch: "main", Now: now, Next: now, Revisions: []weir.Revision{
		{ID: "c0ffee01", Author: "Ann <ann@example.org>", Time: f.now(), Message: "Fold sharp S\n\nby 100%"},
		{ID: "c0de02", Author: "Bob", Time: f.now(), Message: "unfold_it"},
		{ID: "beef03", Author: "Bob", Time: f.now(), Message: "c0ffee for all"},
	}})
	f.ok(err)
	_, _, err = f.RecordRevisions(f.ctx, store.Poll{Project: "q", Now: now, Next: now, Revisions: []weir.Revision{{ID: "c0ffee99", Author: "ann", Time: f.now(), Message: "\\'; DROP TABLE revisions"}}})
	f.ok(err)
	for _, c := range []struct{ words, want string }{
		{"c0f", "q@:c0ffee99 p@main:beef03 p@main:c0ffee01"},
		{"C0DE", "p@main:c0de02"},
		{"c0ffee ann", ""},
		{"fold", "p@main:c0de02 p@main:c0ffee01"},
		{"FOLD ann@", "p@main:c0ffee01"},
		{"100%", "p@main:c0ffee01"},
		{"0%0", ""},
		{"d_i", "p@main:c0de02"},
		{"l_s", ""},
		{"\\'; drop", "q@:c0ffee99"},
		{"ffee", "p@main:beef03"},
	} {
		var got []string
		for _, r := range must[[]store.FoundRevision](f)(f.FindRevisions(f.ctx, strings.Fields(c.words), 10)) {
			got = append(got, r.Project+"@"+r.Branch+":"+r.Revision.ID)
		}
		equal(f, c.words, strings.Join(got, " "), c.want)
	}
	found := must[[]store.FoundRevision](f)(f.FindRevisions(f.ctx, []string{"o"}, 1))
	equal(f, "a whole one", fmt.Sprint(len(found), found[0].Revision.Position > 0, found[0].Revision.Time.IsZero()), "1 true false")
}
