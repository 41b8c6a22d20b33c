package farm

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/flaky"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/notify"
	"github.com/weir-ci/weir/internal/store"
)

// TestFlakyTests lets two tests flake and one break, while revisions come. Who is
// flaky is listed, with the runs that show it, and nobody else is.
func TestFlakyTests(t *testing.T) {
	t.Parallel()
	tips, seeds := 40, uint64(2)
	if raceDetector { // see TestSimulation
		tips, seeds = 25, 1
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			w := smallWorld("up")
			w.rng = rand.New(rand.NewPCG(seed, 11))
			w.flaky["d t0"], w.flaky["d t1"] = 0.2, 0.05
			w.breaks("up", 25, "t2")
			s := startSim(t, w)
			s.calm = true
			s.poll()
			s.settle()
			for tip := range tips {
				s.move("up", 2+tip)
				s.settle()
			}
			list, err := s.farms[0].Flaky(s.ctx, flaky.Query{Project: "d"})
			s.must(err)
			if len(list.New) == 0 || len(list.Open)+len(list.Quiet)+list.Omitted > 0 {
				t.Fatalf("listed are %+v", list)
			}
			for _, f := range list.New {
				s.checkFlaky(f)
			}
			states, _, err := s.store.Baseline(s.ctx, list.New[0].Builder.ID)
			s.must(err)
			for _, state := range states {
				if listed := slices.ContainsFunc(list.New, func(f flaky.Test) bool { return f.Test == state.Test }); listed != (state.Flakes > 0) {
					t.Errorf("%s has flaked %d times, listed: %t", state.Test, state.Flakes, listed)
				}
			}
			// A year later nobody has seen it again.
			s.now = s.now.Add(365 * 24 * time.Hour)
			later, err := s.farms[0].Flaky(s.ctx, flaky.Query{})
			s.must(err)
			if len(later.Quiet) != len(list.New) || len(later.New)+len(later.Open) > 0 {
				t.Errorf("a year later listed are %+v", later)
			}
			if _, err := s.farms[0].Flaky(s.ctx, flaky.Query{Project: "e"}); weir.CodeOf(err) != weir.NotFound {
				t.Errorf("the flaky tests of an unknown project: %v", err)
			}
		})
	}
}

// checkFlaky holds a flaky test against what its runs really did.
func (s *sim) checkFlaky(f flaky.Test) {
	s.t.Helper()
	if s.world.flaky["d "+f.Test.Name] == 0 {
		s.t.Errorf("%s is steady, and is listed: %+v", f.Test, f.Mark)
	}
	if f.Mark.State != flake.Flaky || f.Mark.Flakes != len(f.Seen)+f.Older || len(f.Seen) == 0 || f.Mark.Rearmed != 0 {
		s.t.Errorf("%s was seen %d times, its mark is %+v", f.Test, len(f.Seen)+f.Older, f.Mark)
	}
	if rate := s.world.flaky["d "+f.Test.Name]; f.Rate.High < rate/3 || f.Rate.Low > rate*3 || f.Rate.Builds < 10 {
		s.t.Errorf("%s flakes with %v, said is %+v", f.Test, rate, f.Rate)
	}
	for _, seen := range f.Seen {
		pins := ""
		outcomes := map[bool]bool{}
		for _, r := range seen.Runs {
			b, err := s.store.Build(s.ctx, r.Build)
			s.must(err)
			if pins == "" {
				pins = b.Pins.Key()
			}
			set, err := s.farms[0].resultSet(s.ctx, b.Results)
			s.must(err)
			outcomes[r.Bad] = true
			for _, result := range set.Results {
				if result.Test == f.Test && result.Status.Bad() != r.Bad {
					s.t.Errorf("build %d says %s of %s, recorded is bad %t", b.ID, result.Status, f.Test, r.Bad)
				}
			}
			if b.Pins.Key() != pins || r.Worker == "" {
				s.t.Errorf("build %d is at %s, not %s, on %q", b.ID, b.Pins.Key(), pins, r.Worker)
			}
		}
		if len(outcomes) != 2 {
			s.t.Errorf("%s was not both at %s: %+v", f.Test, pins, seen)
		}
	}
}

// TestFlakyOnOneMachine: a test that fails on one machine only is listed with it.
func TestFlakyOnOneMachine(t *testing.T) {
	t.Parallel()
	s := twoMachines(t, 3)
	s.world.ill["wb"] = []string{"t0"}
	for tip := range 15 {
		s.move("up", 2+tip)
		s.settle()
	}
	all, err := s.farms[0].Flaky(s.ctx, flaky.Query{})
	s.must(err)
	if len(all.New) != 1 {
		t.Fatalf("listed are %+v", all)
	}
	if h := all.New[0].Hints; len(h) == 0 || h[0].Facet != flake.ByWorker || h[0].Value != "worker wb" && !slices.Contains(h[0].Same, "worker wb") || h[0].Says == "" {
		t.Errorf("hints are %+v", h)
	}
}

