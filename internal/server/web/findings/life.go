package findings

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/blame"
	"github.com/weir-ci/weir/internal/farm"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// LifeView is what became of a regression, and what may be said of it.
type LifeView struct {
	Steps    []LifeStep
	More     int // older steps that are not listed
	Searches []SearchLine
	Commands []string // that may be typed
}

// LifeStep is one step in the life of a regression.
type LifeStep struct {
	Mark   page.Mark
	At     page.When
	By     string // a person; empty: the farm
	Builds []BuildLink
	Other  string // URL of the other regression, of two; empty if there is none
	Number weir.RegressionID
	Note   string
}

// BuildLink is a build that shows something.
type BuildLink struct {
	Build weir.BuildID
	URL   string
}

// SearchLine is a search that follows from a regression.
type SearchLine struct {
	ID    weir.RegressionID
	URL   string
	Mark  page.Mark
	For   string // what it looks for
	Found string
	By    string // who asked for it; empty: the farm
}

// maxSteps is how many steps of a life are listed, the newest ones.
const maxSteps = 100

var stepMarks = map[weir.TransitionKind]page.Mark{
	weir.WasOpened:         {Kind: page.KindFail, Word: "opened"},
	weir.WasConfirmed:      {Kind: page.KindFail, Word: "confirmed"},
	weir.WasLocated:        {Kind: page.KindFail, Word: "culprit found"},
	weir.WasNarrowed:       {Kind: page.KindBroken, Word: "narrowed"},
	weir.WasDismissed:      {Kind: page.KindOff, Word: "closed"},
	weir.WasFixed:          {Kind: page.KindPass, Word: "fixed"},
	weir.WasReopened:       {Kind: page.KindFail, Word: "reopened"},
	weir.WasMerged:         {Kind: page.KindOff, Word: "merged"},
	weir.WasJoined:         {Kind: page.KindNone, Word: "took tests over"},
	weir.WasSplit:          {Kind: page.KindNone, Word: "split"},
	weir.WasAcknowledged:   {Kind: page.KindWait, Word: "taken in hand"},
	weir.WasUnacknowledged: {Kind: page.KindNone, Word: "out of hand"},
	weir.WasAssigned:       {Kind: page.KindNone, Word: "assigned"},
	weir.WasJudged:         {Kind: page.KindNone, Word: "more is known"},
}

func lifeView(d farm.RegressionDetail, now time.Time) LifeView {
	v := LifeView{Commands: commands(d.Regression, now)}
	life := d.Life
	if v.More = max(0, len(life)-maxSteps); v.More > 0 {
		life = life[v.More:]
	}
	for _, s := range life {
		step := LifeStep{Mark: stepMarks[s.Kind], At: page.At(s.At, now), By: page.OneLine(s.By, page.MaxName), Note: page.OneLine(s.Note, page.MaxMessage)}
		if step.Mark.Word == "" { // of a newer server on the same database
			step.Mark = page.Mark{Kind: page.KindNone, Word: page.OneLine(string(s.Kind), 40)}
		}
		for _, b := range s.Builds {
			step.Builds = append(step.Builds, BuildLink{b, page.BuildURL(b)})
		}
		if s.Other != 0 {
			step.Number, step.Other = s.Other, page.RegressionURL(s.Other)
		}
		v.Steps = append(v.Steps, step)
	}
	for _, s := range d.Searches {
		line := SearchLine{ID: s.ID, URL: page.RegressionURL(s.ID), Mark: page.RegressionMark(s.State), For: page.OneLine(blame.LooksFor(s), maxSentence),
			By: page.OneLine(s.Asked.By, page.MaxName), Found: page.OneLine(s.Note, page.MaxMessage)}
		if hasCulprit(s) {
			line.Found = page.OneLine(strings.TrimSpace(s.Culprit.Project+" "+s.Culprit.Revision.Short()+" "+s.Culprit.Revision.Subject()), page.MaxMessage)
		}
		v.Searches = append(v.Searches, line)
	}
	return v
}

// commands are what people may type, as a regression stands.
func commands(r weir.Regression, now time.Time) []string {
	on := func(verb, rest string) string { return fmt.Sprintf("weir regressions %s %d%s", verb, r.ID, rest) }
	switch {
	case r.State == weir.Merged:
		return nil
	case r.Aim != weir.AimBreak && r.State.Open():
		return []string{on("dismiss", " --why TEXT")}
	case !r.State.Open() && r.State == weir.Recovered && r.Aim == weir.AimBreak:
		return []string{on("reopen", " --why TEXT"), fmt.Sprintf("weir bisect --fix r%d", r.ID)}
	case !r.State.Open():
		return []string{on("reopen", " --why TEXT")}
	}
	list := []string{on("acknowledge", " --for 7d --why TEXT"), on("assign", " NAME"), on("dismiss", " --why TEXT"), on("merge", " INTO")}
	if r.Acknowledged.In(now) {
		list[0] = on("unacknowledge", "")
	}
	if len(r.Victims) > 1 {
		list = append(list, on("split", " TEST..."))
	}
	return list
}

// HandView says who has a regression in hand.
type HandView struct {
	By, Why string
	Until   string // a date
	Since   page.When
}

// inHand says who has an open regression in hand now; nil if nobody has.
func inHand(r weir.Regression, now time.Time) *HandView {
	if !r.State.Open() || !r.Acknowledged.In(now) {
		return nil
	}
	a := r.Acknowledged
	return &HandView{By: page.OneLine(a.By, page.MaxName), Why: page.OneLine(a.Why, page.MaxMessage), Until: a.Until.UTC().Format(time.DateOnly), Since: page.At(a.At, now)}
}

// InHandLast takes the cards out that somebody has in hand.
func InHandLast(cards []RegressionCard) (others, held []RegressionCard) {
	held = slices.DeleteFunc(slices.Clone(cards), func(c RegressionCard) bool { return c.InHand == nil })
	others = slices.DeleteFunc(slices.Clone(cards), func(c RegressionCard) bool { return c.InHand != nil })
	return others, held
}

// KnownAfter is how long a regression whose culprit is told is news: since its story
// last went on, be it that it was opened, the culprit found, or another project hit.
const KnownAfter = 24 * time.Hour

// known reports whether an open regression is news to nobody: somebody has it in
// hand, it is somebody's business, or it has been told long enough who did it.
func known(r weir.Regression, now time.Time) bool {
	told := r.State == weir.Located || r.State == weir.Narrowed
	last := r.Opened
	if r.Updated.After(last) {
		last = r.Updated
	}
	return r.Acknowledged.In(now) || r.Assigned.To != "" || told && now.Sub(last) >= KnownAfter
}

// KnownLast takes the cards out that are news to nobody.
func KnownLast(cards []RegressionCard) (news, known []RegressionCard) {
	for _, c := range cards {
		if c.Known {
			known = append(known, c)
		} else {
			news = append(news, c)
		}
	}
	return news, known
}

// AskView says what a search is for, and who wants to know.
type AskView struct {
	For, By, Why string
	Of           string // URL of the regression that it is made for; empty if it is for none
}

// askView is nil for an open episode.
func askView(r weir.Regression) *AskView {
	if r.Aim == weir.AimBreak {
		return nil
	}
	v := &AskView{For: page.OneLine(blame.LooksFor(r), maxSentence), By: page.OneLine(r.Asked.By, page.MaxName), Why: page.OneLine(r.Asked.Why, page.MaxMessage)}
	if r.Of != 0 {
		v.Of = page.RegressionURL(r.Of)
	}
	return v
}
