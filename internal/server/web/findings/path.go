package findings

import (
	"fmt"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// PathView is the way from the good build to the bad one, revision by revision.
type PathView struct {
	Stops []PathStop // what is worth reading: the ends, probes, suspects
	Dots  []PathDot  // the whole path in small; empty if it is too long to draw
	Width int        // of the drawing, in its own units
	Label string     // the drawing in one sentence
}

// PathStop is a point of the path, or a gap between two.
type PathStop struct {
	Gap                              int // so many points are left out here; the rest is empty then
	Position                         int
	Project, Short, Subject, Author  string
	When                             page.When
	Mark                             page.Mark
	Suspect, Culprit, GoodEnd, IsBad bool
	Probes                           []ProbeLine
}

// PathDot is a point in the drawing.
type PathDot struct {
	X       int
	Kind    string // of its mark
	Suspect bool
	Culprit bool
	Title   string
}

// Limits of the drawing and of the list.
const (
	maxDots     = 80
	dotSpace    = 24 // units between two dots
	maxSuspects = 60 // suspects listed one by one
)

func pathView(d farm.RegressionDetail, now time.Time) PathView {
	var v PathView
	probes := make(map[int][]ProbeLine)
	for _, p := range d.Probes[:min(len(d.Probes), maxProbes)] {
		probes[p.Position] = append(probes[p.Position], probeLine(p, d.Points))
	}
	suspects, listed := 0, 0
	for i, p := range d.Points {
		stop := pathStop(d, p, probes[p.Position], i == len(d.Points)-1, now)
		if p.Suspect {
			suspects++
		}
		if len(d.Points) <= maxDots {
			v.Dots = append(v.Dots, PathDot{X: dotSpace/2 + i*dotSpace, Kind: stop.Mark.Kind, Suspect: stop.Suspect,
				Culprit: stop.Culprit, Title: fmt.Sprintf("%s %s: %s", stop.Project, stop.Short, stop.Mark.Word)})
		}
		worth := stop.GoodEnd || stop.IsBad || stop.Culprit || len(stop.Probes) > 0 || p.Suspect && listed < maxSuspects
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
	v.Width = max(len(v.Dots)*dotSpace, dotSpace)
	v.Label = fmt.Sprintf("Path of %s from good to bad, %s, %s", page.Count(len(d.Points), "revision", "revisions"),
		page.Count(len(d.Probes), "build asked", "builds asked"), page.Count(suspects, "suspect", "suspects"))
	return v
}

func pathStop(d farm.RegressionDetail, p farm.PathPoint, probes []ProbeLine, last bool, now time.Time) PathStop {
	r := d.Regression
	s := PathStop{Position: p.Position, Project: page.OneLine(p.Project, page.MaxName), Short: page.OneLine(p.Revision.Short(), page.MaxName),
		Subject: page.OneLine(p.Revision.Subject(), page.MaxSubject), Author: page.OneLine(page.AuthorName(p.Revision.Author), page.MaxName),
		When: page.At(p.Revision.Time, now), Suspect: p.Suspect, Probes: probes, GoodEnd: p.Position == 0, IsBad: last && p.Position > 0}
	s.Culprit = hasCulprit(r) && r.Culprit.Project == p.Project && p.Position > 0 &&
		(r.Culprit.Revision.ID == p.Revision.ID || r.Culprit.Merge == p.Revision.ID && p.Revision.ID != "")
	s.Mark = pointMark(s)
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
