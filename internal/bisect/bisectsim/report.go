package bisectsim

import (
	"fmt"
	"io"
	"math"
)

// Seed is the seed of all tables.
const Seed = 1

// Effort is how many games are played, as a part of what the tables in the
// documentation rest on: 1 takes minutes.
type Effort float64

// games scales a number of games.
func (e Effort) games(n int) int { return max(int(math.Round(float64(n)*float64(e))), 1) }

// Report prints all tables in Markdown.
func Report(w io.Writer, effort Effort) error {
	for _, table := range []func(Effort) Table{oneTest, rivals, wrongRates, together, workers, unbuildable, worlds, costs} {
		if err := table(effort).Write(w); err != nil {
			return err
		}
	}
	return nil
}

// Reference is what the best published figures take: one test, four alarms in
// ten over flakes, the rate known.
type Reference struct {
	Steps           int
	Rate            float64
	Runs, Revisions float64
}

// References lists them.
func References() []Reference {
	return []Reference{{64, 0.01, 5.3, 4.7}, {64, 0.1, 7.6, 5.4}, {64, 0.3, 11.9, 6.7}, {256, 0.1, 9.4, 7.2}}
}

// pathGames is how many games a path of this length gets.
func pathGames(steps int) int { return max(8000*64/steps, 1000) }

func oneTest(e Effort) Table {
	t := Table{Title: "One test", Text: "The goal is what the same kind of search takes where it was published, with the rate known.",
		Head: []string{"revisions", "fails for no reason", "rate is", "runs", "goal", "revisions run", "goal", "of them built", "culprit named", "flakes blamed on nobody", "innocents blamed"}}
	for _, n := range []int{64, 256, 1024} {
		for _, f := range []float64{0.01, 0.1, 0.3} {
			goalRuns, goalRevisions := "", ""
			for _, r := range References() {
				if r.Steps == n && r.Rate == f {
					goalRuns, goalRevisions = fmt.Sprint(r.Runs), fmt.Sprint(r.Revisions)
				}
			}
			for _, rate := range []string{"known", "estimated"} {
				settings := Settings{}
				if rate == "known" {
					settings = Known()
				}
				x := Play(e.games(pathGames(n)), Seed, Single(n, f), 1, Engine(settings))
				t.add(n, percent(f), rate, x.Runs(), goalRuns, x.Revisions(), goalRevisions, x.Builds(),
					percent(x.Named()), percent(x.Cleared()), percent(x.Wrong()))
			}
		}
	}
	return t
}

func rivals(e Effort) Table {
	t := Table{Title: "Beside plain bisection", Text: "64 revisions, the same worlds. *Eight runs* takes a revision for bad if it fails eight times in a row.",
		Head: []string{"fails for no reason", "search", "runs", "culprit named", "flakes blamed on nobody", "innocents blamed"}}
	for _, f := range []float64{0.01, 0.1, 0.3} {
		for _, p := range []struct {
			name   string
			player Player
		}{{"Weir", Engine(Settings{})}, {"plain", Plain(1)}, {"eight runs", Plain(8)}} {
			x := Play(e.games(8000), Seed, Single(64, f), 1, p.player)
			t.add(percent(f), p.name, x.Runs(), percent(x.Named()), percent(x.Cleared()), percent(x.Wrong()))
		}
	}
	return t
}

func wrongRates(e Effort) Table {
	t := Table{Title: "A wrong estimate", Text: "One test, 64 revisions. Right means: the culprit named, or a flake blamed on nobody. Goal: 97 % for 1 % that are 30 %.",
		Head: []string{"estimated", "true", "runs", "right", "innocents blamed", "right if the estimate is never doubted"}}
	for _, r := range [][2]float64{{0.01, 0.1}, {0.01, 0.3}, {0.01, 0.5}, {0.02, 0.2}, {0.1, 0.3}, {0.3, 0.1}, {0.3, 0.01}} {
		x := Play(e.games(8000), Seed, Estimated(64, r[0], r[1]), 1, Engine(Settings{}))
		y := Play(e.games(8000), Seed, Estimated(64, r[0], r[1]), 1, Engine(Known()))
		t.add(percent(r[0]), percent(r[1]), x.Runs(), percent(x.Right()), percent(x.Wrong()), percent(y.Right()))
	}
	return t
}

// Halving is how many builds bisection takes, on average, to part so many
// different culprits if no test ever lies: the nodes of the tree of halves
// that hold a culprit. Nothing that knows the number of culprits and chooses
// best takes less than 0.1 % less.
func Halving(steps, culprits int) float64 {
	sum := 0.0
	for size := steps; size > 1; size /= 2 {
		none := 1.0 // the probability that no culprit lies in so many steps
		for i := range culprits {
			none *= math.Max(0, float64(steps-size-i)) / float64(steps-i)
		}
		sum += float64(steps/size) * (1 - none)
	}
	return sum
}

// dear is the cost of a build where 50 tests share it.
const dear = 2

