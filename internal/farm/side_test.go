package farm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/source/git"
	"github.com/weir-ci/weir/internal/store"
)

// TestMergedSide: the culprit is a merge, and the line that it merged is searched.
// Revisions of that line are called up-100 and higher here.
func TestMergedSide(t *testing.T) {
	t.Parallel()
	line := []string{"up-2", "up-101", "up-102", "up-103", "up-104"}
	bad := func(at ...string) map[string]bool {
		also := map[string]bool{}
		for _, rev := range append(slices.Clone(line), "up-201", "up-202", "up-203") {
			also[rev] = slices.Contains(at, rev)
		}
		return also
	}
	cases := []struct {
		name    string
		also    map[string]bool
		sides   map[string][][]string
		culprit string
		merge   string
		note    string
		asked   int // searches of lines
	}{
		{"in the middle", bad("up-103", "up-104"), map[string][][]string{"up-6": {line}},
			"up-103", "up-6", "it is up up-103, merged with up-6: bad at it and good right before it", 1},
		{"its first", bad("up-101", "up-102", "up-103", "up-104"), map[string][][]string{"up-6": {line}}, "up-101", "up-6", "merged with up-6", 1},
		{"no merge", nil, nil, "up-6", "", "good right before it", 0},
		{"the merge itself", bad(), map[string][][]string{"up-6": {line}},
			"up-6", "", "the line that it merged is good by itself: only the merge brings together what is bad", 1},
		{"from before", bad(line...), map[string][][]string{"up-6": {line}}, "up-6", "", "was bad already where it forked off", 1},
		{"a merge in a merge", bad("up-103", "up-104", "up-202", "up-203"),
			map[string][][]string{"up-6": {line}, "up-103": {{"up-101", "up-201", "up-202", "up-203"}}},
			"up-202", "up-6", "it is up up-202, merged with up-6", 2},
		{"a merge in a merge, itself", bad("up-103", "up-104"),
			map[string][][]string{"up-6": {line}, "up-103": {{"up-101", "up-202", "up-203"}}},
			"up-103", "up-6", "the line that it merged is good by itself", 2},
		{"several at once", nil, map[string][][]string{"up-6": {line, line}}, "up-6", "", "it merged 2 lines at once", 0},
	}
	if raceDetector { // see TestSimulation
		cases = cases[:1]
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := startSim(t, smallWorld("up"))
			s.poll()
			s.until("at rest", true, s.atRest)
			s.world.sides = c.sides
			s.world.faults = []simFault{{Project: "up", At: 6, Victim: "d", Tests: []string{"t0", "t1"}, Kind: weir.NewlyFailing, Also: c.also},
				{Project: "d", At: 3, Victim: "d", Tests: []string{"t2"}, Kind: weir.NewlyFailing}}
			s.world.tips["up"] = 9
			s.move("d", 4) // which moves behind its upstream, and has not yet where that is the culprit
			s.until("at rest", true, s.atRest)
			s.explained()
			all := s.regressions()
			k := slices.IndexFunc(all, func(r weir.Regression) bool { return r.Culprit.Project == "up" })
			if k < 0 {
				t.Fatalf("regressions are %+v", all)
			}
			r := all[k]
			if r.State != weir.Located || r.Culprit.Revision.ID != c.culprit || r.Culprit.Merge != c.merge || !strings.Contains(r.Note, c.note) {
				t.Errorf("the culprit is %+v: %s", r.Culprit, r.Note)
			}
			if c.merge != "" && (r.Culprit.Revision.Position != 0 || r.Culprit.Confidence < 0.99) {
				t.Errorf("the culprit is %+v", r.Culprit)
			}
			searches := s.searches()
			if len(searches) != c.asked {
				t.Fatalf("searches are %+v", searches)
			}
			for _, b := range s.history(r.Builder.ID) {
				if simPosition(b.Pins["up"]) > 100 && b.Pins["d"] != "d-1" {
					t.Errorf("build %d has %v: where up is the culprit, d has not moved yet", b.ID, b.Pins)
				}
			}
			tips, err := s.store.Tips(s.ctx)
			s.must(err)
			if len(tips) != 2 {
				t.Errorf("tips are %+v", tips)
			}
		})
	}
}

// gitRepo is a repository whose commits hold one file.
type gitRepo struct {
	t   *testing.T
	dir string
}

func (g gitRepo) run(args ...string) string {
	g.t.Helper()
	cmd := exec.CommandContext(g.t.Context(), "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false",
		"-c", "init.defaultBranch=main"}, args...)...)
	cmd.Dir = g.dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
	out, err := cmd.CombinedOutput()
	if err != nil {
		g.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit writes a file and commits it.
func (g gitRepo) commit(name, text string) string {
	g.t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, name), []byte(text), 0o600); err != nil {
		g.t.Fatal(err)
	}
	g.run("add", ".")
	g.run("commit", "-q", "-m", name+" "+text)
	return g.run("rev-parse", "HEAD")
}

// TestMergedSideOfARepository: a real history with merges in it. The test is bad
// where the file "broken" is, in what a worker checks out.
func TestMergedSideOfARepository(t *testing.T) {
	t.Parallel()
	g := gitRepo{t, t.TempDir()}
	g.run("init", "-q")
	g.commit("a", "1")
	fork := g.commit("a", "2")
	g.run("checkout", "-q", "-b", "topic")
	g.commit("b", "1")
	g.run("checkout", "-q", "-b", "deeper")
	g.commit("c", "1")
	culprit := g.commit("broken", "1")
	g.commit("c", "2")
	g.run("checkout", "-q", "topic")
	g.commit("b", "2")
	g.run("merge", "-q", "--no-ff", "-m", "merge of deeper", "deeper")
	g.commit("b", "3")
	g.run("checkout", "-q", "main")
	g.commit("a", "3")

	mirrors := git.New(t.TempDir(), nil)
	world := smallWorld()
	world.farm = &recipe.Farm{Name: "real"}
	world.addProject("p", nil, "test")
	p := &world.farm.Projects[0]
	p.Source.Location = "file://" + g.dir
	world.lister = mirrors
	world.real = func(_, revision string) weir.Status {
		dir := filepath.Join(t.TempDir(), "checkout")
		if err := mirrors.Checkout(t.Context(), p.Source, revision, dir, nil); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(filepath.Join(dir, "broken")); err == nil {
			return weir.Fail
		}
		return weir.Pass
	}
	s := startSim(t, world)
	s.poll()
	built := func() bool {
		depth, err := s.store.QueueDepth(s.ctx)
		s.must(err)
		open, err := s.store.Regressions(s.ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Searching}, Aims: weir.Aims()})
		s.must(err)
		return len(depth) == 0 && len(open) == 0 && len(s.line("p")) > 0
	}
	s.until("built", true, built)
	g.run("merge", "-q", "--no-ff", "-m", "merge of topic", "topic")
	merge := g.run("rev-parse", "HEAD")
	g.commit("a", "4")
	g.commit("a", "5")
	s.poll()
	s.until("located", true, func() bool {
		all := s.regressions()
		return len(all) == 1 && all[0].Culprit.Merge != ""
	})
	r := s.regressions()[0]
	if r.Culprit.Revision.ID != culprit || r.Culprit.Merge != merge || r.State != weir.Located || r.Culprit.Revision.Author == "" {
		t.Errorf("the culprit is %+v: %s", r.Culprit, r.Note)
	}
	searches := s.searches()
	if len(searches) != 2 || searches[1].Good.Pins["p"] != fork || searches[1].Of != r.ID || searches[0].Of != searches[1].ID {
		t.Errorf("searches are %+v", searches)
	}
}
