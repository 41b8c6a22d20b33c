// Package kin finds regressions that are probably one break, and what their
// searches can share. It is pure.
//
// One commit of an upstream fails many projects at once, each with a regression
// of its own. Two of them are kin if they fail alike, and a range of one project
// lies on the paths of both (see [Leader]). That is a hint and no proof: whoever
// searches one of them may begin with what is known of the other (see [Weights]),
// but has to see for itself who did it.
//
// To fail alike is to have the same signature (package signature), or a message
// that tells enough by itself: a signature holds the place where an error was
// raised, and that is in the project, where another project has another place.
//
// What is built for one search costs the others nothing, and identical products
// count as one (see [Products]).
package kin

import (
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/signature"
)

const (
	// mostSaid is how many victims of a regression are read for what they say.
	mostSaid = 50
	// tellingWords is how many different words of three letters or more make a
	// message that tells enough. "want 7, got 5" is said by everything.
	tellingWords = 5
	// led and known are how much likelier than all other steps together the
	// culprit of the leader is, and those that other open regressions have.
	led   = 1000
	known = 1
)

// Sayings are what victims say, as a set: the signatures of their failures, and
// messages that tell enough by themselves, each with the verdict.
type Sayings map[string]bool

// SayingsOf reads the first victims of a regression.
func SayingsOf(r weir.Regression) Sayings {
	out := Sayings{}
	for _, v := range r.Victims[:min(len(r.Victims), mostSaid)] {
		if v.Signature == weir.AnySignature {
			continue // it says something else each time
		}
		if v.Signature != "" {
			out[string(v.Verdict)+" "+v.Signature] = true
		}
		if line := signature.Of(v.Message, "").Line; telling(line) {
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

// Meet reports whether something is said in both.
func (s Sayings) Meet(other Sayings) bool {
	for x := range s {
		if other[x] {
			return true
		}
	}
	return false
}

// Leader finds the regression that another one should follow, among open ones:
// one with a culprit rather than one that is searched, and the oldest of those.
// One that is searched is older than r, so that no two wait for each other.
func Leader(r weir.Regression, open []weir.Regression, says func(weir.Regression) Sayings) (leader weir.Regression, ok bool) {
	for _, o := range open {
		if mayLead(o, r) && (!ok || before(o, leader)) && says(o).Meet(says(r)) {
			leader, ok = o, true
		}
	}
	return leader, ok
}

func before(a, b weir.Regression) bool {
	if found := a.State == weir.Located; found != (b.State == weir.Located) {
		return found
	}
	return a.ID < b.ID
}

// mayLead reports whether the culprit of o may be on the path of r.
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

// Way finds the steps, from 1 on, that revisions take on a path.
type Way struct {
	steps int
	at    map[string]int
}

// NewWay reads a path of so many steps.
func NewWay(steps int, step func(position int) (project string, rev weir.Revision)) Way {
	w := Way{steps, make(map[string]int, steps)}
	for i := 1; i <= steps; i++ {
		project, rev := step(i)
		w.at[project+"@"+rev.ID] = i
	}
	return w
}

// Step finds the step of a culprit, or of the merge that brought it in; none if
// neither is on the path.
func (w Way) Step(c weir.Culprit) []int {
	for _, id := range []string{c.Revision.ID, c.Merge} {
		if i := w.at[c.Project+"@"+id]; i > 0 && id != "" {
			return []int{i}
		}
	}
	return nil
}

// Weights says how suspicious each step is if the leader's culprit is one of
// some steps, and others have culprits already; nil if nothing is known.
func (w Way) Weights(lead, others []int) []float64 {
	if len(lead)+len(others) == 0 {
		return nil
	}
	out := slices.Repeat([]float64{1}, w.steps)
	add := func(steps []int, times float64) {
		steps = slices.Compact(slices.Sorted(slices.Values(steps)))
		for _, i := range steps {
			out[i-1] += times * float64(w.steps) / float64(len(steps))
		}
	}
	add(others, known)
	add(lead, led)
	return out
}