// TestFlakyDigest: owners are told once a week, of what is new, and again if the
// server dies before it has said so.
func TestFlakyDigest(t *testing.T) {
	t.Parallel()
	w := smallWorld("up")
	w.flaky["d t0"] = 0.3
	s := startSim(t, w)
	s.calm = true
	s.poll()
	s.settle()
	for tip := range 10 {
		s.move("up", 2+tip)
		s.settle()
	}
	const week = 7 * 24 * time.Hour
	f, other := s.farms[0], s.newFarm()
	var told []string
	tell := func(f *Farm) {
		t.Helper()
		s.must(f.flaky.Tell(s.ctx, "d", week, func(d flake.Digest) error {
			told = append(told, fmt.Sprint(len(d.New), len(d.Again), len(d.Closed), len(d.Open)))
			return nil
		}))
	}
	dies := weir.Errorf(weir.Unavailable, "no")
	if err := f.flaky.Tell(s.ctx, "d", week, func(flake.Digest) error { return dies }); err != dies {
		t.Fatalf("telling failed with %v", err)
	}
	tell(other) // the claim holds
	s.now = s.now.Add(store.DigestTime)
	tell(other)
	tell(f)
	if d, err := f.FlakyDigest(s.ctx, "d"); err != nil || d.News() || len(d.Open) != 1 {
		t.Errorf("then there is %+v, %v", d, err)
	}
	s.now = s.now.Add(week)
	tell(f) // nothing new
	s.now = s.now.Add(20 * week)
	tell(f)
	if got := fmt.Sprint(told); got != "[1 0 0 0 0 0 1 0]" {
		t.Errorf("told are %s", got)
	}
}

// post keeps notices, and does not take the first few.
type post struct {
	refuse int
	got    []notify.Notice
}

func (p *post) Add(n notify.Notice) error {
	if p.refuse--; p.refuse >= 0 {
		return weir.Errorf(weir.Exhausted, "the disk is full")
	}
	p.got = append(p.got, n)
	return nil
}

// TestOwnersHearOfFlakyTests: the owners of a project, and nobody else, get what is new of its
// flaky tests, from one of two servers, and again if the first could not keep it.
func TestOwnersHearOfFlakyTests(t *testing.T) {
	t.Parallel()
	w := smallWorld("up")
	w.flaky["d t0"] = 0.3
	for i := range w.farm.Projects {
		if w.farm.Projects[i].Name == "d" {
			w.farm.Projects[i].Owners = []string{"alice@example.org", "bob@example.org"}
		}
	}
	w.farm.URL, w.farm.Mail.Digest = "https://weir.example.org", 24*time.Hour
	s := startSim(t, w)
	s.calm = true
	s.poll()
	s.settle()
	for tip := range 15 {
		s.move("up", 2+tip)
		s.settle()
	}
	p := &post{refuse: 1}
	var log strings.Builder
	var farms []*Farm
	for range 2 {
		f := New(Options{Store: s.store, Blobs: s.blobs, Sources: s.world, Now: func() time.Time { return s.now }, Host: simPlatform, Notices: p,
			Log: slog.New(slog.NewTextHandler(&log, nil))})
		s.must(f.Configure(s.ctx, s.world.farm))
		farms = append(farms, f)
	}
	if err := farms[0].tellFlaky(s.ctx); err == nil {
		t.Error("a notice that nobody took was told")
	}
	for range 3 {
		for _, f := range farms {
			s.must(f.tellFlaky(s.ctx))
		}
		s.now = s.now.Add(store.DigestTime)
	}
	if len(p.got) != 2 || p.got[0].To != "alice@example.org" || p.got[1].To != "bob@example.org" {
		t.Fatalf("told are %+v", p.got)
	}
	n := p.got[0]
	if n.Subject() != "[small] d: flaky tests: 1 new" || !strings.HasPrefix(n.Body, "New flaky tests: 1\n  s t0 on d/test") || !strings.Contains(n.Text(), "/flaky?project=d") {
		t.Errorf("told is %+v", n)
	}
	if got := strings.Count(log.String(), "project=d new=1 again=0 closed=0 open=0 owners=2"); got != 2 { // the first time nobody took it
		t.Errorf("it is on the log %d times: %s", got, log.String())
	}
	s.now = s.now.Add(200 * 24 * time.Hour)
	s.must(farms[1].tellFlaky(s.ctx))
	if len(p.got) != 4 || p.got[3].Summary != "flaky tests: 1 no longer" {
		t.Errorf("then told are %+v", p.got)
	}
}
