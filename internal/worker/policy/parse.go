package policy

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on a policy. All of one has to fit into what Sentences may say, too.
const (
	MaxFile    = 64 << 10 // bytes
	maxPattern = 64       // characters of a pattern of names, as of a name
	maxCommand = 900      // bytes of a command, as it is told: in quotes
	maxLoad    = 1000
	minDisk    = 1e6
	maxDisk    = 1 << 50
)

// Parse reads the policy in a file with that name. Its error is strict.Problems, with
// the code Invalid: all that is wrong, with lines and what to write instead.
func Parse(name string, text []byte) (Policy, error) {
	r := reader{strict.New(name, text)}
	if len(text) > MaxFile {
		r.Reader = strict.New(name, nil)
		r.Problem(&yaml.Node{Line: 1, Column: 1}, "the policy is larger than %d KiB", MaxFile>>10).
			Hint("use patterns, such as django-*")
		return Policy{}, r.Finish().Err()
	}
	var p Policy
	if root := r.Document(); root != nil {
		p = r.policy(root)
	}
	problems := r.Finish()
	for i := range problems {
		// Whoever reads files in general knows those of farms.
		if strings.Contains(problems[i].Hint, "weir init") || strings.Contains(problems[i].Hint, "a farm has") {
			problems[i].Hint = "write one mapping with a rule or more, for example projects: [cpython]"
		}
	}
	if err := problems.Err(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

// reader reads the parts of a policy.
type reader struct{ *strict.Reader }

func keys() strict.Keys {
	return strict.Keys{
		Known: []string{"projects", "except", "strangers", "commands", "hours", "zone", "load", "disk"},
		Elsewhere: map[string]string{
			"project": "write projects: [NAME]", "only": "write projects: [NAME]", "allow": "write projects: [NAME], or commands: [COMMAND]",
			"deny": "write except: [NAME]", "exclude": "write except: [NAME]", "untrusted": "write strangers: false",
			"timezone": "write zone: Europe/Berlin", "tz": "write zone: Europe/Berlin", "days": `write hours: ["mon-fri"]`,
			"labels": "labels stand on the command line: weir worker --label NAME", "slots": "slots stand on the command line: weir worker --slots N",
			"network": "nothing here limits the network; docs/workers.md says what does", "memory": "nothing here limits memory; docs/workers.md says what does",
		},
	}
}

func (r reader) policy(root *yaml.Node) (p Policy) {
	f := r.Fields(root, "the policy", keys())
	f.With("projects", func(n *yaml.Node) { p.only = r.patterns(n, "projects") })
	f.With("except", func(n *yaml.Node) { p.except = r.patterns(n, "except") })
	f.With("strangers", func(n *yaml.Node) { p.noStrangers = !r.Boolean(n, "strangers") })
	f.With("commands", func(n *yaml.Node) {
		r.List(n, "commands", func(_ int, n *yaml.Node) {
			if c, ok := r.command(n); ok {
				p.commands = append(p.commands, c)
			}
		})
	})
	f.With("hours", func(n *yaml.Node) {
		r.List(n, "hours", func(_ int, n *yaml.Node) {
			if w, ok := r.window(n); ok {
				p.windows = append(p.windows, w)
			}
		})
	})
	f.With("zone", func(n *yaml.Node) {
		if _, ok := f["hours"]; !ok {
			r.Problem(strict.Target(n), "there is a zone without hours").Hint("add hours, or remove the line")
		}
		p.zone = r.zone(n)
	})
	f.With("load", func(n *yaml.Node) { p.load = r.limit(n) })
	f.With("disk", func(n *yaml.Node) { p.disk = r.size(n) })
	if told := p.Sentences(); len(told) > weir.MaxPolicyRules {
		r.Problem(root, "the policy is too long: the farm is told of it in at most %d sentences of %d bytes", weir.MaxPolicyRules, weir.MaxPolicyText).
			Hint("use patterns, such as django-*")
	}
	return p
}

var patternForm = regexp.MustCompile(`^[A-Za-z0-9*][A-Za-z0-9._+*-]*$`)

// patterns reads names of projects, or patterns of them.
func (r reader) patterns(n *yaml.Node, key string) []pattern {
	var out []pattern
	r.List(n, key, func(_ int, n *yaml.Node) {
		s, ok := r.Text(n, "a project in "+key)
		if !ok {
			return
		}
		n = strict.Target(n)
		switch {
		case len(s) > maxPattern || !patternForm.MatchString(s):
			r.Problem(n, "%s in %s is neither the name of a project nor a pattern", strict.Show(s), key).
				Hint("names have letters, digits and . _ + - ; * stands for any characters of one")
		case key == "except" && strings.Trim(s, "*") == "":
			r.Problem(n, "%s in except means every project", strict.Show(s)).
				Hint("nothing could ever run: name the projects, or do not start the worker")
		default:
			out = append(out, pattern(s))
		}
	})
	return out
}

// command reads one entry of commands.
func (r reader) command(n *yaml.Node) (c command, ok bool) {
	s, ok := r.Prose(n, "a command")
	if !ok {
		return c, false
	}
	n = strict.Target(n)
	c.text = trim(s)
	if name, rest, found := strings.Cut(c.text, ":"); found && slices.Contains(weir.Shells(), weir.Shell(name)) {
		c.shell, c.text = weir.Shell(name), trim(rest)
	}
	first, _, _ := strings.Cut(c.text, " ")
	switch {
	case c.text == "":
		r.Problem(n, "there is no command behind %s", strict.Show(s)).Hint("write the command, for example python: import this")
	case len(strconv.Quote(c.text)) > maxCommand:
		r.Problem(n, "a command has at most %d characters", maxCommand).Hint("put it into a script, and name that")
	case strings.ContainsFunc(c.text, func(c rune) bool { return c != '\n' && c != '\t' && !unicode.IsPrint(c) }):
		r.Problem(n, "the command %s holds a character that cannot be seen", strict.Show(s)).Hint("write it anew")
	case c.text == "*":
		r.Problem(n, "the command %s means every command", strict.Show(s)).Hint("remove the key commands if every command may run")
	case strings.HasPrefix(first, "*"):
		r.Problem(n, "the command %s begins with *, which means any program", strict.Show(s)).
			Hint("begin with the program's name, for example make *")
	case strings.Contains(c.text, "*") && (c.shell == weir.ShellPython || c.shell == weir.ShellPowerShell):
		r.Problem(n, "a command for %s cannot hold *", c.shell).
			Hint("write it as it is in the recipe; what ends a command there is not known well enough")
	default:
		return c, true
	}
	return c, false
}

// zone reads the name of a time zone.
func (r reader) zone(n *yaml.Node) *time.Location {
	s, ok := r.Prose(n, "zone")
	if !ok {
		return nil
	}
	zone, err := time.LoadLocation(s)
	if err != nil || s == "Local" || len(s) > maxPattern {
		r.Problem(strict.Target(n), "%s is not a time zone", strict.Show(s)).
			Hint("use a name such as Europe/Berlin or America/New_York; without one it is the machine's own")
		return nil
	}
	return zone
}

// limit reads the limit of the load.
func (r reader) limit(n *yaml.Node) float64 {
	n = strict.Target(n)
	if tag := n.ShortTag(); n.Kind != yaml.ScalarNode || tag != "!!int" && tag != "!!float" {
		r.Wrong(n, "load", "a number").Hint("write for example load: 0.5, for half of the processors busy")
		return 0
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || math.IsNaN(v) || v <= 0 || v > maxLoad {
		r.Problem(n, "load must lie above 0 and be at most %d, found %s", maxLoad, strict.Show(n.Value)).
			Hint("write for example load: 0.5, for half of the processors busy")
		return 0
	}
	return v
}

var sizeForm = regexp.MustCompile(`^([0-9]{1,6}(?:\.[0-9]{1,3})?) ?([A-Za-z]+)$`)

// size reads a number of bytes with a unit.
func (r reader) size(n *yaml.Node) int64 {
	const write = "write for example disk: 20GiB; the units are MB, MiB, GB, GiB, TB and TiB"
	n = strict.Target(n)
	if tag := n.ShortTag(); n.Kind == yaml.ScalarNode && (tag == "!!int" || tag == "!!float") {
		r.Problem(n, "disk has no unit").Hint("%s", write)
		return 0
	}
	s, ok := r.Prose(n, "disk")
	if !ok {
		return 0
	}
	if m := sizeForm.FindStringSubmatch(s); m != nil {
		for _, u := range units {
			if u.name != m[2] {
				continue
			}
			v, err := strconv.ParseFloat(m[1], 64)
			if v *= float64(u.factor); err != nil || v < minDisk || v > maxDisk {
				r.Problem(n, "disk must lie between 1 MB and 1024 TiB, found %s", strict.Show(s)).Hint("%s", write)
				return 0
			}
			return int64(v)
		}
	}
	r.Problem(n, "disk is not a size: %s", strict.Show(s)).Hint("%s", write)
	return 0
}

var timesForm = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2})-([0-9]{1,2}):([0-9]{2})$`)

// window reads one entry of hours: days, times, or both.
func (r reader) window(n *yaml.Node) (w window, ok bool) {
	s, ok := r.Prose(n, "an entry of hours")
	if !ok {
		return w, false
	}
	n = strict.Target(n)
	bad := func(format string, args ...any) (window, bool) {
		r.Problem(n, "%s in hours: %s", strict.Show(s), fmt.Sprintf(format, args...)).
			Hint(`write days, times or both: "sat-sun", "19:00-07:00", "mon-fri 19:00-07:00", "mon,wed 08:30-12:00"`)
		return window{}, false
	}
	fields := strings.Fields(s)
	if len(fields) > 2 {
		return bad("there is more than days and times")
	}
	last := fields[len(fields)-1]
	if timed := '0' <= last[0] && last[0] <= '9'; timed {
		m := timesForm.FindStringSubmatch(last)
		if m == nil {
			return bad("%s is not from one time to another", strict.Show(last))
		}
		var good [2]bool
		w.from, good[0] = minutes(m[1], m[2])
		w.to, good[1] = minutes(m[3], m[4])
		switch {
		case !good[0] || !good[1] || w.from == day/60:
			return bad("the times of a day are 00:00 to 24:00")
		case w.from == w.to:
			return bad("it ends when it begins")
		}
		fields = fields[:len(fields)-1]
	} else if len(fields) == 2 {
		return bad("the times do not stand at its end")
	}
	if len(fields) == 0 {
		w.days = [7]bool{true, true, true, true, true, true, true}
		return w, true
	}
	for part := range strings.SplitSeq(fields[0], ",") {
		first, end, ranged := strings.Cut(part, "-")
		from, to := weekday(first), weekday(cmp.Or(end, first))
		if from < 0 || to < 0 || ranged && end == "" {
			return bad("%s is neither a day nor from one to another", strict.Show(part))
		}
		for d := from; ; d = (d + 1) % 7 {
			w.days[d] = true
			if d == to {
				break
			}
		}
	}
	return w, true
}

// minutes reads a time of the day.
func minutes(hour, minute string) (int, bool) {
	h, _ := strconv.Atoi(hour) // digits only
	m, _ := strconv.Atoi(minute)
	return h*60 + m, h <= 24 && m < 60 && h*60+m <= day/60
}

// weekday finds a day by its name or the first three letters of it; -1 if there is none.
func weekday(s string) int {
	for d := range 7 {
		name := strings.ToLower(time.Weekday(d).String())
		if s = strings.ToLower(s); s == name || s == name[:3] {
			return d
		}
	}
	return -1
}
