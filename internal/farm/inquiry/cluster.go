package inquiry

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	text "github.com/weir-ci/weir/internal/signature"
	"github.com/weir-ci/weir/internal/store"
)

// One break of an upstream fails many projects at once. Those that fail alike,
// in the same range of a project, are searched one after the other: the first
// leads, the others follow and begin with its culprit, which takes them two runs
// and no new product. That they fail alike is a hint and no proof, so each has to
// see the culprit bad and its parent good for itself; then they are merged.

const (
	// patience is how long a search waits for one that it follows, counted from
	// when that one took its last step. Its workers may be away.
	patience = 2 * time.Hour
	// longestChain is how often a regression may have been merged into another.
	longestChain = 10
	// mostSaid is how many victims of a regression are read for what they say.
	mostSaid = 50
	// tellingWords is how many words a message has at least that tells enough
	// without the place where it was raised: that is in the project, and
	// another project has another one. "want 7, got 5" is said by everything.
	tellingWords = 5
	// led and known are how much likelier than all other steps together the
	// culprit of the leader is, and those that other open regressions have.
	led   = 1000
	known = 1
)

// kin is what one pass of Search knows of the regressions beside the one it
// looks at, and of the products that they share.
type kin struct {
	searching []weir.Regression // newest first
	settled   []weir.Regression // open, and not searched any more
	read      bool              // whether settled was
	leaders   map[weir.RegressionID]weir.Regression
	said      map[weir.RegressionID]map[string]bool
	products  map[weir.BuilderID]map[string]weir.Build // newest of each, by Pins.Key
}

// cluster finds whom each search follows, and leaves out those that have to
// wait. It returns those that may go on, newest first, and whether any changed.
func (q *Inquiry) cluster(ctx context.Context, searching []weir.Regression) (free []weir.Regression, changed bool, err error) {
	q.kin = kin{searching: searching, leaders: map[weir.RegressionID]weir.Regression{}, said: map[weir.RegressionID]map[string]bool{}}
	waits := map[weir.RegressionID]bool{}
	for _, r := range slices.Backward(searching) { // whom one follows is looked at before it
		leader, ok, err := q.leaderOf(ctx, r)
		if err != nil {
			return nil, changed, err
		}
		if !ok && r.Aim == weir.AimBreak && !q.alone[r.ID] {
			if leader, ok, err = q.findLeader(ctx, r); err != nil {
				return nil, changed, err
			}
			q.alone[r.ID] = !ok
		}
		if !ok {
			free = append(free, r)
			continue
		}
		q.kin.leaders[r.ID] = leader
		if leader.ID != r.Follows {
			u := store.RegressionUpdate{Regression: r, Now: q.now()}
			u.Regression.Follows = leader.ID
			u.Regression.Note = fmt.Sprintf("fails like regression %d, and waits for it", leader.ID)
			if err := q.store.Advance(ctx, u); err != nil && weir.CodeOf(err) != weir.Conflict {
				return nil, changed, err
			}
			changed, waits[r.ID] = true, true // it is read again before it goes on
			continue
		}
		waits[r.ID] = leader.State == weir.Searching && (waits[leader.ID] || q.now().Sub(leader.Updated) < patience)
		if !waits[r.ID] {
			free = append(free, r)
		}
	}
	slices.Reverse(free)
	return free, changed, nil
}

// others lists all open regressions that broke something.
func (k *kin) others(ctx context.Context, s store.Regressions) ([]weir.Regression, error) {
	if !k.read {
		var err error
		if k.settled, err = s.Regressions(ctx, store.RegressionFilter{States: []weir.RegressionState{weir.Located, weir.Narrowed}, Limit: mostOpen}); err != nil {
			return nil, err
		}
		k.read = true
	}
	return slices.Concat(k.searching, k.settled), nil
}

// leaderOf reads the regression that one follows, or what it was merged into.
func (q *Inquiry) leaderOf(ctx context.Context, r weir.Regression) (leader weir.Regression, ok bool, err error) {
	next := r.Follows
	for range longestChain {
		if next == 0 || next == r.ID {
			return leader, false, nil
		}
		if i := slices.IndexFunc(q.kin.searching, func(o weir.Regression) bool { return o.ID == next }); i >= 0 {
			return q.kin.searching[i], true, nil
		}
		leader, err = q.store.Regression(ctx, next)
		if weir.CodeOf(err) == weir.NotFound {
			return leader, false, nil
		}
		if err != nil || leader.State != weir.Merged {
			// Its victims may have parted ways.
			ok = err == nil && (leader.Culprit.Project != "" || leader.State == weir.Narrowed) && q.failAlike(leader, r)
			return leader, ok, err
		}
		next = leader.MergedInto
	}
	return leader, false, nil
}

// findLeader looks for a regression to follow among all that are open.
func (q *Inquiry) findLeader(ctx context.Context, r weir.Regression) (leader weir.Regression, ok bool, err error) {
	others, err := q.kin.others(ctx, q.store)
	if err != nil {
		return leader, false, err
	}
	for _, o := range others {
		if mayLead(o, r) && q.failAlike(o, r) && (!ok || before(o, leader)) {
			leader, ok = o, true
		}
	}
	return leader, ok, nil
}

// before prefers a leader that has a culprit to one that is searched, and the older of two.
func before(a, b weir.Regression) bool {
	if found := a.State == weir.Located; found != (b.State == weir.Located) {
		return found
	}
	return a.ID < b.ID
}

