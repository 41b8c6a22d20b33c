package fleet

import (
	"fmt"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/roster"
	"github.com/weir-ci/weir/internal/server/web/page"
)

// OwnerView is what the owner of a worker allows there, and what was refused.
type OwnerView struct {
	Rules     []string // a sentence each, in the worker's words
	MoreRules int
	Rest      string // why it would rest if nothing else held it back; empty: it would not, or does
	Until     page.When
	Refused   []RefusalLine // newest first
	More      bool          // there are more than those
	URL       string        // where all of them are
}

// RefusalLine is a builder whose builds the worker's owner does not want.
type RefusalLine struct {
	URL, Name        string // of the builder
	BuildURL, Number string // of the newest build
	Rule, Why, Times string
	Often            bool // more than once
	First, Last      page.When
	Asked            page.When // again; empty: it may be asked now
}

// maxRefused is how many builders are listed that a worker refuses.
const maxRefused = 50

// keptDays is for how long a worker is known to have refused something.
const keptDays = int(roster.RefusedKept / (24 * time.Hour))

// policyDocs is where somebody reads how to say what a machine may be used for.
const policyDocs = "https://github.com/weir-ci/weir/blob/main/docs/workers.md#what-may-run-here"

// rules says in a few words what each rule is about.
var rules = map[weir.Rule]string{
	weir.RuleProjects:  "projects",
	weir.RuleStrangers: "strangers",
	weir.RuleCommands:  "commands",
	weir.RuleHours:     "hours",
	weir.RuleLoad:      "load",
	weir.RuleDisk:      "disk",
	weir.RulePolicy:    "the policy itself",
}

// rests says why a worker rests under a rule, if it does not say more itself.
var rests = map[weir.Rule]string{
	weir.RuleHours:  "builds may not begin at this hour",
	weir.RuleLoad:   "the machine is too busy",
	weir.RuleDisk:   "too little room is left on its disk",
	weir.RulePolicy: "its policy cannot be read, so nothing is allowed",
}

func ownerView(w weir.Worker, refused []roster.Refused, more bool, now time.Time) OwnerView {
	v := OwnerView{More: more, MoreRules: max(0, len(w.Policy)-weir.MaxPolicyRules), URL: "/api/v1" + workerURL(w.Name) + "/refusals"}
	for _, text := range w.Policy[:min(len(w.Policy), weir.MaxPolicyRules)] {
		v.Rules = append(v.Rules, page.OneLine(text, weir.MaxPolicyText))
	}
	if state := w.State(now); w.Rest.Rule != "" && state != weir.WorkerAway && state != weir.WorkerResting {
		v.Rest, v.Until = restText(w.Rest), restEnd(w.Rest, now)
	}
	for _, r := range refused {
		line := RefusalLine{URL: page.BuilderURL(r.Builder.ID), Name: page.OneLine(r.Builder.Name(), page.MaxName), BuildURL: page.BuildURL(r.Build),
			Number: fmt.Sprintf("build %d", r.Build), Rule: ruleWord(r.Rule), Why: page.OneLine(r.Text, page.MaxSubject), Times: page.Count(r.Count, "time", "times"),
			Often: r.Count > 1, First: page.At(r.First, now), Last: page.At(r.Last, now)}
		if r.Builder.Project == "" {
			line.Name = fmt.Sprintf("builder %d", r.Builder.ID)
		}
		if r.Active {
			line.Asked = page.At(r.Until, now)
		}
		v.Refused = append(v.Refused, line)
	}
	return v
}

// ruleWord is what a rule is about; a worker may know more rules than we do.
func ruleWord(r weir.Rule) string {
	if word := rules[r]; word != "" {
		return word
	}
	return page.OneLine(string(r), 40)
}

// restText says why a worker rests.
func restText(r weir.Rest) string {
	if text := page.OneLine(r.Text, maxReason); text != "" {
		return text
	}
	if text := rests[r.Rule]; text != "" {
		return text
	}
	return "its owner wants nothing there now"
}

// restEnd is when a rest is over, if that is known and still to come.
func restEnd(r weir.Rest, now time.Time) page.When {
	if !now.Before(r.Until) {
		return page.When{}
	}
	return page.At(r.Until, now)
}
