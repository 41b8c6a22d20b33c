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

	"github.com/weir-ci/weir/internal/recipe/jobs"
	"github.com/weir-ci/weir/internal/recipe/strict"
)

// Limits on the farm's own settings.
const (
	MaxSlots = 256
	// scratch marks top-level keys that are left alone: a place for anchors.
	scratch = "x-"
)

// FarmKeys lists what the farm file may hold at its top.
func FarmKeys() strict.Keys {
	return strict.Keys{Known: []string{"farm", "listen", "url", "trusted_proxies", "data", "database", "platforms", "worker", "mail",
		"locks", "secrets", "hooks", "projects"}}
}

// NameKeys lists what the key farm may hold.
func NameKeys() strict.Keys { return strict.Keys{Known: []string{"name"}} }

// WorkerKeys lists what the key worker may hold.
func WorkerKeys() strict.Keys { return strict.Keys{Known: []string{"slots", "labels"}} }

// farm reads the whole file.
func (r reader) farm(root *yaml.Node) *Farm {
	f := &Farm{Name: DefaultName, Listen: DefaultListen, Data: filepath.Join(r.Dir(), DefaultData),
		Worker: Worker{Slots: DefaultSlots}}
	f.Secrets, f.Hooks, f.Grants = map[string]SecretFrom{}, map[string]string{}, map[string][]string{}
	top, known := strict.Fields{}, FarmKeys().Known
	for _, e := range r.Entries(root, "the farm file") {
		switch {
		case slices.Contains(known, e.Name):
			top[e.Name] = e
		case !strings.HasPrefix(e.Name, scratch):
			r.Unknown(e.Key, "key", e.Name, " in the farm file", known)
		}
	}
	top.With("farm", func(n *yaml.Node) {
		r.Fields(n, "farm", NameKeys()).With("name", func(n *yaml.Node) {
			f.Name = cmp.Or(r.Title(n, "farm.name"), DefaultName)
		})
	})
	top.With("listen", func(n *yaml.Node) { f.Listen = r.listen(n) })
	top.With("url", func(n *yaml.Node) { f.URL = r.ownURL(n) })
	top.With("trusted_proxies", func(n *yaml.Node) { f.TrustedProxies = r.proxies(n) })
	top.With("data", func(n *yaml.Node) { f.Data = r.LocalPath(n, "data") })
	top.With("database", func(n *yaml.Node) { f.Database = r.database(n) })
	top.With("platforms", func(n *yaml.Node) { f.Platforms = jobs.Platforms(r.Reader, n, "platforms") })
	top.With("worker", func(n *yaml.Node) { r.worker(n, &f.Worker) })
	top.With("mail", func(n *yaml.Node) { f.Mail = r.mail(n) })
	top.With("locks", func(n *yaml.Node) { f.Locks = r.locks(n) })
	top.With("secrets", func(n *yaml.Node) { r.secrets(n, f.Secrets) })
	top.With("hooks", func(n *yaml.Node) { r.hooks(n, f) })
	if e, ok := top["projects"]; ok {
		r.projects(e.Value, f)
	} else if strict.Target(root).Kind == yaml.MappingNode {
		r.Warn(root, "the farm has no projects").Hint("add some under the key projects")
	}
	return f
}

func (r reader) worker(n *yaml.Node, w *Worker) {
	f := r.Fields(n, "worker", WorkerKeys())
	f.With("slots", func(n *yaml.Node) {
		if slots, ok := r.Number(n, "worker.slots", 1, MaxSlots); ok {
			w.Slots = slots
		}
	})
	f.With("labels", func(n *yaml.Node) { w.Labels = jobs.Labels(r.Reader, n, "worker.labels") })
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
