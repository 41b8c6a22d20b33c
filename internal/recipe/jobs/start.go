package jobs

import (
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/condition"
	"github.com/weir-ci/weir/internal/recipe/strict"
	"github.com/weir-ci/weir/internal/schedule/timetable"
)

// Limits on what sets a job off.
const (
	maxCron    = 16
	maxParams  = 32
	maxChoices = 100
	maxHelp    = 200 // characters
)

var paramForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// CronKeys lists what an entry of cron may hold, if it is a mapping.
func CronKeys() strict.Keys {
	return strict.Keys{Known: []string{"at", "zone", "changed"},
		Elsewhere: map[string]string{"timezone": "write zone: Europe/Berlin", "cron": "write at: \"30 3 * * *\""}}
}

// ParamKeys lists what a parameter may hold.
func ParamKeys() strict.Keys {
	return strict.Keys{Known: []string{"type", "default", "choices", "required", "help"},
		Elsewhere: map[string]string{"description": "write help: TEXT", "options": "write choices: [VALUE, ...]"}}
}

// start reads what sets a job off, and under which condition.
func (r reader) start(f strict.Fields, j *weir.Job, what string) {
	f.With("on", func(n *yaml.Node) { j.Start.On = r.causes(n, what) })
	f.With("cron", func(n *yaml.Node) { j.Start.Cron = r.crons(n, what) })
	byCron := slices.Contains(j.Start.On, weir.CauseCron)
	switch {
	case len(j.Start.On) > 0 && f["cron"].Key != nil && !byCron:
		r.Problem(f["cron"].Key, "%s has cron, but on does not name it", what).Hint("add cron to on")
	case byCron && f["cron"].Key == nil:
		r.Problem(f["on"].Key, "%s is to start on cron, but does not say when", what).Hint("write cron: \"30 3 * * *\"")
	}
	f.With("params", func(n *yaml.Node) { j.Params = r.params(n, what) })
	// What only a person can choose is not to be guessed, unless the recipe says so.
	if len(j.Start.On)+len(j.Start.Cron) == 0 && slices.ContainsFunc(j.Params, func(p weir.Param) bool { return p.Required && p.Default == "" }) {
		j.Start.On = []weir.Cause{weir.CauseForce}
	}
	f.With("if", func(n *yaml.Node) {
		j.If = r.condition(n, "if of "+what, func(text string) error { return condition.CheckJob(text, scopeOf(*j)) })
	})
}

// scopeOf says what conditions of a job can name.
func scopeOf(j weir.Job) condition.Scope {
	s := condition.Scope{Params: []string{}, Matrix: []string{}, Steps: []string{}}
	for _, p := range j.Params {
		s.Params = append(s.Params, p.Name)
	}
	if len(j.Cells) > 0 {
		for _, v := range j.Cells[0].Vars {
			s.Matrix = append(s.Matrix, v.Name)
		}
	}
	return s
}

// condition reads a condition. true and false are conditions too.
func (r reader) condition(n *yaml.Node, what string, check func(text string) error) string {
	n = strict.Target(n)
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!bool" {
		return strings.ToLower(n.Value)
	}
	text, ok := r.Prose(n, what)
	if !ok {
		return ""
	}
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "${{") || strings.HasPrefix(text, "$[") {
		r.Problem(n, "%s is not a condition: %s", what, strict.Show(text)).
			Hint(`write the expression alone: branch == "main" and not pull`)
		return ""
	}
	if err := check(text); err != nil {
		r.Report(n, what, err)
		return ""
	}
	return text
}

// causes reads what sets a job off.
func (r reader) causes(n *yaml.Node, what string) []weir.Cause {
	known := StartCauses()
	words := make([]string, len(known))
	for i, c := range known {
		words[i] = string(c)
	}
	var out []weir.Cause
	for _, s := range r.Unique(n, "on of "+what, len(known), func(n *yaml.Node) string {
		s, ok := r.Text(n, "a cause in on of "+what)
		if !ok || slices.Contains(words, s) {
			return s
		}
		p := r.Unknown(strict.Target(n), "cause", s, " in on of "+what, words)
		if other, ok := map[string]weir.Cause{"push": weir.CauseChange, "pull_request": weir.CausePull, "merge_request": weir.CausePull,
			"schedule": weir.CauseCron, "manual": weir.CauseForce, "workflow_dispatch": weir.CauseForce, "release": weir.CauseTag}[s]; ok {
			p.Hint("did you mean %q?", other)
		}
		return ""
	}) {
		out = append(out, weir.Cause(s))
	}
	return out
}

// StartCauses lists the causes that a recipe can name. The others concern every job.
func StartCauses() []weir.Cause {
	return []weir.Cause{weir.CauseChange, weir.CauseForce, weir.CauseCron, weir.CauseTry, weir.CausePull, weir.CauseTag}
}

// crons reads times: one, or a list of them.
func (r reader) crons(n *yaml.Node, what string) []weir.Cron {
	var out []weir.Cron
	add := func(n *yaml.Node) {
		c, ok := r.cron(n, what)
		switch {
		case !ok:
		case slices.Contains(out, c):
			r.Problem(n, "cron of %s names %s twice", what, strict.Show(c.Spec))
		case len(out) == maxCron:
			r.Problem(n, "cron of %s has more than %d times", what, maxCron)
		default:
			out = append(out, c)
		}
	}
	if strict.Target(n).Kind != yaml.SequenceNode {
		add(n)
		return out
	}
	r.List(n, "cron of "+what, func(_ int, n *yaml.Node) { add(n) })
	return out
}

