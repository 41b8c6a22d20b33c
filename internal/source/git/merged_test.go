package git

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/source"
)

// sidesOf writes sides as "PARENT: SUBJECT SUBJECT ...", with + if there is more.
func sidesOf(t *testing.T, m *Mirrors, src weir.Source, revision string) string {
	t.Helper()
	sides, err := m.Merged(t.Context(), src, revision)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range sides {
		text := strconv.Itoa(s.Parent) + ":"
		for _, r := range s.Revisions {
			text += " " + r.Subject()
			if r.Position != 0 || r.Time.IsZero() || r.Author == "" {
				t.Errorf("got %+v", r)
			}
		}
		if s.More {
			text += " +"
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestMerged(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	branch := func(name, from string) { r.t.Helper(); r.run("", "checkout", "--quiet", "-b", name, from) }
	to := func(name string) { r.t.Helper(); r.run("", "checkout", "--quiet", name) }
	want := map[string]string{}
	r.commit("m1")
	branch("long", "main")
	r.commit("l1")
	to("main")
	want[r.commit("m2")] = ""
	branch("side", "main")
	r.commit("s1")
	branch("nested", "side")
	r.commit("n1")
	r.commit("n2")
	to("side")
	inner := r.merge("nested")
	want[inner] = "2: s1 n1 n2"
	side := r.commit("s2")
	to("main")
	r.commit("m3")
	want[r.merge("side")] = "2: m2 s1 merge nested s2"
	// A side that merged the main line in between forked off before that.
	to("long")
	r.merge("main")
	r.commit("l2")
	to("main")
	want[r.merge("long")] = "2: m1 l1 merge main l2"
	// An octopus, whose last side grew out of its first.
	for _, name := range []string{"a", "b"} {
		branch(name, "main")
		r.commit(name + "1")
		r.commit(name + "2")
	}
	branch("c", "a")
	r.commit("c1")
	to("main")
	tree := r.run("", "rev-parse", "main^{tree}")
	octopus := r.run("octopus", "commit-tree", tree, "-p", "main", "-p", "a", "-p", "b", "-p", "c")
	want[octopus] = "2: merge long a1 a2; 3: merge long b1 b2; 4: a2 c1"
	// Merges that bring nothing, or nothing that has a before.
	idle := r.run("idle", "commit-tree", tree, "-p", octopus, "-p", side)
	want[idle] = ""
	r.run("", "checkout", "--quiet", "--orphan", "alien")
	r.commit("x1")
	r.commit("x2")
	to("main")
	foreign := r.run("foreign", "commit-tree", tree, "-p", idle, "-p", "alien")
	want[foreign] = ""
	r.run("", "reset", "--quiet", "--hard", foreign)
	for revision, sides := range want {
		if got := sidesOf(t, m, r.source(), revision); got != sides {
			t.Errorf("got  %q\nwant %q", got, sides)
		}
	}
	// What is not on the first-parent line can be checked out all the same.
	expectFile(t, checkout(t, newMirrors(t), r.source(), r.run("", "rev-parse", "nested^")), "n1")
	expectFile(t, checkout(t, m, r.source(), side), "s2")
}

func TestMergedWantsAMerge(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	for id, code := range map[string]weir.Code{
		strings.Repeat("1", 40): weir.NotFound, "main": weir.Invalid, weir.Without(a, a): weir.Invalid, "--all": weir.Invalid, a: "",
	} {
		sides, err := m.Merged(t.Context(), r.source(), id)
		expectCode(t, err, code)
		paths, err2 := m.Touched(t.Context(), r.source(), id)
		expectCode(t, err2, code)
		if len(sides) != 0 || code != "" && len(paths.Names) != 0 {
			t.Errorf("%s: got %v, %v", id, sides, paths)
		}
	}
	_, err := m.Merged(t.Context(), weir.Source{Location: "ext::sh"}, a)
	expectCode(t, err, weir.Invalid)
}

// commits makes n commits on a branch, without a process for each.
func (r *repo) commits(branch, from string, n int) {
	r.t.Helper()
	var in strings.Builder
	for i := range n {
		fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter A <a@example.com> %d +0000\ndata %d\n%s\n", branch, r.now+i, len(branch), branch)
		if i == 0 && from != "" {
			fmt.Fprintf(&in, "from %s\n", from)
		}
	}
	r.run(in.String(), "fast-import", "--quiet", "--force")
}

func TestLongSides(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.commit("root")
	merge := []string{"commit-tree", "main^{tree}", "-p", "main"}
	for i := range source.MaxSides + 2 {
		name := fmt.Sprintf("s%d", i)
		r.commits(name, "refs/heads/main^0", 2)
		merge = append(merge, "-p", name)
	}
	many := r.run("many", merge...)
	r.commits("one", "refs/heads/main^0", source.MaxRevisions-20)
	r.commits("two", "refs/heads/main^0", 30)
	r.commits("three", "refs/heads/main^0", 1)
	long := r.run("long", "commit-tree", "main^{tree}", "-p", many, "-p", "one", "-p", "two", "-p", "three")
	r.run("", "reset", "--quiet", "--hard", long)
	sides, err := m.Merged(t.Context(), r.source(), many)
	if err != nil || len(sides) != source.MaxSides || sides[source.MaxSides-1].Parent != source.MaxSides+1 {
		t.Errorf("got %d sides, %v", len(sides), err)
	}
	sides, err = m.Merged(t.Context(), r.source(), long)
	if err != nil || len(sides) != 2 || len(sides[0].Revisions) != source.MaxRevisions-19 || sides[0].More ||
		len(sides[1].Revisions) != 19 || !sides[1].More {
		t.Errorf("got %d sides, %v", len(sides), err)
	}
}

func TestTouched(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	want := map[string]string{}
	want[r.save("root", map[string]string{"b": "b", "a/x": "x"})] = "a/x b"
	r.run("", "checkout", "--quiet", "-b", "side")
	want[r.save("side", map[string]string{"s": "s"})] = "s"
	r.run("", "checkout", "--quiet", "main")
	want[r.save("move", map[string]string{"b": "", "c": "b", "-- $(x)": "1"})] = "-- $(x) b c"
	want[r.save("empty", nil)] = ""
	want[r.join("side")] = "s"
	for revision, names := range want {
		if got, err := m.Touched(t.Context(), r.source(), revision); err != nil || got.More || strings.Join(got.Names, " ") != names {
			t.Errorf("got %q, %v, want %q", got.Names, err, names)
		}
	}
}

func TestTouchedWithinLimits(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	blob := r.run("x", "hash-object", "-w", "--stdin")
	index := "100644 " + blob + " 0\t0\xff\x1b\x00" + "100644 " + blob + " 0\t1" + strings.Repeat("/"+strings.Repeat("d", 200), 30) + "\x00"
	for i := range source.MaxPaths {
		index += fmt.Sprintf("100644 %s 0\tf%d\x00", blob, i)
	}
	r.run(index, "update-index", "-z", "--index-info")
	r.run("", "commit", "--quiet", "-m", "many")
	got, err := m.Touched(t.Context(), r.source(), r.head())
	if err != nil || !got.More || len(got.Names) != source.MaxPaths || got.Names[0] != "0\uFFFD\x1b" || len(got.Names[1]) != source.MaxPath {
		t.Errorf("got %d paths, %v", len(got.Names), err)
	}
	for _, name := range got.Names {
		if !utf8.ValidString(name) {
			t.Errorf("got %q", name)
		}
	}
}
