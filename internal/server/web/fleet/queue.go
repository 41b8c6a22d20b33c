package fleet

import (
	"fmt"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/waits"
	"github.com/weir-ci/weir/internal/schedule"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// QueueView is the queue.
type QueueView struct {
	Title, Summary string
	Depths         []DepthLine
	Builds         []WaitLine
	More           int
	Locks          []LockLine
}

// DepthLine is how much waits for a platform.
type DepthLine struct {
	Platform, Lanes, Slots string
	Queued, Blocked        int
	Oldest                 page.When
	Stuck                  string // kind of mark, if nobody is there to take it; empty: somebody is
}

// WaitLine is a build that waits, and why.
type WaitLine struct {
	URL, Name, Platform, Revision, Cause string
	Mark                                 page.Mark
	Why                                  string
	Behind                               string // URL of the build it waits for; empty: none
	Stuck                                bool   // somebody has to do something
	Since                                page.When
}

// LockLine is a lock.
type LockLine struct {
	Name, Scope, Shares, Wanted string
	Holders                     []HolderLine
	More                        int
}

// HolderLine is who holds a lock.
type HolderLine struct {
	URL, Name, Worker, Shares string
	Since                     page.When
}

// stuck are the reasons that do not pass by themselves.
var stuck = map[schedule.WaitReason]bool{schedule.WaitPlatform: true, schedule.WaitLabels: true, schedule.WaitRefused: true, schedule.WaitWorkers: true, schedule.WaitApproval: true}

// isStuck reports whether somebody has to do something. A rest and a quarantine end.
func isStuck(w schedule.Wait) bool {
	return stuck[w.Reason] && (w.Reason != schedule.WaitWorkers || w.Until.IsZero())
}

func queueView(l waits.Line, now time.Time) QueueView {
	v := QueueView{Title: "Nothing waits", More: l.More}
	if n := len(l.Builds) + l.More; n > 0 {
		v.Title = page.Count(n, "build waits", "builds wait")
	}
	held := 0
	for _, b := range l.Builds {
		w := WaitLine{URL: page.BuildURL(b.ID), Name: page.OneLine(b.Builder.Project+"/"+b.Builder.Job, page.MaxName), Platform: page.OneLine(string(b.Builder.Platform), 60),
			Revision: page.OneLine(weir.ShortRevision(b.Revision()), 40), Cause: page.CauseWord(b.Cause), Mark: page.BuildMark(b.Build),
			Why: page.OneLine(b.Waits.Text, page.MaxSubject), Since: page.At(b.Created, now), Stuck: isStuck(b.Waits)}
		if b.Builder.Cell != "" {
			w.Name += " " + page.OneLine(b.Builder.Cell, page.MaxName)
		}
		if b.Waits.Build != 0 {
			w.Behind = page.BuildURL(b.Waits.Build)
		}
		if w.Stuck {
			held++
		}
		v.Builds = append(v.Builds, w)
	}
	if len(l.Builds) > 0 {
		v.Summary = "the longest for " + page.Duration(now.Sub(l.Builds[0].Created).Truncate(time.Second))
		if held > 0 {
			v.Summary += fmt.Sprintf(" · %s for somebody to do something", page.Count(held, "waits", "wait"))
		}
	}
	for _, d := range l.Depths {
		line := DepthLine{Platform: page.OneLine(string(d.Platform), 60), Queued: d.Queued, Blocked: d.Blocked, Oldest: page.At(d.Oldest, now)}
		switch {
		case d.Workers == 0 && d.Resting > 0:
			line.Stuck, line.Slots = page.KindRest, "no worker takes work, "+page.Count(d.Resting, "rests", "rest")
		case d.Workers == 0:
			line.Stuck, line.Slots = page.KindInfra, "no worker takes work"
		default:
			line.Slots = fmt.Sprintf("%d of %s free on %s", d.Free, page.Count(d.Slots, "slot", "slots"), page.Count(d.Workers, "worker", "workers"))
		}
		var lanes []string
		for _, lane := range d.Lanes {
			lanes = append(lanes, fmt.Sprintf("%s %d", page.CauseWord(lane.Cause), lane.Count))
		}
		line.Lanes = page.List(lanes, 4)
		v.Depths = append(v.Depths, line)
	}
	for _, k := range l.Locks {
		line := LockLine{Name: page.OneLine(k.Name, page.MaxName), Scope: "of the farm", More: k.More, Wanted: page.Count(k.Wanted, "build wants it", "builds want it")}
		if k.Scope == weir.LockWorker {
			line.Scope = "of each worker"
		}
		if k.Wanted == 0 {
			line.Wanted = "nobody waits for it"
		}
		held := 0
		for _, h := range k.Holders {
			held += h.Shares
			line.Holders = append(line.Holders, HolderLine{URL: page.BuildURL(h.Build), Name: page.OneLine(h.Builder.Name(), page.MaxName),
				Worker: page.OneLine(h.Worker, page.MaxName), Shares: page.Count(h.Shares, "share", "shares"), Since: page.At(h.Since, now)})
		}
		line.Shares = fmt.Sprintf("%d of %s held", held, page.Count(k.Shares, "share", "shares"))
		v.Locks = append(v.Locks, line)
	}
	return v
}
