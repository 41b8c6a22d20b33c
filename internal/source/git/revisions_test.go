package git

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

func TestRevisionsFollowTheLine(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	first, _ := ids(t, m, r.source(), "")
	expect(t, first, a)
	b, c := r.commit("b"), r.commit("c")
	got, rewritten := ids(t, m, r.source(), a)
	expect(t, got, b, c)
	if rewritten {
		t.Error("not rewritten")
	}
	got, _ = ids(t, m, r.source(), c)
	expect(t, got)
}

func TestFirstParentsOnly(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	r.run("", "switch", "--quiet", "-c", "side")
	r.commit("side 1")
	r.now += 1_000_000 // the side branch is younger than the merge
	r.commit("side 2")
	r.now -= 2_000_000
	r.run("", "switch", "--quiet", "main")
	b := r.commit("b")
	c := r.merge("side")
	d := r.commit("d")
	got, rewritten := ids(t, m, r.source(), a)
	expect(t, got, b, c, d)
	if rewritten {
		t.Error("not rewritten")
	}
}

func TestDatesThatRunBackwards(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	var want []string
	for i := range 12 {
		want = append(want, r.commit(fmt.Sprint(i)))
		r.now -= 10_000 * (1 + i%5)
	}
	src := r.source()
	src.From = want[0]
	got, _ := ids(t, m, src, "")
	expect(t, got, want...)
	for i := range want {
		got, rewritten := ids(t, m, src, want[i])
		expect(t, got, want[i+1:]...)
		if rewritten {
			t.Errorf("behind %d: not rewritten", i)
		}
	}
}

func TestFromAndTo(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	root, a := r.commit("root"), r.commit("a")
	r.run("", "switch", "--quiet", "-c", "side")
	side := r.commit("side")
	r.run("", "switch", "--quiet", "main")
	b, c := r.commit("b"), r.merge("side")
	r.run("", "tag", "v1", b)
	d := r.commit("d")
	for _, tc := range []struct {
		from, to, known string
		want            []string
	}{
		{from: root, want: []string{root, a, b, c, d}},
		{from: a, want: []string{a, b, c, d}},
		{from: "v1", want: []string{b, c, d}},
		{from: b[:12], to: c, want: []string{b, c}},
		{to: "v1", want: []string{b}},
		{to: c, known: a, want: []string{b, c}},
		{to: c, known: c},
		{to: "v1", known: b},
		{to: a, known: c}, // To was moved back
		{to: "v9-not-yet", known: b, want: []string{c, d}},
		{to: side, known: b, want: []string{c, d}},
		{from: "gone", known: c, want: []string{d}}, // From counts at the start only
	} {
		src := r.source()
		src.From, src.To = tc.from, tc.to
		got, rewritten := ids(t, m, src, tc.known)
		expect(t, got, tc.want...)
		if rewritten {
			t.Errorf("%+v: not rewritten", tc)
		}
	}
	for _, from := range []string{side, "v7", strings.Repeat("0", 40)} {
		src := r.source()
		src.From = from
		_, err := m.Revisions(t.Context(), src, "")
		expectCode(t, err, weir.NotFound)
	}
}

func TestRewrittenHistory(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a, b := r.commit("a"), r.commit("b")
	old := r.commit("old")
	_, _ = ids(t, m, r.source(), "")

	r.run("", "reset", "--quiet", "--hard", b)
	got, rewritten := ids(t, m, r.source(), old)
	expect(t, got)
	if !rewritten {
		t.Error("a branch that was set back is rewritten")
	}

	r.run("", "reset", "--quiet", "--hard", a)
	x, y := r.commit("x"), r.commit("y")
	for range 2 { // again with another cache, which never saw the old line
		got, rewritten = ids(t, m, r.source(), old)
		expect(t, got, x, y)
		if !rewritten {
			t.Error("rewritten")
		}
		m = newMirrors(t)
	}

	_, rewritten = ids(t, m, r.source(), strings.Repeat("7", 40))
	if !rewritten {
		t.Error("a known commit that exists nowhere is history rewritten")
	}
	r.run("", "checkout", "--quiet", "--orphan", "fresh")
	o := r.commit("orphan")
	r.run("", "branch", "-f", "main", "fresh")
	r.run("", "switch", "--quiet", "main")
	got, rewritten = ids(t, m, r.source(), y)
	expect(t, got, o)
	if !rewritten {
		t.Error("rewritten")
	}
}

