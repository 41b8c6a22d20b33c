package browsertest_test

import (
	"context"
	"crypto/sha1"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
	"github.com/weir-ci/weir/internal/source"
)

// A small ecosystem that is made up, with faults planted at known places: brook
// is an upstream, the others are tested against each of its changes. What a
// build does depends on nothing but its pins, its platform and its try.

// platforms are those that brook is built for.
func platforms() []weir.Platform {
	return []weir.Platform{"linux/amd64", "linux/arm64", "darwin/arm64"}
}

// fault makes tests of a project bad, from one revision of a project on.
type fault struct {
	project   string // whose revision brings it
	at, until int    // from this revision on, before that one; until 0: for good
	victim    string
	platform  weir.Platform // empty: everywhere
	tests     []int
	vanish    bool // the tests report nothing, rather than fail
	message   string
}

// Revisions of brook that matter.
const (
	oldFault   = 6  // breaks marsh, mended at oldMended
	oldMended  = 9  // by its author
	darwinOnly = 13 // breaks a test of reed on darwin, and stays
	slower     = 14 // from here on reed's tests take longer
	larger     = 17 // from here on it brings its tables
	culprit    = 28 // breaks mill and marsh
	newest     = 33 // breaks otter; the farm is still looking for it
)

func faults() []fault {
	const folded = "upper_test.go:41: Upper(\"straße\") = \"STRASSE\", want \"STRAßE\""
	return []fault{
		{"brook", oldFault, oldMended, "marsh", "", []int{3, 4}, false, "reeds_test.go:17: 12 tabs, want 14"},
		{"brook", darwinOnly, 0, "reed", "darwin/arm64", []int{7}, false, "clock_test.go:88: drift of 3 s, want at most 1 s"},
		{"heron", 3, 0, "heron", "", []int{20, 21, 22, 23}, true, ""},
		{"brook", culprit, 0, "mill", "", []int{5, 6, 7}, false, folded},
		{"brook", culprit, 0, "marsh", "", []int{9, 10}, false, folded},
		{"brook", newest, 0, "otter", "", []int{2}, false, "dive_test.go:12: no air left after 30 s"},
	}
}

// testsPerProject is how many tests each of the downstreams has.
const testsPerProject = 48

// world is where the projects stand.
type world struct {
	evil bool // every text that people write is an attack
	mu   sync.Mutex
	tips map[string]int
	when map[string]time.Time // of revisions
}

func newWorld(evil bool) *world {
	w := &world{evil: evil, tips: map[string]int{}, when: map[string]time.Time{}}
	for _, p := range config().Projects {
		w.tips[p.Name] = 1
	}
	return w
}

// push appends revisions to a project.
func (w *world) push(project string, n int, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range n {
		w.tips[project]++
		w.when[commit(project, w.tips[project])] = now.Add(time.Duration(i-n) * 11 * time.Minute)
	}
}

// commit is the name of a project's revision.
func commit(project string, position int) string {
	return fmt.Sprintf("%x", sha1.Sum(fmt.Appendf(nil, "%s %d", project, position)))
}

// position is where a revision stands, 0 if it is none of the project's.
func (w *world) position(project, id string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, _, _ = strings.Cut(id, " ")
	for n := 1; n <= w.tips[project]; n++ {
		if commit(project, n) == id {
			return n
		}
	}
	return 0
}

// Revisions lists what was pushed.
func (w *world) Revisions(_ context.Context, src weir.Source, known string) (source.Listing, error) {
	project := src.Location[strings.LastIndexByte(src.Location, '/')+1:]
	from := w.position(project, known) + 1
	w.mu.Lock()
	defer w.mu.Unlock()
	l := source.Listing{Branch: "main"}
	for n := from; n <= w.tips[project]; n++ {
		id := commit(project, n)
		author, message := saying(project, n)
		if w.evil {
			author, message = attack(n), attack(n+1)+"\n\n"+attack(n+2)
		}
		l.Revisions = append(l.Revisions, weir.Revision{ID: id, Author: author, Time: w.when[id], Message: message})
	}
	return l, nil
}