func together(e Effort) Table {
	t := Table{Title: "50 tests together", Text: fmt.Sprintf("Different culprits in one range, a build as dear as %d runs. *Least* is what halving takes if no test ever lies; "+
		"no search can do with noticeably less. Apart, 50 tests take 50 times what one takes.", dear),
		Head: []string{"revisions", "culprits", "fails for no reason", "builds", "least", "runs", "culprits named", "innocents blamed"}}
	for _, n := range []int{64, 256, 1024} {
		for _, c := range []int{1, 2, 3, 5, 10} {
			for _, f := range []float64{0.01, 0.1} {
				if n > 64 && (c == 2 || c == 5 || f < 0.1) {
					continue
				}
				x := Play(e.games(max(400*64/n, 40)), Seed, Joint(n, 50, c, f), 1, Engine(Settings{BuildCost: dear}))
				t.add(n, c, percent(f), x.Builds(), Halving(n, c), x.Runs(), percent(x.Named()), percent(x.Wrong()))
			}
		}
	}
	return t
}

func workers(e Effort) Table {
	t := Table{Title: "Several workers", Text: "One test, 10 % of its runs fail for no reason. A round is as long as all workers take for one probe each. " +
		"The goal is the rounds of one worker, divided by log2(workers + 1).",
		Head: []string{"revisions", "workers", "rounds", "goal", "runs", "of the revisions built", "culprit named", "innocents blamed"}}
	for _, n := range []int{64, 256, 1024} {
		one := 0.0
		for _, k := range []int{1, 2, 8} {
			x := Play(e.games(pathGames(n)), Seed, Single(n, 0.1), k, Engine(Settings{}))
			if k == 1 {
				one = x.Rounds()
			}
			t.add(n, k, x.Rounds(), one/math.Log2(float64(k+1)), x.Runs(), x.Builds(), percent(x.Named()), percent(x.Wrong()))
		}
	}
	return t
}

func unbuildable(e Effort) Table {
	t := Table{Title: "Revisions that do not build", Text: "One test, 10 % of its runs fail for no reason. A range *could not be parted* if no revision inside of it gets to the test.",
		Head: []string{"revisions", "do not build", "runs", "culprit named", "a range that holds it", "steps in it", "could not be parted", "innocents blamed"}}
	for _, b := range []struct {
		n       int
		share   float64
		stretch int
	}{{64, 0.1, 1}, {64, 0.1, 8}, {64, 0.3, 1}, {64, 0.3, 20}, {256, 0.1, 1}, {256, 0.3, 60}, {1024, 0.1, 1}} {
		x := Play(e.games(pathGames(b.n)/2), Seed, Broken(b.n, 0.1, b.share, b.stretch), 1, Engine(Settings{}))
		how := percent(b.share)
		if b.stretch > 1 {
			how += fmt.Sprintf(", in stretches of %d", b.stretch)
		}
		t.add(b.n, how, x.Runs(), percent(x.Named()), percent(x.Ranged()), x.Width(), percent(x.Tight()), percent(x.Wrong()))
	}
	return t
}

func worlds(e Effort) Table {
	t := Table{Title: "Other histories", Text: "64 revisions, one test, 10 % of its runs fail for no reason.",
		Head: []string{"history", "runs", "of the revisions built", "right", "an earlier culprit named", "innocents blamed"}}
	for _, h := range []struct {
		name string
		draw Draw
	}{
		{"the environment changed, no revision did", Surroundings(64, 0.1)},
		{"broken, mended and broken again; builds from both times are known", Mended(64, 0.1, true)},
		{"broken, mended and broken again; nobody looked between", Mended(64, 0.1, false)},
		{"7 of 10 revisions have the product of the one before; not known", Collapsed(64, 0.1, 7, false)},
		{"the same, known", Collapsed(64, 0.1, 7, true)},
		{"9 of 10 culprits are among a tenth of the revisions; not known", Suspected(64, 0.1, false)},
		{"the same, known", Suspected(64, 0.1, true)},
		{"suspicion is wrong: it lies on a tenth without the culprit", Misled(64, 0.1)},
	} {
		x := Play(e.games(2000), Seed, h.draw, 1, Engine(Settings{}))
		t.add(h.name, x.Runs(), x.Builds(), percent(x.Right()), percent(x.Earlier()), percent(x.Wrong()))
	}
	return t
}

func costs(e Effort) Table {
	t := Table{Title: "What a build costs", Text: "64 revisions, one test, 10 % of its runs fail for no reason. The dearer builds are said to be, the more runs are made on what is built.",
		Head: []string{"a build costs, in runs", "runs", "revisions run", "of them built"}}
	for _, c := range []float64{1e-9, 0.15, 0.5, 1, 2, 5} {
		x := Play(e.games(8000), Seed, Single(64, 0.1), 1, Engine(Settings{BuildCost: c}))
		t.add(c, x.Runs(), x.Revisions(), x.Builds())
	}
	return t
}
