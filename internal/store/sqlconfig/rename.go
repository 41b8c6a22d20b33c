package sqlconfig

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/weir-ci/weir"
	"github.com/weir-ci/weir/internal/store"
	"github.com/weir-ci/weir/internal/store/sqlinquiry"
	"github.com/weir-ci/weir/internal/store/sqlroster"
	"github.com/weir-ci/weir/internal/store/sqltx"
)

// name is a project or a job that gets another name; job is empty for a project.
type name struct{ project, old, new string }

// Rename gives projects and jobs other names, with all their history. Names stand
// in many places so that nothing that is asked often has to look them up:
//
//   - project: in builders (and in the list of upstreams, and so in key_hash), runs,
//     builds.lane, revisions, sources, branches, tag_lists, tags, ticks, proposals,
//     digests, repository_recipes
//   - as key of the pins: in builds (pins, and so pins_key, and so
//     flake_runs.inputs), and in regressions (good_pins, bad_pins, corners)
//   - in regressions also: path, culprit_project, culprit, checks, life
//   - in specifications: recipes (project, inputs, and so hash)
//   - job: in builders, ticks, and in specifications (the job, and those it needs)
//
// What is left is text for people as it was said (reasons, notes, messages, logs),
// events, and the place of products on workers. Everything else refers to these
// by number.
func (s Settings) Rename(ctx context.Context, renames []store.Renaming, now time.Time) error {
	projects, jobs, err := order(renames)
	if err != nil || len(projects)+len(jobs) == 0 {
		return err
	}
	return s.write(ctx, "rename projects and jobs", now, func(t tx) error {
		if err := t.Guard(sqlroster.RenameGuard); err != nil {
			return err
		}
		r := &renamer{tx: t}
		// Whoever makes runs locks their builders first.
		if r.builders, err = sqltx.Collect(t, func(row sqltx.Scanner) (b weir.Builder, err error) {
			err = row.Scan(sqlroster.BuilderDest(&b)...)
			return b, err
		}, `SELECT b.id, b.project, b.job, b.cell, b.platform, b.branch, b.upstreams FROM builders b ORDER BY b.id`+t.Lock()); err != nil {
			return err
		}
		for _, n := range projects {
			if err := r.project(n); err != nil {
				return err
			}
		}
		for _, n := range jobs {
			if err := r.job(n); err != nil {
				return err
			}
		}
		if !r.any {
			return nil
		}
		return t.Put(`INSERT INTO guards (name, count) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET count = guards.count + 1`, sqlroster.RenameGuard)
	})
}

// maxRenames limits how many names change at once.
const maxRenames = 1000

// order sorts renames so that a name is free when another one gets it, projects
// before jobs. Those that change nothing are left out.
func order(renames []store.Renaming) (projects, jobs []name, err error) {
	if len(renames) > maxRenames {
		return nil, nil, weir.Errorf(weir.Invalid, "%d names change at once; %d are the most", len(renames), maxRenames)
	}
	given := map[name]bool{} // by their project's new name
	for _, r := range renames {
		n := name{project: cmp.Or(r.NewProject, r.Project), old: r.Job, new: r.NewJob}
		if r.Job == "" {
			n = name{old: r.Project, new: r.NewProject}
		}
		if n.old == "" || !weir.ValidName(n.new) || r.Job != "" && n.project == "" {
			return nil, nil, weir.Errorf(weir.Invalid, "%.80q cannot be called %.80q", n.old, n.new)
		}
		n = name{sqltx.Clean(n.project), sqltx.Clean(n.old), sqltx.Clean(n.new)}
		switch {
		case n.old == n.new:
		case r.Job == "":
			projects = append(projects, n)
		default:
			given[n] = r.NewProject != ""
			jobs = append(jobs, n)
		}
	}
	for i, j := range jobs {
		if at := slices.IndexFunc(projects, func(p name) bool { return p.old == j.project }); at >= 0 && !given[j] {
			jobs[i].project = projects[at].new
		}
	}
	if projects, err = free(projects); err == nil {
		jobs, err = free(jobs)
	}
	return projects, jobs, err
}

// free puts those first whose new name nobody has to give up before.
func free(names []name) (sorted []name, err error) {
	for len(names) > 0 {
		i := slices.IndexFunc(names, func(n name) bool {
			return !slices.ContainsFunc(names, func(o name) bool { return o.project == n.project && o.old == n.new })
		})
		if i < 0 {
			return nil, weir.Errorf(weir.Conflict, "%.80q and %.80q cannot take each other's names at once", names[0].old, names[0].new).
				WithHint("give one of them a third name first")
		}
		sorted = append(sorted, names[i])
		names = slices.Delete(names, i, i+1)
	}
	return sorted, nil
}

// renamer renames inside a transaction.
type renamer struct {
	tx
	builders []weir.Builder // all, locked, under their names of now
	any      bool           // something was renamed
}

