package builds

import (
	"fmt"
	"net/url"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/farm/beside"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// Facts are why a build was made, of what, where and how long it took.
type Facts struct {
	Cause, Why string
	Run        string // "run 11"
	RunURL     string
	By         string // who set it off; empty: the farm
	Config     string // version of the configuration that made it; may be empty
	Params     []string
	RetryOf    BuildRef
	Revisions  []RevisionLine
	Moved      bool // revisions are against Since
	Since      BuildRef
	Platform   string
	Worker     string
	WorkerURL  string
	Place      string // what its newest attempt ran in
	Created    page.When
	Started    page.When
	Finished   page.When
	Took       string
	Usual      string // how long such builds usually take, and how this one compares; empty: not known
	Slow       bool   // it took much longer than that
	Progress   *page.MeterView
	Waited     string // before its newest attempt; may be empty
	Needs      []page.BuildLine
	Siblings   []page.BuildLine
	LastGood   BuildRef // to compare with
	Previous   BuildRef
}

// RevisionLine is a revision that a build is made of.
type RevisionLine struct {
	Project         string
	Own             bool
	Short, Full     string
	URL             string // at its forge; may be empty
	Author, Subject string
	News            string // "3 new revisions", "2 revisions back", "from 0123456789"; empty: it is as it was
	Diff            page.DiffView
	Between         []CommitLine // what is new, newest first
	More            int
}

// CommitLine is a revision in a list of them.
type CommitLine struct {
	Short, Author, Subject, URL string
	At                          page.When
}

func factsOf(d farm.BuildDetail, now time.Time) Facts {
	b := d.Build
	f := Facts{Cause: page.CauseWord(b.Cause), Why: page.OneLine(d.Run.Reason, page.MaxSubject), Run: fmt.Sprintf("run %d", b.Run),
		RunURL: page.RunURL(b.Run), By: page.OneLine(d.Run.By, page.MaxName), Config: page.OneLine(d.Run.Config, 40),
		Platform: page.OneLine(string(b.Builder.Platform), page.MaxName), Worker: page.OneLine(b.Worker, page.MaxName),
		Created: page.At(b.Created, now), Started: page.At(b.Started, now), Finished: page.At(b.Finished, now), Took: page.Took(b, now)}
	waits := b.State == weir.Queued || b.State == weir.Blocked // maybe again: the worker of an earlier attempt has it no more
	switch {
	case waits:
		f.Worker = ""
	case b.Worker != "":
		f.WorkerURL = "/workers/" + url.PathEscape(b.Worker)
	}
	for _, p := range d.Run.Params {
		f.Params = append(f.Params, page.OneLine(p.Name+" = "+p.Value, page.MaxSubject))
	}
	if b.RetryOf != 0 {
		f.RetryOf = BuildRef{ID: b.RetryOf, URL: page.BuildURL(b.RetryOf)}
	}
	for _, n := range d.Needs {
		f.Needs = append(f.Needs, page.NewBuildLine(n, now))
	}
	for _, p := range page.PinLines(b.Pins, b.Builder.Project) {
		line := RevisionLine{Project: p.Project, Own: p.Own, Short: p.Short, Full: p.Revision}
		if p.Own {
			line.URL = page.CommitURL(d.Spec.Source, b.Pins[b.Builder.Project])
		}
		f.Revisions = append(f.Revisions, line)
	}
	if n := len(d.Attempts); n > 0 && !waits {
		since := b.Created
		if n > 1 {
			since = d.Attempts[n-2].Ended
		}
		if waited := d.Attempts[n-1].Leased.Sub(since); waited >= time.Second {
			f.Waited = page.Duration(waited)
		}
	}
	return f
}

// slowBy is how many times its usual duration a build takes that is called slow.
const slowBy = 1.5

// beside fills in what stands beside a build.
func (f *Facts) beside(b weir.Build, s beside.Beside, now time.Time) {
	if s.Usual > 0 {
		f.Usual = "usually " + page.Duration(s.Usual)
		switch {
		case b.State.Final() && !b.Started.IsZero():
			took := b.Finished.Sub(b.Started)
			f.Slow = took.Seconds() > slowBy*s.Usual.Seconds() && took-s.Usual > 10*time.Second
			if f.Slow {
				f.Usual = fmt.Sprintf("%.1f times the usual %s", took.Seconds()/s.Usual.Seconds(), page.Duration(s.Usual))
			}
		case b.State == weir.Running && !b.Started.IsZero():
			m := page.NewProgress(now.Sub(b.Started), s.Usual)
			f.Progress = &m
		}
	}
	for _, o := range s.Siblings {
		f.Siblings = append(f.Siblings, page.NewBuildLine(o, now))
	}
	f.LastGood, f.Previous = BuildRef{ID: s.LastGood, URL: compareURL(s.LastGood, b.ID)}, BuildRef{ID: s.Previous, URL: compareURL(s.Previous, b.ID)}
	if s.Previous != 0 {
		f.Moved, f.Since = true, BuildRef{ID: s.Previous, URL: page.BuildURL(s.Previous)}
	}
	if len(s.Moves) > 0 {
		f.Revisions = revisionLines(s.Moves, now)
	}
}

// maxRevisions limits how many projects' revisions a page lists.
const maxRevisions = 60

func revisionLines(moves []beside.Move, now time.Time) (lines []RevisionLine) {
	for _, m := range moves[:min(len(moves), maxRevisions)] {
		lines = append(lines, revisionLine(m, now))
	}
	return lines
}

func revisionLine(m beside.Move, now time.Time) RevisionLine {
	line := RevisionLine{Project: page.OneLine(m.Project, page.MaxName), Own: m.Own, Short: shortRev(m.To), Full: page.OneLine(m.To, page.MaxName), URL: page.CommitURL(m.Source, m.To),
		Author: page.OneLine(page.AuthorName(m.Revision.Author), page.MaxName), Subject: page.OneLine(m.Revision.Subject(), page.MaxSubject)}
	if m.Moved() {
		line.Diff = page.DiffView{From: shortRev(m.From), To: line.Short, URL: page.DiffURL(m.Source, m.From, m.To)}
		switch {
		case m.To == "":
			line.Short, line.News = "none", "was "+shortRev(m.From)
		case m.Count == 0:
			line.News = "was " + shortRev(m.From)
		case m.Back:
			line.News = page.Count(m.Count, "revision", "revisions") + " back"
		default:
			line.News = page.Count(m.Count, "new revision", "new revisions")
		}
	}
	for _, r := range m.Between {
		line.Between = append(line.Between, CommitLine{Short: shortRev(r.ID), Author: page.OneLine(page.AuthorName(r.Author), page.MaxName),
			Subject: page.OneLine(r.Subject(), page.MaxSubject), URL: page.CommitURL(m.Source, r.ID), At: page.At(r.Time, now)})
	}
	line.More = max(0, m.Count-len(m.Between))
	return line
}

func shortRev(rev string) string { return page.OneLine(weir.ShortRevision(rev), 60) }

// compareURL is where build b is compared with a.
func compareURL(a, b weir.BuildID) string { return fmt.Sprintf("/compare?a=%d&b=%d", a, b) }