// saying is who made a revision, and what its message is.
func saying(project string, n int) (author, message string) {
	people := []string{"Ada Wells <ada@example.org>", "Bea Ford <bea@example.org>", "Cem Lake <cem@example.org>", "Dana Brooke <dana@example.org>"}
	subjects := []string{"fold: new tables", "docs: mention case folding", "build: use less memory", "lower: keep tabs", "ci: quieter", "upper: tidy",
		"tables: regenerate", "scan: fewer copies", "tests: name the cases", "io: retry short reads", "api: deprecate OldFold", "log: one line a file"}
	author = people[(n*7+len(project))%len(people)]
	switch {
	case project == "brook" && n == culprit:
		return people[0], "upper: fold sharp s\n\nThe tables of the standard say so since version 5.1."
	case project == "brook" && n == newest:
		return people[2], "sink: count from the surface"
	case project == "brook" && n == oldMended:
		return people[1], "lower: count tabs again\n\nReverts the shortcut of last week."
	}
	return author, subjects[(n*5+len(project))%len(subjects)]
}

// attack is a text of somebody who means harm.
func attack(n int) string {
	texts := []string{
		`<script>window.hacked = 1</script>`,
		`"><img src=x onerror="window.hacked = 1"><a href="javascript:window.hacked=1">`,
		"\u202egnp.exe\u2066 \u2028 \x1b[31mred\x1b]0;title\a \x00\x07",
		"bytes \xff\xfe\xc0 and z\u0338\u0322\u031b a\u0335\u034e l\u0337 g\u0336 o",
		"</textarea></title></main><h1>taken over</h1><!--",
		strings.Repeat("a_line_without_an_end", 400),
	}
	return texts[n%len(texts)]
}

// config is what the farm is told to do.
func config() *recipe.Farm {
	steps := []weir.Step{{Name: "configure", Run: "./configure --prefix=$WEIR_PREFIX"}, {Name: "make", Run: "make -j$WEIR_CPUS"}, {Name: "test", Run: "make check"}}
	f := &recipe.Farm{Name: "Riverside", Platforms: platforms(), Worker: recipe.Worker{Slots: 1}}
	for _, name := range []string{"brook", "ferry", "heron", "marsh", "mill", "otter", "reed"} {
		p := weir.Project{Name: name, Source: weir.Source{Kind: weir.Git, Location: "https://git.example.org/" + name, Branch: "main"}}
		if name == "brook" {
			p.Jobs = []weir.Job{{Name: "build", Platforms: platforms(), Steps: steps[:2], Product: "$WEIR_PREFIX"}}
		} else {
			p.Upstreams = []weir.Upstream{{Project: "brook", Job: "build"}}
			p.Jobs = []weir.Job{{Name: "test", Steps: steps, Env: []weir.EnvVar{{Name: "LANG", Value: "C.UTF-8"}}}}
		}
		f.Projects = append(f.Projects, p)
	}
	return f
}

// ending is what an attempt comes to.
type ending struct {
	outcome weir.Outcome
	reason  weir.Reason
	set     weir.ResultSet
	metrics []weir.Metric
	took    []time.Duration // by step
	log     string          // of the last step
}

// chance is a number from 0 to 1 that depends on what it is asked for.
func chance(what ...any) float64 {
	h := fnv.New64a()
	fmt.Fprint(h, what...)
	return float64(h.Sum64()>>11) / (1 << 53)
}

