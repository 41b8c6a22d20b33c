// Package render writes recipes as people would: the file .weir.yaml of a
// repository, with comments that say why it is as it is.
//
// What it writes is what internal/recipe reads: jobs that are written and read
// again are the same. Only what differs from the defaults is written.
package render

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
)

// Comments are lines for people, without #.
type Comments struct {
	Head []string            // above everything
	Jobs map[string][]string // above a job
	Foot []string            // below everything
}

// maxComment limits a line of a comment, in characters.
const maxComment = 300

// YAML writes a repository's recipe.
func YAML(jobs []weir.Job, c Comments) ([]byte, error) {
	list := mapping()
	for _, j := range jobs {
		key := text(j.Name)
		key.HeadComment = comment(c.Jobs[j.Name])
		list.Content = append(list.Content, key, job(j))
	}
	root := mapping()
	root.Content = append(root.Content, text("jobs"), list)
	var b bytes.Buffer
	if head := comment(c.Head); head != "" {
		b.WriteString(head + "\n")
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, weir.Errorf(weir.Internal, "the recipe cannot be written").WithCause(err)
	}
	if err := enc.Close(); err != nil {
		return nil, weir.Errorf(weir.Internal, "the recipe cannot be written").WithCause(err)
	}
	if foot := comment(c.Foot); foot != "" {
		b.WriteString(foot + "\n")
	}
	return b.Bytes(), nil
}

// comment makes comments of lines, whatever is in them.
func comment(lines []string) string {
	out := make([]string, 0, len(lines))
	for _, l := range lines {
		l = strings.Map(func(r rune) rune {
			if unicode.IsControl(r) || r == '\uFFFD' || r == '\u2028' || r == '\u2029' || r == '\u0085' || r == '\uFEFF' {
				return ' '
			}
			return r
		}, l)
		if r := []rune(l); len(r) > maxComment {
			l = string(r[:maxComment]) + "..."
		}
		out = append(out, strings.TrimRight("# "+l, " "))
	}
	return strings.Join(out, "\n")
}

// object is a mapping that is being filled.
type object struct{ node *yaml.Node }

func mapping() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode} }

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

// plain is a number or a boolean.
func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: s} }

func (o object) set(key string, value *yaml.Node) {
	if value != nil {
		o.node.Content = append(o.node.Content, text(key), value)
	}
}

func (o object) text(key, value string) {
	if value != "" {
		o.set(key, text(value))
	}
}

func (o object) flag(key string, value bool) {
	if value {
		o.set(key, plain("true"))
	}
}

func (o object) number(key string, value int) {
	if value != 0 {
		o.set(key, plain(strconv.Itoa(value)))
	}
}

func (o object) duration(key string, d time.Duration) {
	if d > 0 {
		o.set(key, text(Duration(d)))
	}
}

// Duration writes a duration as recipes have it: 90s, 20m, 1h30m.
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// list writes a list on one line, or nothing if it is empty.
func (o object) list(key string, values []string) {
	if len(values) > 0 {
		o.set(key, flow(values))
	}
}

func flow(values []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range values {
		n.Content = append(n.Content, text(v))
	}
	return n
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func (o object) env(vars []weir.EnvVar) {
	if len(vars) == 0 {
		return
	}
	m := mapping()
	for _, v := range vars {
		object{m}.set(v.Name, text(v.Value))
	}
	o.set("env", m)
}

func job(j weir.Job) *yaml.Node {
	o := object{mapping()}
	o.list("formerly", j.Formerly)
	o.list("needs", j.Needs)
	o.text("when", string(j.When))
	o.text("if", j.If)
	o.start(j.Start)
	o.list("platforms", texts(j.Platforms))
	o.list("labels", j.Labels)
	o.matrix(j.Cells)
	o.params(j.Params)
	o.number("priority", j.Priority)
	o.locks(j.Locks)
	o.text("superseded", string(j.Superseded))
	o.flag("allow_failure", j.AllowFailure)
	o.list("secrets", j.Secrets)
	o.env(j.Env)
	o.text("shell", string(j.Shell))
	o.services(j.Services)
	o.caches(j.Caches)
	o.set("steps", steps(j.Steps))
	o.text("product", j.Product)
	o.results(j.Results)
	o.artifacts(j.Artifacts)
	o.text("checkout_dir", j.Dir)
	o.duration("timeout", j.Timeout)
	o.duration("quiet", j.Quiet)
	return o.node
}

func steps(list []weir.Step) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, s := range list {
		o := object{mapping()}
		o.text("name", s.Name)
		o.text("run", s.Run)
		o.text("script", s.Script)
		o.text("shell", string(s.Shell))
		o.text("dir", s.Dir)
		o.env(s.Env)
		o.list("secrets", s.Secrets)
		o.text("when", string(s.When))
		o.text("if", s.If)
		o.flag("allow_failure", s.AllowFailure)
		o.number("retry", s.Retry)
		o.duration("timeout", s.Timeout)
		o.duration("quiet", s.Quiet)
		n.Content = append(n.Content, o.node)
	}
	return n
}

