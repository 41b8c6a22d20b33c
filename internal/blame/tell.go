package blame

import (
	"fmt"
	"strings"

	"github.com/weir-ci/weir"
)

// Word says a blame in a word or two, for lists; empty for BlameNone.
func Word(b weir.Blame) string {
	switch b {
	case weir.BlameBoth:
		return "both sides"
	case weir.BlameEither:
		return "each side"
	}
	return strings.ReplaceAll(string(b), "_", " ")
}

// Sentence says in one sentence who broke what of whom, and what the other side
// had to do with it. It starts with a name or a small letter and has no full stop.
func Sentence(r weir.Regression) string {
	if r.Aim == weir.AimFix {
		return mended(r)
	}
	c, what := newCase(r), broken(r)
	culprit := c.culprit(r)
	switch r.Blame {
	case weir.BlameUpstream, weir.BlameDownstream:
		if culprit == "" {
			culprit = c.upstream
			if r.Blame == weir.BlameDownstream {
				culprit = c.downstream
			}
		}
		return culprit + " broke " + what + "; " + OtherSide(r)
	case weir.BlameNone:
		return c.unknown(r, what)
	}
	return Word(r.Blame) + ": " + OtherSide(r)
}

// OtherSide says what a blame rests on, beside the revision that did it: what
// the other side had to do with it. It is empty for BlameNone.
func OtherSide(r weir.Regression) string {
	c, what := newCase(r), broken(r)
	switch r.Blame {
	case weir.BlameUpstream:
		return c.spared(c.projectMoved(), NewDownstream, c.project+" itself had not moved",
			c.downstream+" is good with the old upstreams too", c.downstream+" is good with the old and the new upstreams")
	case weir.BlameDownstream:
		still := "its upstreams had not moved"
		if len(c.bad.Pins) < 2 {
			still = "it has no upstreams"
		}
		return c.spared(len(c.moved) > 0, NewUpstream, still,
			c.upstream+" by itself is good", c.upstream+" by itself is good, and so are the two together")
	case weir.BlameBoth:
		return fmt.Sprintf("%s and %s break %s, each by itself", c.upstream, c.downstream, what)
	case weir.BlameEither:
		return fmt.Sprintf("%s and %s break %s, each by itself; how they do together cannot be told", c.upstream, c.downstream, what)
	case weir.BlameInteraction:
		return fmt.Sprintf("%s and %s break %s only together; each by itself is good", c.upstream, c.downstream, what)
	case weir.BlameLockStep:
		return fmt.Sprintf("%s and %s have to move together; each without the other breaks %s", c.upstream, c.downstream, what)
	case weir.BlameEnvironment:
		if len(r.Corners) == 0 {
			return "no revision broke " + what + "; the same revisions are good on one worker and bad on another"
		}
		return "no revision broke " + what + "; the revisions that were good are bad now too"
	}
	return ""
}

// spared says what is known of the side that is not to blame: whether it has
// moved, and how it did where it moved alone, which is at other.
func (c situation) spared(moved bool, other Place, still, alone, mended string) string {
	switch {
	case !moved:
		return still
	case c.said(other) == weir.ObservedGood && c.said(New) == weir.ObservedGood:
		return mended
	case c.said(other) == weir.ObservedGood:
		return alone
	}
	return "whether " + c.place(other) + " is good is not known"
}

// unknown says how far the farm is with a regression that nobody is blamed for.
func (c situation) unknown(r weir.Regression, what string) string {
	switch culprit := c.culprit(r); {
	case culprit != "":
		return culprit + " broke " + what + "; which side is to blame cannot be told"
	case r.State == weir.Searching:
		return what + " broke, and the culprit is being looked for"
	case r.State == weir.Narrowed:
		return fmt.Sprintf("one of %d revisions broke %s; which side is to blame cannot be told", r.Suspects.Last-r.Suspects.First+1, what)
	}
	if r.Aim == weir.AimAsked {
		return "no revision that was asked about broke " + what
	}
	return what + " broke, and nobody is blamed for it"
}

// culprit names the culprit; empty if there is none.
func (c situation) culprit(r weir.Regression) string {
	if r.Culprit.Project == "" || r.Culprit.Revision.ID == "" {
		return ""
	}
	return r.Culprit.Project + " " + r.Culprit.Revision.Short()
}

// mostNamed is how many projects a sentence names.
const mostNamed = 4

// broken says what broke: the tests that still are bad, or all of them if none is.
func broken(r weir.Regression) string {
	var open []weir.Victim
	for _, v := range r.Victims {
		if v.FixedIn == 0 {
			open = append(open, v)
		}
	}
	if len(open) == 0 {
		open = r.Victims
	}
	steps := 0
	for _, v := range open {
		if v.Test.Suite == weir.StepSuite {
			steps++
		}
	}
	what := fmt.Sprintf("%d tests of ", len(open))
	switch {
	case len(open) == 0:
		return "tests of " + r.Builder.Project
	case steps == len(open):
		what = "the build of "
	case len(open) == 1:
		what = "1 test of "
	}
	var names []string
	for _, p := range weir.VictimsByProject(open) {
		names = append(names, p.Project)
	}
	if len(names) > mostNamed {
		names = append(names[:mostNamed], fmt.Sprintf("%d more", len(names)-mostNamed))
	}
	return what + enumerate(names)
}

// enumerate joins names with commas and "and".
func enumerate(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
