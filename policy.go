package weir

import "time"

// Rule is a kind of rule that the owner of a worker makes for it. The worker keeps
// to them; the server only tells of them.
type Rule string

// The closed set of rules. The first ones are about builds, see Refusal, the others
// about the machine, see Rest.
const (
	RuleProjects  Rule = "projects"  // whose builds may run
	RuleStrangers Rule = "strangers" // whether untrusted revisions may
	RuleCommands  Rule = "commands"  // which commands of steps and services may
	RuleHours     Rule = "hours"     // when builds may begin
	RuleLoad      Rule = "load"      // how busy the machine may be when one begins
	RuleDisk      Rule = "disk"      // how much room must be left when one begins
	RulePolicy    Rule = "policy"    // the policy itself: it cannot be read, so nothing is allowed
)

// Rules lists every rule.
func Rules() []Rule {
	return []Rule{RuleProjects, RuleStrangers, RuleCommands, RuleHours, RuleLoad, RuleDisk, RulePolicy}
}

// Lasts is for how long a worker is not asked again to build for a builder that it
// refused under the rule, unless its policy changes before: what a build is called does
// not change, but what it runs may. Zero for rules about the machine.
func (r Rule) Lasts() time.Duration {
	switch r {
	case RuleProjects:
		return 30 * 24 * time.Hour
	case RuleStrangers, RuleCommands:
		return time.Hour
	}
	return 0
}

// Refusal is a builder whose builds the owner of a worker does not want there.
type Refusal struct {
	Worker  string    `json:"worker"`
	Builder BuilderID `json:"builder"`
	Build   BuildID   `json:"build"` // the newest that was refused
	Rule    Rule      `json:"rule"`
	Text    string    `json:"text"`  // one sentence, without a dot at its end; at most MaxReason bytes
	Count   int       `json:"count"` // how often
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
	// Until is when the worker is asked again; in the past: it may be now.
	Until time.Time `json:"until"`
}

// Active reports whether the worker is not asked for the builder.
func (r Refusal) Active(now time.Time) bool { return now.Before(r.Until) }

// Rest is why a worker takes nothing at present, by a rule of its owner's. The zero
// Rest is none.
type Rest struct {
	Rule  Rule      `json:"rule,omitempty"`
	Text  string    `json:"text,omitempty"` // one sentence, without a dot at its end; at most MaxReason bytes
	Until time.Time `json:"until,omitzero"` // when it is over, if that is known
}

// Limits on what a worker tells of its owner's policy.
const (
	MaxPolicyRules = 32      // sentences
	MaxPolicyText  = 1 << 10 // bytes of one
)
