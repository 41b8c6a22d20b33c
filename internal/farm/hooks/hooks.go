// Package hooks acts on what forges post: it makes the sources that a delivery is
// about due at once, and takes in pull requests.
//
// A delivery is believed as far as its secret goes, and no farther. It never names
// a revision to build: the source is asked. Of a pull request its facts are taken
// in, and whether it is built is decided by the project's own policy. Each
// delivery counts once, however often it is sent.
package hooks

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/hook"
	"github.com/weir-ci/weir/internal/schedule/relevance"
)

// Options is what a Desk is made of.
type Options struct {
	// Projects are those of the farm. Secret is the name of the secret of a dialect;
	// empty if the farm takes nothing in it.
	Projects func() []weir.Project
	Secret   func(dialect string) string
	// Value finds the value of a secret by its name.
	Value func(name string) (string, error)
	// Seen records a delivery, and says whether it came before.
	Seen func(ctx context.Context, id string, now time.Time) (bool, error)
	// Nudge makes a project's source due at once: the branch named, or all.
	Nudge func(ctx context.Context, project, branch string) error
	// Propose takes in a pull request; ok is false if the project wants none.
	Propose func(ctx context.Context, p weir.Proposal) (out weir.Proposal, ok bool, err error)
	Now     func() time.Time
	Log     *slog.Logger
}

// Receipt says what came of a delivery.
type Receipt struct {
	Dialect  string    `json:"dialect"`
	Delivery string    `json:"delivery,omitempty"` // the sender's name for it
	Kind     hook.Kind `json:"kind"`
	Why      string    `json:"why,omitempty"`    // nothing came of it
	Repeated bool      `json:"repeated"`         // it had come before
	Projects []string  `json:"projects"`         // whose sources are looked at, or which take in the pull request
	Head     string    `json:"head,omitempty"`   // of the pull request
	Number   string    `json:"number,omitempty"` // of the pull request
}

// Count is what came in one dialect since the server started.
type Count struct {
	Dialect string    `json:"dialect"`
	Taken   int64     `json:"taken"`   // signed, whatever came of them
	Refused int64     `json:"refused"` // not signed, or not with the farm's secret
	Last    time.Time `json:"last,omitzero"`
	Trouble string    `json:"trouble,omitempty"` // why the last one was refused, if it was
}

// Desk takes deliveries.
type Desk struct {
	Options
	mu     sync.Mutex
	counts map[string]*Count
	warned map[string]time.Time
	// failed are deliveries that were recorded as seen and came to nothing, by
	// this server's fault: they may come again.
	failed map[string]bool
}

// maxFailed limits how many such deliveries are remembered.
const maxFailed = 1000

// New makes a desk.
func New(o Options) *Desk {
	return &Desk{Options: o, counts: map[string]*Count{}, warned: map[string]time.Time{}, failed: map[string]bool{}}
}

// Counts tells what came, by dialect.
func (d *Desk) Counts() []Count {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := []Count{}
	for _, name := range slices.Sorted(maps.Keys(d.counts)) {
		list = append(list, *d.counts[name])
	}
	return list
}

// Take takes one delivery. An empty dialect is found out by the headers. When it
// returns, what came of it is recorded; the sources are looked at afterwards.
//
// NotFound: the farm takes nothing in this dialect. Unauthenticated: it does not
// carry the farm's secret. Invalid, TooLarge: as of hook.Read.
func (d *Desk) Take(ctx context.Context, dialect string, h http.Header, body []byte) (Receipt, error) {
	if dialect == "" {
		dialect = hook.Detect(h)
	}
	name := d.secretName(dialect)
	if name == "" {
		return Receipt{}, weir.Errorf(weir.NotFound, "this farm takes no webhooks of %.40s", dialect).
			WithHint("name a secret for them in the farm file: hooks: {%.40s: {secret: NAME}}", dialect)
	}
	value, err := d.Value(name)
	if err != nil {
		d.Log.Error("a webhook's secret is not there", "dialect", dialect, "secret", name, "err", err)
		return Receipt{}, weir.Errorf(weir.Unavailable, "the secret for webhooks of %s is not there; the server's log says more", dialect).WithCause(err)
	}
	delivery, err := hook.Read(dialect, h, body, value, d.Now())
	d.count(dialect, err)
	if err != nil {
		return Receipt{}, err
	}
	receipt, err := d.act(ctx, delivery)
	if err != nil && delivery.ID != "" {
		d.mu.Lock()
		if len(d.failed) < maxFailed {
			d.failed[delivery.Dialect+":"+delivery.ID] = true
		}
		d.mu.Unlock()
	}
	return receipt, err
}

