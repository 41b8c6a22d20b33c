package hg

import (
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
	r, m := newRepo(t), newMirrors(t)
	_, err := m.Revisions(t.Context(), r.source(), "")
	expectCode(t, err, weir.NotFound)
	a := r.commit("a\n\nmore")
	l, err := m.Revisions(t.Context(), r.source(), "")
	if err != nil || l.Branch != "default" || len(l.Revisions) != 1 || l.Rewritten || l.More {
		t.Fatalf("got %+v, %v", l, err)
	}
	if got := l.Revisions[0]; got.ID != a || got.Author != "Ann <ann@example.com>" || got.Message != "a\n\nmore" || got.Time.Unix() != 1_000_000_060 {
		t.Errorf("got %+v", got)
	}
	r.now -= 100_000_000 // dates mean nothing
	b, c := r.commit("b"), r.commit("c")
	r.now += 300_000_000
	d := r.commit("d")
	src := r.source()
	for _, c := range []struct {
		from, to, known string
		want            []string
	}{
		{known: a, want: []string{b, c, d}},
		{known: d},
		{from: b, want: []string{b, c, d}},
		{from: b[:12], to: c, want: []string{b, c}},
		{from: a, to: c, known: a, want: []string{b, c}},
		{from: a, to: b, known: c},
		{from: a, to: strings.Repeat("f", 40), known: c, want: []string{d}},
	} {
		src.From, src.To = c.from, c.to
		got, rewritten := ids(t, m, src, c.known)
		expect(t, got, c.want...)
		if rewritten {
			t.Errorf("%+v: rewritten", c)
		}
	}
	r.run("tag", "--rev="+b, "--user=Ann", "v1")
	src.From, src.To = "v1", d
	got, _ := ids(t, m, src, "")
	expect(t, got, b, c, d)
	src.From = strings.Repeat("e", 40)
	_, err = m.Revisions(t.Context(), src, "")
	expectCode(t, err, weir.NotFound)
}

// The line is that of first parents, on a named branch.
func TestMerges(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	r.run("branch", "side")
	s1 := r.save("s1", map[string]string{"s": "1\n"})
	s2 := r.save("s2", map[string]string{"s": "2\n"})
	r.run("update", "--clean", "default")
	b := r.save("b", map[string]string{"b": "b\n"})
	r.run("merge", "side")
	r.now += 60
	merge := r.seal("merge")
	src := r.source()
	got, _ := ids(t, m, src, a)
	expect(t, got, b, merge)
	src.Branch, src.From = "side", s1
	got, _ = ids(t, m, src, "")
	expect(t, got, s1, s2)
	sides, err := m.Merged(t.Context(), r.source(), merge)
	if err != nil || len(sides) != 1 || sides[0].Parent != 2 || sides[0].More {
		t.Fatalf("got %+v, %v", sides, err)
	}
	var side []string
	for _, rev := range sides[0].Revisions {
		side = append(side, rev.ID)
	}
	expect(t, side, a, s1, s2)
	if sides, err := m.Merged(t.Context(), r.source(), b); err != nil || sides != nil {
		t.Errorf("got %v, %v", sides, err)
	}
	for commit, want := range map[string]string{a: "file", b: "b", merge: "s"} {
		paths, err := m.Touched(t.Context(), r.source(), commit)
		if err != nil || strings.Join(paths.Names, " ") != want || paths.More {
			t.Errorf("%s: got %v, %v", commit, paths, err)
		}
	}
	_, err = m.Touched(t.Context(), r.source(), strings.Repeat("a", 40))
	expectCode(t, err, weir.NotFound)
}

func TestRewritten(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a, b := r.commit("a"), r.commit("b")
	c := r.commit("c")
	got, _ := ids(t, m, r.source(), a)
	expect(t, got, b, c)
	r.run("strip", "--config", "extensions.strip=", "--no-backup", "--rev="+b)
	x, y := r.commit("x"), r.commit("y")
	got, rewritten := ids(t, m, r.source(), c)
	if !rewritten {
		t.Error("the rewriting went unseen")
	}
	expect(t, got, x, y)
	// Set back: nothing is new.
	r.run("strip", "--config", "extensions.strip=", "--no-backup", "--rev="+x)
	got, rewritten = ids(t, m, r.source(), y)
	if !rewritten || len(got) != 0 {
		t.Errorf("got %v, rewritten %v", got, rewritten)
	}
	// Another repository in the same place.
	other := newRepo(t)
	z := other.commit("z")
	replace(t, other.dir, r.dir)
	got, rewritten = ids(t, m, r.source(), a)
	if !rewritten {
		t.Error("the new repository went unseen")
	}
	expect(t, got, z)
}

func TestManyRevisions(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a, b, c := r.commit("a"), r.commit("b"), r.commit("c")
	if _, err := m.Revisions(t.Context(), r.source(), ""); err != nil {
		t.Fatal(err)
	}
	mir := m.cloneOf(r.source())
	l, parent, err := mir.read(t.Context(), 2, line(c))
	if err != nil || !l.More || len(l.Revisions) != 2 || l.Revisions[0].ID != a || l.Revisions[1].ID != b || parent != null {
		t.Errorf("got %+v, %s, %v", l, parent, err)
	}
}