func (r reader) cron(n *yaml.Node, what string) (c weir.Cron, ok bool) {
	at := n
	if strict.Target(n).Kind == yaml.MappingNode {
		f := r.Fields(n, "cron of "+what, CronKeys())
		if _, has := f["at"]; !has {
			r.Problem(n, "cron of %s does not say when", what).Hint("write at: \"30 3 * * *\"")
			return c, false
		}
		at = f["at"].Value
		f.With("zone", func(n *yaml.Node) {
			if c.Zone, ok = r.Text(n, "zone"); ok {
				if _, err := timetable.Zone(c.Zone); err != nil {
					r.Report(strict.Target(n), "zone", err)
					c.Zone = ""
				}
			}
		})
		f.With("changed", func(n *yaml.Node) { c.Changed = r.Boolean(n, "changed") })
	}
	spec, ok := r.Prose(at, "cron of "+what)
	if !ok {
		return c, false
	}
	c.Spec = strings.Join(strings.Fields(spec), " ")
	if _, err := timetable.Parse(c, what); err != nil {
		r.Report(strict.Target(at), "cron of "+what, err)
		return c, false
	}
	return c, true
}

// params reads what people may choose who start the job.
func (r reader) params(n *yaml.Node, what string) []weir.Param {
	var out []weir.Param
	for _, e := range r.Entries(n, "params of "+what) {
		switch {
		case !paramForm.MatchString(e.Name):
			r.Problem(e.Key, "%s cannot be the name of a parameter", strict.Show(e.Name)).
				Hint("use lower-case letters, digits and underscores, with a letter first; steps find it as $WEIR_PARAM_NAME")
		case len(out) == maxParams:
			r.Problem(e.Key, "params of %s has more than %d entries", what, maxParams)
		default:
			out = append(out, r.param(e))
		}
	}
	return out
}

func (r reader) param(e strict.Entry) weir.Param {
	what := "parameter " + e.Name
	p := weir.Param{Name: e.Name}
	f := r.Fields(e.Value, what, ParamKeys())
	f.With("choices", func(n *yaml.Node) {
		p.Type = weir.ParamChoice
		p.Choices = r.Unique(n, "choices of "+what, maxChoices, func(n *yaml.Node) string {
			s, _ := r.value(n, "a choice of "+what)
			if s == "" || len(s) > weir.MaxParam || strings.ContainsAny(s, "\r\n") {
				r.Problem(strict.Target(n), "a choice of %s must be one line, and not empty", what)
				return ""
			}
			return s
		})
	})
	f.With("type", func(n *yaml.Node) {
		known := []string{"text"}
		for _, t := range weir.ParamTypes() {
			if t != weir.ParamText {
				known = append(known, string(t))
			}
		}
		s, ok := r.Choice(n, "the type of "+what, known)
		_, choices := f["choices"]
		switch {
		case ok && choices && s != string(weir.ParamChoice):
			r.Problem(f["choices"].Key, "%s has choices, and the type %s", what, s).Hint("write type: choice, or remove one of the two")
		case ok && !choices && s == string(weir.ParamChoice):
			r.Problem(n, "%s has no choices", what).Hint("write choices: [VALUE, ...]")
		case s == "text":
			p.Type = weir.ParamText
		case ok:
			p.Type = weir.ParamType(s)
		}
	})
	f.With("required", func(n *yaml.Node) { p.Required = r.Boolean(n, "required") })
	f.With("help", func(n *yaml.Node) { p.Help = r.Line(n, "the help of "+what, maxHelp) })
	f.With("default", func(n *yaml.Node) {
		value, ok := r.value(n, "the default of "+what)
		if !ok {
			return
		}
		if p.Required {
			r.Problem(f["default"].Key, "%s is required, and has a default", what).Hint("remove one of the two")
		}
		if err := CheckParam(p, value); err != nil {
			r.Report(strict.Target(n), "the default of "+what, err)
			return
		}
		p.Default = value
	})
	return p
}

// CheckParam says whether a value may be chosen for a parameter. The error has
// the code weir.Invalid.
func CheckParam(p weir.Param, value string) error {
	if len(value) > weir.MaxParam || strings.ContainsAny(value, "\r\n\x00") {
		return weir.Errorf(weir.Invalid, "a value of %s must be one line of at most %d bytes", p.Name, weir.MaxParam)
	}
	switch p.Type {
	case weir.ParamNumber:
		if !numberForm.MatchString(value) {
			return weir.Errorf(weir.Invalid, "%s must be a number, found %s", p.Name, strict.Show(value)).WithHint("write it like 3 or -1.5")
		}
	case weir.ParamBool:
		if value != "true" && value != "false" {
			return weir.Errorf(weir.Invalid, "%s must be true or false, found %s", p.Name, strict.Show(value))
		}
	case weir.ParamChoice:
		if !slices.Contains(p.Choices, value) {
			return weir.Errorf(weir.Invalid, "%s cannot be %s", p.Name, strict.Show(value)).
				WithHint("choose one of %s", strings.Join(p.Choices, ", "))
		}
	}
	return nil
}

var numberForm = regexp.MustCompile(`^-?[0-9]{1,30}(\.[0-9]{1,30})?$`)
