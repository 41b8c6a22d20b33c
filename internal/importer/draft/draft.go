// Package draft is what the importers of other services' files share: a recipe
// that is being written, and the list of what could not be taken over.
//
// Importers are lenient readers. A file that another service accepts is never an
// error here; what has no counterpart is noted with its line, and left out.
package draft

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on what is imported.
const (
	MaxJobs  = 100
	MaxSteps = 90 // of a job
	MaxCells = 200
	maxNotes = 300
	maxValue = 30 << 10 // bytes of a variable
	maxRun   = 60 << 10 // bytes of a step
	maxName  = 60       // characters of a name
)

// Note is something that was not taken over, or not as it was.
type Note struct {
	File string
	Line int
	Text string
}

// Draft is a recipe that is being written.
type Draft struct {
	File  string
	Jobs  []weir.Job
	Notes []Note
}

// Open parses a file. root is nil if it is no YAML; the notes say why.
func Open(file string, data []byte) (d *Draft, root *yaml.Node) {
	d = &Draft{File: file}
	r := strict.New(file, data)
	root = r.Document()
	for _, p := range r.Finish() {
		d.Notes = append(d.Notes, Note{file, p.Line, p.Message})
	}
	return d, root
}

// Note adds what was not taken over, at the line of a node.
func (d *Draft) Note(n *yaml.Node, format string, args ...any) {
	line := 0
	if n != nil {
		line = n.Line
	}
	note := Note{d.File, line, fmt.Sprintf(format, args...)}
	if len(d.Notes) < maxNotes && !slices.Contains(d.Notes, note) {
		d.Notes = append(d.Notes, note)
	}
}

// target is what an alias stands for; nil if there is no node.
func target(n *yaml.Node) *yaml.Node {
	if n == nil {
		return nil
	}
	return strict.Target(n)
}

// Entry is a key of a mapping with its value.
type Entry struct {
	Name  string
	Key   *yaml.Node
	Value *yaml.Node // no alias
}

// maxEntries limits a mapping with all that is merged into it.
const maxEntries = 2000

// Entries lists a mapping with what << merges into it; nil if it is none.
func Entries(n *yaml.Node) []Entry { return entries(n, 0) }

func entries(n *yaml.Node, depth int) []Entry {
	n = target(n)
	if n == nil || n.Kind != yaml.MappingNode || depth > 8 {
		return nil
	}
	var out []Entry
	seen := map[string]bool{}
	add := func(e Entry) {
		if !seen[e.Name] && len(out) < maxEntries {
			seen[e.Name] = true
			out = append(out, e)
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			add(Entry{n.Content[i].Value, n.Content[i], target(n.Content[i+1])})
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != "<<" {
			continue
		}
		for _, from := range Items(n.Content[i+1]) {
			for _, e := range entries(from, depth+1) {
				add(e)
			}
		}
	}
	return out
}

// Get finds a key of a mapping; nil if there is none.
func Get(n *yaml.Node, keys ...string) *yaml.Node {
	for _, k := range keys {
		all := Entries(n)
		i := slices.IndexFunc(all, func(e Entry) bool { return e.Name == k })
		if i < 0 {
			return nil
		}
		n = all[i].Value
	}
	return n
}

// Items lists a sequence; a value that is none is the only item, and null has none.
func Items(n *yaml.Node) []*yaml.Node {
	n = target(n)
	if n == nil || n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return []*yaml.Node{n}
	}
	out := make([]*yaml.Node, 0, len(n.Content))
	for _, c := range n.Content {
		out = append(out, target(c))
	}
	return out
}

// Text is a scalar's text; empty for everything else.
func Text(n *yaml.Node) string {
	n = target(n)
	if n == nil || n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		return ""
	}
	return n.Value
}

// Texts lists the texts of a sequence, lists within it too.
func Texts(n *yaml.Node) []string { return texts(n, 0) }

func texts(n *yaml.Node, depth int) []string {
	var out []string
	for _, item := range Items(n) {
		switch {
		case item.Kind == yaml.SequenceNode && depth < 4 && len(out) < maxEntries:
			out = append(out, texts(item, depth+1)...)
		case item.Kind == yaml.ScalarNode && Text(item) != "":
			out = append(out, Text(item))
		}
	}
	return out
}

// IsMap reports whether a node is a mapping.
func IsMap(n *yaml.Node) bool { n = target(n); return n != nil && n.Kind == yaml.MappingNode }