// run is what a worker finds when it runs an attempt.
func (w *world) run(spec weir.Spec, id weir.AttemptID) ending {
	pins := map[string]int{spec.Project: w.position(spec.Project, spec.Revision)}
	reverted := strings.Contains(spec.Revision, " ")
	for _, in := range spec.Inputs {
		pins[in.Project] = w.position(in.Project, in.Revision)
		reverted = reverted || strings.Contains(in.Revision, " ")
	}
	speed := map[weir.Platform]float64{"linux/amd64": 1, "linux/arm64": 1.4, "darwin/arm64": 1.8}[spec.Platform]
	wobble := func(base time.Duration, what string) time.Duration {
		return time.Duration(float64(base) * speed * (0.92 + 0.16*chance(what, id)))
	}
	end := ending{outcome: weir.Passed, took: []time.Duration{wobble(20*time.Second, "configure"), wobble(100*time.Second, "make")}}
	if spec.Job.Product != "" {
		end.log = "[  1%] cc -O2 tables.c\n[ 60%] cc -O2 fold.c\n[100%] ld libbrook.so\n"
		size := 412_000 + 900*float64(pins["brook"])
		if pins["brook"] >= larger {
			size += 61_000
		}
		end.metrics = []weir.Metric{{Name: "library size", Value: size, Unit: "bytes"}}
		return end
	}
	took := 80 * time.Second
	if spec.Project == "reed" && pins["brook"] >= slower {
		took = 125 * time.Second
	}
	end.took = append(end.took, wobble(took, "test"))
	end.metrics = []weir.Metric{{Name: "coverage", Value: math.Round(10*(71+float64(pins[spec.Project])/2+chance(spec.Project))) / 10, Unit: "%"}}
	var log strings.Builder
	for n := range testsPerProject {
		r, ok := w.test(spec, id, n, pins, reverted)
		if !ok {
			continue
		}
		end.set.Results = append(end.set.Results, r)
		fmt.Fprintf(&log, "=== RUN   %s\n", r.Test.Name)
		if r.Status.Bad() {
			end.outcome, end.reason = weir.Failed, weir.Reason{Code: weir.ReasonTests, Text: "make check ended with 2"}
			fmt.Fprintf(&log, "    %s\n\x1b[31m--- FAIL: %s (%.2fs)\x1b[0m\n", r.Message, r.Test.Name, r.Duration.Seconds())
			continue
		}
		fmt.Fprintf(&log, "\x1b[32m--- PASS: %s\x1b[0m (%.2fs)\n", r.Test.Name, r.Duration.Seconds())
	}
	end.log = log.String()
	if w.evil {
		end.log = attack(0) + "\n" + attack(1) + "\n" + attack(2) + "\n" + attack(3) + "\n" + strings.Repeat(attack(5), 20) + "\n" + end.log
		end.metrics = []weir.Metric{{Name: clean(attack(1)), Value: 1, Unit: "<b>"}}
	}
	return end
}

// test is what one test does; false if it says nothing.
func (w *world) test(spec weir.Spec, id weir.AttemptID, n int, pins map[string]int, reverted bool) (weir.Result, bool) {
	suites := []string{"text", "scan", "io", "net"}
	cases := []string{"Upper", "Lower", "Fold", "Split", "Join", "Count", "Trim", "Index", "Map", "Cut", "Read", "Write"}
	r := weir.Result{Test: weir.TestID{Suite: spec.Project + "/" + suites[n*4/testsPerProject], Name: fmt.Sprintf("Test%s/case_%d", cases[n%len(cases)], n/len(cases)+1)},
		Status: weir.Pass, Duration: time.Duration(1000*chance("test", spec.Project, n)*(1+0.2*chance(n, id))) * time.Millisecond}
	if n == testsPerProject-1 && spec.Platform == "darwin/arm64" {
		r.Status, r.Message = weir.Skip, "needs epoll"
	}
	if spec.Project == "ferry" && n == 40 && chance("flaky", id, spec.Platform) < 0.07 {
		r.Status, r.Message = weir.Fail, "dial_test.go:77: connection reset by peer"
	}
	if w.evil {
		r.Test = weir.TestID{Suite: clean(attack(n / 12)), Name: clean(fmt.Sprintf("%d %s", n, attack(n)))}
	}
	for _, f := range faults() {
		at := pins[f.project]
		if f.victim != spec.Project || f.platform != "" && f.platform != spec.Platform || at < f.at || f.until > 0 && at >= f.until || reverted {
			continue
		}
		for _, k := range f.tests {
			if k != n {
				continue
			}
			if f.vanish {
				return r, false
			}
			r.Status, r.Message = weir.Fail, f.message
			if w.evil {
				r.Message, r.Output = attack(n), attack(n+1)
			}
		}
	}
	return r, true
}

// clean makes a name that readers of results would let pass.
func clean(name string) string {
	name = strings.Map(func(c rune) rune {
		if c < ' ' {
			return -1
		}
		return c
	}, strings.ToValidUTF8(name, "?"))
	return name[:min(len(name), 800)]
}
