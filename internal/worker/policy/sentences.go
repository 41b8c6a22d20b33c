package policy

import (
	"fmt"
	"strconv"

	"github.com/weir-ci/weir"
)

// Sentences say in plain English what the owner allows, for people who look at the
// farm; none: everything. They are within weir.MaxPolicyRules and weir.MaxPolicyText,
// and leave nothing out: policies that differ have sentences that differ.
func (p Policy) Sentences() []string {
	out := append(p.projects(), p.refused()...)
	if p.noStrangers {
		out = append(out, "no untrusted revisions")
	}
	commands := make([]string, len(p.commands))
	for i, c := range p.commands {
		commands[i] = fmt.Sprintf("%q", c.text)
		if c.shell != "" {
			commands[i] += " in " + string(c.shell)
		}
	}
	out = append(out, sentences("no commands but ", "and the commands ", commands, "")...)
	out = append(out, p.hours()...)
	if p.load > 0 {
		out = append(out, p.busy())
	}
	if p.disk > 0 {
		out = append(out, p.room())
	}
	return out
}

func (p Policy) projects() []string {
	return sentences("builds of ", "and builds of ", texts(p.only), " only")
}

func (p Policy) refused() []string {
	return sentences("no builds of ", "and no builds of ", texts(p.except), "")
}

// hours says when builds begin.
func (p Policy) hours() []string {
	zone := " (the machine's own time)"
	if p.zone != nil {
		zone = " (" + p.zone.String() + ")"
	}
	windows := make([]string, len(p.windows))
	for i, w := range p.windows {
		windows[i] = w.String()
	}
	return sentences("builds begin ", "and they begin ", windows, zone)
}

func (p Policy) busy() string {
	return "builds begin while the load is at most " + strconv.FormatFloat(p.load, 'g', -1, 64) + " per processor"
}

func (p Policy) room() string { return "builds begin while at least " + size(p.disk) + " are free" }

func texts(patterns []pattern) []string {
	out := make([]string, len(patterns))
	for i, p := range patterns {
		out[i] = string(p)
	}
	return out
}

// sentences makes one sentence of a list, or as many as it takes.
func sentences(first, next string, items []string, tail string) []string {
	var out []string
	lead := first
	for len(items) > 0 {
		n, length := 0, len(lead)+len(tail)+len(" and ")
		for n < len(items) && (n == 0 || length+len(", ")+len(items[n]) <= weir.MaxPolicyText) {
			length += len(", ") + len(items[n])
			n++
		}
		out = append(out, lead+and(items[:n])+tail)
		lead, items = next, items[n:]
	}
	return out
}

// units of sizes. The larger one of equal factors stands first.
var units = [...]struct {
	name   string
	factor int64
}{
	{"TiB", 1 << 40}, {"TB", 1e12}, {"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6},
}

// size renders bytes with the first unit of which they are a whole number.
func size(n int64) string {
	for _, u := range units {
		if n%u.factor == 0 {
			return strconv.FormatInt(n/u.factor, 10) + " " + u.name
		}
	}
	return strconv.FormatInt(n, 10) + " bytes"
}