// project renames a project.
func (r *renamer) project(n name) error {
	known, err := r.has(n.old)
	if err != nil || !known {
		return err
	}
	taken, err := r.has(n.new)
	if err == nil && taken {
		// A server with an older file may have looked at the source since.
		if built, err := r.built(n.old); err != nil || !built {
			return err
		}
	}
	if err != nil || taken {
		return cmp.Or(err, error(weir.Errorf(weir.Conflict, "%.80q cannot be called %.80q: there is a history of that name already", n.old, n.new).
			WithHint("take another name, or leave out the old one")))
	}
	r.any = true
	r.Tell(weir.EventConfig, n.new)
	if err := r.saveBuilders(func(k *weir.BuilderKey) bool {
		changed := k.Project == n.old
		if changed {
			k.Project = n.new
		}
		if ups := strings.Split(k.Upstreams, ","); slices.Contains(ups, n.old) {
			ups[slices.Index(ups, n.old)] = n.new
			slices.Sort(ups)
			k.Upstreams, changed = strings.Join(ups, ","), true
		}
		return changed
	}); err != nil {
		return err
	}
	if err := r.tables(n); err != nil {
		return err
	}
	if err := r.builds(n); err != nil {
		return err
	}
	if err := r.specs(n, func(s *weir.Spec) { renameIn(s, n) }); err != nil {
		return err
	}
	return sqlinquiry.RenameProject(r.Tx, n.old, n.new)
}

// has reports whether a project of that name has a history: builders of its own or
// below it, revisions, runs, pull requests, tags.
func (r *renamer) has(project string) (bool, error) {
	if r.hasBuilders(project) {
		return true, nil
	}
	var n int
	err := r.Row(`SELECT CASE WHEN EXISTS (SELECT 1 FROM revisions WHERE project = $1) OR EXISTS (SELECT 1 FROM runs WHERE project = $1)
		OR EXISTS (SELECT 1 FROM proposals WHERE project = $1) OR EXISTS (SELECT 1 FROM tags WHERE project = $1) THEN 1 ELSE 0 END`, project).Scan(&n)
	return n > 0, err
}

func (r *renamer) hasBuilders(project string) bool {
	return slices.ContainsFunc(r.builders, func(b weir.Builder) bool {
		return b.Project == project || slices.Contains(strings.Split(b.Upstreams, ","), project)
	})
}

// built reports whether more is known of a project than its revisions and tags.
func (r *renamer) built(project string) (bool, error) {
	if r.hasBuilders(project) {
		return true, nil
	}
	var n int
	err := r.Row(`SELECT CASE WHEN EXISTS (SELECT 1 FROM runs WHERE project = $1) OR EXISTS (SELECT 1 FROM proposals WHERE project = $1) THEN 1 ELSE 0 END`, project).Scan(&n)
	return n > 0, err
}

// tables renames a project where its name is a column. What the new name has there
// is no history: it goes.
func (r *renamer) tables(n name) error {
	for _, table := range []string{"sources", "branches", "tag_lists", "ticks", "digests", "repository_recipes"} {
		if err := r.Put(`DELETE FROM `+table+` WHERE project = $1`, n.new); err != nil {
			return err
		}
		if err := r.Put(`UPDATE `+table+` SET project = $2 WHERE project = $1`, n.old, n.new); err != nil {
			return err
		}
	}
	for _, table := range []string{"revisions", "runs", "tags", "proposals"} {
		if err := r.Put(`UPDATE `+table+` SET project = $2 WHERE project = $1`, n.old, n.new); err != nil {
			return err
		}
	}
	return r.Put(`UPDATE builds SET lane = $2 WHERE lane = $1`, n.old, n.new)
}

// job renames a job of a project.
func (r *renamer) job(n name) error {
	of := func(job string) func(weir.Builder) bool {
		return func(b weir.Builder) bool { return b.Project == n.project && b.Job == job }
	}
	if !slices.ContainsFunc(r.builders, of(n.old)) {
		return nil
	}
	if slices.ContainsFunc(r.builders, of(n.new)) {
		return weir.Errorf(weir.Conflict, "the job %.80q of %.80q cannot be called %.80q: there is a history of that name already", n.old, n.project, n.new).
			WithHint("take another name, or leave out the old one")
	}
	r.any = true
	r.Tell(weir.EventConfig, n.project)
	if err := r.saveBuilders(func(k *weir.BuilderKey) bool {
		changed := k.Project == n.project && k.Job == n.old
		if changed {
			k.Job = n.new
		}
		return changed
	}); err != nil {
		return err
	}
	if err := r.Put(`DELETE FROM ticks WHERE project = $1 AND job = $2`, n.project, n.new); err != nil {
		return err
	}
	if err := r.Put(`UPDATE ticks SET job = $3 WHERE project = $1 AND job = $2`, n.project, n.old, n.new); err != nil {
		return err
	}
	return r.specs(n, func(s *weir.Spec) {
		if s.Project != n.project {
			return
		}
		if s.Job.Name == n.old {
			s.Job.Name = n.new
		}
		for i, job := range s.Job.Needs {
			if job == n.old {
				s.Job.Needs[i] = n.new
			}
		}
	})
}

// renameIn renames a project in a specification.
func renameIn(s *weir.Spec, n name) {
	if s.Project == n.old {
		s.Project = n.new
	}
	for i := range s.Inputs {
		if s.Inputs[i].Project == n.old {
			s.Inputs[i].Project = n.new
		}
	}
	slices.SortFunc(s.Inputs, func(a, b weir.UpstreamSpec) int { return cmp.Compare(a.Project, b.Project) })
}
