// Package diff says what changes if one farm file takes the place of another:
// which projects, jobs, cells and builders come, go, or have another name, which
// of their keys differ, and what that means for histories that stand already.
//
// It is pure. Two farms go in, a list for people comes out, so that somebody can
// read what a reload would do before it is done. What is compared is what the
// files mean and not how they are written: comments, order and anchors are no
// change.
//
// Only the names of keys are told, never values: those may be secrets.
package diff

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/recipe"
)

// What says what becomes of something.
type What string

// The closed set.
const (
	Added   What = "added"
	Removed What = "removed"
	Changed What = "changed"
	Renamed What = "renamed"
)

// Kind says what a change is about.
type Kind string

// The closed set, in the order in which they are listed within a project.
const (
	Setting Kind = "setting" // a key of the farm
	Project Kind = "project"
	Job     Kind = "job"
	Cell    Kind = "cell"
	Builder Kind = "builder"
)

// Change is one difference.
type Change struct {
	What What `json:"what"`
	Kind Kind `json:"kind"`
	// Name is a key, a project, PROJECT/JOB, PROJECT/JOB CELL, or a builder's name.
	Name string   `json:"name"`
	Was  string   `json:"was,omitempty"`  // the former name of what is renamed
	Keys []string `json:"keys,omitempty"` // which keys of it differ, sorted
	// Notes say what that means, one line each.
	Notes []string `json:"notes,omitempty"`
}

// Diff is everything that differs.
type Diff struct {
	// Changes list settings first, then projects by name, each followed by what
	// differs within it. At most MaxChanges.
	Changes []Change `json:"changes"`
	Omitted int      `json:"omitted,omitempty"` // how many there are beside them
	// Notes are about the new file as a whole.
	Notes []string `json:"notes,omitempty"`
}

// MaxChanges limits the changes of one Diff.
const MaxChanges = 5000

// Empty reports whether nothing differs.
func (d Diff) Empty() bool { return len(d.Changes) == 0 }

// Options are what a comparison needs beside the two farms.
type Options struct {
	Host weir.Platform // where builders run that say nothing about platforms
	// Workers are those that the farm knows. Jobs with labels that none of them
	// offers are told of; nil: nothing is said of labels.
	Workers []weir.Worker
}

