package recipe

import (
	"cmp"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
)

// Limits on the farm's own settings.
const (
	MaxSlots  = 256
	maxTitle  = 64 // characters of a farm's or a step's name
	maxPath   = 4 << 10
	maxLabels = 64
	// scratch marks top-level keys that are left alone: a place for anchors.
	scratch = "x-"
)

var farmKeys = []string{"farm", "listen", "url", "data", "database", "platforms", "worker", "mail", "projects"}

// farm reads the whole file.
func (r *reader) farm(root *yaml.Node) *Farm {
	f := &Farm{Name: DefaultName, Listen: DefaultListen, Data: filepath.Join(r.dir, DefaultData),
		Worker: Worker{Slots: DefaultSlots}}
	top := fields{}
	for _, e := range r.entries(root, "the farm file") {
		switch {
		case slices.Contains(farmKeys, e.name):
			top[e.name] = e
		case !strings.HasPrefix(e.name, scratch):
			r.unknown(e.key, "key", e.name, " in the farm file", farmKeys)
		}
	}
	top.with("farm", func(n *yaml.Node) {
		r.fields(n, "farm", "name").with("name", func(n *yaml.Node) {
			f.Name = cmp.Or(r.title(n, "farm.name"), DefaultName)
		})
	})
	top.with("listen", func(n *yaml.Node) { f.Listen = r.listen(n) })
	top.with("url", func(n *yaml.Node) { f.URL = r.ownURL(n) })
	top.with("data", func(n *yaml.Node) { f.Data = r.localPath(n, "data") })
	top.with("database", func(n *yaml.Node) { f.Database = r.database(n) })
	top.with("platforms", func(n *yaml.Node) { f.Platforms = r.platforms(n, "platforms") })
	top.with("worker", func(n *yaml.Node) { r.worker(n, &f.Worker) })
	top.with("mail", func(n *yaml.Node) { f.Mail = r.mail(n) })
	if e, ok := top["projects"]; ok {
		f.Projects = r.projects(e.value, f.Platforms)
	} else if target(root).Kind == yaml.MappingNode {
		r.warn(root, "the farm has no projects").hint("add some under the key projects")
	}
	return f
}

func (r *reader) worker(n *yaml.Node, w *Worker) {
	f := r.fields(n, "worker", "slots", "labels")
	f.with("slots", func(n *yaml.Node) {
		if slots, ok := r.number(n, "worker.slots", 1, MaxSlots); ok {
			w.Slots = slots
		}
	})
	f.with("labels", func(n *yaml.Node) { w.Labels = r.labels(n, "worker.labels") })
}

// title reads a short text for people.
func (r *reader) title(n *yaml.Node, what string) string {
	s, ok := r.text(n, what)
	if !ok {
		return ""
	}
	s = strings.TrimSpace(s)
	if utf8.RuneCountInString(s) > maxTitle || strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }) {
		r.problem(target(n), "%s must be one line of at most %d characters", what, maxTitle)
		return ""
	}
	return s
}

func (r *reader) listen(n *yaml.Node) string {
	s, ok := r.prose(n, "listen")
	if !ok {
		return ""
	}
	_, port, err := net.SplitHostPort(s)
	if number, perr := strconv.Atoi(port); err != nil || perr != nil || number < 0 || number > 65535 {
		r.problem(target(n), "listen is not an address: %s", show(s)).
			hint("write HOST:PORT, for example %s, or :8710 for every interface", DefaultListen)
		return ""
	}
	return s
}

// ownURL reads the address of the farm for others.
func (r *reader) ownURL(n *yaml.Node) string {
	s, ok := r.prose(n, "url")
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		r.problem(target(n), "url is not a web address: %s", show(s)).
			hint("write it like https://weir.example.org")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		r.hide(target(n))
		r.problem(target(n), "url may hold no user, query or fragment").
			hint("write it like https://weir.example.org")
	}
	return strings.TrimRight(s, "/")
}

// localPath reads the path of a file or directory of the farm's machine.
func (r *reader) localPath(n *yaml.Node, what string) string {
	s, ok := r.prose(n, what)
	if !ok {
		return ""
	}
	if len(s) > maxPath || strings.ContainsFunc(s, unicode.IsControl) {
		r.problem(target(n), "%s is not a path", what)
		return ""
	}
	if strings.HasPrefix(s, "~") {
		r.problem(target(n), "%s starts with ~, which only a shell knows", what).hint("write the whole path")
		return ""
	}
	return r.absolute(s)
}

// absolute makes a path relative to the file's directory absolute.
func (r *reader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.dir, filepath.FromSlash(path))
}

// database reads a DSN. It may hold a password, so nothing of it is shown.
func (r *reader) database(n *yaml.Node) string {
	r.hide(target(n))
	s, ok := r.prose(n, "database")
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		r.problem(target(n), "database is not the URL of a PostgreSQL database").
			hint("write postgres://USER:PASSWORD@HOST:5432/NAME, or remove the line for SQLite")
		return ""
	}
	return s
}

// labels reads a list of labels.
func (r *reader) labels(n *yaml.Node, what string) []string {
	var out []string
	r.list(n, what, func(_ int, n *yaml.Node) {
		s, ok := r.text(n, "a label in "+what)
		switch {
		case !ok:
		case !weir.ValidName(s):
			r.badName(target(n), "a label", s)
		case slices.Contains(out, s):
			r.problem(n, "%s names %s twice", what, show(s))
		case len(out) == maxLabels:
			r.problem(n, "%s has more than %d labels", what, maxLabels)
		default:
			out = append(out, s)
		}
	})
	slices.Sort(out)
	return out
}

// badName reports a name that cannot be one.
func (r *reader) badName(n *yaml.Node, kind, name string) {
	r.problem(n, "%s cannot be the name of %s", show(name), kind).
		hint("use up to 64 letters, digits, dots, dashes, underscores and plus signs, with a letter or digit first")
}
