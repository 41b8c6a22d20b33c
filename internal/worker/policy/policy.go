// Package policy is the word of the owner of a worker: what may run on the
// machine, and when. It decides and does nothing else: no clock, no disk, no
// network.
//
// A policy is a small YAML file that lies on the worker's machine and that no
// server ever sees, let alone writes:
//
//	projects: [cpython, "django-*"]
//	strangers: false
//	commands: ["make test", "./configure *"]
//	hours: ["mon-fri 19:00-07:00", "sat-sun"]
//	load: 0.5
//
// Parse reads it, and reports all that is wrong with it at once. Of the Policy
// that it gives the worker asks three things:
//
//	Refuses    may this build run here at all?
//	Rest       may any build begin now? If not, when?
//	Sentences  what can be told to those who look at the farm?
//
// What is not known counts against the build: a command that is no plain one, a
// load that the system does not tell. A mistake never allows more.
package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // not every machine has the zones; the program has them anyway, for the times of jobs

	"github.com/weir-ci/weir"
)

// Policy is what the owner of a worker allows. The zero Policy allows everything.
type Policy struct {
	only, except []pattern // of projects; no only: all
	noStrangers  bool
	commands     []command // none: all
	windows      []window  // none: always
	zone         *time.Location
	load         float64 // per processor; 0: any
	disk         int64   // bytes; 0: any
}

// Refuses reports whether a build may not run here, by which rule, and says why in
// one sentence of at most weir.MaxReason bytes.
func (p Policy) Refuses(spec weir.Spec) (rule weir.Rule, text string, refused bool) {
	name := spec.Project
	switch is := func(q pattern) bool { return q.matches(name) }; {
	case len(p.only) > 0 && !slices.ContainsFunc(p.only, is):
		return weir.RuleProjects, Clip(fmt.Sprintf("builds of %.80q are not wanted here: %s", name, p.projects()[0])), true
	case slices.ContainsFunc(p.except, is):
		return weir.RuleProjects, Clip(fmt.Sprintf("builds of %.80q are not wanted here", name)), true
	case p.noStrangers && spec.Untrusted:
		return weir.RuleStrangers, "the revision is from somebody who is not trusted, and none of those are wanted here", true
	case len(p.commands) == 0:
		return "", "", false
	}
	for _, e := range executed(spec) {
		if e.shell != "" && !slices.Contains(weir.Shells(), e.shell) {
			return weir.RuleCommands, Clip(fmt.Sprintf("%s runs in %.40q, which is no shell", e.where, string(e.shell))), true
		}
		if !slices.ContainsFunc(p.commands, func(c command) bool { return c.allows(e) }) {
			return weir.RuleCommands, Clip(fmt.Sprintf("%s runs %s, which is none of the commands that are wanted here", e.where, e)), true
		}
	}
	return "", "", false
}

// Conditions are how the machine is.
type Conditions struct {
	Load float64 // of the last minute, per processor; negative: unknown
	Disk int64   // bytes that are free where it builds; 0: unknown
	// Resting is the rule because of which the worker rests already; empty: it does
	// not. A worker that rests needs more to begin again than one that works needs to
	// go on, so that it does not do both by turns.
	Resting weir.Rule
}

// By how much a machine has to be better than its limit for a worker to begin
// again. It is little for the disk, as what fills it may stay for ever.
const (
	calmLoad = 0.8
	calmDisk = 1.05
)

// Rest reports whether no build may begin now, and why. Its text stays the same
// while that lasts. The location of now is the machine's own time zone.
func (p Policy) Rest(now time.Time, c Conditions) (weir.Rest, bool) {
	if until, closed := p.closed(now); closed {
		return weir.Rest{Rule: weir.RuleHours, Text: Clip(strings.Join(p.hours(), "; ")), Until: until}, true
	}
	if p.load > 0 {
		most := p.load
		if c.Resting == weir.RuleLoad {
			most *= calmLoad
		}
		if !(c.Load >= 0) { // a NaN is not known either
			return weir.Rest{Rule: weir.RuleLoad, Text: "the load of the machine is not known, and the policy limits it"}, true
		}
		if c.Load > most {
			return weir.Rest{Rule: weir.RuleLoad, Text: "the machine is busy: " + p.busy()}, true
		}
	}
	if p.disk > 0 {
		least := float64(p.disk)
		if c.Resting == weir.RuleDisk {
			least *= calmDisk
		}
		if float64(c.Disk) < least {
			return weir.Rest{Rule: weir.RuleDisk, Text: "the disk is too full: " + p.room()}, true
		}
	}
	return weir.Rest{}, false
}

// pattern is a name, in which * stands for any characters.
type pattern string

func (p pattern) matches(name string) bool {
	return wild(string(p), name, func(byte) bool { return true })
}

// wild reports whether a text is what a pattern says, in which each * stands for
// any number of bytes that may be there.
func wild(pattern, text string, may func(byte) bool) bool {
	parts := strings.Split(pattern, "*")
	rest, ok := strings.CutPrefix(text, parts[0])
	if !ok || len(parts) == 1 {
		return ok && rest == ""
	}
	last := parts[len(parts)-1]
	reach := func(n int) bool { // whether a * may stand for the first n bytes of rest
		for i := range n {
			if !may(rest[i]) {
				return false
			}
		}
		return true
	}
	// The first place where a part fits is the best: it leaves the most for those behind
	// it, and the least for the * before it.
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 || !reach(at) {
			return false
		}
		rest = rest[at+len(part):]
	}
	at := len(rest) - len(last)
	return at >= 0 && rest[at:] == last && reach(at)
}

// Clip shortens a sentence to what a worker may tell: weir.MaxReason bytes, and so weir.MaxPolicyText.
func Clip(s string) string {
	if len(s) <= weir.MaxReason {
		return s
	}
	return strings.ToValidUTF8(s[:weir.MaxReason-3], "") + "..."
}
