// Package demo shows a whole farm at work: server, worker and a toy ecosystem
// whose history is pushed stage by stage, with culprits planted in it.
//
// It watches the farm from outside, through the same API as everybody, and
// ends by holding what the farm found against what was planted.
package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/client"
	"github.com/weir-ci/weir/internal/ecosystem"
)

// Show plays the ecosystem's history on a farm.
type Show struct {
	Ecosystem *ecosystem.Ecosystem
	Farm      *client.Client
	Screen    *Screen
}

// lookInterval is how often the farm is looked at although no event came.
const lookInterval = time.Second

// Play pushes one stage after the other, each when the farm is done with the
// one before.
func (s *Show) Play(ctx context.Context) error {
	for stage := range s.Ecosystem.Stages() {
		if stage > 0 {
			if err := s.Ecosystem.Advance(stage); err != nil {
				return err
			}
		}
		s.Screen.Title(fmt.Sprintf("[%d/%d] %s", stage+1, s.Ecosystem.Stages(), s.Ecosystem.About(stage)))
		if err := s.settle(ctx, stage); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the farm has nothing left to do for a stage.
func (s *Show) settle(ctx context.Context, stage int) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := make(chan struct{}, 1)
	go func() {
		for _, err := range s.Farm.FollowEvents(ctx, client.FromNow) {
			if err != nil {
				return // the loop below looks at intervals
			}
			select {
			case news <- struct{}{}:
			default:
			}
		}
	}()
	for {
		o, err := s.Farm.Overview(ctx)
		if err != nil {
			return err
		}
		s.Screen.Show(o)
		if s.Done(o, stage) {
			s.Screen.Found(o)
			return nil
		}
		select {
		case <-news:
		case <-time.After(lookInterval):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Done reports whether every builder has judged the stage's revisions and
// nothing is being looked for.
func (s *Show) Done(o client.Overview, stage int) bool {
	if len(o.Running) > 0 || o.Doubted > 0 || o.Queue[weir.Queued]+o.Queue[weir.Blocked] > 0 || len(o.Builders) == 0 {
		return false
	}
	if slices.ContainsFunc(o.Regressions, func(r weir.Regression) bool { return r.State == weir.Searching }) {
		return false
	}
	for _, row := range o.Builders {
		if len(row.Recent) == 0 || row.Recent[0].Judgement == weir.Unjudged {
			return false
		}
		for project, revision := range row.Recent[0].Pins {
			if tip, ok := s.Ecosystem.Tip(stage, project); ok && tip.ID != revision {
				return false
			}
		}
	}
	return true
}

// Difference is something that the farm found and that was not planted, or
// the other way round.
type Difference struct {
	What string
}

// Verify holds all regressions against the planted culprits.
func (s *Show) Verify(found []weir.Regression) []Difference {
	var out []Difference
	differ := func(format string, args ...any) { out = append(out, Difference{fmt.Sprintf(format, args...)}) }
	type key struct {
		commit, project, test string
		verdict               weir.Verdict
	}
	want := map[key]bool{}
	expected := map[string]bool{}
	for _, c := range s.Ecosystem.Culprits() {
		expected[c.Commit.ID] = false
		for _, v := range c.Victims {
			for _, t := range v.Tests {
				want[key{c.Commit.ID, v.Project, t.Name, v.Verdict}] = false
			}
		}
	}
	tolerated := map[string]bool{} // tests that were bad all along and may go along with a crash
	for _, v := range s.Ecosystem.AlwaysBad() {
		for _, t := range v.Tests {
			tolerated[v.Project+" "+t.Name] = true
		}
	}
	for _, r := range found {
		if r.State == weir.Merged || r.State == weir.Dismissed {
			continue
		}
		if _, ok := expected[r.Culprit.Revision.ID]; !ok {
			differ("regression %d (%s) accuses %s %s, which broke nothing", r.ID, r.State, r.Culprit.Project, r.Culprit.Revision.Short())
			continue
		}
		expected[r.Culprit.Revision.ID] = true
		for _, v := range r.Victims {
			k := key{r.Culprit.Revision.ID, v.Builder.Project, v.Test.Name, v.Verdict}
			if _, ok := want[k]; ok {
				want[k] = true
			} else if !tolerated[v.Builder.Project+" "+v.Test.Name] {
				differ("regression %d has the test %q of %s, which was not broken", r.ID, v.Test.Name, v.Builder.Project)
			}
		}
	}
	for _, c := range s.Ecosystem.Culprits() {
		if !expected[c.Commit.ID] {
			differ("%s %s %q was not found", c.Project, weir.ShortRevision(c.Commit.ID), c.Commit.Title())
		}
	}
	for k, seen := range want {
		if !seen && expected[k.commit] {
			differ("%q of %s is missing among the tests that %s broke", k.test, k.project, weir.ShortRevision(k.commit))
		}
	}
	slices.SortFunc(out, func(a, b Difference) int { return strings.Compare(a.What, b.What) })
	return out
}

// Table prints the regressions with their culprits.
func Table(w io.Writer, list []weir.Regression) {
	for _, r := range slices.Backward(list) {
		if r.Culprit.Project == "" || r.State == weir.Merged || r.State == weir.Dismissed {
			continue
		}
		rev := r.Culprit.Revision
		fmt.Fprintf(w, "%s %s  %q\n    by %s, %.2f %% sure", r.Culprit.Project, rev.Short(), rev.Subject(), rev.Author,
			min(100*r.Culprit.Confidence, 99.99))
		if r.State == weir.Recovered {
			fmt.Fprint(w, ", good again by now")
		}
		fmt.Fprintln(w)
		for _, v := range r.Victims {
			fmt.Fprintf(w, "    %-13s %s: %s", strings.ReplaceAll(string(v.Verdict), "_", " "), v.Builder.Project, v.Test)
			if v.Cause != "" {
				fmt.Fprintf(w, " (%s)", strings.ReplaceAll(string(v.Cause), "_", " "))
			}
			fmt.Fprintln(w)
		}
	}
}
