package findings

import (
	"fmt"
	"math"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// PathView is the way from the good build to the bad one, revision by revision.
type PathView struct {
	Stops []PathStop // what is worth reading: the ends, probes, suspects
	Dots  []PathDot  // the same in small, or the whole path if it is short
	Width int        // of the drawing, in its own units
	Label string     // the drawing in one sentence
	Bars  bool       // what the search holds likely is drawn too
	// Others are what may have made the tests bad beside the revisions: "nobody:
	// the tests are flaky", with how likely that is.
	Others []OtherBelief
}

// OtherBelief is a cause that is no revision.
type OtherBelief struct{ What, Likely string }

// PathStop is a point of the path, or a gap between two.
type PathStop struct {
	Gap                              int // so many points are left out here; the rest is empty then
	Position                         int
	Project, Short, Subject, Author  string
	When                             page.When
	Mark                             page.Mark
	Suspect, Culprit, GoodEnd, IsBad bool
	Probes                           []ProbeLine
	MoreProbes                       int
	Likely                           string  // "52 %"; empty if the search holds nothing likely, or this not
	belief                           float64 // 0 to 1
}

// PathDot is a point in the drawing, or a gap in it.
type PathDot struct {
	X       int
	Gap     string // how many points are left out here; empty for a point
	Kind    string // of its mark
	Suspect bool
	Culprit bool
	Title   string
	Count   string // of the builds that were asked here; empty if there are none
	Name    string // written above it; empty: nothing is
	Anchor  string // where the name stands: start, middle, end
	Bar     int    // height of its bar
	Likely  string // written above the bar; empty: nothing is
}

// Limits and sizes of the drawing and of the list.
const (
	maxDots     = 80
	leastSpace  = 24 // units between two dots
	mostSpace   = 120
	roomy       = 1120 // units that a drawing takes if it may
	maxSuspects = 60   // suspects listed one by one
	barHeight   = 56
	barTop      = 92 // where the bars begin
	barFoot     = barTop + barHeight
	worthSaying = 0.02 // a probability from which on it is written at its bar
)

func pathView(d farm.RegressionDetail, now time.Time) PathView {
	var v PathView
	probes := make(map[int][]ProbeLine)
	for _, p := range d.Probes[:min(len(d.Probes), maxProbes)] {
		probes[p.Position] = append(probes[p.Position], probeLine(p, d.Points))
	}
	likely := beliefs(d.Regression)
	suspects, listed := 0, 0
	var all []PathStop
	for i, p := range d.Points {
		stop := pathStop(d, p, probes[p.Position], i == len(d.Points)-1, now)
		stop.believe(likely[p.Position])
		if p.Suspect {
			suspects++
		}
		all = append(all, stop)
		worth := stop.GoodEnd || stop.IsBad || stop.Culprit || len(stop.Probes) > 0 || stop.Likely != "" || p.Suspect && listed < maxSuspects
		if !worth {
			if n := len(v.Stops); n == 0 || v.Stops[n-1].Gap == 0 {
				v.Stops = append(v.Stops, PathStop{})
			}
			v.Stops[len(v.Stops)-1].Gap++
			continue
		}
		if p.Suspect {
			listed++
		}
		v.Stops = append(v.Stops, stop)
	}
	if len(all) > maxDots {
		all = v.Stops
	}
	v.draw(all, len(likely) > 0)
	v.Others = otherBeliefs(d.Regression.Belief)
	v.Label = fmt.Sprintf("Path of %s from good to bad, %s, %s", page.Count(len(d.Points), "revision", "revisions"),
		page.Count(len(d.Probes), "build asked", "builds asked"), page.Count(suspects, "suspect", "suspects"))
	return v
}

// beliefs is what the search holds likely, by the position of the point that it is
// drawn at. A way that is walked back shows a step at the place before it.
func beliefs(r weir.Regression) map[int]float64 {
	at := map[int]float64{}
	for _, s := range r.Belief.Steps {
		position := s.Position
		if r.Aim == weir.AimFix {
			position--
		}
		at[position] = s.Probability
	}
	return at
}

// otherBeliefs are the causes beside the revisions that the search holds possible.
func otherBeliefs(b weir.Belief) (list []OtherBelief) {
	for _, o := range []struct {
		what string
		p    float64
	}{{"Nobody: the tests are flaky", b.Nobody}, {"Something outside of the revisions", b.Environment}} {
		if o.p >= weir.LeastBelief {
			list = append(list, OtherBelief{o.what, page.Percent(o.p)})
		}
	}
	return list
}

func (s *PathStop) believe(p float64) {
	if p >= weir.LeastBelief && !math.IsNaN(p) {
		s.belief, s.Likely = min(p, 1), page.Percent(p)
	}
}

// draw lays the dots out. A path that is too long shows its stops, and gaps between them.
func (v *PathView) draw(stops []PathStop, bars bool) {
	if len(stops) < 2 || len(stops) > 2*maxDots {
		return
	}
	space := min(max(roomy/len(stops), leastSpace), mostSpace)
	v.Width, v.Bars = len(stops)*space, bars
	for i, s := range stops {
		x := space/2 + i*space
		if s.Gap > 0 {
			v.Dots = append(v.Dots, PathDot{X: x, Gap: page.Thousands(int64(s.Gap))})
			continue
		}
		dot := PathDot{X: x, Kind: s.Mark.Kind, Suspect: s.Suspect, Culprit: s.Culprit,
			Title: fmt.Sprintf("%s %s: %s", s.Project, s.Short, s.Mark.Word), Bar: int(math.Ceil(s.belief * barHeight))}
		if n := len(s.Probes) + s.MoreProbes; n > 0 {
			dot.Count = fmt.Sprintf("%d×", n)
			dot.Title += " in " + page.Count(n, "build", "builds")
		}
		if s.Likely != "" {
			dot.Title += ", " + s.Likely + " likely"
		}
		if s.belief >= worthSaying {
			dot.Likely = s.Likely
		}
		switch {
		case i == 0:
			dot.Name, dot.Anchor, dot.X = cut(s.Short, 12), "start", x
		case i == len(stops)-1:
			dot.Name, dot.Anchor = cut(s.Short, 12), "end"
		case s.Culprit && x > 190 && x < v.Width-190:
			dot.Name, dot.Anchor = cut(s.Short, 12), "middle"
		}
		v.Dots = append(v.Dots, dot)
	}
}

// height of the drawing, in its own units.
func (v PathView) height() int {
	if v.Bars {
		return barFoot + 8
	}
	return barTop - 20
}

// nameX is where the name of a dot begins, or has its middle or its end.
func (d PathDot) nameX() int {
	switch d.Anchor {
	case "start":
		return d.X - 10
	case "end":
		return d.X + 10
	}
	return d.X
}

func pathStop(d farm.RegressionDetail, p farm.PathPoint, probes []ProbeLine, last bool, now time.Time) PathStop {
	r := d.Regression
	s := PathStop{Position: p.Position, Project: page.OneLine(p.Project, page.MaxName), Short: page.OneLine(p.Revision.Short(), page.MaxName),
		Subject: page.OneLine(p.Revision.Subject(), page.MaxSubject), Author: page.OneLine(page.AuthorName(p.Revision.Author), page.MaxName),
		When: page.At(p.Revision.Time, now), Suspect: p.Suspect, Probes: probes, GoodEnd: p.Position == 0, IsBad: last && p.Position > 0}
	s.Culprit = hasCulprit(r) && r.Culprit.Project == p.Project && p.Position > 0 &&
		(r.Culprit.Revision.ID == p.Revision.ID || r.Culprit.Merge == p.Revision.ID && p.Revision.ID != "")
	s.Mark = pointMark(s)
	if s.MoreProbes = max(0, len(probes)-maxRepeated); s.MoreProbes > 0 {
		s.Probes = probes[:maxRepeated]
	}
	return s
}

// pointMark sums up what is known about one point: what probes said, else
// which end it is.
func pointMark(s PathStop) page.Mark {
	good, bad, running := 0, 0, 0
	for _, p := range s.Probes {
		switch p.Says.Kind {
		case page.KindPass:
			good++
		case page.KindFail:
			bad++
		case page.KindFlaky:
			good, bad = good+1, bad+1
		case page.KindRun:
			running++
		}
	}
	switch {
	case good > 0 && bad > 0:
		return page.Mark{Kind: page.KindFlaky, Word: "divided"}
	case bad > 0 || s.IsBad:
		return page.ObservedMark(weir.ObservedBad)
	case good > 0 || s.GoodEnd:
		return page.ObservedMark(weir.ObservedGood)
	case running > 0:
		return page.Mark{Kind: page.KindRun, Word: "being asked"}
	case len(s.Probes) > 0:
		return page.Mark{Kind: page.KindNone, Word: "says nothing"}
	}
	return page.Mark{Kind: page.KindWait, Word: "not asked"}
}