// What people write stays within limits, and within its field.
func TestHostileText(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	message := filepathIn(t, "message", "one\x00"+strings.Repeat("0", 40)+"\x00\x1b[31m two "+strings.Repeat("é", weir.MaxMessage))
	r.run("commit", "--quiet", "--config", "ui.allowemptycommit=true", "--date=-5000000 0", "--logfile="+message, "--user=Eve \x01 <\u202eeve>"+strings.Repeat("x", 2000))
	r.run("commit", "--quiet", "--config", "ui.allowemptycommit=true", "--encoding=latin-1", "--message=caf\xe9", "--user=J\xfcrgen")
	l, err := m.Revisions(t.Context(), r.source(), a)
	if err != nil || len(l.Revisions) != 2 {
		t.Fatalf("got %+v, %v", l, err)
	}
	for _, rev := range l.Revisions {
		if !utf8.ValidString(rev.Message+rev.Author) || len(rev.Message) > weir.MaxMessage || len(rev.Author) > 500 || strings.Contains(rev.Message, "\x00") {
			t.Errorf("not within limits: %+v", rev)
		}
	}
	if !l.Revisions[0].Time.IsZero() || l.Revisions[1].Message != "café" || l.Revisions[1].Author != "Jürgen" {
		t.Errorf("got %v, %+v", l.Revisions[0].Time, l.Revisions[1])
	}
}

func TestBranches(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.commit("a")
	r.run("branch", "it's (all) or nothing")
	r.commit("quotes")
	r.run("branch", "stable 1.x and more")
	odd := r.commit("b")
	r.run("bookmark", "book")
	src := r.source()
	src.Branch = "stable 1.x and more"
	got, _ := ids(t, m, src, "")
	expect(t, got, odd)
	for branch, want := range map[string]weir.Code{
		"--config=hooks.pre-identify=false": weir.Invalid,
		"17":                                weir.Invalid, "tip": weir.Invalid, "a'b": weir.Invalid, "x\ny": weir.Invalid,
		"nope": weir.NotFound, "book": weir.NotFound, "all()": weir.NotFound,
	} {
		src.Branch = branch
		_, err := m.Revisions(t.Context(), src, "")
		expectCode(t, err, want)
	}
	for _, location := range []string{"", "relative", "--debugger", "ext::sh", "https://ann:s3cret@example.com/x", "https://example.com/x?token=s3cret",
		"ssh://-oProxyCommand=x/y", "static-http://example.com/x", "bundle:/x", "/x#branch", "/x\n[hooks]"} {
		_, err := m.Revisions(t.Context(), weir.Source{Kind: weir.Hg, Location: location}, "")
		expectCode(t, err, weir.Invalid)
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error tells: %v", err)
		}
	}
	_, err := m.Revisions(t.Context(), r.source(), "12")
	expectCode(t, err, weir.Invalid)
}

func TestRefsAndFiles(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(r.dir, "link")); err != nil {
		t.Fatal(err)
	}
	a := r.save("a", map[string]string{"a": "1\n", "dir/b c": "2\n"})
	r.run("tag", "--rev="+a, "--user=Ann", "v1")
	r.run("tag", "--local", "--rev="+a, "mine")
	r.run("branch", "stable")
	b := r.commit("b")
	refs, err := m.Refs(t.Context(), r.source())
	if err != nil || strings.Join(refs.Branches, " ") != "default stable" || len(refs.Tags) != 1 || refs.Tags[0] != (source.Tag{Name: "v1", Revision: a}) || refs.More {
		t.Errorf("got %+v, %v", refs, err)
	}
	names, err := m.Files(t.Context(), r.source(), a)
	if err != nil || strings.Join(names, "|") != "a|dir/b c" {
		t.Errorf("got %q, %v", names, err)
	}
	text, err := m.ReadFile(t.Context(), r.source(), a, "dir/b c", 2)
	if err != nil || string(text) != "2\n" {
		t.Errorf("got %q, %v", text, err)
	}
	for path, want := range map[string]weir.Code{"dir": weir.NotFound, "nope": weir.NotFound, "link": weir.NotFound, "../x": weir.Invalid, "/a": weir.Invalid, "dir/b c": weir.TooLarge} {
		_, err := m.ReadFile(t.Context(), r.source(), a, path, 1)
		expectCode(t, err, want)
	}
	for name, want := range map[string]string{"": r.run("log", "--rev=default", "--template={node}"), "v1": a, b[:12]: b} {
		if rev, err := m.Resolve(t.Context(), r.source(), "", name); err != nil || rev.ID != want || rev.Message == "" {
			t.Errorf("%s: got %+v, %v", name, rev, err)
		}
	}
	if rev, err := m.Resolve(t.Context(), r.source(), "refs/tags/v1", ""); err != nil || rev.ID != a {
		t.Errorf("got %+v, %v", rev, err)
	}
	_, err = m.Resolve(t.Context(), r.source(), "refs/pull/1", "")
	expectCode(t, err, weir.Invalid)
	_, err = m.Resolve(t.Context(), r.source(), "", "v2")
	expectCode(t, err, weir.NotFound)
}