// mayLead reports whether one regression may be followed by another: its culprit
// may be on the other's path. One that is searched is older, so that no two wait
// for each other.
func mayLead(o, r weir.Regression) bool {
	if o.Aim != weir.AimBreak || o.ID == r.ID || o.Builder.ID == r.Builder.ID || o.State == weir.Searching && o.ID > r.ID {
		return false
	}
	return slices.ContainsFunc(o.Path, func(a weir.Leg) bool {
		return slices.ContainsFunc(r.Path, func(b weir.Leg) bool {
			if a.Project != b.Project || a.Branch != b.Branch {
				return false
			}
			if at := o.Culprit.Revision.Position; o.State == weir.Located && at > 0 {
				return o.Culprit.Project == a.Project && at > b.From && at <= b.To
			}
			return a.From < b.To && b.From < a.To
		})
	})
}

// failAlike reports whether a victim of one regression says what one of the other does.
func (q *Inquiry) failAlike(a, b weir.Regression) bool {
	theirs := q.sayingsOf(b)
	for s := range q.sayingsOf(a) {
		if theirs[s] {
			return true
		}
	}
	return false
}

func (q *Inquiry) sayingsOf(r weir.Regression) map[string]bool {
	out, ok := q.kin.said[r.ID]
	if !ok {
		out = sayings(r.Victims)
		q.kin.said[r.ID] = out
	}
	return out
}

// sayings are what victims say: the signatures of their failures, and messages
// that tell enough by themselves.
func sayings(victims []weir.Victim) map[string]bool {
	out := map[string]bool{}
	for _, v := range victims[:min(len(victims), mostSaid)] {
		if v.Signature == weir.AnySignature {
			continue // it says something else each time
		}
		if v.Signature != "" {
			out[string(v.Verdict)+" "+v.Signature] = true
		}
		if line := text.Of(v.Message, "").Line; telling(line) {
			out[string(v.Verdict)+" "+line] = true
		}
	}
	return out
}

// telling reports whether a masked line has words enough to mean one thing.
func telling(line string) bool {
	words := map[string]bool{}
	for _, w := range strings.FieldsFunc(line, func(c rune) bool { return c < 'A' || c > 'Z' && c < 'a' || c > 'z' && c < 0x80 }) {
		if len(w) > 2 {
			words[strings.ToLower(w)] = true
		}
	}
	return len(words) >= tellingWords
}

// suspicion weighs the steps of a search before anything has run, nil if all
// are alike, and lists those that the leader's culprit may be.
func (q *Inquiry) suspicion(ctx context.Context, r weir.Regression, way route) (all []float64, lead []int, err error) {
	if r.Aim != weir.AimBreak && r.Aim != weir.AimAsked {
		return nil, nil, nil
	}
	at := map[string]int{} // steps by what they take
	for i := 1; i <= way.len(); i++ {
		project, rev := way.step(i)
		at[project+"@"+rev.ID] = i
	}
	var others []int
	if l, ok := q.kin.leaders[r.ID]; ok {
		switch {
		case l.Culprit.Project != "":
			lead = stepOf(at, l.Culprit)
		case l.State == weir.Narrowed:
			theirs, err := q.newRoute(ctx, l)
			if err != nil && !Unreadable(err) {
				return nil, nil, err
			}
			for i := max(l.Suspects.First, 1); i <= min(l.Suspects.Last, theirs.len()) && err == nil; i++ {
				project, rev := theirs.step(i)
				lead = append(lead, stepOf(at, weir.Culprit{Project: project, Revision: rev})...)
			}
		}
	}
	open, err := q.kin.others(ctx, q.store)
	for _, o := range open {
		if o.ID != r.ID && o.Culprit.Project != "" {
			others = append(others, stepOf(at, o.Culprit)...)
		}
	}
	return weights(way.len(), lead, others), lead, err
}

// stepOf finds the step of a culprit, or of the merge that brought it in.
func stepOf(at map[string]int, c weir.Culprit) []int {
	for _, id := range []string{c.Revision.ID, c.Merge} {
		if i := at[c.Project+"@"+id]; i > 0 && id != "" {
			return []int{i}
		}
	}
	return nil
}

// weights gives those that lead, and those that are known, their parts.
func weights(steps int, lead, others []int) []float64 {
	if len(lead)+len(others) == 0 {
		return nil
	}
	out := slices.Repeat([]float64{1}, steps)
	for _, part := range []struct {
		steps []int
		times float64
	}{{others, known}, {lead, led}} {
		slices.Sort(part.steps)
		part.steps = slices.Compact(part.steps)
		for _, i := range part.steps {
			out[i-1] += part.times * float64(steps) / float64(len(part.steps))
		}
	}
	return out
}

// unfollow ends following for what is concluded, unless it came to the same culprit.
func (q *Inquiry) unfollow(of weir.RegressionID, u *store.RegressionUpdate) {
	l := q.kin.leaders[of].Culprit
	end := func(r *weir.Regression) {
		if l.Project == "" || l.Project != r.Culprit.Project || l.Revision.ID != r.Culprit.Revision.ID {
			r.Follows = 0
		}
	}
	end(&u.Regression)
	for i := range u.Split {
		end(&u.Split[i])
	}
}
