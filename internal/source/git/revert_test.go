package git

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
)

// save makes a commit with these files; an empty content removes one.
func (r *repo) save(message string, files map[string]string) string {
	r.t.Helper()
	r.now += 60
	for name, text := range files {
		path := filepath.Join(r.dir, filepath.FromSlash(name))
		if text == "" {
			if err := os.Remove(path); err != nil {
				r.t.Fatal(err)
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			r.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			r.t.Fatal(err)
		}
	}
	r.run("", "add", "--all", "--", ".")
	r.run("", "commit", "--quiet", "--allow-empty", "-m", message)
	return r.head()
}

// join merges a branch for real, and returns the merge's hash.
func (r *repo) join(branches ...string) string {
	r.t.Helper()
	r.now += 60
	r.run("", append([]string{"merge", "--quiet", "--no-ff", "-m", "join " + strings.Join(branches, " ")}, branches...)...)
	return r.head()
}

// expectFiles compares the work tree's files with "name=content ...".
func expectFiles(t *testing.T, dir, want string) {
	t.Helper()
	var got []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d != nil && d.Name() == ".git" {
				return filepath.SkipDir
			}
			return err
		}
		name, err := filepath.Rel(dir, path)
		text, err2 := os.ReadFile(path)
		got = append(got, filepath.ToSlash(name)+"="+strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "|"))
		return errors.Join(err, err2)
	})
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("got  %v, %v\nwant %v", got, err, want)
	}
}

func TestRevert(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	root := r.save("root", map[string]string{"a": "1\n2\n3\n4\n5\n6\n7\n", "old": "o"})
	r.run("", "tag", "-a", "-m", "one", "v1")
	top := r.save("top", map[string]string{"a": "one\n2\n3\n4\n5\n6\n7\n"})
	end := r.save("end", map[string]string{"a": "one\n2\n3\n4\n5\n6\nseven\n", "new/x": "x", "old": ""})
	empty := r.save("empty", nil)
	head := r.save("head", map[string]string{"b": "b"})
	for _, c := range []struct{ head, culprit, want string }{
		{head, top, "a=1|2|3|4|5|6|seven b=b new/x=x"},
		{head, end, "a=one|2|3|4|5|6|7 b=b old=o"},
		{head, head, "a=one|2|3|4|5|6|seven new/x=x"},
		{head, empty, "a=one|2|3|4|5|6|seven b=b new/x=x"},
		{top, top, "a=1|2|3|4|5|6|7 old=o"},
		{root, root, ""},
	} {
		dir := checkout(t, m, r.source(), weir.Without(c.head, c.culprit))
		expectFiles(t, dir, c.want)
		for want, args := range map[string][]string{
			c.head:                  {"rev-parse", "HEAD^"},
			"":                      {"status", "--porcelain"},
			"HEAD":                  {"rev-parse", "--abbrev-ref", "HEAD"},
			r.source().Location:     {"remote", "get-url", "origin"},
			"Revert " + c.culprit:   {"log", "-1", "--format=%s"},
			"weir <weir@localhost>": {"log", "-1", "--format=%an <%ae>"},
			at(t, dir, "log", "-1", "--format=%ct", c.head): {"log", "-1", "--format=%at"},
		} {
			if got := at(t, dir, args...); got != want {
				t.Errorf("git %v: got %q, want %q", args, got, want)
			}
		}
		at(t, dir, "fsck", "--full")
	}
	dir := checkout(t, m, r.source(), weir.Without(head, top))
	if got := at(t, dir, "describe"); !strings.HasPrefix(got, "v1-5-g") {
		t.Errorf("described as %q", got)
	}
	// The same on every machine, and the mirror does not know of it.
	again := checkout(t, newMirrors(t), r.source(), weir.Without(head, top))
	made := at(t, dir, "rev-parse", "HEAD")
	if other := at(t, again, "rev-parse", "HEAD"); other != made {
		t.Errorf("got %s and %s", made, other)
	}
	expectCode(t, m.Checkout(t.Context(), r.source(), made, t.TempDir(), nil), weir.NotFound)
}