// A merge the wrong way round makes the old line the second parent.
func TestLineThatBecameASecondParent(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.commit("a")
	r.run("", "switch", "--quiet", "-c", "feature")
	f := r.commit("f")
	r.run("", "switch", "--quiet", "main")
	known := r.commit("b")
	_, _ = ids(t, m, r.source(), "")
	r.run("", "switch", "--quiet", "feature")
	j := r.merge("main")
	r.run("", "branch", "-f", "main", "feature")
	r.run("", "switch", "--quiet", "main")
	got, rewritten := ids(t, m, r.source(), known)
	expect(t, got, f, j)
	if !rewritten {
		t.Error("rewritten")
	}
}

func TestBranches(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.commit("a")
	r.run("", "switch", "--quiet", "-c", "feature/x")
	b := r.commit("b")
	src := r.source()
	src.Branch = "feature/x"
	got, _ := ids(t, m, src, "")
	expect(t, got, b)

	// Git cannot hold feature and feature/x side by side; a mirror that still
	// knows the old one must get over it.
	r.run("", "branch", "-m", "feature")
	_, err := m.Revisions(t.Context(), src, b)
	expectCode(t, err, weir.NotFound)
	src.Branch = "feature"
	c := r.commit("c")
	got, _ = ids(t, m, src, b)
	expect(t, got, c)

	l, err := m.Revisions(t.Context(), r.source(), "")
	if err != nil || l.Branch != "feature" { // what HEAD points at
		t.Errorf("got %q, %v", l.Branch, err)
	}
	r.run("", "checkout", "--quiet", "--detach")
	_, err = m.Revisions(t.Context(), r.source(), "")
	expectCode(t, err, weir.NotFound)
}

func TestEmptyRepository(t *testing.T) {
	t.Parallel()
	_, err := newMirrors(t).Revisions(t.Context(), newRepo(t).source(), "")
	expectCode(t, err, weir.NotFound)
}

func TestLongHistoryComesInPieces(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	var in strings.Builder
	const n = source.MaxRevisions + 10
	for i := range n {
		fmt.Fprintf(&in, "commit refs/heads/main\ncommitter A <a@example.com> %d +0000\ndata 1\nx\n", 1000+i)
	}
	r.run(in.String(), "fast-import", "--quiet")
	src := r.source()
	src.From = r.run("", "rev-list", "--max-parents=0", "HEAD")
	l, err := m.Revisions(t.Context(), src, "")
	if err != nil || !l.More || len(l.Revisions) != source.MaxRevisions || l.Revisions[0].ID != src.From {
		t.Fatalf("%d revisions, more: %v, %v", len(l.Revisions), l.More, err)
	}
	l, err = m.Revisions(t.Context(), src, l.Revisions[source.MaxRevisions-1].ID)
	if err != nil || l.More || l.Rewritten || len(l.Revisions) != 10 || l.Revisions[9].ID != r.head() {
		t.Errorf("%d revisions, %v", len(l.Revisions), err)
	}
}

// raw stores a commit object byte by byte and makes it the tip.
func (r *repo) raw(header, message string) string {
	r.t.Helper()
	tree := r.run("", "rev-parse", "HEAD^{tree}")
	hash := r.run(fmt.Sprintf("tree %s\nparent %s\n%s\n\n%s", tree, r.head(), header, message),
		"hash-object", "-t", "commit", "-w", "--literally", "--stdin")
	r.run("", "update-ref", "refs/heads/main", hash)
	return hash
}