// fresh records a delivery, and reports whether it is to be acted on.
func (d *Desk) fresh(ctx context.Context, v *hook.Delivery) (bool, error) {
	if v.ID == "" {
		return true, nil
	}
	id := v.Dialect + ":" + v.ID
	seen, err := d.Seen(ctx, id, d.Now())
	if err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	failed := d.failed[id]
	delete(d.failed, id)
	return !seen || failed, nil
}

// secretName finds a dialect's secret. Forgejo and Gitea say the same things, so
// that either may stand for both.
func (d *Desk) secretName(dialect string) string {
	name := d.Secret(dialect)
	switch {
	case name != "":
	case dialect == hook.Forgejo:
		name = d.Secret(hook.Gitea)
	case dialect == hook.Gitea:
		name = d.Secret(hook.Forgejo)
	}
	return name
}

// warnEvery is how often the log tells of deliveries that are refused.
const warnEvery = time.Minute

func (d *Desk) count(dialect string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.counts[dialect]
	if c == nil {
		c = &Count{Dialect: dialect}
		d.counts[dialect] = c
	}
	now := d.Now()
	c.Last, c.Trouble = now, ""
	if err == nil || weir.CodeOf(err) != weir.Unauthenticated {
		c.Taken++
	} else {
		c.Refused++
	}
	if err == nil {
		return
	}
	c.Trouble = err.Error()
	if now.Sub(d.warned[dialect]) >= warnEvery {
		d.warned[dialect] = now
		d.Log.Warn("a webhook is refused", "dialect", dialect, "err", err, "refused so far", c.Refused)
	}
}

// act does what a delivery asks for.
func (d *Desk) act(ctx context.Context, v hook.Delivery) (Receipt, error) {
	r := Receipt{Dialect: v.Dialect, Delivery: v.ID, Kind: v.Kind, Why: v.Why, Projects: []string{}}
	if v.Kind != hook.Push && v.Kind != hook.Pull {
		return r, nil
	}
	fresh, err := d.fresh(ctx, &v)
	if err != nil {
		return Receipt{}, err
	}
	if !fresh {
		r.Repeated, r.Why = true, "it came before"
		return r, nil
	}
	about := d.about(&v)
	if len(about) == 0 {
		r.Kind, r.Why = hook.Ignored, "no project of this farm has this source"
		if v.Project != "" {
			return Receipt{}, weir.Errorf(weir.NotFound, "there is no project %s in this farm", v.Project)
		}
		return r, nil
	}
	for _, p := range about {
		took, err := d.tell(ctx, &v, p)
		if err != nil {
			return Receipt{}, err
		}
		if took {
			r.Projects = append(r.Projects, p.Name)
		}
	}
	if v.Kind == hook.Pull {
		r.Number, r.Head = v.Proposal.Number, v.Proposal.Head
	}
	if len(r.Projects) == 0 {
		r.Why = "no project of this farm wants to know of this branch"
		if v.Kind == hook.Pull {
			r.Why = "no project of this farm looks at pull requests of this repository"
		}
	}
	return r, nil
}

// about lists the projects that a delivery is about.
func (d *Desk) about(v *hook.Delivery) []weir.Project {
	var list []weir.Project
	for _, p := range d.Projects() {
		if v.Project != "" && p.Name == v.Project || v.Project == "" && v.About(p.Source) {
			list = append(list, p)
		}
	}
	return list
}

// tell lets one project know.
func (d *Desk) tell(ctx context.Context, v *hook.Delivery, p weir.Project) (took bool, err error) {
	if v.Kind == hook.Pull {
		proposal := v.Proposal
		proposal.Project = p.Name
		_, took, err = d.Propose(ctx, proposal)
		return took, err
	}
	if len(v.Refs) == 0 {
		return true, d.Nudge(ctx, p.Name, "")
	}
	for _, ref := range v.Refs {
		if !wanted(p.Source, ref) {
			continue
		}
		branch := ref.Name
		if ref.Tag || ref.Gone {
			branch = p.Source.Branch
		}
		if err := d.Nudge(ctx, p.Name, branch); err != nil {
			return took, err
		}
		took = true
	}
	return took, nil
}

// wanted reports whether a project follows a branch or a tag. Whose branch is the
// remote's default follows any: which that is only the remote knows.
func wanted(src weir.Source, ref hook.Ref) bool {
	matches := func(patterns []string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool { return relevance.Match(p, ref.Name) })
	}
	switch {
	case src.Kind.Registry(): // any release
		return true
	case ref.Tag:
		return matches(src.Watch.Tags)
	}
	return src.Branch == "" || src.Branch == ref.Name || matches(src.Watch.Branches)
}