// Farms compares two farms.
func Farms(before, after *recipe.Farm, o Options) Diff {
	c := comparison{before: before, after: after, was: map[string]string{}, gone: map[string]bool{},
		old: builders(before, o.Host), new: builders(after, o.Host)}
	c.settings()
	c.renames()
	names := map[string]bool{}
	for _, p := range after.Projects {
		names[p.Name] = true
	}
	for _, p := range before.Projects {
		if !c.gone[p.Name] {
			names[p.Name] = true
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	slices.Sort(sorted)
	for _, name := range sorted {
		c.project(name)
	}
	d := Diff{Changes: c.changes, Notes: unoffered(after, o.Workers)}
	if over := len(d.Changes) - MaxChanges; over > 0 {
		d.Changes, d.Omitted = d.Changes[:MaxChanges], over
	}
	return d
}

// comparison is a Diff in the making.
type comparison struct {
	before, after *recipe.Farm
	was           map[string]string // new name of a project -> its old one, if that is another
	gone          map[string]bool   // old names of projects that have new ones
	old, new      map[place][]weir.BuilderKey
	changes       []Change
}

// place is a job of a project.
type place struct{ project, job string }

func builders(f *recipe.Farm, host weir.Platform) map[place][]weir.BuilderKey {
	out := map[place][]weir.BuilderKey{}
	for _, p := range recipe.Expand(f, host) {
		at := place{p.Key.Project, p.Key.Job}
		out[at] = append(out[at], p.Key)
	}
	return out
}

func (c *comparison) add(what What, kind Kind, name string) *Change {
	c.changes = append(c.changes, Change{What: what, Kind: kind, Name: name})
	return &c.changes[len(c.changes)-1]
}

// settings compares the keys of the farm itself.
func (c *comparison) settings() {
	for _, key := range Settings(c.before, c.after) {
		c.add(Changed, Setting, key)
	}
}

// renames finds out which projects are old ones under new names.
func (c *comparison) renames() {
	for _, p := range c.after.Projects {
		if _, known := c.before.Project(p.Name); known {
			continue
		}
		for _, name := range p.Formerly {
			_, there := c.before.Project(name)
			_, stays := c.after.Project(name)
			if there && !stays && !c.gone[name] {
				c.was[p.Name], c.gone[name] = name, true
				break
			}
		}
	}
}

// project compares what has a name in the new file with what it was.
func (c *comparison) project(name string) {
	former := cmp.Or(c.was[name], name)
	after, stays := c.after.Project(name)
	before, there := c.before.Project(former)
	switch {
	case !there:
		c.add(Added, Project, name).Notes = []string{extent(after, c.new)}
		return
	case !stays:
		c.add(Removed, Project, name).Notes = []string{extent(before, c.old) + "; its history stays, and what is queued is still built"}
		return
	}
	keys := projectKeys(before, after, c.was)
	notes := projectNotes(before, after, keys)
	if former != name {
		p := c.add(Renamed, Project, name)
		p.Was, p.Keys, p.Notes = former, keys, append([]string{"its history goes on"}, notes...)
	} else if len(keys) > 0 {
		p := c.add(Changed, Project, name)
		p.Keys, p.Notes = keys, notes
	}
	c.jobs(before, after)
}

func extent(p *weir.Project, all map[place][]weir.BuilderKey) string {
	n := 0
	for _, j := range p.Jobs {
		n += len(all[place{p.Name, j.Name}])
	}
	return fmt.Sprintf("%s, %s", plural(len(p.Jobs), "job"), plural(n, "builder"))
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}

// projectKeys lists which keys of a project differ. An upstream that only has
// another name is the same.
func projectKeys(before, after *weir.Project, was map[string]string) []string {
	renamed := *after
	renamed.Upstreams = slices.Clone(after.Upstreams)
	for i, u := range renamed.Upstreams {
		renamed.Upstreams[i].Project = cmp.Or(was[u.Project], u.Project)
	}
	slices.SortFunc(renamed.Upstreams, func(a, b weir.Upstream) int { return cmp.Compare(a.Project, b.Project) })
	return differing(reflect.ValueOf(*before), reflect.ValueOf(renamed), "Name", "Jobs", "Formerly")
}

// projectNotes says what the differing keys mean for a project's history.
func projectNotes(before, after *weir.Project, keys []string) (notes []string) {
	has := func(key string) bool { return slices.Contains(keys, key) }
	switch {
	case has("source.kind"):
		notes = append(notes, "its revisions come from another kind of source: what follows is not compared with what was before")
	case has("source.branch"):
		notes = append(notes, fmt.Sprintf("its history starts anew: builders of branch %s are other builders", orDefault(after.Source.Branch)))
	case has("source.location"):
		notes = append(notes, "its history goes on if the new location has the newest revision that is known, and starts anew if not")
	}
	if has("upstreams") && !slices.EqualFunc(before.Upstreams, after.Upstreams, func(a, b weir.Upstream) bool { return a.Project == b.Project }) {
		notes = append(notes, "its history starts anew: builders against other upstreams are other builders")
	}
	return notes
}

func orDefault(branch string) string { return cmp.Or(branch, "(the default one)") }

// jobs compares the jobs of a project.
func (c *comparison) jobs(before, after *weir.Project) {
	was, gone := map[string]string{}, map[string]bool{}
	for _, j := range after.Jobs {
		if _, known := before.Job(j.Name); known {
			continue
		}
		for _, name := range j.Formerly {
			_, there := before.Job(name)
			_, stays := after.Job(name)
			if there && !stays && !gone[name] {
				was[j.Name], gone[name] = name, true
				break
			}
		}
	}
	for _, j := range before.Jobs {
		if _, stays := after.Job(j.Name); !stays && !gone[j.Name] {
			c.add(Removed, Job, after.Name+"/"+j.Name).Notes = []string{plural(len(c.old[place{before.Name, j.Name}]), "builder") + "; its history stays"}
		}
	}
	for _, j := range after.Jobs {
		former := cmp.Or(was[j.Name], j.Name)
		b, there := before.Job(former)
		name := after.Name + "/" + j.Name
		if !there {
			c.add(Added, Job, name).Notes = []string{plural(len(c.new[place{after.Name, j.Name}]), "builder")}
			continue
		}
		keys := differing(reflect.ValueOf(b), reflect.ValueOf(j), "Name", "Formerly", "Cell", "Cells")
		if former != j.Name {
			r := c.add(Renamed, Job, name)
			r.Was, r.Keys, r.Notes = after.Name+"/"+former, keys, []string{"its history goes on"}
		} else if len(keys) > 0 {
			c.add(Changed, Job, name).Keys = keys
		}
		c.cells(name, b, j)
		c.builders(place{before.Name, former}, place{after.Name, j.Name})
	}
}

// cells compares the cells of a job.
func (c *comparison) cells(name string, before, after weir.Job) {
	find := func(j weir.Job, cell string) int {
		return slices.IndexFunc(j.Cells, func(c weir.Cell) bool { return c.Name == cell })
	}
	for _, cell := range before.Cells {
		if find(after, cell.Name) < 0 {
			c.add(Removed, Cell, name+" "+cell.Name)
		}
	}
	for _, cell := range after.Cells {
		i := find(before, cell.Name)
		if i < 0 {
			c.add(Added, Cell, name+" "+cell.Name)
			continue
		}
		if keys := differing(reflect.ValueOf(before.Cells[i]), reflect.ValueOf(cell), "Name"); len(keys) > 0 {
			c.add(Changed, Cell, name+" "+cell.Name).Keys = keys
		}
	}
}

// builders lists those that a job has on other platforms or cells than before.
// A branch and upstreams are the project's, and told there.
func (c *comparison) builders(before, after place) {
	same := func(a, b weir.BuilderKey) bool { return a.Cell == b.Cell && a.Platform == b.Platform }
	missing := func(list, from []weir.BuilderKey) (out []weir.BuilderKey) {
		for _, k := range list {
			if !slices.ContainsFunc(from, func(o weir.BuilderKey) bool { return same(k, o) }) {
				out = append(out, k)
			}
		}
		return out
	}
	for _, k := range missing(c.old[before], c.new[after]) {
		k.Project, k.Job = after.project, after.job
		c.add(Removed, Builder, k.Name())
	}
	for _, k := range missing(c.new[after], c.old[before]) {
		c.add(Added, Builder, k.Name())
	}
}

// unoffered tells of jobs whose labels no worker offers.
func unoffered(f *recipe.Farm, workers []weir.Worker) (notes []string) {
	if workers == nil {
		return nil
	}
	told := map[string]bool{}
	for _, p := range f.Projects {
		for _, j := range p.Jobs {
			for _, v := range j.Variants() {
				if len(v.Labels) == 0 || slices.ContainsFunc(workers, func(w weir.Worker) bool { return offers(w, v.Labels) }) {
					continue
				}
				note := fmt.Sprintf("no worker offers %s, which job %s/%s asks for", strings.Join(v.Labels, " and "), p.Name, j.Name)
				if !told[note] && len(notes) < maxNotes {
					told[note] = true
					notes = append(notes, note)
				}
			}
		}
	}
	return notes
}

// maxNotes limits the notes of a Diff.
const maxNotes = 100

func offers(w weir.Worker, labels []string) bool {
	return !slices.ContainsFunc(labels, func(l string) bool { return !slices.Contains(w.Labels, l) })
}

// Settings lists the keys of the farm itself that differ, such as listen or
// worker.slots, sorted.
func Settings(before, after *recipe.Farm) []string {
	keys := differing(reflect.ValueOf(*before), reflect.ValueOf(*after), "Projects")
	for i, key := range keys {
		if key == "name" {
			keys[i] = "farm.name"
		}
	}
	slices.Sort(keys)
	return keys
}
