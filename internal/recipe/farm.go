package recipe

import (
	"cmp"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on the farm's own settings.
const (
	MaxSlots  = 256
	maxLabels = 64
	// scratch marks top-level keys that are left alone: a place for anchors.
	scratch = "x-"
)

var farmKeys = []string{"farm", "listen", "url", "data", "database", "platforms", "worker", "mail", "projects"}

// farm reads the whole file.
func (r reader) farm(root *yaml.Node) *Farm {
	f := &Farm{Name: DefaultName, Listen: DefaultListen, Data: filepath.Join(r.Dir(), DefaultData),
		Worker: Worker{Slots: DefaultSlots}}
	top := strict.Fields{}
	for _, e := range r.Entries(root, "the farm file") {
		switch {
		case slices.Contains(farmKeys, e.Name):
			top[e.Name] = e
		case !strings.HasPrefix(e.Name, scratch):
			r.Unknown(e.Key, "key", e.Name, " in the farm file", farmKeys)
		}
	}
	top.With("farm", func(n *yaml.Node) {
		r.Fields(n, "farm", strict.Keys{Known: []string{"name"}}).With("name", func(n *yaml.Node) {
			f.Name = cmp.Or(r.Title(n, "farm.name"), DefaultName)
		})
	})
	top.With("listen", func(n *yaml.Node) { f.Listen = r.listen(n) })
	top.With("url", func(n *yaml.Node) { f.URL = r.ownURL(n) })
	top.With("data", func(n *yaml.Node) { f.Data = r.LocalPath(n, "data") })
	top.With("database", func(n *yaml.Node) { f.Database = r.database(n) })
	top.With("platforms", func(n *yaml.Node) { f.Platforms = r.platforms(n, "platforms") })
	top.With("worker", func(n *yaml.Node) { r.worker(n, &f.Worker) })
	top.With("mail", func(n *yaml.Node) { f.Mail = r.mail(n) })
	if e, ok := top["projects"]; ok {
		f.Projects = r.projects(e.Value, f.Platforms)
	} else if strict.Target(root).Kind == yaml.MappingNode {
		r.Warn(root, "the farm has no projects").Hint("add some under the key projects")
	}
	return f
}

func (r reader) worker(n *yaml.Node, w *Worker) {
	f := r.Fields(n, "worker", strict.Keys{Known: []string{"slots", "labels"}})
	f.With("slots", func(n *yaml.Node) {
		if slots, ok := r.Number(n, "worker.slots", 1, MaxSlots); ok {
			w.Slots = slots
		}
	})
	f.With("labels", func(n *yaml.Node) { w.Labels = r.labels(n, "worker.labels") })
}

func (r reader) listen(n *yaml.Node) string {
	s, ok := r.Prose(n, "listen")
	if !ok {
		return ""
	}
	_, port, err := net.SplitHostPort(s)
	if number, perr := strconv.Atoi(port); err != nil || perr != nil || number < 0 || number > 65535 {
		r.Problem(strict.Target(n), "listen is not an address: %s", strict.Show(s)).
			Hint("write HOST:PORT, for example %s, or :8710 for every interface", DefaultListen)
		return ""
	}
	return s
}

// ownURL reads the address of the farm for others.
func (r reader) ownURL(n *yaml.Node) string {
	s, ok := r.Prose(n, "url")
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		r.Problem(strict.Target(n), "url is not a web address: %s", strict.Show(s)).
			Hint("write it like https://weir.example.org")
	case u.User != nil, u.RawQuery != "", u.Fragment != "":
		r.Hide(strict.Target(n))
		r.Problem(strict.Target(n), "url may hold no user, query or fragment").
			Hint("write it like https://weir.example.org")
	}
	return strings.TrimRight(s, "/")
}

// database reads a DSN. It may hold a password, so nothing of it is shown.
func (r reader) database(n *yaml.Node) string {
	r.Hide(strict.Target(n))
	s, ok := r.Prose(n, "database")
	if !ok {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		r.Problem(strict.Target(n), "database is not the URL of a PostgreSQL database").
			Hint("write postgres://USER:PASSWORD@HOST:5432/NAME, or remove the line for SQLite")
		return ""
	}
	return s
}

// labels reads a list of labels.
func (r reader) labels(n *yaml.Node, what string) []string {
	var out []string
	r.List(n, what, func(_ int, n *yaml.Node) {
		s, ok := r.Text(n, "a label in "+what)
		switch {
		case !ok:
		case !weir.ValidName(s):
			r.BadName(strict.Target(n), "a label", s)
		case slices.Contains(out, s):
			r.Problem(n, "%s names %s twice", what, strict.Show(s))
		case len(out) == maxLabels:
			r.Problem(n, "%s has more than %d labels", what, maxLabels)
		default:
			out = append(out, s)
		}
	})
	slices.Sort(out)
	return out
}