func TestHostileCommits(t *testing.T) {
	t.Parallel()
	const plain = "author A <a@example.com> 5 +0000\ncommitter A <a@example.com> 5 +0000"
	for name, tc := range map[string]struct{ header, message, wantAuthor, wantMessage string }{
		"NUL":      {plain, "one\x00two", "A <a@example.com>", "one"},
		"invalid":  {plain, "b\xffd \xc3", "A <a@example.com>", "b\uFFFDd \uFFFD"},
		"latin1":   {plain + "\nencoding ISO-8859-1", "caf\xe9", "A <a@example.com>", "café"},
		"huge":     {plain, strings.Repeat("é", weir.MaxMessage), "A <a@example.com>", strings.Repeat("é", weir.MaxMessage/2)},
		"percent":  {plain, "%x00%H %s", "A <a@example.com>", "%x00%H %s"},
		"empty":    {plain, "", "A <a@example.com>", ""},
		"farthest": {"author B <> 1 +0000\ncommitter B <> 99999999999999 +0000", "m", "B <>", "m"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRepo(t)
			before := r.commit("a")
			bad := r.raw(tc.header, tc.message)
			after := r.commit("after")
			l, err := newMirrors(t).Revisions(t.Context(), r.source(), before)
			if err != nil || len(l.Revisions) != 2 || l.Revisions[1].ID != after {
				t.Fatalf("got %+v, %v", l, err)
			}
			rev := l.Revisions[0]
			if rev.ID != bad || rev.Author != tc.wantAuthor || rev.Message != tc.wantMessage {
				t.Errorf("got %.200q by %q", rev.Message, rev.Author)
			}
			if len(rev.Message) > weir.MaxMessage || !utf8.ValidString(rev.Message) || rev.Time.Year() > 9999 {
				t.Errorf("not within limits: %d bytes, %v", len(rev.Message), rev.Time)
			}
		})
	}
}

func TestAuthorTimeMessage(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	r.now = 1_700_000_000 - 60
	r.commit("subject\n\nbody line\n")
	l, err := newMirrors(t).Revisions(t.Context(), r.source(), "")
	if err != nil {
		t.Fatal(err)
	}
	want := weir.Revision{ID: r.head(), Author: "Ann Author <ann@example.com>",
		Time: time.Unix(1_700_000_000, 0).UTC(), Message: "subject\n\nbody line"}
	if l.Revisions[0] != want {
		t.Errorf("got %+v", l.Revisions[0])
	}
}

func TestRefusedWords(t *testing.T) {
	t.Parallel()
	m := newMirrors(t)
	for _, src := range []weir.Source{
		{Location: ""},
		{Location: "relative/path"},
		{Location: "ext::sh -c touch% x"},
		{Location: "--upload-pack=touch x"},
		{Location: "https://ann:s3cret@example.com/x"},
		{Location: "https://s3cret@example.com/x"},
		{Location: "https://ann:s3/cret@example.com/x"},
		{Location: "https://example.com/x?token=s3cret"},
		{Location: "ssh://ann:s3cret@example.com/x"},
		{Location: "ann:s3cret@example.com:x"},
		{Location: "ssh://-oProxyCommand=x/y"},
		{Location: "-oProxyCommand=x:y"},
		{Location: "ftp://example.com/x"},
		{Location: "https:///x"},
		{Location: "/a\nb"},
		{Location: "/x", Branch: "--upload-pack=touch x"},
		{Location: "/x", Branch: "-f"},
		{Location: "/x", Branch: "a..b"},
		{Location: "/x", Branch: "main:refs/heads/other"},
		{Location: "/x", Branch: "@{-1}"},
		{Location: "/x", Branch: "a\x00b"},
		{Location: "/x", Branch: "a/.b"},
		{Location: "/x", Branch: "a.lock/b"},
		{Location: "/x", From: "HEAD~3"},
		{Location: "/x", To: ":/message"},
		{Location: "/x", From: "--output=x"},
	} {
		_, err := m.Revisions(t.Context(), src, "")
		expectCode(t, err, weir.Invalid)
		var e *weir.Error
		if !errors.As(err, &e) || e.Hint == "" || strings.Contains(e.Error(), "s3cret") {
			t.Errorf("%+v: %v", src, err)
		}
	}
	for _, known := range []string{"main", "-f", strings.Repeat("A", 40), "abc"} {
		_, err := m.Revisions(t.Context(), weir.Source{Location: "/x"}, known)
		expectCode(t, err, weir.Invalid)
	}
	for _, loc := range []string{"https://example.com/x.git", "ssh://git@example.com:22/x", "git@example.com:a/b.git",
		"example.com:b", "file:///srv/x", "/srv/x y", "git://example.com/x", "https://example.com/@scope/x"} {
		if err := checkLocation(loc); err != nil {
			t.Errorf("%s: %v", loc, err)
		}
	}
}
