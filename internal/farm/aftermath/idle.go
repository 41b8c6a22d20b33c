package aftermath

import (
	"context"
	"math"
	"strings"

	"github.com/weir-ci/weir"
)

// Nothing is closed because nobody looked. But who reads a list should see which
// of the open ones no build will ever close.
const (
	unbuilt = "; nobody builds it any more"
	gone    = "; the tests that are left do not run any more"
	// mostGone is how many tests of one builder that do not run are looked at.
	mostGone = 1000
)

// mark says of open regressions whose search has ended that nothing is heard of
// them any more, and takes it back when that changes.
func (a *Aftermath) mark(ctx context.Context, open []weir.Regression) (bool, error) {
	missing := map[weir.BuilderID]map[weir.TestID]bool{} // tests that are gone
	changed := false
	for _, r := range open {
		mark, err := a.markOf(ctx, r, missing)
		if err != nil {
			return changed, err
		}
		note := marked(r.Note, mark)
		if note == r.Note {
			continue
		}
		r.Note = note
		shown, err := a.newest(ctx, r)
		if err != nil {
			return changed, err
		}
		moved, err := a.relabel(ctx, r, shown)
		changed = changed || moved
		if err != nil {
			return changed, err
		}
	}
	return changed, nil
}

// newest is the last settled build of each builder with tests of a regression that
// are bad still: it shows whether they run.
func (a *Aftermath) newest(ctx context.Context, r weir.Regression) (shown []weir.BuildID, err error) {
	seen := map[weir.BuilderID]bool{}
	for _, v := range r.Victims {
		if v.FixedIn != 0 || seen[v.Builder.ID] {
			continue
		}
		seen[v.Builder.ID] = true
		err := a.Trail.Back(ctx, weir.Build{ID: math.MaxInt64, Builder: v.Builder}, func(b weir.Build) (bool, error) {
			shown = append(shown, b.ID)
			return false, nil
		})
		if err != nil {
			return nil, err
		}
	}
	return shown, nil
}

// markOf says why nothing is heard of the tests of a regression that are bad
// still; empty if something may be.
func (a *Aftermath) markOf(ctx context.Context, r weir.Regression, missing map[weir.BuilderID]map[weir.TestID]bool) (string, error) {
	config := a.Config()
	if config.Empty() {
		return "", nil
	}
	mark := ""
	for _, v := range r.Victims {
		if v.FixedIn != 0 {
			continue
		}
		if len(config.Involved(v.Builder.ID)) == 0 {
			if mark == "" {
				mark = unbuilt
			}
			continue
		}
		if v.Verdict == weir.Vanished {
			return "", nil // that it does not run is what it is about
		}
		if missing[v.Builder.ID] == nil {
			states, _, err := a.Store.Absent(ctx, v.Builder.ID, mostGone)
			if err != nil {
				return "", err
			}
			missing[v.Builder.ID] = map[weir.TestID]bool{}
			for _, s := range states {
				if s.Cause == weir.Gone {
					missing[v.Builder.ID][s.Test] = true
				}
			}
		}
		if !missing[v.Builder.ID][v.Test] {
			return "", nil
		}
		mark = gone
	}
	return mark, nil
}

// marked is a note with one mark, or none, in place of those that it had. What is
// too long to be kept loses its end and not its mark, or it would be marked again.
func marked(note, mark string) string {
	note = strings.NewReplacer(unbuilt, "", gone, "").Replace(note)
	if most := weir.MaxReason - len(mark); len(note) > most {
		note = strings.ToValidUTF8(note[:most], "")
	}
	return note + mark
}
