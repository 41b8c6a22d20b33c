package servertest

import (
	"reflect"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/farm/setup"
	"github.com/weir-ci/weir/internal/flake"
	"github.com/weir-ci/weir/internal/history"
)

// Nasty is text that breaks out of pages, terminals and lines where it can:
// HTML, a script, an escape sequence, a change of direction, a NUL, bytes that
// are no text, line breaks.
const Nasty = "<script>window.hacked=1;alert(1)</script>\"'><img src=x onerror=\"window.hacked=1\"> \x1b]0;hacked\x07\x1b[31mred\x1b[2J \u202egnp.exe\u2066 \x00\xff\xfe\r\nset: hacked {{.}} ${hacked}"

// Hostile makes the demo farm with Nasty in every text that may come from
// outside, and a megabyte of it in messages and log lines.
func Hostile() *Farm {
	f := Held()
	f.State.Config = setup.Status{File: "weir.yaml", Version: "v", Read: f.Now, Errors: 9, Problems: []setup.Problem{{Line: 4, Message: "m", Hint: "h"}, {Message: "m"}},
		Warnings: []setup.Problem{{Line: 5, Message: "m"}}, Restart: []string{"listen"},
		Recipes: []setup.Recipe{{Project: "p", Revision: "r", Origin: "o", Problem: "m", Read: f.Now}}}
	spoil(reflect.ValueOf(&f.State).Elem(), "")
	for i := range f.State.Workers {
		w := &f.State.Workers[i]
		w.Rest.Rule, w.Policy = weir.RuleHours, append(w.Policy, strings.Repeat("w", weir.MaxPolicyText))
		if i > 0 {
			w.Paused = "" // so that it rests
		}
	}
	for id, d := range f.Details {
		spoil(reflect.ValueOf(&d).Elem(), "")
		f.Details[id] = d
	}
	for id, d := range f.Cases {
		spoil(reflect.ValueOf(&d).Elem(), "")
		f.Cases[id] = d
	}
	for id, h := range f.Pasts {
		spoil(reflect.ValueOf(&h).Elem(), "")
		f.Pasts[id] = h
	}
	for id, set := range f.Sets {
		spoil(reflect.ValueOf(&set).Elem(), "")
		f.Sets[id] = set
	}
	spoil(reflect.ValueOf(&f.Flakes).Elem(), "")
	line := strings.NewReplacer("\n", "", "\r", "").Replace(Nasty)
	huge := strings.Repeat(line, 1<<20/len(line))
	f.Logs[2] = Log{Lines: 300, Bytes: 300 << 20, Line: func(n int64) string {
		if n%50 == 49 {
			return huge
		}
		return line
	}}
	return f
}

// closed lists the string types whose values come from the farm itself.
var closed = map[reflect.Type]bool{
	reflect.TypeFor[weir.State](): true, reflect.TypeFor[weir.Outcome](): true, reflect.TypeFor[weir.Cause](): true,
	reflect.TypeFor[weir.StepState](): true, reflect.TypeFor[weir.RegressionState](): true, reflect.TypeFor[weir.Verdict](): true,
	reflect.TypeFor[weir.Judgement](): true, reflect.TypeFor[weir.SourceKind](): true, reflect.TypeFor[weir.Status](): true,
	reflect.TypeFor[weir.Blame](): true, reflect.TypeFor[weir.Observed](): true, reflect.TypeFor[weir.Aim](): true, reflect.TypeFor[weir.TransitionKind](): true,
	reflect.TypeFor[weir.Digest](): true, reflect.TypeFor[weir.ReasonCode](): true, reflect.TypeFor[weir.IncidentKind](): true,
	reflect.TypeFor[weir.Rule](): true, reflect.TypeFor[history.Spread](): true, reflect.TypeFor[flake.State](): true, reflect.TypeFor[flake.Facet](): true,
}

// spoil puts Nasty into every text of v.
func spoil(v reflect.Value, field string) {
	switch v.Kind() {
	case reflect.String:
		if closed[v.Type()] {
			return
		}
		text := Nasty
		if field == "Message" || field == "Output" || field == "Text" {
			text = strings.Repeat(Nasty, 1<<20/len(Nasty))
		}
		v.SetString(text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				spoil(v.Field(i), v.Type().Field(i).Name)
			}
		}
	case reflect.Slice:
		// Slices are shared within the demo; a copy keeps them apart, and the
		// first few elements are enough.
		if v.Len() == 0 {
			return
		}
		n := min(v.Len(), 5)
		fresh := reflect.MakeSlice(v.Type(), n, n)
		reflect.Copy(fresh, v)
		for i := range n {
			spoil(fresh.Index(i), "")
		}
		v.Set(fresh)
	case reflect.Map:
		if v.Type().Elem().Kind() != reflect.String || v.Len() == 0 {
			return
		}
		fresh := reflect.MakeMap(v.Type())
		fresh.SetMapIndex(reflect.ValueOf(Nasty), reflect.ValueOf(Nasty))
		v.Set(fresh)
	}
}