func (o object) results(files []weir.ResultFile) {
	if len(files) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, f := range files {
		m := mapping()
		object{m}.text(string(f.Format), f.Path)
		n.Content = append(n.Content, m)
	}
	o.set("results", n)
}

func (o object) artifacts(rules []weir.ArtifactRule) {
	if len(rules) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, r := range rules {
		if r.Keep == 0 && r.When == "" {
			n.Content = append(n.Content, text(r.Path))
			continue
		}
		a := object{mapping()}
		a.text("path", r.Path)
		a.duration("keep", r.Keep)
		a.text("when", string(r.When))
		n.Content = append(n.Content, a.node)
	}
	o.set("artifacts", n)
}

func (o object) caches(caches []weir.Cache) {
	if len(caches) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, c := range caches {
		m := object{mapping()}
		m.list("paths", c.Paths)
		m.text("key", c.Key)
		m.list("fallback", c.Fallback)
		n.Content = append(n.Content, m.node)
	}
	o.set("caches", n)
}

func (o object) services(services []weir.Service) {
	if len(services) == 0 {
		return
	}
	m := mapping()
	for _, s := range services {
		v := object{mapping()}
		v.text("run", s.Run)
		v.env(s.Env)
		v.text("ready", s.Ready)
		v.duration("timeout", s.Timeout)
		object{m}.set(s.Name, v.node)
	}
	o.set("services", m)
}

func (o object) locks(locks []weir.LockUse) {
	if len(locks) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, l := range locks {
		if l.Count <= 1 {
			n.Content = append(n.Content, text(l.Name))
			continue
		}
		m := object{mapping()}
		m.text("name", l.Name)
		m.number("count", l.Count)
		n.Content = append(n.Content, m.node)
	}
	o.set("locks", n)
}

func (o object) params(params []weir.Param) {
	if len(params) == 0 {
		return
	}
	m := mapping()
	for _, p := range params {
		v := object{mapping()}
		v.text("type", string(p.Type))
		v.text("default", p.Default)
		v.list("choices", p.Choices)
		v.flag("required", p.Required)
		v.text("help", p.Help)
		object{m}.set(p.Name, v.node)
	}
	o.set("params", m)
}

func (o object) start(s weir.Start) {
	o.list("on", texts(s.On))
	if len(s.Cron) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, c := range s.Cron {
		if c.Zone == "" && !c.Changed {
			n.Content = append(n.Content, text(c.Spec))
			continue
		}
		m := object{mapping()}
		m.text("at", c.Spec)
		m.text("zone", c.Zone)
		m.flag("changed", c.Changed)
		n.Content = append(n.Content, m.node)
	}
	o.set("cron", n)
}

// matrix writes cells as axes if they are all combinations of those, and else one
// by one.
func (o object) matrix(cells []weir.Cell) {
	if len(cells) == 0 {
		return
	}
	m := object{mapping()}
	axes, complete := axesOf(cells)
	if complete {
		for _, a := range axes {
			m.list(a.name, a.values)
		}
		o.set("matrix", m.node)
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode}
	for _, c := range cells {
		v := object{mapping()}
		for _, e := range c.Vars {
			v.set(e.Name, text(e.Value))
		}
		v.list("platforms", texts(c.Platforms))
		v.list("labels", c.Labels)
		v.env(c.Env)
		v.duration("timeout", c.Timeout)
		v.flag("allow_failure", c.AllowFailure)
		n.Content = append(n.Content, v.node)
	}
	m.set("include", n)
	o.set("matrix", m.node)
}

type axis struct {
	name   string
	values []string
}

// axesOf finds the axes of cells, and whether the cells are all combinations of
// them, in order, with nothing of their own.
func axesOf(cells []weir.Cell) (axes []axis, complete bool) {
	for _, v := range cells[0].Vars {
		axes = append(axes, axis{name: v.Name})
	}
	for _, c := range cells {
		if len(c.Vars) != len(axes) || len(c.Platforms)+len(c.Labels)+len(c.Env) > 0 || c.Timeout > 0 || c.AllowFailure {
			return nil, false
		}
		for i, v := range c.Vars {
			if v.Name != axes[i].name {
				return nil, false
			}
			if !slices.Contains(axes[i].values, v.Value) {
				axes[i].values = append(axes[i].values, v.Value)
			}
		}
	}
	want := 1
	for _, a := range axes {
		if want *= len(a.values); want > len(cells) {
			return nil, false
		}
	}
	if want != len(cells) {
		return nil, false
	}
	for n, c := range cells { // the last axis turns fastest
		rest := n
		for i, a := range slices.Backward(axes) {
			if c.Vars[i].Value != a.values[rest%len(a.values)] {
				return nil, false
			}
			rest /= len(a.values)
		}
	}
	return axes, true
}

// Located is a line about a place in a file.
func Located(file string, line int, what string) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d: %s", file, line, what)
	}
	return file + ": " + what
}
