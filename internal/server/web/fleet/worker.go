package fleet

import (
	"fmt"
	"strconv"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// WorkerView is the page of one worker.
type WorkerView struct {
	Name, URL, Summary string
	Mark               page.Mark
	Why                string // it gets nothing; empty if it does
	Facts              []page.Fact
	Running            []AttemptLine
	Last               []AttemptLine
	LastTitle          string
	Trouble            []AttemptLine
	Pager              page.PagerView
	Calendar           StripView
	Legend             []int // levels
	Days, Weeks        []SumLine
	SignedIn           bool
	CanPause, CanGo    bool // Pause, Resume
	CanForget          bool
	Until              page.When // it gets nothing, if that is known and Why is not empty
	Owner              OwnerView
}

// AttemptLine is something that a worker tried.
type AttemptLine struct {
	URL, Name, Cause string
	Mark             page.Mark
	At               page.When
	Took             string
	Why              string // in words, if it did not pass
}

// SumLine is a day or a week.
type SumLine struct {
	Span                  string
	Use                   page.MeterView
	Ended                 int
	Busy, Waited, Trouble string
	Infra, Lost           int
	Quiet                 bool // nothing happened
}

// known is what a page knows beside the worker and its history.
type known struct {
	version   string // of the server
	who       string // is signed in
	now       time.Time
	disk      int64
	diskKnown bool
	before    time.Time // the list of attempts starts there; zero: at the newest
}

func workerView(w weir.Worker, h roster.History, k known) WorkerView {
	mark, why := standing(w, k.now)
	state := w.State(k.now)
	v := WorkerView{Name: page.OneLine(w.Name, page.MaxName), URL: workerURL(w.Name), Mark: mark, Why: why, SignedIn: k.who != "",
		Calendar: calendar(h, k.now), CanPause: w.Paused == "", CanGo: w.Paused != "" || state == weir.WorkerQuarantined,
		CanForget: state == weir.WorkerAway && w.Running == 0, LastTitle: "Last attempts"}
	if state == weir.WorkerResting {
		v.Until = restEnd(w.Rest, k.now)
	}
	v.Summary = fmt.Sprintf("%d of %s in use", w.Running, page.Count(w.Slots, "slot", "slots"))
	v.Facts = facts(w, k)
	for _, a := range h.Running {
		v.Running = append(v.Running, attemptLine(a, k.now))
	}
	for _, a := range h.Last {
		v.Last = append(v.Last, attemptLine(a, k.now))
	}
	if !k.before.IsZero() {
		v.LastTitle = "Attempts before " + k.before.UTC().Format("2006-01-02 15:04:05 UTC")
		v.Pager.Newest = v.URL + "#h-last"
	}
	if n := len(h.Last); n == roster.MaxLast {
		v.Pager.Older = v.URL + "?before=" + strconv.FormatInt(h.Last[n-1].Leased.UnixMicro(), 10) + "#h-last"
	}
	for _, a := range h.Trouble {
		v.Trouble = append(v.Trouble, attemptLine(a, k.now))
	}
	for i := range h.Days { // newest first
		v.Days = append(v.Days, sumLine(h.Days[len(h.Days)-1-i], "Mon 2 Jan"))
	}
	for i := range h.Weeks {
		s := h.Weeks[len(h.Weeks)-1-i]
		line := sumLine(s, "")
		line.Span = s.From.Format("2 Jan") + " to " + s.From.AddDate(0, 0, 6).Format("2 Jan")
		v.Weeks = append(v.Weeks, line)
	}
	return v
}

func facts(w weir.Worker, k known) []page.Fact {
	accepts := "jobs for " + page.OneLine(string(w.Platform), 60)
	list := []page.Fact{
		{Label: "Platform", Text: page.OneLine(string(w.Platform), 60)},
		{Label: "Labels", Text: labels(w)},
		{Label: "Slots", Body: page.Meter(page.MeterView{Label: "slots in use", Share: float64(w.Running) / float64(max(w.Slots, 1)), Text: fmt.Sprintf("%d of %d", w.Running, w.Slots), Kind: page.KindRun})},
		{Label: "Last heard of", When: page.At(w.Seen, k.now)},
		{Label: "Program", Text: page.OneLine(w.Version, 40) + note(behind(w.Version, k.version))},
	}
	if list[1].Text == "" {
		list[1].Text = "none"
		accepts += " that ask for no label"
	} else {
		accepts += " that ask for none but its labels"
	}
	if w.Host != "" {
		list = append(list, page.Fact{Label: "Machine", Text: page.OneLine(w.Host, page.MaxName)})
	}
	if k.diskKnown {
		list = append(list, page.Fact{Label: "Free disk", Text: page.Size(k.disk)})
	}
	if k.who != "" && w.Owner != "" {
		list = append(list, page.Fact{Label: "Owner", Text: page.OneLine(w.Owner, page.MaxName)})
	}
	if len(w.Policy) > 0 {
		accepts += ", as far as its owner allows"
	}
	return append(list, page.Fact{Label: "Takes", Text: accepts})
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return ", " + text
}

func attemptLine(a roster.Ran, now time.Time) AttemptLine {
	l := AttemptLine{URL: page.BuildURL(a.ID.Build), Name: page.OneLine(a.Builder.Name(), page.MaxName), Cause: page.CauseWord(a.Cause),
		Mark: page.AttemptMark(a.Attempt), At: page.At(a.Leased, now), Took: page.Duration(now.Sub(a.Leased).Truncate(time.Second))}
	if !a.Live() {
		l.Took = page.Duration(a.Ended.Sub(a.Leased))
		l.Why = page.OneLine(a.Reason.Text, page.MaxSubject)
		if l.Why == "" {
			l.Why = reasons[a.Reason.Code]
		}
	}
	return l
}

// reasons says in words why an attempt ended of which nobody said more.
var reasons = map[weir.ReasonCode]string{
	weir.ReasonLost:           "the worker was not heard of while it ran",
	weir.ReasonUndelivered:    "the worker never learnt of it, or did not take it",
	weir.ReasonRefused:        "its owner does not want that here",
	weir.ReasonWorker:         "the worker could not do its part",
	weir.ReasonDiskFull:       "its disk is full",
	weir.ReasonSourceDown:     "the source did not answer",
	weir.ReasonProductMissing: "a product could not be fetched or unpacked",
	weir.ReasonSecret:         "a secret cannot be had",
	weir.ReasonTimeout:        "out of time",
	weir.ReasonQuiet:          "no output for too long",
}

func sumLine(s roster.Sum, format string) SumLine {
	l := SumLine{Span: s.From.Format(format), Ended: s.Ended, Infra: s.Infra, Lost: s.Lost, Quiet: s.Busy == 0 && s.Ended+s.Infra+s.Lost == 0,
		Use:  page.MeterView{Label: "in use", Share: s.Use, Text: page.Percent(s.Use)},
		Busy: page.Duration(s.Busy)}
	if s.Ended > 0 {
		l.Waited = page.Duration(s.Waited / time.Duration(s.Ended))
	}
	return l
}
