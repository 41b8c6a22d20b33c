package schedule

import (
	"regexp"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
)

var numberForm = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)$`)

// Choose checks what a person chose for the parameters of some jobs, and returns it
// with its parts in order. A parameter of several jobs is one: it must fit all of
// them. Invalid if a value is none of its type, or one that is required is missing;
// NotFound if no job has such a parameter.
func Choose(jobs []weir.Job, chosen []weir.EnvVar) ([]weir.EnvVar, error) {
	out := slices.Clone(chosen)
	slices.SortStableFunc(out, func(a, b weir.EnvVar) int { return strings.Compare(a.Name, b.Name) })
	for i, c := range out {
		if i > 0 && out[i-1].Name == c.Name {
			return nil, weir.Errorf(weir.Invalid, "the parameter %.80q is given twice", c.Name)
		}
	}
	known := map[string]bool{}
	for _, j := range jobs {
		for _, p := range j.Params {
			known[p.Name] = true
			i := slices.IndexFunc(out, func(c weir.EnvVar) bool { return c.Name == p.Name })
			if i < 0 {
				if p.Required && p.Default == "" {
					return nil, weir.Errorf(weir.Invalid, "job %s needs the parameter %s", j.Name, p.Name).WithHint("%s", describe(p))
				}
				continue
			}
			if why := unfit(p, out[i].Value); why != "" {
				return nil, weir.Errorf(weir.Invalid, "%.80q cannot be the parameter %s of job %s: %s", out[i].Value, p.Name, j.Name, why).
					WithHint("%s", describe(p))
			}
		}
	}
	for _, c := range out {
		if !known[c.Name] {
			names := make([]string, 0, len(known))
			for name := range known {
				names = append(names, name)
			}
			slices.Sort(names)
			err := weir.Errorf(weir.NotFound, "there is no parameter %.80q", c.Name)
			if len(names) > 0 {
				return nil, err.WithHint("there are: %s", strings.Join(names, ", "))
			}
			return nil, err.WithHint("none of the jobs has parameters: see params in docs/recipe.md")
		}
	}
	return out, nil
}

// unfit says why a value cannot be that of a parameter; empty if it can.
func unfit(p weir.Param, value string) string {
	switch {
	case len(value) > weir.MaxParam:
		return "it is too long"
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return "it is not one line of text"
	case value == "" && p.Required:
		return "it is empty"
	case p.Type == weir.ParamNumber && value != "" && !numberForm.MatchString(value):
		return "it is no number"
	case p.Type == weir.ParamBool && value != "true" && value != "false":
		return "it is neither true nor false"
	case p.Type == weir.ParamChoice && !slices.Contains(p.Choices, value):
		return "it is none of the choices"
	}
	return ""
}

// describe says what a parameter may be.
func describe(p weir.Param) string {
	text := p.Name + " is "
	switch p.Type {
	case weir.ParamNumber:
		text += "a number"
	case weir.ParamBool:
		text += "true or false"
	case weir.ParamChoice:
		text += "one of " + strings.Join(p.Choices, ", ")
	default:
		text += "a line of text"
	}
	if p.Help != "" {
		text += ": " + p.Help
	}
	return text
}