// Name makes a name for a job of any text.
func Name(s string) string {
	s = strings.Map(func(r rune) rune {
		if weir.ValidName("a" + string(r)) {
			return r
		}
		return '-'
	}, strings.TrimSpace(s))
	for strings.Contains(s, "--") {
		s = strings.ReplaceAll(s, "--", "-")
	}
	s = strings.Trim(s, "._+-")
	if s = strings.TrimRight(s[:min(len(s), maxName)], "-"); !weir.ValidName(s) {
		return "job"
	}
	return s
}

// Title makes one line for people of any text.
func Title(s string) string {
	s = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)), " ")
	if r := []rune(s); len(r) > maxName {
		s = strings.TrimSpace(string(r[:maxName]))
	}
	return s
}

// Add adds a job, with a name that no other one has, and names for its steps. A
// job without steps is noted and left out.
func (d *Draft) Add(at *yaml.Node, j weir.Job) {
	if len(j.Steps) == 0 {
		d.Note(at, "job %s: nothing is left of it that could be run", Title(j.Name))
		return
	}
	if len(d.Jobs) >= MaxJobs {
		d.Note(at, "job %s: there are too many jobs", Title(j.Name))
		return
	}
	if len(j.Steps) > MaxSteps {
		d.Note(at, "job %s has %d steps: only the first %d were taken over", Title(j.Name), len(j.Steps), MaxSteps)
		j.Steps = j.Steps[:MaxSteps]
	}
	base := Name(j.Name)
	j.Name = base
	for n := 2; slices.ContainsFunc(d.Jobs, func(o weir.Job) bool { return o.Name == j.Name }); n++ {
		j.Name = fmt.Sprintf("%s-%d", base, n)
	}
	taken := map[string]bool{}
	for i := range j.Steps {
		s := &j.Steps[i]
		if s.Name = Title(s.Name); s.Name == "" {
			continue
		}
		title := s.Name
		for n := 2; taken[s.Name]; n++ {
			s.Name = fmt.Sprintf("%s %d", title, n)
		}
		taken[s.Name] = true
	}
	d.Jobs = append(d.Jobs, j)
}

// Step adds a command to a job, unless it is empty or too long.
func (d *Draft) Step(at *yaml.Node, j *weir.Job, s weir.Step) {
	s.Run = strings.TrimRight(strings.ReplaceAll(s.Run, "\r\n", "\n"), " \t\r\n")
	switch {
	case strings.TrimSpace(s.Run) == "":
	case len(s.Run) > maxRun || strings.ContainsRune(s.Run, 0):
		d.Note(at, "a step of job %s is longer than %d KiB", Title(j.Name), maxRun>>10)
	default:
		j.Steps = append(j.Steps, s)
	}
}

// variable is the name of a variable that a recipe can set.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,100}$`)

// IsVariable reports whether a recipe can set a variable of that name.
func IsVariable(s string) bool {
	return variable.MatchString(s) && !strings.HasPrefix(strings.ToUpper(s), "WEIR_")
}

// SetEnv sets a variable in a sorted list; later values win. What cannot be set is noted.
func (d *Draft) SetEnv(at *yaml.Node, list []weir.EnvVar, name, value string) []weir.EnvVar {
	if !IsVariable(name) || len(value) > maxValue || strings.ContainsRune(value, 0) {
		d.Note(at, "the variable %s cannot be set", Title(name))
		return list
	}
	i, ok := slices.BinarySearchFunc(list, name, func(v weir.EnvVar, n string) int { return cmp.Compare(v.Name, n) })
	list = slices.Clone(list)
	if ok {
		list[i].Value = value
		return list
	}
	if len(list) >= 200 {
		d.Note(at, "there are too many variables: %s", name)
		return list
	}
	return slices.Insert(list, i, weir.EnvVar{Name: name, Value: value})
}

// Minutes is a time limit as recipes have them: 1 second to 24 hours; 0 if it is none.
func Minutes(d time.Duration) time.Duration {
	if d < time.Second {
		return 0
	}
	return min(d, 24*time.Hour)
}

// RelativePath makes a path below the checkout of what stands in a file; empty if
// it is none.
func RelativePath(p string) string {
	p = strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(p), "./"), "/"))
	if p == "" || strings.ContainsAny(p, "\\\n\x00$~") || strings.HasPrefix(p, "/") || strings.Contains("/"+p+"/", "/../") ||
		strings.ContainsFunc(p, unicode.IsControl) || len(p) > 500 || regexp.MustCompile(`^[A-Za-z]:`).MatchString(p) {
		return ""
	}
	return p
}

// Exports puts variables in front of a command, for values that only the shell knows.
func Exports(vars []weir.EnvVar, run string) string {
	var b strings.Builder
	for _, v := range vars {
		fmt.Fprintf(&b, "export %s=\"%s\"\n", v.Name, v.Value)
	}
	return b.String() + run
}