// What `weir repro` keeps of a build is a bundle of its checkout: the derived
// revision must come out of that as the same commit.
func TestRevertOutOfABundle(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.commit("a")
	head := r.commit("b")
	revision := weir.Without(head, head)
	dir := checkout(t, m, r.source(), revision)
	at(t, dir, "branch", "main")
	src := weir.Source{Kind: weir.Git, Location: filepath.Join(t.TempDir(), "bundle"), Branch: "main"}
	at(t, dir, "bundle", "create", "--quiet", src.Location, "HEAD", "refs/heads/main", "--tags")
	again := checkout(t, newMirrors(t), src, revision)
	expectFile(t, again, "a")
	if got, want := at(t, again, "rev-parse", "HEAD"), at(t, dir, "rev-parse", "HEAD"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestRevertOfMerges(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.save("root", map[string]string{"a": "a"})
	for _, side := range []string{"s", "o1", "o2"} {
		r.run("", "checkout", "--quiet", "-b", side, "main")
		r.save(side+" 1", map[string]string{side: "1"})
		r.save(side+" 2", map[string]string{side: "2"})
		r.run("", "checkout", "--quiet", "main")
	}
	r.save("main", map[string]string{"b": "b"})
	merge := r.join("s")
	octopus := r.join("o1", "o2")
	head := r.save("head", map[string]string{"c": "c"})
	expectFiles(t, checkout(t, m, r.source(), weir.Without(head, merge)), "a=a b=b c=c o1=2 o2=2")
	expectFiles(t, checkout(t, m, r.source(), weir.Without(head, octopus)), "a=a b=b c=c s=2")
	// A commit of the merged side, too, can be reverted at the main line's head.
	expectFiles(t, checkout(t, m, r.source(), weir.Without(head, r.run("", "rev-parse", "s"))), "a=a b=b c=c o1=2 o2=2 s=1")
}

// A file that was moved since is followed.
func TestRevertFollowsMoves(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	long := strings.Repeat("line\n", 20)
	r.save("root", map[string]string{"a": long})
	culprit := r.save("culprit", map[string]string{"a": long + "bad\n"})
	head := r.save("move", map[string]string{"a": "", "b": long + "bad\n"})
	expectFiles(t, checkout(t, m, r.source(), weir.Without(head, culprit)), "b="+strings.TrimSuffix(strings.Repeat("line|", 20), "|"))
}

func TestRevertThatConflicts(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	r.save("root", map[string]string{"a": "1", "b": "1", "c": "1"})
	culprit := r.save("culprit", map[string]string{"a": "2", "b": "2", "c": "2"})
	one := r.save("one", map[string]string{"a": "3"})
	all := r.save("all", map[string]string{"b": "3", "c": ""})
	for head, want := range map[string]string{one: ": 1 file conflicts", all: ": 3 files conflict"} {
		dir := filepath.Join(t.TempDir(), "x")
		var log strings.Builder
		err := m.Checkout(t.Context(), r.source(), weir.Without(head, culprit), dir, &log)
		expectCode(t, err, weir.Invalid)
		var e *weir.Error
		if !errors.As(err, &e) || e.Message != culprit[:10]+" cannot be reverted at "+head[:10]+want || !strings.Contains(e.Hint, "git revert "+culprit) {
			t.Errorf("got %v", err)
		}
		if !strings.Contains(log.String(), `conflict: "a"`) {
			t.Errorf("log: %q", log.String())
		}
		if entries, _ := os.ReadDir(dir); len(entries) > 0 {
			t.Errorf("left behind: %v", entries)
		}
	}
	// Put right since: the revert is empty.
	mended := r.save("mended", map[string]string{"a": "1", "b": "1", "c": "1"})
	expectFiles(t, checkout(t, m, r.source(), weir.Without(mended, culprit)), "a=1 b=1 c=1")
}

func TestRevertOfStrangers(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a, b := r.commit("a"), r.commit("b")
	r.run("", "checkout", "--quiet", "--orphan", "other")
	other := r.commit("other")
	r.run("", "tag", "-a", "-m", "t", "t", a)
	tag := r.run("", "rev-parse", "t")
	r.run("", "checkout", "--quiet", "main")
	for _, culprit := range []string{other, tag, strings.Repeat("1", 40), r.run("", "rev-parse", "main^{tree}")} {
		err := m.Checkout(t.Context(), r.source(), weir.Without(b, culprit), t.TempDir(), nil)
		expectCode(t, err, weir.NotFound)
		if err == nil || !strings.Contains(err.Error(), culprit+" is not part of the history of "+b) {
			t.Errorf("got %v", err)
		}
	}
	expectCode(t, m.Checkout(t.Context(), r.source(), weir.Without(a, b), t.TempDir(), nil), weir.NotFound)
	expectCode(t, m.Checkout(t.Context(), r.source(), weir.Without(strings.Repeat("1", 40), a), t.TempDir(), nil), weir.NotFound)
	for _, bad := range []string{a + "-", "-" + a, weir.Without(a, a[:10]), weir.Without(weir.Without(b, a), a), weir.Without(a, strings.Repeat("a", 64)), a + "--all"} {
		expectCode(t, m.Checkout(t.Context(), r.source(), bad, t.TempDir(), nil), weir.Invalid)
	}
}

// Nothing that a repository or a user can say has a part in a revert: no merge
// driver, no filter, no hook, no attribute. Names that mean something to a
// shell or to git are files like others, and line ends that git would change
// are not in the way.
func TestRevertOfHostileCommits(t *testing.T) {
	t.Parallel()
	r := newRepo(t)
	home := t.TempDir()
	sprung := filepath.Join(home, "sprung")
	trap := "touch " + sprung + "; cat"
	config := "[merge \"x\"]\ndriver = " + trap + "\n[filter \"x\"]\nclean = " + trap + "\nsmudge = " + trap +
		"\n[commit]\ngpgSign = true\n[merge]\nconflictStyle = zdiff3\n"
	for path, text := range map[string]string{
		filepath.Join(home, ".gitconfig"):                   config,
		filepath.Join(home, ".config", "git", "attributes"): "* merge=union\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	evil := "-x $(touch sprung)"
	if runtime.GOOS != "windows" {
		evil = "-x\n\x1b[2J\"$(touch sprung)"
	}
	r.save("root", map[string]string{".gitattributes": "* merge=x filter=x\ncrlf text\n", ".gitconfig": config})
	r.run("", "config", "merge.x.driver", trap)
	// put makes a commit of contents as they are, not as the attributes would have them.
	put := func(message, crlf, other string) string {
		for name, text := range map[string]string{"crlf": crlf, evil: other} {
			blob := r.run(text, "hash-object", "-w", "--stdin", "--no-filters")
			r.run("100644 "+blob+" 0\t"+name+"\x00", "update-index", "-z", "--add", "--index-info")
		}
		r.now += 60
		r.run(message, "commit", "--quiet", "-F", "-")
		return r.head()
	}
	put("before", "1\r\n2\r\n3\r\n4\r\n5\r\n", "1\n")
	culprit := put("--exec=touch sprung\n\n\x1b[2J\xff", "bad\r\n2\r\n3\r\n4\r\n5\r\n", "2\n")
	head := put("head", "bad\r\n2\r\n3\r\n4\r\nend\r\n", "2\n")
	late := put("late", "bad\r\n2\r\n3\r\n4\r\nend\r\n", "3\n")
	env := append(os.Environ(), "HOME="+home, "XDG_CONFIG_HOME=", "GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=merge.default", "GIT_CONFIG_VALUE_0=x",
		"GIT_AUTHOR_NAME=somebody", "GIT_COMMITTER_DATE=@1 +0000")
	m := New(filepath.Join(t.TempDir(), "cache"), env)
	dir := checkout(t, m, r.source(), weir.Without(head, culprit))
	if got := at(t, dir, "show", "HEAD:crlf"); got != "1\r\n2\r\n3\r\n4\r\nend" {
		t.Errorf("got %q", got)
	}
	if got := at(t, dir, "log", "-1", "--format=%an %cn"); got != "weir weir" {
		t.Errorf("made by %s", got)
	}
	var log strings.Builder
	expectCode(t, m.Checkout(t.Context(), r.source(), weir.Without(late, culprit), t.TempDir(), &log), weir.Invalid)
	if strings.Contains(log.String(), "\x1b") {
		t.Errorf("log: %q", log.String())
	}
	for _, path := range []string{sprung, filepath.Join(dir, "sprung"), filepath.Join(r.dir, "sprung")} {
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s was made", path)
		}
	}
}

// A commit's date may be anything.
func TestRevertAtOddDates(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	for date, want := range map[string]string{"0 +0000": "0", "1 -9999": "1", "253402300799 +0000": "253402300799",
		"253402300800 +0000": "0", "99999999999999999999999 +0000": "0", "-5 +0000": "0", "today": "0", "": "0"} {
		head := r.run("tree "+r.run("", "rev-parse", "HEAD^{tree}")+"\nparent "+a+"\nauthor A <a@example.com> "+date+
			"\ncommitter A <a@example.com> "+date+"\n\nodd\n", "hash-object", "-w", "-t", "commit", "--literally", "--stdin")
		r.run("", "update-ref", "refs/heads/main", head)
		dir := checkout(t, m, r.source(), weir.Without(head, head))
		if got := at(t, dir, "log", "-1", "--format=%ct"); got != want {
			t.Errorf("%q: got %s, want %s", date, got, want)
		}
	}
}

func TestRevertInASHA256Repository(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	if err := os.RemoveAll(r.dir); err != nil {
		t.Fatal(err)
	}
	r.run("", "init", "--quiet", "-b", "main", "--object-format=sha256", r.dir)
	a, b := r.commit("a"), r.commit("b")
	expectFile(t, checkout(t, m, r.source(), weir.Without(b, b)), "a")
	expectCode(t, m.Checkout(t.Context(), r.source(), weir.Without(b, a), t.TempDir(), io.Discard), weir.Invalid)
	expectFiles(t, checkout(t, m, r.source(), weir.Without(a, a)), "")
}

// A mirror that lacks objects is made anew for a derived revision as well.
func TestRevertWithADamagedMirror(t *testing.T) {
	t.Parallel()
	r, m := newRepo(t), newMirrors(t)
	a := r.commit("a")
	expectFile(t, checkout(t, m, r.source(), a), "a")
	mirrors, err := filepath.Glob(filepath.Join(m.dir, "*.git", "objects", "pack"))
	if err != nil || len(mirrors) != 1 {
		t.Fatalf("got %v, %v", mirrors, err)
	}
	if err := os.RemoveAll(mirrors[0]); err != nil {
		t.Fatal(err)
	}
	b := r.commit("b")
	expectFile(t, checkout(t, m, r.source(), weir.Without(b, b)), "a")
}
