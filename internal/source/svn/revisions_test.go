package svn

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

func TestRevisions(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	a := r.put("trunk/a", "1")       // r2
	_ = r.put("branches/other", "x") // r3: not on trunk
	b := r.put("trunk/b", "2")       // r4
	c := r.put("trunk/a", "3")       // r5
	_ = r.put("tags/x", "x")         // r6
	src := r.source("trunk")
	l, err := m.Revisions(t.Context(), src, "")
	if err != nil || l.Branch != "trunk" || len(l.Revisions) != 1 || l.Rewritten || l.More {
		t.Fatalf("got %+v, %v", l, err)
	}
	if got := l.Revisions[0]; got.ID != c || got.Author != "ann" || got.Message != "put trunk/a" || got.Time.Year() < 2020 {
		t.Errorf("got %+v", got)
	}
	for _, c := range []struct{ from, to, known, want string }{
		{known: a, want: "r4 r5"},
		{known: b, want: "r5"},
		{known: c},
		{from: "r2", want: "r2 r4 r5"},
		{from: "2", to: "r4", want: "r2 r4"},
		{from: "1", want: "r1 r2 r4 r5"},
		{to: "r4", known: "r2", want: "r4"},
		{to: "r4", known: "r4"},
		{to: "r4", known: "r5"},
		{to: "r99", known: "r4", want: "r5"},
	} {
		src.From, src.To = c.from, c.to
		if got := ids(t, m, src, c.known); got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
	src.From, src.To = "r3", ""
	_, err = m.Revisions(t.Context(), src, "")
	expectCode(t, err, weir.NotFound)
	_, err = m.Revisions(t.Context(), r.source("branches/nope"), "")
	expectCode(t, err, weir.NotFound)
	// Dates mean nothing.
	hook := filepath.Join(r.dir, "hooks", "pre-revprop-change")
	if err := os.WriteFile(hook, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r.tool("svn", "propset", "--revprop", "-r5", "svn:date", "1999-01-01T00:00:00.000000Z", base(src)+"@")
	if l, err := m.Revisions(t.Context(), r.source("trunk"), a); err != nil || len(l.Revisions) != 2 || l.Revisions[1].Time.Year() != 1999 {
		t.Errorf("got %+v, %v", l, err)
	}
}

// A branch begins where it was copied, and its name is a path.
func TestBranches(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.put("trunk/a", "1")                                        // r2
	r.commit("branch", "cp", "2", "trunk", "branches/1%20@%25x") // r3
	r.put("trunk/a", "2")                                        // r4
	r.put("branches/1 @%x/a", "3")                               // r5
	r.commit("tag", "cp", "5", "branches/1%20@%25x", "tags/v1")  // r6
	src := r.source("branches/1 @%x")
	src.From = "r3"
	if got := ids(t, m, src, ""); got != "r3 r5" {
		t.Errorf("got %q", got)
	}
	if got := ids(t, m, src, "r3"); got != "r5" {
		t.Errorf("got %q", got)
	}
	if got := ids(t, m, src, "r2"); got != "! r5" { // of trunk
		t.Errorf("got %q", got)
	}
	refs, err := m.Refs(t.Context(), r.source("trunk"))
	if err != nil || strings.Join(refs.Branches, "|") != "branches/1 @%x|trunk" || len(refs.Tags) != 1 ||
		refs.Tags[0] != (source.Tag{Name: "v1", Revision: "r6", Ref: "tags/v1"}) {
		t.Errorf("got %+v, %v", refs, err)
	}
	for _, c := range []struct{ ref, revision, want string }{
		{"", "", "r4"}, {"", "3", "r2"}, {"", "r2", "r2"}, {"tags/v1", "", "r6"}, {"tags/v1", "r6", "r6"},
	} {
		if rev, err := m.Resolve(t.Context(), r.source("trunk"), c.ref, c.revision); err != nil || rev.ID != c.want {
			t.Errorf("%+v: got %+v, %v", c, rev, err)
		}
	}
	_, err = m.Resolve(t.Context(), r.source("trunk"), "", "r77")
	expectCode(t, err, weir.NotFound)
	// The branch is made anew.
	r.commit("gone", "rm", "branches/1%20@%25x")               // r7
	r.commit("anew", "cp", "7", "trunk", "branches/1%20@%25x") // r8
	if got := ids(t, m, r.source("branches/1 @%x"), "r5"); got != "! r8" {
		t.Errorf("got %q", got)
	}
}

func TestAnotherRepository(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.put("trunk/a", "1")
	r.put("trunk/a", "2")
	if got := ids(t, m, r.source("trunk"), "r2"); got != "r3" {
		t.Errorf("got %q", got)
	}
	r.tool("svnadmin", "setuuid", r.dir)
	if got := ids(t, m, r.source("trunk"), "r3"); got != "! r3" {
		t.Errorf("got %q", got)
	}
	if got := ids(t, m, r.source("trunk"), "r3"); got != "" {
		t.Errorf("said twice: %q", got)
	}
	if got := ids(t, m, r.source("trunk"), "r9"); got != "!" {
		t.Errorf("got %q", got)
	}
}

func TestHostileText(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.put("trunk/a", "1")
	dump := "SVN-fs-dump-format-version: 2\n\n"
	for i, message := range []string{"</msg></logentry><logentry revision=\"99\"> \x01 \xff\xfe", strings.Repeat("é", weir.MaxMessage)} {
		props := "K 7\nsvn:log\nV " + itoa(len(message)) + "\n" + message + "\nK 10\nsvn:author\nV 3\n\x02\x1b<\nPROPS-END\n"
		dump += "Revision-number: " + itoa(3+i) + "\nProp-content-length: " + itoa(len(props)) + "\nContent-length: " + itoa(len(props)) + "\n\n" + props + "\n" +
			"Node-path: trunk/n" + itoa(i) + "\nNode-kind: dir\nNode-action: add\n\n\n"
	}
	r.tool("svnadmin", "load", "--quiet", "--bypass-prop-validation", "--file="+r.file(dump), r.dir)
	l, err := m.Revisions(t.Context(), r.source("trunk"), "r2")
	if err != nil || len(l.Revisions) != 2 {
		t.Fatalf("got %+v, %v", l, err)
	}
	for _, rev := range l.Revisions {
		if !utf8.ValidString(rev.Message+rev.Author) || len(rev.Message) > weir.MaxMessage || rev.Message == "" {
			t.Errorf("not within limits: %+v", rev)
		}
	}
}

func TestManyRevisions(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	for _, text := range []string{"1", "2", "3"} {
		r.put("trunk/a", text)
	}
	var l source.Listing
	if err := m.log(t.Context(), &l, r.source("trunk"), 1, 4, 3); err != nil || !l.More || len(l.Revisions) != 3 || l.Revisions[2].ID != "r3" {
		t.Errorf("got %+v, %v", l, err)
	}
}

func TestTouchedAndFiles(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	r.commit("a", "mkdir", "trunk/d", "put", r.file("1"), "trunk/d/x%20@y", "put", r.file("2"), "trunk/.a", "put", r.file("3"), "branches/b") // r2
	r.commit("b", "rm", "trunk/.a", "put", r.file("link d"), "trunk/l", "propset", "svn:special", "*", "trunk/l")                             // r3
	for revision, want := range map[string]string{"r2": ".a|d|d/x @y", "r3": ".a|l"} {
		paths, err := m.Touched(t.Context(), r.source("trunk"), revision)
		if err != nil || strings.Join(paths.Names, "|") != want || paths.More {
			t.Errorf("%s: got %q, %v", revision, paths.Names, err)
		}
	}
	_, err := m.Touched(t.Context(), r.source("trunk"), "r9")
	expectCode(t, err, weir.NotFound)
	names, err := m.Files(t.Context(), r.source("trunk"), "r2")
	if err != nil || strings.Join(names, "|") != ".a|d/x @y" {
		t.Errorf("got %q, %v", names, err)
	}
	text, err := m.ReadFile(t.Context(), r.source("trunk"), "r2", "d/x @y", 1)
	if err != nil || string(text) != "1" {
		t.Errorf("got %q, %v", text, err)
	}
	for path, want := range map[string]weir.Code{"d": weir.NotFound, "nope": weir.NotFound, "../branches/b": weir.Invalid, "l": weir.NotFound} {
		_, err := m.ReadFile(t.Context(), r.source("trunk"), "r3", path, 100)
		expectCode(t, err, want)
	}
	_, err = m.ReadFile(t.Context(), r.source("trunk"), "r3", "d/x @y", 0)
	expectCode(t, err, weir.TooLarge)
}

func TestRefused(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newRepositories(t)
	for _, branch := range []string{"--config-option", "../x", "/trunk", "trunk/", "a\nb", "a//b"} {
		_, err := m.Revisions(t.Context(), r.source(branch), "")
		want := weir.Invalid
		if branch == "--config-option" { // a path like any other
			want = weir.NotFound
		}
		expectCode(t, err, want)
	}
	for _, location := range []string{"", "relative", "--version", "svn+custom://h/x", "https://ann:s3cret@example.com/x", "https://example.com/x?t=s3cret", "svn://-oProxyCommand=x/y", "ssh://h/x"} {
		_, err := m.Revisions(t.Context(), weir.Source{Kind: weir.Svn, Location: location}, "")
		expectCode(t, err, weir.Invalid)
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error tells: %v", err)
		}
	}
	for _, known := range []string{"HEAD", "5", "r0", "r-1", "-r5", "r99999999999999999999"} {
		_, err := m.Revisions(t.Context(), r.source("trunk"), known)
		expectCode(t, err, weir.Invalid)
	}
	gone := r.source("trunk")
	gone.Location += "/../nothing"
	_, err := m.Revisions(t.Context(), gone, "")
	expectCode(t, err, weir.Unavailable)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = m.Revisions(ctx, r.source("trunk"), "")
	expectCode(t, err, weir.Unavailable)
}
